// Why a rule keeps or removes, in words.

import { boxLabel, nameOf } from "../shared/text.js";
import { KEPT, REMOVED, canDecide, comparedBy } from "./rules.js";

/** @typedef {import("./model.js").NmsExplorer} NmsExplorer */

const MOST_DIGITS = 9;

/**
 * A number beside a threshold: with as many digits, from two on, as it takes to see which of them is greater.
 * @param {number} value
 * @param {number} threshold
 * @returns {[string, string]}
 */
export function beside(value, threshold) {
  for (let digits = 2; digits < MOST_DIGITS; digits++) {
    const [one, other] = [value.toFixed(digits), threshold.toFixed(digits)];
    if (Math.sign(Number(one) - Number(other)) === Math.sign(value - threshold)) return [one, other];
  }
  return [value.toFixed(MOST_DIGITS), threshold.toFixed(MOST_DIGITS)];
}

/**
 * Such as "IoU 0.62 ≥ 0.50".
 * @param {string} what
 * @param {number} value
 * @param {number} threshold
 * @param {boolean} strict whether a value that is the threshold does not exceed it
 * @param {string} [name] of the threshold
 */
export function compared(what, value, threshold, strict, name = "") {
  const [one, other] = beside(value, threshold);
  const sign = strict ? (value > threshold ? ">" : "\u2264") : value >= threshold ? "\u2265" : "<";
  return `${what} ${one} ${sign} ${name}${name && " "}${other}`;
}

/**
 * Why, by the rule, the second of two predictions of one class is a duplicate of the first, or is none; in order.
 * @param {import("./rules.js").Settings} settings
 * @param {number} iou
 * @param {number} other their correlation, or their distance
 * @returns {{duplicate: boolean, why: string}}
 */
export function reason(settings, iou, other) {
  const { rule, iou_threshold, t_low, t_high, low_iou, high_iou, distance } = settings;
  if (rule === "nms") {
    return { duplicate: iou > iou_threshold, why: compared("IoU", iou, iou_threshold, true) };
  }
  if (rule === "feature-nms") {
    if (iou > high_iou) return { duplicate: true, why: compared("IoU", iou, high_iou, true) };
    if (!(iou >= low_iou)) return { duplicate: false, why: compared("IoU", iou, low_iou, false) };
    const near = other <= Math.fround(distance);
    const far = compared("the distance of the feature vectors", other, Math.fround(distance), true);
    return { duplicate: near, why: `${compared("IoU", iou, low_iou, false)} and ${far}` };
  }
  if (iou < iou_threshold) {
    const why = `${compared("IoU", iou, iou_threshold, false)} and ${compared("the correlation", other, t_high, true, "T_high")}`;
    return { duplicate: other > t_high, why };
  }
  if (t_low === 0) {
    return { duplicate: iou > iou_threshold, why: `${compared("IoU", iou, iou_threshold, true)} and T_low is 0, so that no map is asked` };
  }
  const why = `${compared("IoU", iou, iou_threshold, false)} and ${compared("the correlation", other, t_low, true, "T_low")}`;
  return { duplicate: other > t_low, why };
}

/**
 * The two numbers that a pair has.
 * @param {NmsExplorer} nms
 * @param {number} a
 * @param {number} b
 */
export function figuresOf(nms, a, b) {
  const { problem } = nms;
  const at = a * problem.count + b;
  return { iou: problem.iou[at], correlation: problem.correlation?.[at] ?? null, distance: problem.distance?.[at] ?? null };
}

/**
 * The rule's word on a pair.
 * @param {NmsExplorer} nms
 * @param {number} a
 * @param {number} b
 */
export function pairWords(nms, a, b) {
  const { problem, settings, decision, objects } = nms;
  const [first, second] = nms.inOrder(a, b);
  const [one, two] = [nameOf(objects[first]), nameOf(objects[second])];
  const low = [first, second].filter((i) => !nms.passes(i));
  if (low.length > 0) {
    const said = low.map((i) => `${nameOf(objects[i])} takes no part: ${compared("its score", objects[i].score, settings.score_threshold, false)}`);
    return `${said.join("; ")}.`;
  }
  if (problem.labels[first] !== problem.labels[second]) return `${one} and ${two} are of different classes, which are never compared.`;
  if (!canDecide(problem, settings.rule) || !decision) return "The maps that ODAM-NMS compares are not there yet.";
  if (settings.rule === "soft-nms") return softWords(nms, first, second);
  const at = first * problem.count + second;
  const { duplicate, why } = reason(settings, problem.iou[at], comparedBy(problem, settings.rule)?.[at] ?? 0);
  const by = decision.by[second];
  if (!duplicate) {
    const rest = by >= 0 ? ` ${two} is removed by ${nameOf(objects[by])}.` : "";
    return `${one} does not remove ${two}: ${why}.${rest}`;
  }
  if (by === first) return `${two} is removed because of ${one}: ${why}.`;
  if (by >= 0 && decision.state[first] === KEPT) return `${one} would remove ${two} too (${why}), but ${nameOf(objects[by])} did so first.`;
  const own = decision.by[first];
  const gone = own >= 0 ? ` (by ${nameOf(objects[own])})` : "";
  const rest = by >= 0 ? `${two} is removed by ${nameOf(objects[by])}` : `so ${two} is kept`;
  return `They are duplicates by the rule (${why}), but ${one} was removed itself${gone} and removes nothing; ${rest}.`;
}

/** One lowers the other if it is taken before: by the scores as they have become. @param {NmsExplorer} nms @param {number} a @param {number} b */
function softWords({ problem, settings, decision, objects }, a, b) {
  if (!decision) return "";
  const rank = (/** @type {number} */ i) => (decision.state[i] === KEPT ? decision.kept.indexOf(i) : Infinity);
  const [first, second] = rank(a) <= rank(b) ? [a, b] : [b, a];
  const iou = problem.iou[first * problem.count + second];
  const [one, two] = [nameOf(objects[first]), nameOf(objects[second])];
  if (rank(first) === Infinity) return `Neither ${one} nor ${two} is kept, so neither lowers the other; their IoU is ${iou.toFixed(2)}.`;
  const gaussian = settings.decay === "gaussian";
  const share = gaussian ? Math.exp((-iou * iou) / settings.sigma) : iou >= settings.iou_threshold ? 1 - iou : 1;
  const why = gaussian ? `IoU ${iou.toFixed(2)}` : compared("IoU", iou, settings.iou_threshold, false);
  const after = decision.scores[second];
  const whole = `All that is kept lowers it from ${objects[second].score.toFixed(2)} to ${beside(after, settings.final_score)[0]}`;
  const end = decision.state[second] === KEPT ? "kept" : "removed";
  return `${one} multiplies the score of ${two} by ${share.toFixed(2)}: ${why}. ${whole}, so that ${two} is ${end}: ${compared("score", after, settings.final_score, false)}.`;
}

/** What became of one prediction. @param {NmsExplorer} nms @param {number} index */
export function fateWords(nms, index) {
  const { decision, objects, settings } = nms;
  const what = boxLabel(objects[index]);
  if (!decision) return `${what}.`;
  const by = decision.by[index];
  const other = by >= 0 ? ` by ${nameOf(objects[by])}` : "";
  if (settings.rule === "soft-nms") {
    const score = beside(decision.scores[index], settings.final_score)[0];
    return `${what}: ${decision.state[index] === KEPT ? "kept" : "removed"} with a score of ${score}.`;
  }
  return decision.state[index] === REMOVED ? `${what}: removed${other}.` : `${what}: kept.`;
}

/** What suppression leaves, in one sentence. @param {NmsExplorer} nms @param {string} title of the rule */
export function countWords(nms, title) {
  const { decision, counts, taking, status } = nms;
  if (!decision) {
    const what = `${title} compares heat maps, which are not there`;
    return status.state === "busy" ? `${what} yet.` : `${what}; choose the rule again to compute them.`;
  }
  const kept = `${title} keeps ${decision.kept.length} of ${taking} predictions`;
  if (!counts) return `${kept}.`;
  return `${kept}: ${counts.found} objects found, ${counts.lost} lost, ${counts.double} double.`;
}
