import { describe, expect, it } from "vitest";
import { BELOW, KEPT, REMOVED, countObjects, decide, objectOfEach, overlaps, squareOf } from "../../src/nms_explorer/rules.js";
import { beside, compared, reason } from "../../src/nms_explorer/words.js";

/** @type {import("../../src/nms_explorer/rules.js").Settings} */
const SETTINGS = { rule: "nms", score_threshold: 0.3, iou_threshold: 0.5, t_low: 0.2, t_high: 0.8, decay: "gaussian", sigma: 0.5, final_score: 0.05, low_iou: 0.1, high_iou: 0.9, distance: 1 };

/** Boxes of 10 x 10 in a row, by their left sides. @param {number[]} left @param {number[]} scores @param {number[]} [alike] pairs */
function problem(left, scores, alike = []) {
  const boxes = Float32Array.from(left.flatMap((x) => [x, 0, x + 10, 10]));
  const sent = new DataView(Float32Array.from([0, ...alike]).buffer, 4);
  const correlation = alike.length > 0 ? squareOf(sent, scores.length, 1) : null;
  return { count: scores.length, boxes, scores: Float32Array.from(scores), labels: left.map(() => 0), iou: overlaps(boxes), correlation, distance: null };
}

describe("the rules of suppression", () => {
  it("take an IoU of just the threshold for no overlap in NMS, and for one in ODAM-NMS", () => {
    // 10 and 20 of 30: IoU 1/3 in float32.
    const two = problem([0, 5], [0.9, 0.8], [1]);
    const third = two.iou[1];
    expect(third).toBe(Math.fround(1 / 3));
    expect([...decide(two, { ...SETTINGS, iou_threshold: third }).state]).toEqual([KEPT, KEPT]);
    expect([...decide(two, { ...SETTINGS, iou_threshold: 0.33 }).state]).toEqual([KEPT, REMOVED]);
    expect([...decide(two, { ...SETTINGS, rule: "odam-nms", t_high: 1, iou_threshold: third }).state]).toEqual([KEPT, REMOVED]);
    expect([...decide(two, { ...SETTINGS, rule: "odam-nms", t_low: 0, t_high: 1, iou_threshold: third }).state]).toEqual([KEPT, KEPT]);
  });

  it("let only what is kept remove, the first of equal scores first", () => {
    const chain = decide(problem([0, 3, 6], [0.8, 0.8, 0.8]), { ...SETTINGS, iou_threshold: 0.4 });
    expect([[...chain.state], [...chain.by], chain.kept]).toEqual([[KEPT, REMOVED, KEPT], [-1, 0, -1], [0, 2]]);
  });

  it("leave out what is below the score threshold, in float32", () => {
    const { state } = decide(problem([0, 50], [0.3, 0.29]), { ...SETTINGS, score_threshold: 0.3 });
    expect([...state]).toEqual([KEPT, BELOW]);
  });

  it("let maps save boxes that overlap and remove boxes apart", () => {
    const three = problem([0, 2, 50], [0.9, 0.8, 0.7], [0.1, 0.95, 0.3]);
    const { state, by } = decide(three, { ...SETTINGS, rule: "odam-nms" });
    expect([[...state], [...by]]).toEqual([[KEPT, KEPT, REMOVED], [-1, -1, 0]]);
  });

  it("lower scores step by step", () => {
    const linear = { ...SETTINGS, rule: "soft-nms", decay: "linear", iou_threshold: 0.3 };
    const { scores, kept, by } = decide(problem([0, 5, 50], [0.9, 0.6, 0.5]), linear);
    expect(scores[1]).toBe(Math.fround(Math.fround(0.6) * Math.fround(1 - Math.fround(1 / 3))));
    expect([kept, [...by]]).toEqual([[0, 2, 1], [-1, 0, -1]]);
  });

  it("count objects as dx.metrics.match does", () => {
    const box = /** @type {[number, number, number, number]} */ ([0, 0, 1, 1]);
    const truth = { objects: [{ name: "a", box }, { name: "b", box }, { name: "c", box }], of: /** @type {[number, number][][]} */ ([[[0, 0.8]], [[0, 0.9], [1, 0.6]], [[0, 0.7]], [], [], [[2, 0.9]]]), ignored: [4] };
    const decision = { state: Uint8Array.from([KEPT, KEPT, KEPT, KEPT, KEPT, REMOVED]), by: new Int32Array(6), scores: new Float32Array(6), kept: [0, 1, 2, 3, 4] };
    expect(countObjects(truth, decision)).toEqual({ found: 2, lost: 1, suppressed: 1, double: 1, elsewhere: 1 });
    expect([...objectOfEach(truth)]).toEqual([0, 0, 0, -1, -1, 2]);
  });
});

describe("the words of a decision", () => {
  it("show as many digits as it takes", () => {
    expect([beside(0.62, 0.5), beside(0.5004, 0.5), beside(0.5, 0.5)]).toEqual([["0.62", "0.50"], ["0.5004", "0.5000"], ["0.50", "0.50"]]);
    expect([compared("IoU", 0.5, 0.5, false), compared("IoU", 0.5, 0.5, true)]).toEqual(["IoU 0.50 \u2265 0.50", "IoU 0.50 \u2264 0.50"]);
  });

  it("agree with the rule", () => {
    const odam = { ...SETTINGS, rule: "odam-nms" };
    expect(reason(odam, 0.62, 0.91)).toEqual({ duplicate: true, why: "IoU 0.62 \u2265 0.50 and the correlation 0.91 > T_low 0.20" });
    expect(reason(odam, 0.4, 0.8)).toEqual({ duplicate: false, why: "IoU 0.40 < 0.50 and the correlation 0.80 \u2264 T_high 0.80" });
    expect(reason({ ...odam, t_low: 0 }, 0.5, 0.9).duplicate).toBe(false);
    const feature = { ...SETTINGS, rule: "feature-nms" };
    expect([reason(feature, 0.95, 9).duplicate, reason(feature, 0.05, 0).duplicate, reason(feature, 0.5, 1).why]).toEqual([true, false, "IoU 0.50 \u2265 0.10 and the distance of the feature vectors 1.00 \u2264 1.00"]);
  });
});
