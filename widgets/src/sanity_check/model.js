// What all views of one SanityCheck share: its traits, and the maps of the network at every step of its fall.

import { Coloring } from "../shared/coloring.js";
import { colorRange, decodeMaps } from "../shared/maps.js";
import { listedObjects } from "../shared/filter.js";
import { Store } from "../shared/state.js";
import { oneOf, overlayOf, subjectOf } from "../shared/subjects.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("../shared/types.js").MapSet} MapSet */
/** @typedef {import("../shared/types.js").Place} Place */
/** @typedef {import("../shared/types.js").Metric} Metric */
/** @typedef {Record<"median" | "low" | "high", (number | null)[]>} Spread median over the seeds, and the lowest and highest */
/** @typedef {{name: string, title: string, verdict: string, words: string}} Judged */

/** Every trait that this front end reads or sets. */
export const TRAITS = [
  "photo",
  "objects",
  "choices",
  "palettes",
  "min_score",
  "lower_score",
  "class_answer",
  "only_class",
  "search",
  "selected",
  "methods",
  "mode",
  "layers",
  "seeds",
  "measure",
  "selected_method",
  "step",
  "seed",
  "opacity",
  "hide_below",
  "percentile",
  "colormap",
  "signed_colormap",
  "boxes",
  "wanted",
  "question",
  "map_data",
  "status",
  "notice",
  "code",
];

/** Columns of its grid are steps: 0 is the trained network. */
export class SanityCheck {
  labels = { grid: "Methods and steps", empty: "" };
  /** The grid shows no figures of metrics. @type {Metric[]} */
  metrics = [];
  /** @type {null} */
  side = null;
  /** @type {Map<string, MapSet>} */
  #maps = new Map();

  /** @param {AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
    this.coloring = new Coloring(this.store);
    this.subject = subjectOf(this.store);
    this.labels.empty = `Choose ${oneOf(this.subject)} and methods below, then run the check.`;
    this.#take();
    // Subscribed first, so that views find what is already decoded.
    this.store.subscribe((key) => {
      if (key === "map_data") this.#take();
    });
  }

  /** What the kernel found, or null before the first run. */
  get found() {
    const sent = this.store.get("map_data");
    return sent.key ? sent : null;
  }

  /** Whether what is shown is not what is chosen. */
  get stale() {
    return this.found !== null && this.found.key !== this.store.get("wanted");
  }

  /** The methods of the grid, the control last. @returns {string[]} */
  get order() {
    return this.judged.map(({ name }) => name);
  }

  /** @returns {Judged[]} */
  get judged() {
    return this.found?.methods ?? [];
  }

  /** The steps, from left to right. @returns {number[]} */
  get shown() {
    return (this.found?.stages ?? []).map((/** @type {string} */ _, /** @type {number} */ i) => i);
  }

  /** The cell in focus, or null. @returns {Place | null} */
  get selected() {
    const method = this.store.get("selected_method");
    const object = Math.min(this.store.get("step"), this.shown.length - 1);
    return this.order.includes(method) ? { method, object } : null;
  }

  /** The object that is chosen for the next run, or null. @returns {number | null} */
  get chosen() {
    const selected = this.store.get("selected");
    return selected !== null && selected < this.store.get("objects").length ? selected : null;
  }

  /** The objects that pass the filters. @returns {number[]} */
  get listed() {
    return listedObjects(this.store, this.store.get("objects"));
  }

  /** The seeds that have maps. @returns {number[]} */
  get seeds() {
    return this.found?.seeds ?? [];
  }

  /** @returns {string} */
  get measureTitle() {
    const name = this.store.get("measure");
    return this.store.get("choices").measures.find((/** @type {{name: string}} */ m) => m.name === name)?.title ?? name;
  }

  /** @param {number} column @returns {string} */
  label(column) {
    return this.found?.stages[column] ?? "";
  }

  /** The object that was checked, whichever is chosen for the next run. */
  get object() {
    return this.found?.index ?? 0;
  }

  /** The boxes of every cell. @returns {import("../shared/grid_cell.js").Boxes} */
  scene() {
    const objects = this.store.get("objects");
    const listed = new Set(this.listed);
    const hidden = new Set(objects.flatMap((/** @type {unknown} */ _, /** @type {number} */ i) => (listed.has(i) ? [] : [i])));
    const scene = { objects, selected: this.object, boxes: this.store.get("boxes"), hidden };
    return this.subject.whole ? { ...scene, ...overlayOf(objects, this.store.get("photo")) } : scene;
  }

  /** What is shown large in every cell. @returns {readonly number[]} */
  frameBox() {
    return this.store.get("objects")[this.object].box;
  }

  /** @param {string} method @returns {string} */
  title(method) {
    return this.judged.find(({ name }) => name === method)?.title ?? method;
  }

  /** @param {string} method @returns {import("../shared/types.js").Row} */
  row(method) {
    const own = this.judged.find(({ name }) => name === method);
    const values = this.shown.map((step) => this.figure({ method, object: step }));
    const remark = own ? `${own.verdict}: ${own.words}` : "";
    return { key: "", state: "ok", text: "", remark, figures: { [this.measureTitle]: values }, metrics: {}, mean: {} };
  }

  /** The similarity of one cell, of the seed that is shown. @param {Place} place @returns {number | null} */
  figure(place) {
    return this.found?.figures[this.store.get("measure")][this.#key(place)] ?? null;
  }

  /** @param {string} method @returns {Spread | null} */
  curve(method) {
    return this.found?.curves[this.store.get("measure")][method] ?? null;
  }

  /** @param {string} method */
  maps(method) {
    return this.#maps.get(this.#key({ method, object: 0 })) ?? null;
  }

  /** @param {Place} place */
  map(place) {
    return this.#maps.get(this.#key(place))?.maps[0] ?? null;
  }

  /** @param {Place} place @returns {import("../shared/types.js").Range | null} */
  range(place) {
    const maps = this.#maps.get(this.#key(place));
    return maps ? colorRange(maps, 0, false, this.store.get("percentile")) : null;
  }

  /** @param {string} method @param {boolean} fade */
  table(method, fade) {
    return this.coloring.table(this.maps(method)?.signed ?? false, fade);
  }

  /** Names everything that the colours of a cell depend on. @param {Place} place */
  colors(place) {
    return this.coloring.signature(this.range(place));
  }

  isBest() {
    return false;
  }

  /** @returns {import("../shared/types.js").Status} */
  get status() {
    return this.store.get("status");
  }

  /** The key that Python gave a cell's map and figure. @param {Place} place @returns {string} */
  #key({ method, object }) {
    const keys = this.found?.keys[method];
    return (object === 0 ? keys?.trained : keys?.steps[this.store.get("seed")]?.[object - 1]) ?? "";
  }

  #take() {
    const sent = this.store.get("map_data").maps ?? {};
    this.#maps = new Map(Object.entries(sent).map(([key, maps]) => [key, decodeMaps(maps)]));
  }
}
