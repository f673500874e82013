// What all views of one Discrimination share: its traits, and what the kernel found of each object so far.

import { Coloring } from "../shared/coloring.js";
import { colorRange, decodeMaps } from "../shared/maps.js";
import { OneResultModel } from "../shared/one_result_model.js";
import { ResultCache } from "../shared/result_cache.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("../shared/types.js").MapSet} MapSet */

/**
 * What a neighbour takes: shares of the object's box and of its map's energy.
 * @typedef {{index: number, inside: number, energy: number | null}} Taken
 */
/** @typedef {{kept: number, taken: Taken[], own: Record<string, number | null>, difference: Record<string, number | null>}} Facts */
/**
 * One object against the others. `takers` has a number for each sample: the neighbour that takes it, or -1; a sample is
 * `step` pixels wide and high.
 * @typedef {{key: string, title: string, own: MapSet, difference: MapSet, takers: Int16Array, rows: number,
 *   columns: number, step: number, facts: Facts}} Contrast
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
  "target",
  "layer",
  "view",
  "opacity",
  "hide_below",
  "percentile",
  "colormap",
  "signed_colormap",
  "boxes",
  "request",
  "map_key",
  "map_data",
  "status",
  "notice",
  "lower_score",
  "code",
];

/** Contrasts to keep in the page: each is about as large as its photograph. */
const MOST_KEPT = 12;

/** @extends {OneResultModel<Contrast>} */
export class Discrimination extends OneResultModel {
  /** @param {AnyModel} model */
  constructor(model) {
    super(model, TRAITS, { cache: new ResultCache(MOST_KEPT), decode });
    this.coloring = new Coloring(this.store);
  }

  /** What is shown of the selected object, or null. */
  get contrast() {
    return this.result;
  }

  /** The maps that the view shows, or null: the object's own, or the difference. */
  get maps() {
    return (this.store.get("view") === "map" ? this.contrast?.own : this.contrast?.difference) ?? null;
  }

  /** The map that the view shows, or null. */
  get map() {
    return this.maps?.maps[0] ?? null;
  }

  /** @returns {import("../shared/types.js").Range | null} */
  get range() {
    return this.maps ? colorRange(this.maps, 0, false, this.store.get("percentile")) : null;
  }

  /** @param {boolean} fade */
  table(fade) {
    return this.coloring.table(this.maps?.signed ?? false, fade);
  }

  /** Names everything that the colours depend on. */
  get colors() {
    return this.coloring.signature(this.range);
  }

  /** The side of the box that is explained, or null. */
  get side() {
    const target = this.store.get("target");
    return ["x1", "y1", "x2", "y2"].includes(target) ? target : null;
  }

  /**
   * The colour of each object that has one: the selected one, and its neighbours by what they take.
   * @returns {Map<number, string>}
   */
  get tints() {
    const { own, neighbours, others } = this.store.get("choices").colors;
    /** @type {Map<number, string>} */
    const tints = new Map();
    if (this.selected === null || !this.contrast) return tints;
    tints.set(this.selected, own);
    this.contrast.facts.taken.forEach(({ index }, rank) => tints.set(index, neighbours[rank] ?? others));
    return tints;
  }

  /**
   * Which neighbour takes a pixel of the photograph; null: none does.
   * @param {number} x whole pixels
   * @param {number} y
   */
  takerAt(x, y) {
    const found = this.contrast;
    if (!found) return null;
    const row = Math.min(found.rows - 1, Math.floor(y / found.step));
    const column = Math.min(found.columns - 1, Math.floor(x / found.step));
    const taker = found.takers[row * found.columns + column];
    return taker >= 0 ? taker : null;
  }
}

/** @param {any} sent @returns {Contrast} */
function decode(sent) {
  const { shape, step, data } = sent.takers;
  // A copy: the view may begin at an odd byte. Little-endian, as every browser is.
  const takers = new Int16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
  const { key, title, facts } = sent;
  const [rows, columns] = shape;
  return { key, title, facts, takers, rows, columns, step, own: decodeMaps(sent.own), difference: decodeMaps(sent.difference) };
}
