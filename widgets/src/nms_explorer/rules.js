// The rules of suppression, as detxai_nb.nms decides: the same arithmetic in float32, the same ties.

const { fround } = Math;

/**
 * Predictions as the rules compare them. `boxes` are xyxy, four numbers each; `scores` and `boxes` are float32; `iou`,
 * `correlation` and `distance` have a number for each pair, see `squareOf`, and are null where there is none.
 * @typedef {{count: number, boxes: Float32Array, scores: Float32Array, labels: readonly number[], iou: Float32Array,
 *   correlation: Float32Array | null, distance: Float32Array | null}} Problem
 */
/**
 * @typedef {{rule: string, score_threshold: number, iou_threshold: number, t_low: number, t_high: number, decay: string,
 *   sigma: number, final_score: number, low_iou: number, high_iou: number, distance: number}} Settings
 */
/**
 * What became of each prediction. `state`: one of `BELOW`, `KEPT`, `REMOVED`; `by`: the number of the first one, by
 * falling score, that removed it, or that lowered its score most; -1 for none. `scores`: as Soft-NMS lowers them, else as they
 * were. `kept`: numbers, by falling score.
 * @typedef {{state: Uint8Array, by: Int32Array, scores: Float32Array, kept: number[]}} Decision
 */

/** Its score is below the threshold: it takes no part. */
export const BELOW = 0;
export const KEPT = 1;
export const REMOVED = 2;

/**
 * Numbers of pairs as Python sends them, what lies above the diagonal row by row, as a whole square.
 * @param {DataView} sent float32, little-endian
 * @param {number} count
 * @param {number} same what stands on the diagonal
 */
export function squareOf(sent, count, same) {
  // A copy: the view may begin where no Float32Array can lie. Little-endian, as every browser is.
  const pairs = new Float32Array(sent.buffer.slice(sent.byteOffset, sent.byteOffset + sent.byteLength));
  const square = new Float32Array(count * count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    square[i * count + i] = same;
    for (let j = i + 1; j < count; j++) square[i * count + j] = square[j * count + i] = pairs[at++];
  }
  return square;
}

/**
 * The IoU of each with each, by the arithmetic of torchvision's NMS: every step is rounded to float32.
 * @param {Float32Array} boxes
 */
export function overlaps(boxes) {
  const count = boxes.length / 4;
  const areas = Float32Array.from({ length: count }, (_, i) =>
    fround(fround(boxes[4 * i + 2] - boxes[4 * i]) * fround(boxes[4 * i + 3] - boxes[4 * i + 1])),
  );
  const square = new Float32Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let j = i; j < count; j++) {
      const [a, b] = [4 * i, 4 * j];
      const width = Math.max(0, fround(Math.min(boxes[a + 2], boxes[b + 2]) - Math.max(boxes[a], boxes[b])));
      const height = Math.max(0, fround(Math.min(boxes[a + 3], boxes[b + 3]) - Math.max(boxes[a + 1], boxes[b + 1])));
      const shared = fround(width * height);
      const iou = fround(shared / fround(fround(areas[i] + areas[j]) - shared));
      square[i * count + j] = square[j * count + i] = Number.isNaN(iou) ? 0 : iou;
    }
  }
  return square;
}

/**
 * Whether the second of a pair is a duplicate of the first, by the rules that ask so. Thresholds are compared as they are:
 * a float32 is a number like any other here.
 * @param {Settings} settings
 * @param {number} iou
 * @param {number} other their correlation, or their distance
 */
export function isDuplicate({ rule, iou_threshold, t_low, t_high, low_iou, high_iou, distance }, iou, other) {
  if (rule === "nms") return iou > iou_threshold;
  // PyTorch rounds this one threshold to float32.
  if (rule === "feature-nms") return iou > high_iou || (iou >= low_iou && other <= fround(distance));
  if (iou < iou_threshold && other > t_high) return true;
  // With T_low 0 no map saves a box: the rule is NMS's own there.
  return t_low === 0 ? iou > iou_threshold : iou >= iou_threshold && other > t_low;
}

/** What a rule compares besides boxes. @param {Problem} problem @param {string} rule */
export function comparedBy(problem, rule) {
  if (rule === "odam-nms") return problem.correlation;
  return rule === "feature-nms" ? problem.distance : null;
}

/** Whether there is all that a rule compares. @param {Problem} problem @param {string} rule */
export const canDecide = (problem, rule) => !["odam-nms", "feature-nms"].includes(rule) || comparedBy(problem, rule) !== null;

/** The numbers of those that take part, by falling score and stable. @param {Problem} problem @param {number} threshold */
export function passing({ scores }, threshold) {
  // Python compares in float32.
  const least = fround(threshold);
  const found = [];
  for (let i = 0; i < scores.length; i++) if (scores[i] >= least) found.push(i);
  return found.sort((a, b) => scores[b] - scores[a] || a - b);
}

/**
 * @param {Problem} problem
 * @param {Settings} settings
 * @returns {Decision}
 */
export function decide(problem, settings) {
  const { count } = problem;
  /** @type {Decision} */
  const decision = { state: new Uint8Array(count), by: new Int32Array(count).fill(-1), scores: Float32Array.from(problem.scores), kept: [] };
  const order = passing(problem, settings.score_threshold);
  if (settings.rule === "soft-nms") lower(problem, settings, order, decision);
  else keep(problem, settings, order, decision);
  return decision;
}

/** @param {Problem} problem @param {Settings} settings @param {number[]} order @param {Decision} decision */
function keep(problem, settings, order, { state, by, kept }) {
  const { count, iou, labels } = problem;
  const other = comparedBy(problem, settings.rule);
  for (const i of order) {
    for (const k of kept) {
      const pair = k * count + i;
      if (labels[k] !== labels[i] || !isDuplicate(settings, iou[pair], other ? other[pair] : 0)) continue;
      by[i] = k;
      break;
    }
    state[i] = by[i] < 0 ? KEPT : REMOVED;
    if (by[i] < 0) kept.push(i);
  }
}

/** By how much the score of one falls. @param {Settings} settings @param {number} iou */
function factor({ decay, sigma, iou_threshold }, iou) {
  if (decay === "gaussian") return fround(Math.exp(fround(-fround(iou * iou) / fround(sigma))));
  return iou >= iou_threshold ? fround(1 - iou) : 1;
}

/** @param {Problem} problem @param {Settings} settings @param {number[]} order @param {Decision} decision */
function lower(problem, settings, order, { state, by, scores, kept }) {
  const { count, iou, labels } = problem;
  /** @type {Map<number, number[]>} */
  const classes = new Map();
  for (const i of [...order].sort((a, b) => a - b)) classes.set(labels[i], [...(classes.get(labels[i]) ?? []), i]);
  const most = new Float32Array(count).fill(1);
  for (let waiting of classes.values()) {
    while (waiting.length > 0) {
      let best = waiting[0];
      for (const i of waiting) if (scores[i] > scores[best]) best = i;
      if (!(scores[best] >= settings.final_score)) break;
      kept.push(best);
      waiting = waiting.filter((i) => i !== best);
      for (const i of waiting) {
        const share = factor(settings, iou[best * count + i]);
        scores[i] = fround(scores[i] * share);
        if (share < most[i]) {
          most[i] = share;
          by[i] = best;
        }
      }
    }
  }
  for (const i of order) state[i] = REMOVED;
  for (const i of kept) state[i] = KEPT;
  kept.sort((a, b) => scores[b] - scores[a] || a - b);
}

/**
 * The objects that are there and which predictions are of which, as Python sends them; `of` has, for each prediction,
 * numbers of objects and IoUs above 0.5 by the objects' numbers.
 * @typedef {{objects: {name: string, box: [number, number, number, number]}[], of: [number, number][][], ignored: number[]}} Truth
 */
/**
 * How many objects are found and lost; `suppressed`: lost ones that had a prediction; `double` and `elsewhere`: kept
 * predictions of an object that another one has found, and on none.
 * @typedef {{found: number, lost: number, suppressed: number, double: number, elsewhere: number}} Counts
 */

/**
 * Each kept prediction, by falling score, takes the free object of highest IoU, as dx.metrics.match.
 * @param {Truth} truth
 * @param {Decision} decision
 * @returns {Counts}
 */
export function countObjects({ objects, of, ignored }, { kept, state }) {
  const taken = new Set();
  const counts = { found: 0, lost: 0, suppressed: 0, double: 0, elsewhere: 0 };
  for (const i of kept) {
    let best = -1;
    let most = 0;
    for (const [object, iou] of of[i]) {
      if (taken.has(object) || iou <= most) continue;
      best = object;
      most = iou;
    }
    if (best >= 0) taken.add(best);
    else if (of[i].length > 0) counts.double += 1;
    else if (!ignored.includes(i)) counts.elsewhere += 1;
  }
  const had = new Set(of.flatMap((pairs, i) => (state[i] === BELOW ? [] : pairs.map(([object]) => object))));
  counts.found = taken.size;
  counts.lost = objects.length - taken.size;
  counts.suppressed = [...had].filter((object) => !taken.has(object)).length;
  return counts;
}

/** The object that each prediction is of: that of highest IoU; -1 for none. @param {Truth} truth */
export const objectOfEach = ({ of }) =>
  Int32Array.from(of, (pairs) => pairs.reduce((best, pair) => (pair[1] > best[1] ? pair : best), [-1, 0])[0]);
