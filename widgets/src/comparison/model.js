// What all views of one Comparison share: its traits, the maps of the methods in the grid, and what they are worth.

import { Coloring } from "../shared/coloring.js";
import { MOST_BYTES, bytesOfMaps, colorRange, decodeMaps } from "../shared/maps.js";
import { ResultCache } from "../shared/result_cache.js";
import { listedObjects } from "../shared/filter.js";
import { Store } from "../shared/state.js";
import { overlayOf, subjectOf } from "../shared/subjects.js";
import { boxLabel } from "../shared/text.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("../shared/types.js").MapSet} MapSet */

/** @typedef {import("../shared/types.js").Metric} Metric */
/** @typedef {import("../shared/types.js").Place} Place */
/** @typedef {import("../shared/types.js").Row} Row */

/** Every trait that this front end reads or sets. */
export const TRAITS = [
  "photo",
  "objects",
  "choices",
  "palettes",
  "methods",
  "shown",
  "metrics",
  "min_score",
  "lower_score",
  "class_answer",
  "only_class",
  "search",
  "selected",
  "selected_method",
  "target",
  "layer",
  "sort",
  "sort_object",
  "opacity",
  "hide_below",
  "percentile",
  "colormap",
  "signed_colormap",
  "scale",
  "boxes",
  "order",
  "rows",
  "requests",
  "map_data",
  "status",
  "notice",
  "code",
];

/** What decides which maps there are. */
const MAP_TRAITS = ["methods", "shown", "target", "layer", "rows", "requests", "map_data"];

export class Comparison {
  /** @type {Map<string, MapSet>} */
  #held = new Map();
  /** Parts of map sets, for scales over what is shown. @type {WeakMap<MapSet, {name: string, set: MapSet}>} */
  #parts = new WeakMap();
  /** @type {Set<string>} */
  #asked = new Set();
  /** @type {Set<number>} */
  #left = new Set();
  #filters = "";
  /** @type {unknown} */
  #filtered = null;
  /** The keys of all methods by target and layer, as far as Python has said them. @type {Map<string, Record<string, string>>} */
  #keys = new Map();

  /** @param {AnyModel} model */
  constructor(model) {
    /** @type {ResultCache<MapSet>} */
    this.cache = new ResultCache(MOST_BYTES, bytesOfMaps);
    this.store = new Store(model, TRAITS);
    this.subject = subjectOf(this.store);
    const { many } = this.subject;
    this.labels = { grid: `Methods and ${many}`, empty: `Choose at least ${this.subject.whole ? "one class" : "one object"} and one method below.` };
    this.coloring = new Coloring(this.store);
    this.#take();
    this.#choose();
    // Subscribed first, so that views find the maps already chosen.
    this.store.subscribe((key) => {
      if (key === "map_data") this.#take();
      if (MAP_TRAITS.includes(key)) this.#choose();
    });
  }

  /** The methods in the grid, from top to bottom. @returns {string[]} */
  get order() {
    const methods = this.store.get("methods");
    const order = this.store.get("order").filter((/** @type {string} */ m) => methods.includes(m));
    return [...order, ...methods.filter((/** @type {string} */ m) => !order.includes(m))];
  }

  /** The objects in the grid, from left to right. @returns {number[]} */
  get shown() {
    const count = this.store.get("objects").length;
    return this.store.get("shown").filter((/** @type {number} */ i) => i < count);
  }

  /** The objects that pass the filters. @returns {number[]} */
  get listed() {
    return listedObjects(this.store, this.store.get("objects"));
  }

  /** The metrics under each cell. @returns {Metric[]} */
  get metrics() {
    const chosen = this.store.get("metrics");
    return this.store.get("choices").metrics.filter((/** @type {Metric} */ m) => chosen.includes(m.name));
  }

  /** The selected cell, or null. @returns {Place | null} */
  get selected() {
    const { store } = this;
    const object = store.get("selected");
    const method = store.get("selected_method");
    return this.shown.includes(object) && store.get("methods").includes(method) ? { method, object } : null;
  }

  /** What is said above a column. @param {number} column @returns {string} */
  label(column) {
    return boxLabel(this.store.get("objects")[column]);
  }

  /** The boxes of a cell. @param {Place} place @returns {import("../shared/grid_cell.js").Boxes} */
  scene({ object }) {
    const objects = this.store.get("objects");
    const scene = { objects, selected: object, boxes: this.store.get("boxes"), hidden: this.#hidden };
    return this.subject.whole ? { ...scene, ...overlayOf(objects, this.store.get("photo")) } : scene;
  }

  /** What does not pass the filters; the same for the same traits, as every cell asks. */
  get #hidden() {
    const { store } = this;
    const said = JSON.stringify(["min_score", "only_class", "search"].map((key) => store.get(key)));
    const objects = store.get("objects");
    if (said !== this.#filters || objects !== this.#filtered) {
      [this.#filters, this.#filtered] = [said, objects];
      const listed = new Set(this.listed);
      this.#left = new Set(objects.flatMap((/** @type {unknown} */ _, /** @type {number} */ i) => (listed.has(i) ? [] : [i])));
    }
    return this.#left;
  }

  /** What is shown large in a cell. @param {Place} place @returns {readonly number[]} */
  frameBox({ object }) {
    return this.store.get("objects")[object].box;
  }

  /** @param {string} method @returns {string} */
  title(method) {
    const found = this.store.get("choices").methods.find((/** @type {{name: string}} */ m) => m.name === method);
    return found?.title ?? method;
  }

  /** What is known of a method; where the kernel has not heard of the choice yet, it waits. @param {string} method @returns {Row} */
  row(method) {
    const row = this.store.get("rows")[method];
    const wanted = this.#key(method);
    if (row && row.key === wanted) return row;
    return { key: wanted ?? "", state: "waiting", text: "", remark: "", has: [], figures: {}, metrics: {}, mean: {} };
  }

  /** The maps of a method by object, as far as they are here, or null. @param {string} method */
  maps(method) {
    return this.#held.get(this.#key(method) ?? "") ?? null;
  }

  /** One map, or null. @param {Place} place */
  map({ method, object }) {
    return this.maps(method)?.maps[object] ?? null;
  }

  /** @param {Place} place @returns {import("../shared/types.js").Range | null} */
  range({ method, object }) {
    const maps = this.maps(method);
    if (!maps?.maps[object]) return null;
    const percentile = this.store.get("percentile");
    if (this.store.get("scale") !== "shared") return colorRange(maps, object, false, percentile);
    return colorRange(this.#shownOf(maps), 0, true, percentile);
  }

  /** The maps of a method that the grid shows, always the same for the same ones. @param {MapSet} maps @returns {MapSet} */
  #shownOf(maps) {
    const there = this.shown.filter((i) => maps.maps[i]);
    const name = there.join(" ");
    const known = this.#parts.get(maps);
    if (known?.name === name) return known.set;
    const set = { ...maps, maps: there.map((i) => maps.maps[i]) };
    this.#parts.set(maps, { name, set });
    return set;
  }

  /** @param {string} method @param {boolean} fade */
  table(method, fade) {
    return this.coloring.table(this.maps(method)?.signed ?? false, fade);
  }

  /** Names everything that the colours of a cell depend on. @param {Place} place */
  colors(place) {
    return this.coloring.signature(this.range(place));
  }

  /** The side of the box that is explained, or null. */
  get side() {
    const target = this.store.get("target");
    return ["x1", "y1", "x2", "y2"].includes(target) ? target : null;
  }

  /**
   * Whether no other method in the grid does better on that object, and some do worse.
   * @param {Metric} metric
   * @param {Place} place
   */
  isBest(metric, { method, object }) {
    const values = this.order.map((m) => this.row(m).metrics[metric.name]?.[object] ?? null);
    const own = this.row(method).metrics[metric.name]?.[object] ?? null;
    const known = values.filter((v) => v !== null);
    if (own === null || known.length < 2 || known.every((v) => v === own)) return false;
    return own === (metric.higher ? Math.max(...known) : Math.min(...known));
  }

  /**
   * What the kernel does, as far as it is known here: it may still be busy with a cell, or gone.
   * @returns {import("../shared/types.js").Status}
   */
  get status() {
    const { store } = this;
    const status = store.get("status");
    if (status.state !== "idle" || store.get("objects").length === 0) return status;
    const unheard = !store.saved && this.order.some((m) => store.get("rows")[m]?.key !== this.#key(m));
    return unheard ? { ...status, state: "busy", text: "Waiting for the kernel; if it was restarted, run this cell again", done: 0, total: 0 } : status;
  }

  /** The key of a method's maps, null while the kernel has not said it. @param {string} method */
  #key(method) {
    const { store } = this;
    return this.#keys.get(JSON.stringify([store.get("target"), store.get("layer")]))?.[method] ?? null;
  }

  #take() {
    for (const sent of this.store.get("map_data").sets ?? []) {
      const found = decodeMaps(sent);
      // One place for each object; those whose maps are not here are empty.
      const before = this.#held.get(sent.key) ?? this.cache.get(sent.key);
      const maps = before && !before.unfinished ? before.maps.slice() : [];
      sent.rows.forEach((/** @type {number} */ row, /** @type {number} */ i) => (maps[row] = found.maps[i]));
      const all = { ...found, maps, unfinished: sent.unfinished === true };
      this.cache.add(all);
      this.#held.set(sent.key, all);
      this.#asked.clear();
    }
  }

  /** Hold what the grid shows; ask the kernel to send again what it has and this page has not. */
  #choose() {
    const { store, cache } = this;
    const { target, layer, keys } = store.get("requests");
    this.#keys.set(JSON.stringify([target, layer]), keys);
    /** @type {Map<string, MapSet>} */
    const held = new Map();
    const lacking = [];
    for (const method of store.get("methods")) {
      const { key, has = [] } = this.row(method);
      if (has.length === 0) continue;
      const maps = this.#held.get(key) ?? cache.get(key);
      if (maps) held.set(key, maps);
      const wanted = this.shown.filter((i) => has.includes(i) && (maps?.unfinished || !maps?.maps[i])).map((i) => `${key}#${i}`);
      lacking.push(...wanted.filter((one) => !this.#asked.has(one)));
    }
    // The newest maps may come before the row that says so.
    for (const { key } of store.get("map_data").sets ?? []) held.set(key, /** @type {MapSet} */ (this.#held.get(key)));
    this.#held = held;
    for (const one of lacking) this.#asked.add(one);
    if (lacking.length > 0) store.send({ type: "maps" });
  }
}
