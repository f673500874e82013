// What all views of one NmsExplorer share: its traits, and what the chosen rule does with the predictions now.

import { listedObjects, nextAmong } from "../shared/filter.js";
import { OneResultModel } from "../shared/one_result_model.js";
import { colorTable, decodePalettes } from "../shared/palette.js";
import { ResultCache } from "../shared/result_cache.js";
import { BELOW, KEPT, canDecide, comparedBy, countObjects, decide, objectOfEach, overlaps, squareOf } from "./rules.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("../shared/types.js").DetectedObject} DetectedObject */
/** @typedef {import("../shared/types.js").HeatMap} HeatMap */
/** @typedef {import("./rules.js").Decision} Decision */
/** @typedef {import("./rules.js").Problem} Problem */
/** @typedef {import("./rules.js").Settings} Settings */
/**
 * The maps of all predictions and the correlation of each with each.
 * @typedef {{key: string, title: string, correlation: Float32Array, map: (index: number) => HeatMap}} Maps
 */

/** What a rule is made of. */
export const SETTINGS = /** @type {const} */ ([
  "rule",
  "score_threshold",
  "iou_threshold",
  "t_low",
  "t_high",
  "decay",
  "sigma",
  "final_score",
  "low_iou",
  "high_iou",
  "distance",
]);

/** Every trait that this front end reads or sets. */
export const TRAITS = [
  "photo",
  "objects",
  "choices",
  "palettes",
  "selected",
  "partner",
  "rule",
  "score_threshold",
  "iou_threshold",
  "t_low",
  "t_high",
  "decay",
  "sigma",
  "final_score",
  "low_iou",
  "high_iou",
  "distance",
  "lowest_score",
  "layer",
  "shown",
  "truth",
  "remark",
  "opacity",
  "colormap",
  "only_class",
  "search",
  "request",
  "map_key",
  "map_data",
  "status",
  "notice",
  "lower_score",
  "code",
];

/** Layers whose maps stay in the page: those of 1000 predictions take 7 MB. */
const MOST_KEPT = 2;

/** @extends {OneResultModel<Maps>} */
export class NmsExplorer extends OneResultModel {
  /** Another prediction is compared with what decided about it. */
  along = { partner: null };
  #palettes;
  /** What depends on the predictions only. @type {{objects: readonly DetectedObject[], problem: Omit<Problem, "correlation">} | null} */
  #fixed = null;
  /** @type {{of: unknown[], decision: Decision | null} | null} */
  #decided = null;
  /** @type {{truth: any, of: Int32Array} | null} */
  #owners = null;

  /** @param {AnyModel} model */
  constructor(model) {
    super(model, TRAITS, { cache: new ResultCache(MOST_KEPT), decode: (sent) => decode(sent, model.get("photo")) });
    this.#palettes = decodePalettes(this.store.get("palettes"));
  }

  /** @returns {readonly DetectedObject[]} */
  get objects() {
    return this.store.get("objects");
  }

  /** A black box has no maps to wait for. */
  get wanted() {
    return this.store.get("layer") === "" ? "" : super.wanted;
  }

  /** @returns {Settings} */
  get settings() {
    return /** @type {any} */ (Object.fromEntries(SETTINGS.map((name) => [name, this.store.get(name)])));
  }

  /** @returns {Problem} */
  get problem() {
    const { objects } = this;
    const fixed = this.#fixed?.objects === objects ? this.#fixed : { objects, problem: this.#prepared(objects) };
    this.#fixed = fixed;
    return { ...fixed.problem, correlation: this.result?.correlation ?? null };
  }

  /** @param {readonly DetectedObject[]} objects @returns {Omit<Problem, "correlation">} */
  #prepared(objects) {
    const { labels, distances } = this.store.get("choices");
    const boxes = Float32Array.from(objects.flatMap(({ box }) => box));
    const scores = Float32Array.from(objects, ({ score }) => score);
    const distance = this.offers("feature-nms") ? squareOf(distances, objects.length, 0) : null;
    return { count: objects.length, boxes, scores, labels, iou: overlaps(boxes), distance };
  }

  /** @param {string} rule */
  offers(rule) {
    return this.store.get("choices").rules.some((/** @type {{name: string}} */ one) => one.name === rule);
  }

  /** What the rule does now; null while it lacks maps. @returns {Decision | null} */
  get decision() {
    const { settings } = this;
    const of = [this.objects, this.result, ...Object.values(settings)];
    const known = this.#decided;
    if (known && of.every((one, i) => one === known.of[i])) return known.decision;
    const { problem } = this;
    const able = problem.count === 0 || canDecide(problem, settings.rule);
    const decision = able ? decide(problem, settings) : null;
    this.#decided = { of, decision };
    return decision;
  }

  /** Whether a prediction's score passes. @param {number} index */
  passes(index) {
    return this.objects[index].score >= Math.fround(this.store.get("score_threshold"));
  }

  /** Those that take part and pass the filters. @returns {number[]} */
  get listed() {
    return listedObjects(this.store, this.objects).filter((index) => this.passes(index));
  }

  /** @returns {number | null} */
  get selected() {
    const selected = super.selected;
    return selected !== null && this.passes(selected) ? selected : null;
  }

  /** Where the annotations say so: the object that each prediction is of, -1 for none. @returns {Int32Array | null} */
  get owners() {
    const truth = this.store.get("truth");
    if (!truth.objects) return null;
    const known = this.#owners;
    if (known && known.truth === truth) return known.of;
    const of = objectOfEach(truth);
    this.#owners = { truth, of };
    return of;
  }

  /** @returns {import("./rules.js").Counts | null} */
  get counts() {
    const truth = this.store.get("truth");
    return truth.objects && this.decision ? countObjects(truth, this.decision) : null;
  }

  /** How many take part. */
  get taking() {
    return this.objects.reduce((count, _, index) => count + Number(this.passes(index)), 0);
  }

  /**
   * What the selected prediction is compared with: the one that was chosen, else the one that removed it, else the
   * nearest of its class.
   * @returns {number | null}
   */
  get partner() {
    const { selected, store } = this;
    if (selected === null) return null;
    const chosen = store.get("partner");
    if (chosen !== null && chosen !== selected && chosen < this.objects.length && this.passes(chosen)) return chosen;
    const by = this.decision?.by[selected] ?? -1;
    return by >= 0 ? by : (this.near(selected)[0] ?? null);
  }

  /** Those of its class that take part, the nearest first: by IoU, then by the maps. @param {number} index @returns {number[]} */
  near(index) {
    const { problem, settings } = this;
    const { count, iou, labels } = problem;
    const other = comparedBy(problem, settings.rule) ?? problem.correlation;
    const sign = settings.rule === "feature-nms" ? -1 : 1;
    const value = (/** @type {number} */ i) => (other ? sign * other[index * count + i] : 0);
    const others = [...labels.keys()].filter((i) => i !== index && labels[i] === labels[index] && this.passes(i));
    return others.sort((a, b) => iou[index * count + b] - iou[index * count + a] || value(b) - value(a) || a - b);
  }

  /** Compare with the next one. @param {1 | -1} by */
  stepPartner(by) {
    const { selected, partner, objects } = this;
    if (selected === null) return;
    const among = [...objects.keys()].filter((i) => i !== selected && this.passes(i));
    const next = nextAmong(among, partner, by);
    if (next !== null) this.store.commit({ partner: next });
  }

  /** Select a pair; the one that came later is what is asked about. @param {number} first @param {number} second */
  choosePair(first, second) {
    this.store.commit({ selected: second, partner: first });
  }

  /**
   * The two of a pair, the one first that goes first in the rule.
   * @param {number} a
   * @param {number} b
   * @returns {[number, number]}
   */
  inOrder(a, b) {
    const by = this.objects[b].score - this.objects[a].score || a - b;
    return by <= 0 ? [a, b] : [b, a];
  }

  /** Move the score threshold within its range. @param {number} by */
  moveScore(by) {
    const { store } = this;
    const to = Math.round(100 * (store.get("score_threshold") + by)) / 100;
    store.commit({ score_threshold: Math.min(1, Math.max(store.get("lowest_score"), to)) });
  }

  /**
   * A threshold within its range, and on its own side of the one that it must not cross.
   * @param {string} name
   * @param {number} value
   */
  within(name, value) {
    const { store } = this;
    if (name === "score_threshold") return Math.max(store.get("lowest_score"), value);
    if (name === "t_low" || name === "low_iou") return Math.min(value, store.get(name === "t_low" ? "t_high" : "high_iou"));
    if (name === "t_high" || name === "high_iou") return Math.max(value, store.get(name === "t_high" ? "t_low" : "low_iou"));
    return value;
  }

  /** The box's colour says what became of it. @param {number} index @returns {"kept" | "removed" | null} */
  fate(index) {
    const state = this.decision?.state[index] ?? BELOW;
    return state === BELOW ? null : state === KEPT ? "kept" : "removed";
  }

  /** @param {boolean} fade */
  table(fade) {
    const palette = /** @type {Uint8Array} */ (this.#palettes.get(this.store.get("colormap")));
    return colorTable(palette, { signed: false, threshold: 0, fade });
  }
}

/**
 * @param {any} sent
 * @param {{width: number, height: number}} photo
 * @returns {Maps}
 */
function decode(sent, { width, height }) {
  const [rows, columns] = sent.grid;
  const { buffer, byteOffset } = sent.maps;
  const cells = rows * columns;
  /** @type {Map<number, HeatMap>} */
  const maps = new Map();
  return {
    key: sent.key,
    title: sent.title,
    correlation: squareOf(sent.correlation, sent.peaks.length, 1),
    map(index) {
      const known = maps.get(index);
      if (known) return known;
      // The shared map of the page: 65535 steps between 0 and the peak, a cell in the middle of its part of the photograph.
      const made = {
        quanta: Uint16Array.from(new Uint8Array(buffer, byteOffset + index * cells, cells), (step) => step * 257),
        width: columns,
        height: rows,
        low: 0,
        high: sent.peaks[index],
        scale: /** @type {[number, number]} */ ([1, 1]),
        shift: /** @type {[number, number]} */ ([0, 0]),
        stride: /** @type {[number, number]} */ ([width / columns, height / rows]),
        partial: false,
        status: "ok",
        peak: /** @type {[number, number]} */ ([0, 0]),
        inside: null,
      };
      maps.set(index, made);
      return made;
    },
  };
}
