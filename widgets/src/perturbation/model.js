// What all views of one Perturbation share: its traits, and the walks that the kernel made so far.

import { mapKey } from "../shared/maps.js";
import { Store } from "../shared/state.js";

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
  "method",
  "layer",
  "mode",
  "area",
  "fill",
  "step",
  "map_key",
  "map_data",
  "status",
  "notice",
  "code",
];

/** What decides which walk is shown. */
const MAP_TRAITS = ["selected", "method", "layer", "mode", "area", "fill", "map_key", "map_data", "status"];

/** Walks to keep in the page: each is up to four bytes a pixel. */
const MOST_KEPT = 12;

export class Perturbation {
  /** @type {Map<string, Walk>} */
  #kept = new Map();
  /** @type {Walk | null} */
  #shown = null;
  #asked = "";

  /** @param {AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
    this.#choose();
    // Subscribed first, so that views find the walk already chosen.
    this.store.subscribe((key) => {
      if (MAP_TRAITS.includes(key)) this.#choose();
    });
  }

  /** The walk that is chosen, or null where it is not here yet. */
  get walk() {
    return this.#shown;
  }

  /** The selected object's index, or null. @returns {number | null} */
  get selected() {
    const selected = this.store.get("selected");
    return selected !== null && selected < this.store.get("objects").length ? selected : null;
  }

  /** The number of the last picture. */
  get last() {
    return this.#shown ? this.#shown.counts.length - 1 : 0;
  }

  /** The number of the picture that is shown. */
  get step() {
    return Math.min(this.store.get("step"), this.last);
  }

  /** The key of what is chosen; empty where nothing is selected. */
  get wanted() {
    const { store, selected } = this;
    if (selected === null) return "";
    const method = store.get("method");
    const known = store.get("choices").methods.find((/** @type {{name: string}} */ m) => m.name === method);
    const map = mapKey(method, "class", known?.inside === false ? "" : store.get("layer"), "");
    return [map, selected, store.get("mode"), store.get("area"), store.get("fill")].join("#");
  }

  /**
   * What the kernel does, as far as it is known here: it may still be busy with a cell, or gone.
   * @returns {import("../shared/types.js").Status}
   */
  get status() {
    const { store, wanted } = this;
    const status = store.get("status");
    if (status.key === wanted) return status;
    const settled = wanted === "" || this.#kept.has(wanted);
    const text = settled ? "" : "Waiting for the kernel";
    return { state: settled ? "idle" : "busy", key: wanted, text, done: 0, total: 0 };
  }

  /** Show what is here at once; ask the kernel to send again what is no longer held here. */
  #choose() {
    const { store, wanted } = this;
    const sent = store.get("map_data");
    if (sent.key && !this.#kept.has(sent.key)) this.#keep(decode(sent));
    const ready = store.get("map_key");
    if (ready && ready === wanted && !this.#kept.has(ready) && this.#asked !== ready) {
      this.#asked = ready;
      store.send({ type: "maps", key: ready });
    }
    if (this.#kept.has(ready)) this.#asked = "";
    this.#shown = this.#kept.get(wanted) ?? null;
  }

  /** @param {Walk} walk */
  #keep(walk) {
    this.#kept.set(walk.key, walk);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }
}

/** @param {DataView} view */
const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** @param {any} sent @returns {Walk} */
function decode(sent) {
  const { shape, changes, filling, ...rest } = sent;
  return { ...rest, rows: shape[0], columns: shape[1], changes: bytes(changes), filling: bytes(filling) };
}
