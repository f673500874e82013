// What all views of one WhatIf share: its traits, the region under the person's hand, and the answer that is shown.

import { Coloring } from "../shared/coloring.js";
import { MOST_BYTES, bytesOfMaps, colorRange, decodeMaps } from "../shared/maps.js";
import { ModelWithMisses } from "../shared/missed.js";
import { WAITING } from "../shared/one_result_model.js";
import { ResultCache } from "../shared/result_cache.js";
import { subjectOf } from "../shared/subjects.js";
import { boundsOf, grown, moved } from "./shapes.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("../shared/types.js").DetectedObject} DetectedObject */
/** @typedef {import("../shared/types.js").MapSet} MapSet */
/** @typedef {import("./shapes.js").Shape} Shape */
/**
 * What became of one object: `label` is the class that is highest now, `box` null where the detector gives none; `beside`:
 * the score with which another place of the network reports it, where that is higher.
 * @typedef {{before: number, now: number, label: string, label_score: number, changed: boolean, kept: boolean, beside: number | null,
 *   box: [number, number, number, number] | null, iou: number | null, moved: boolean}} Row
 */
/**
 * `bits`: the region's pixels within `bounds` (xyxy), eight in a byte; `patch`: their new colours, `raw`: as RGBA, else as PNG.
 * @typedef {{number: number, about: number | null, fill: string, region: string, shapes: Shape[], rows: Row[],
 *   appeared: DetectedObject[], went: DetectedObject[], area: number, area_share: number,
 *   bounds: [number, number, number, number], bits: DataView, patch: DataView, raw: boolean}} Answer
 */
/** What equal areas at one place do. @typedef {{count: number, lost: (number | null)[], same: boolean}} Place */

/** Every trait that this front end reads or sets. */
export const TRAITS = [
  "photo",
  "objects",
  "choices",
  "palettes",
  "selected",
  "misses",
  "miss",
  "min_score",
  "only_class",
  "search",
  "method",
  "opacity",
  "hide_below",
  "colormap",
  "signed_colormap",
  "heat_share",
  "tool",
  "radius",
  "share",
  "fill",
  "seed",
  "view",
  "step",
  "other",
  "steps",
  "ways",
  "answer",
  "elsewhere",
  "other_answer",
  "request",
  "map_key",
  "map_data",
  "status",
  "notice",
  "lower_score",
  "code",
];

/** Milliseconds without a key after which a moved region is asked about. */
export const QUIET = 300;

/** @extends {ModelWithMisses<MapSet>} */
export class WhatIf extends ModelWithMisses {
  /** The region that is drawn and not answered yet. @type {Shape[] | null} */
  #drawn = null;
  /** The number of the question that the kernel was sent last. */
  #asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Whether the next shapes are added to the region. */
  adding = false;

  /** @param {AnyModel} model */
  constructor(model) {
    super(model, TRAITS, { cache: new ResultCache(MOST_BYTES, bytesOfMaps), decode: decodeMaps, lingers: true });
    this.subject = subjectOf(this.store);
    this.coloring = new Coloring(this.store);
    this.#asked = this.#heard;
    this.store.subscribe((key) => {
      // An answer, an error or the way back: what was drawn is no longer under way.
      if (key === "status" && this.#settled) this.#drawn = null;
    });
  }

  /** A black box has no map to wait for. */
  get wanted() {
    return this.store.get("method") === "" ? "" : super.wanted;
  }

  /** The number of the question that the kernel has heard last. */
  get #heard() {
    return this.store.get("status").heard ?? 0;
  }

  get #settled() {
    const { state, what } = this.store.get("status");
    return this.#timer === undefined && this.#heard >= this.#asked && !(state === "busy" && what === "answer");
  }

  /** What the kernel does: an answer, equal areas elsewhere, or the maps. @returns {import("../shared/types.js").Status} */
  get status() {
    const status = this.store.get("status");
    // The base asks for it before this class has its own fields.
    if (!(#drawn in this)) return super.status;
    if (this.#drawn && this.#timer === undefined && this.#heard < this.#asked) return { ...status, state: "busy", text: WAITING, done: 0, total: 0 };
    return status.what ? status : super.status;
  }

  /** @returns {readonly DetectedObject[]} */
  get objects() {
    return this.store.get("objects");
  }

  /** The answer that is shown, or null for the unchanged picture. @returns {Answer | null} */
  get answer() {
    const answer = this.store.get("answer");
    return answer.number === undefined ? null : answer;
  }

  /** The answer that it is compared with, or null. @returns {Answer | null} */
  get other() {
    const answer = this.store.get("other_answer");
    return this.store.get("other") === null || answer.number === undefined ? null : answer;
  }

  /** What equal areas elsewhere do, null where that is not known. @returns {{object: Place, background: Place} | null} */
  get elsewhere() {
    const found = this.store.get("elsewhere");
    return this.answer && found.object ? found : null;
  }

  /** The object that the answer is about, or the selected one. @returns {number | null} */
  get about() {
    return this.answer?.about ?? this.selected;
  }

  /** What is drawn and not answered yet. */
  get drawn() {
    return this.#drawn;
  }

  /** The shapes of the region, answered or not. @returns {Shape[]} */
  get shapes() {
    return this.#drawn ?? this.answer?.shapes ?? [];
  }

  /** Whether the answer is awaited. */
  get waiting() {
    const { state, what } = this.status;
    return this.#drawn !== null && state === "busy" && what !== "controls";
  }


  /** Ask about a region. @param {Shape[]} shapes */
  ask(shapes) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drawn = shapes;
    this.#asked += 1;
    this.store.send({ type: "ask", shapes, ask: this.#asked });
    this.store.notify("drawn");
  }

  /** Ask about a shape, or about the region with it. @param {Shape} shape @param {boolean} added */
  draw(shape, added) {
    this.ask(added || this.adding ? [...this.shapes, shape] : [shape]);
  }

  /** Show a region; it is asked about once the person has finished. @param {Shape[]} shapes */
  #soon(shapes) {
    clearTimeout(this.#timer);
    this.#drawn = shapes;
    this.#timer = setTimeout(() => this.finish(), QUIET);
    this.store.notify("drawn");
  }

  /** Ask about what was moved by keys. */
  finish() {
    if (this.#timer !== undefined && this.#drawn) this.ask(this.#drawn);
  }

  /** The box around the region, or null. @returns {[number, number, number, number] | null} */
  get bounds() {
    return boundsOf(this.shapes, this.answer);
  }

  /** Move the region, as far as the picture reaches. @param {number} dx @param {number} dy */
  move(dx, dy) {
    const { bounds, shapes } = this;
    if (!bounds) return false;
    const { width, height } = this.store.get("photo");
    const within = (/** @type {number} */ by, /** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ end) => Math.min(Math.max(by, Math.min(0, -low)), Math.max(0, end - high));
    const by = /** @type {const} */ ([Math.trunc(within(dx, bounds[0], bounds[2], width)), Math.trunc(within(dy, bounds[1], bounds[3], height))]);
    if (by[0] !== 0 || by[1] !== 0) this.#soon(shapes.map((shape) => moved(shape, ...by)));
    return true;
  }

  /** Let the region grow, or shrink. @param {1 | -1} sign */
  grow(sign) {
    const { shapes } = this;
    if (shapes.length === 0) return false;
    this.#soon(shapes.map((shape) => grown(shape, sign, this.pace, this.store.get("photo"))));
    return true;
  }

  /** How far one key goes, in pixels of the picture. */
  get pace() {
    const { width, height } = this.store.get("photo");
    return Math.max(1, Math.round(Math.min(width, height) / 64));
  }

  /** Take the hottest pixels of the selected object's map. */
  takeHottest() {
    const { place } = this;
    if (place !== null && this.map) this.draw({ kind: "hottest", row: place, share: this.store.get("share") }, false);
  }

  /** A box in the middle of the selected object or the chosen miss, or of the picture. */
  takeBox() {
    const { width, height } = this.store.get("photo");
    const { thing, subject } = this;
    const [x1, y1, x2, y2] = thing === null || subject.whole ? [0, 0, width, height] : this.things[thing].box;
    const [across, down] = [(x2 - x1) / 4, (y2 - y1) / 4];
    this.draw({ kind: "box", box: [Math.round(x1 + across), Math.round(y1 + down), Math.round(x2 - across), Math.round(y2 - down)] }, false);
  }

  undo() {
    this.#leave();
    this.store.send({ type: "undo" });
  }

  redo() {
    this.#leave();
    this.store.send({ type: "redo" });
  }

  /** What is drawn and not asked about is left. */
  #leave() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drawn = null;
  }

  /** Give up what is drawn or under way; the last answer stands. */
  cancel() {
    this.#leave();
    this.store.send({ type: "cancel" });
    this.store.notify("drawn");
  }

  /** The maps to show, or null. */
  get maps() {
    return this.result;
  }

  /** The map of the selected object or of the chosen miss, or null. */
  get map() {
    const { place, maps } = this;
    return place === null ? null : (maps?.maps[place] ?? null);
  }

  /** @returns {import("../shared/types.js").Range | null} */
  get range() {
    return this.maps && this.map ? colorRange(this.maps, /** @type {number} */ (this.place), false) : null;
  }

  /** @param {boolean} fade */
  table(fade) {
    return this.coloring.table(this.maps?.signed ?? false, fade);
  }

  dispose() {
    clearTimeout(this.#timer);
  }
}
