// What all views of one Discrimination share: its traits, and what the kernel found of each object so far.

import { colorRange, decodeMaps, mapKey } from "../shared/maps.js";
import { colorTable, decodePalettes } from "../shared/palette.js";
import { Store } from "../shared/state.js";

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
  "method",
  "target",
  "layer",
  "view",
  "opacity",
  "threshold",
  "colormap",
  "signed_colormap",
  "boxes",
  "map_key",
  "map_data",
  "status",
  "notice",
  "code",
];

/** What decides what is shown, besides how it looks. */
const MAP_TRAITS = ["selected", "method", "target", "layer", "map_key", "map_data", "status"];

/** Contrasts to keep in the page: each is about as large as its photograph. */
const MOST_KEPT = 12;

export class Discrimination {
  /** @type {Map<string, Contrast>} */
  #kept = new Map();
  /** @type {Contrast | null} */
  #shown = null;
  #asked = "";

  /** @param {AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
    this.palettes = decodePalettes(this.store.get("palettes"));
    this.#choose();
    // Subscribed first, so that views find what is already chosen.
    this.store.subscribe((key) => {
      if (MAP_TRAITS.includes(key)) this.#choose();
    });
  }

  /** What is shown of the selected object, or null. */
  get contrast() {
    return this.#shown;
  }

  /** The selected object's index, or null. @returns {number | null} */
  get selected() {
    const selected = this.store.get("selected");
    return selected !== null && selected < this.store.get("objects").length ? selected : null;
  }

  /** The maps that the view shows, or null: the object's own, or the difference. */
  get maps() {
    return (this.store.get("view") === "map" ? this.#shown?.own : this.#shown?.difference) ?? null;
  }

  /** The map that the view shows, or null. */
  get map() {
    return this.maps?.maps[0] ?? null;
  }

  /** @returns {import("../shared/types.js").Range | null} */
  get range() {
    return this.maps ? colorRange(this.maps, 0, false) : null;
  }

  /** @param {boolean} fade */
  table(fade) {
    const signed = this.maps?.signed ?? false;
    const palette = this.palettes.get(this.store.get(signed ? "signed_colormap" : "colormap"));
    return colorTable(/** @type {Uint8Array} */ (palette), { signed, threshold: this.store.get("threshold"), fade });
  }

  /** Names everything that the colours depend on. */
  get colors() {
    const { low, high } = this.range ?? { low: 0, high: 0 };
    const { store } = this;
    return [store.get("colormap"), store.get("signed_colormap"), store.get("threshold"), low, high].join();
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
    if (this.selected === null || !this.#shown) return tints;
    tints.set(this.selected, own);
    this.#shown.facts.taken.forEach(({ index }, rank) => tints.set(index, neighbours[rank] ?? others));
    return tints;
  }

  /**
   * Which neighbour takes a pixel of the photograph; null: none does.
   * @param {number} x whole pixels
   * @param {number} y
   */
  takerAt(x, y) {
    const found = this.#shown;
    if (!found) return null;
    const row = Math.min(found.rows - 1, Math.floor(y / found.step));
    const column = Math.min(found.columns - 1, Math.floor(x / found.step));
    const taker = found.takers[row * found.columns + column];
    return taker >= 0 ? taker : null;
  }

  /** The key of what is chosen; empty where nothing is selected. */
  get wanted() {
    const { store, selected } = this;
    if (selected === null) return "";
    const method = store.get("method");
    const known = store.get("choices").methods.find((/** @type {{name: string}} */ m) => m.name === method);
    const layer = known?.inside === false ? "" : store.get("layer");
    return `${mapKey(method, store.get("target"), layer, "")}#${selected}`;
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

  /** @param {Contrast} found */
  #keep(found) {
    this.#kept.set(found.key, found);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
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
