// What all views of one TinyObjects share: its traits, and the objects and pairs that were found so far.

import { decodePalettes } from "../shared/palette.js";
import { Store } from "../shared/state.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {{name: string, title: string}} Titled */
/** @typedef {{count: number, pointing: number | null, energy: number | null, reach: number | null, beside: number | null}} Means */
/** @typedef {{tiny: Means, larger: Means, pairs: {count: number, cosine: number | null, told_apart: number | null}}} Summary */
/**
 * One object: `share` of the network's input that its box takes, `neighbour` the number of the nearest annotation, -1
 * for none, `distance` the gap to it.
 * @typedef {{name: string, score: number, box: [number, number, number, number], image: number, annotation: number,
 *   file: string, share: number, tiny: boolean, neighbour: number, distance: number, number: number}} Thing
 */

/** Every trait that this front end reads or sets. */
export const TRAITS = [
  "choices",
  "palettes",
  "notice",
  "methods",
  "limit",
  "measure",
  "selected",
  "selected_pair",
  "opacity",
  "hide_below",
  "percentile",
  "colormap",
  "boxes",
  "wanted",
  "table",
  "photo",
  "map_data",
  "status",
  "view_status",
  "code",
];

/** Columns of numbers as sent: float32, one column after the other, those of figures method by method. */
class Columns {
  /** @param {any} sent */
  constructor(sent) {
    this.count = sent?.count ?? 0;
    this.#names = sent?.columns ?? [];
    this.#measures = sent?.measures ?? [];
    this.#values = floats(sent?.values);
    this.#figures = floats(sent?.figures);
  }

  /** @type {string[]} */
  #names;
  /** @type {string[]} */
  #measures;
  /** @type {Float32Array} */
  #values;
  /** @type {Float32Array} */
  #figures;

  /** @param {string} name @returns {Float32Array} */
  column(name) {
    const from = this.#names.indexOf(name) * this.count;
    return this.#values.subarray(from, from + this.count);
  }

  /** @param {number} method @param {string} measure @returns {Float32Array} */
  figure(method, measure) {
    const from = (method * this.#measures.length + this.#measures.indexOf(measure)) * this.count;
    return this.#figures.subarray(from, from + this.count);
  }
}

/** @param {DataView | undefined} bytes @returns {Float32Array} */
function floats(bytes) {
  // A copy: the view may begin where no Float32Array can lie. Little-endian, as every browser is.
  return bytes ? new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)) : new Float32Array(0);
}

export class TinyObjects {
  /** @param {AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
    this.palettes = decodePalettes(this.store.get("palettes"));
    this.objects = new Columns(null);
    this.pairs = new Columns(null);
    this.#take();
    // Subscribed first, so that views find what is already decoded.
    this.store.subscribe((key) => {
      if (key === "table") this.#take();
    });
  }

  /** What was found, or null before the first run. */
  get found() {
    const sent = this.store.get("table");
    return sent.key ? sent : null;
  }

  /** Whether what is shown is not what is chosen. */
  get stale() {
    return this.found !== null && this.found.key !== this.store.get("wanted");
  }

  /** The methods of what was found, each with colour and mark as in every figure. @returns {(Titled & {color: string, mark: string})[]} */
  get methods() {
    return this.found?.methods ?? [];
  }

  /** @returns {string} */
  get measure() {
    return this.store.get("measure");
  }

  /** @returns {string} */
  get measureTitle() {
    return this.store.get("choices").measures.find((/** @type {Titled} */ m) => m.name === this.measure)?.title ?? this.measure;
  }

  /** @returns {import("../shared/types.js").Status} */
  get status() {
    return this.store.get("status");
  }

  /** Of the maps of a clicked object. @returns {import("../shared/types.js").Status} */
  get viewStatus() {
    return this.store.get("view_status");
  }

  /** The number of the selected object, or null. @returns {number | null} */
  get selected() {
    return within(this.store.get("selected"), this.objects.count);
  }

  /** The number of the selected pair, or null. @returns {number | null} */
  get pair() {
    return this.selected === null ? within(this.store.get("selected_pair"), this.pairs.count) : null;
  }

  /** The objects that are selected: none, one, or the two of a pair. @returns {number[]} */
  get chosen() {
    if (this.selected !== null) return [this.selected];
    return this.pair === null ? [] : this.couple(this.pair);
  }

  /** Whether the maps that were sent are those of what is selected. */
  get arrived() {
    const { numbers } = this.store.get("map_data");
    return this.chosen.length > 0 && String(numbers) === String(this.chosen);
  }

  /** The two objects of a pair. @param {number} pair */
  couple(pair) {
    return [this.pairs.column("first")[pair], this.pairs.column("second")[pair]];
  }

  /** @param {number} index @returns {Thing} */
  thing(index) {
    const { objects, found } = this;
    const value = (/** @type {string} */ name) => objects.column(name)[index];
    return {
      number: index,
      name: found.labels[value("label")],
      score: value("score"),
      box: [value("x1"), value("y1"), value("x2"), value("y2")],
      image: value("image"),
      annotation: value("annotation"),
      file: found.files[value("image")],
      share: value("canvas_share"),
      tiny: value("tiny") > 0,
      neighbour: value("neighbour"),
      distance: value("distance"),
    };
  }

  /** What a map of an object is worth, null where it has no value. @param {number} method @param {string} measure @param {number} index */
  figure(method, measure, index) {
    return known(this.objects.figure(method, measure)[index]);
  }

  /** The same of a pair. @param {number} method @param {string} measure @param {number} pair */
  pairFigure(method, measure, pair) {
    return known(this.pairs.figure(method, measure)[pair]);
  }

  /** The objects of one image, by number. @param {number} image @returns {number[]} */
  inImage(image) {
    const images = this.objects.column("image");
    return [...images.keys()].filter((index) => images[index] === image);
  }

  /** The numbers of all objects, the smallest first. @returns {number[]} */
  get bySize() {
    const shares = this.objects.column("canvas_share");
    return [...shares.keys()].sort((a, b) => shares[a] - shares[b] || a - b);
  }

  /** The numbers of all pairs, those with the most similar maps by the first method first. @returns {number[]} */
  get bySimilarity() {
    const cosine = this.pairs.figure(0, "cosine");
    const worth = (/** @type {number} */ pair) => (Number.isNaN(cosine[pair]) ? -Infinity : cosine[pair]);
    return [...cosine.keys()].sort((a, b) => worth(b) - worth(a) || a - b);
  }

  /** @param {number | null} index */
  select(index) {
    this.store.commit({ selected: index, selected_pair: null });
  }

  /** @param {number | null} pair */
  selectPair(pair) {
    this.store.commit({ selected: null, selected_pair: pair });
  }

  #take() {
    const sent = this.store.get("table");
    this.objects = new Columns(sent.objects);
    this.pairs = new Columns(sent.pairs);
  }
}

/** @param {number} value @returns {number | null} */
const known = (value) => (Number.isFinite(value) ? value : null);

/** @param {number | null} index @param {number} count */
const within = (index, count) => (index !== null && index < count ? index : null);
