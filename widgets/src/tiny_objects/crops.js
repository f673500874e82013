// The selected object, or the two of a pair, seen from near: a line of cells each, the photograph and each method's map.

import { colorRange, decodeMaps } from "../shared/maps.js";
import { colorTable } from "../shared/palette.js";
import { boxLabel } from "../shared/text.js";
import { figuresOf, likenessOf, percent } from "./words.js";

/** @typedef {import("../shared/types.js").MapSet} MapSet */
/** @typedef {import("../shared/types.js").Place} Place */
/** @typedef {import("./model.js").TinyObjects} TinyObjects */

/** Least pixels of the photograph that a cell shows across, however tiny the object. */
const FEWEST = 20;

/** Annotated boxes are broken lines: of the object, and of its nearest neighbour. */
const OWN = "#ffffff";
export const ANNOTATED = "#ffb000";
export const NEIGHBOUR = "#56b4e9";

/** What a grid of cells shows: a row for each object, a column for the photograph and one for each method. */
export class Crops {
  labels = { grid: "Selected objects and methods", empty: "" };
  /** @type {import("../shared/types.js").Metric[]} */
  metrics = [];
  /** @type {null} */
  side = null;
  /** The cell in focus. @type {Place | null} */
  focus = null;
  /** @type {unknown} */
  #sent = null;
  /** @type {Map<string, MapSet>} */
  #maps = new Map();

  /** @param {TinyObjects} tiny */
  constructor(tiny) {
    this.tiny = tiny;
    this.store = tiny.store;
    /** That of the image whose objects are shown. */
    this.photo = this.store.get("photo");
    const { width, height } = this.photo;
    this.mostZoom = Math.max(16, Math.max(width, height) / FEWEST);
  }

  /** What the kernel sent last. */
  get sent() {
    return this.store.get("map_data");
  }

  /** The objects that are shown. @returns {number[]} */
  get numbers() {
    return this.sent.numbers ?? [];
  }

  /** Rows. @returns {string[]} */
  get order() {
    return this.numbers.map((_, row) => String(row));
  }

  /** Columns. @returns {number[]} */
  get shown() {
    return this.numbers.length > 0 ? [0, ...this.tiny.methods.map((_, method) => method + 1)] : [];
  }

  /** @returns {Place | null} */
  get selected() {
    if (this.numbers.length === 0) return null;
    const { focus } = this;
    return focus && this.order.includes(focus.method) && this.shown.includes(focus.object) ? focus : { method: "0", object: 1 };
  }

  get status() {
    return this.tiny.viewStatus;
  }

  /** @param {number} column @returns {string} */
  label(column) {
    return column === 0 ? "Photograph" : (this.tiny.methods[column - 1]?.title ?? "");
  }

  /** @param {string} row @returns {string} */
  title(row) {
    return boxLabel(this.tiny.thing(this.numbers[Number(row)]));
  }

  /** @param {string} row @returns {import("../shared/types.js").Row} */
  row(row) {
    const { tiny } = this;
    const index = this.numbers[Number(row)];
    const { share, tiny: small, distance, neighbour } = tiny.thing(index);
    const near = neighbour < 0 ? "no neighbour" : distance > 0 ? `nearest box ${Math.round(distance)} px away` : "touches a box";
    const remark = `${percent(share)} of the input, ${small ? "tiny" : "not tiny"}; ${near}`;
    const pair = this.numbers.length > 1 ? tiny.pair : null;
    /** @type {Record<string, (string | undefined)[]>} */
    const figures = {};
    tiny.methods.forEach((_, method) => {
      const own = figuresOf(tiny, method, index);
      const alike = pair !== null && row === "1" ? likenessOf(tiny, method, pair) : [];
      for (const [name, , value] of [...own, ...alike]) {
        figures[name] ??= [];
        figures[name][method + 1] = value;
      }
    });
    return { key: "", state: "ok", text: "", remark, figures, metrics: {}, mean: {} };
  }

  /** @param {Place} place */
  map({ method: row, object: column }) {
    this.#take();
    return this.#maps.get(this.#name(column))?.maps[Number(row)] ?? null;
  }

  maps() {
    return null;
  }

  /** @param {Place} place */
  range({ method: row, object: column }) {
    this.#take();
    const maps = this.#maps.get(this.#name(column));
    return maps?.maps[Number(row)] ? colorRange(maps, Number(row), false, this.store.get("percentile")) : null;
  }

  /** @param {string} _ @param {boolean} fade */
  table(_, fade) {
    const palette = this.tiny.palettes.get(this.store.get("colormap"));
    return colorTable(/** @type {Uint8Array} */ (palette), { signed: false, threshold: this.store.get("hide_below"), fade });
  }

  /** Names everything that the colours of a cell depend on. @param {Place} place */
  colors(place) {
    const { low, high } = this.range(place) ?? { low: 0, high: 0 };
    return [this.store.get("colormap"), this.store.get("hide_below"), low, high].join();
  }

  isBest() {
    return false;
  }

  /** Why there is no map of a method, by its title. @returns {string[]} */
  get problems() {
    const problems = /** @type {Record<string, string>} */ (this.sent.problems ?? {});
    return this.tiny.methods.filter(({ name }) => problems[name]).map(({ name, title }) => `${title}: ${problems[name]}`);
  }

  /** About as much as ``tiny.crops`` shows: a cell shows a box with half its size on every side. */
  frameBox() {
    const [x1, y1, x2, y2] = this.sent.window;
    const [x, y] = [(x2 - x1) / 4, (y2 - y1) / 4];
    return [x1 + x, y1 + y, x2 - x, y2 - y];
  }

  /**
   * Detected boxes in white; annotated ones broken: the object's own, its nearest neighbour's, and with "all" the rest.
   * @param {Place} place
   */
  scene({ method: row }) {
    const { tiny, numbers } = this;
    const own = numbers[Number(row)] ?? numbers[0];
    const things = [own, ...numbers.filter((index) => index !== own)].map((index) => tiny.thing(index));
    const all = this.store.get("boxes") === "all";
    const rest = all ? tiny.inImage(this.sent.image).filter((index) => !numbers.includes(index)).map((i) => tiny.thing(i)) : [];
    const detected = [...things, ...rest];
    const { annotation, neighbour } = things[0];
    /** @type {(number[] | null)[]} */
    const boxes = this.sent.annotated;
    const wanted = [...boxes.keys()].filter((i) => boxes[i] && (all || i === annotation || i === neighbour));
    const annotated = wanted.map((i) => ({ name: "", score: 0, box: /** @type {any} */ (boxes[i]) }));
    const tints = new Map(wanted.map((i, at) => [detected.length + at, i === neighbour ? NEIGHBOUR : ANNOTATED]));
    const dashed = new Set(tints.keys());
    // None is drawn last of all: an annotated box often lies on the detected one, and its gaps let that be seen.
    return { objects: [...detected, ...annotated], selected: null, boxes: "all", tints: tints.set(0, OWN), dashed };
  }

  /** @param {number} column */
  #name(column) {
    return this.tiny.methods[column - 1]?.name ?? "";
  }

  #take() {
    const { sent } = this;
    if (sent === this.#sent) return;
    this.#sent = sent;
    this.#maps = new Map(Object.entries(sent.maps ?? {}).map(([name, maps]) => [name, decodeMaps(/** @type {any} */ (maps))]));
  }
}
