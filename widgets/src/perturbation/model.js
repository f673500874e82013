// What all views of one Perturbation share: its traits, and the walks that the kernel made so far.

import { OneResultModel } from "../shared/one_result_model.js";
import { ResultCache } from "../shared/result_cache.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("../shared/types.js").DetectedObject} DetectedObject */

/**
 * One walk through K pictures. `changes`: for each of `rows` x `columns` samples the number of the first picture in
 * which it is changed, 255 for never; `filling`: RGB of each sample, or of all where it is three bytes; `relative` and
 * `others`: score over original score, null where undefined; `answers`: what was found in each picture with a score of
 * `least` or more, and the object also with less; `matches`: which of them is the object, or null; `area`: below `relative`, 1 for a score that never changes; `ties`: share of
 * changed pixels that share their value with others.
 * @typedef {{key: string, title: string, rows: number, columns: number, changes: Uint8Array, filling: Uint8Array,
 *   deleting: boolean, counts: number[], relative: (number | null)[], others: (number | null)[], scores: number[],
 *   ious: number[], area: number | null, ties: number, matches: (number | null)[], least: number, answers: DetectedObject[][]}} Walk
 */

/** Every trait that this front end reads or sets. */
export const TRAITS = [
  "photo",
  "objects",
  "choices",
  "palettes",
  "selected",
  "min_score",
  "only_class",
  "search",
  "method",
  "layer",
  "mode",
  "area",
  "fill",
  "step",
  "request",
  "map_key",
  "map_data",
  "status",
  "notice",
  "lower_score",
  "class_answer",
  "code",
];

/** Walks to keep in the page: each is up to four bytes a pixel. */
const MOST_KEPT = 12;

/** @extends {OneResultModel<Walk>} */
export class Perturbation extends OneResultModel {
  /** @param {AnyModel} model */
  constructor(model) {
    super(model, TRAITS, { cache: new ResultCache(MOST_KEPT), decode });
  }

  /** The walk that is chosen, or null where it is not here yet. */
  get walk() {
    return this.result;
  }

  /** The number of the last picture. */
  get last() {
    return this.walk ? this.walk.counts.length - 1 : 0;
  }

  /** The number of the picture that is shown. */
  get step() {
    return Math.min(this.store.get("step"), this.last);
  }
}

/** @param {DataView} view */
const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** @param {any} sent @returns {Walk} */
function decode(sent) {
  const { shape, changes, filling, ...rest } = sent;
  return { ...rest, rows: shape[0], columns: shape[1], changes: bytes(changes), filling: bytes(filling) };
}
