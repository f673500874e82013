// What a detector's predictions are, as `detxai_nb.subjects` in Python: objects in places, or classes of a whole image.

/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./types.js").DetectedObject} DetectedObject */
/**
 * `found`: the list of them; `whole`: they are classes of the whole image (or of the crop that the classifier sees), so
 * that a box is no place.
 * @typedef {{one: string, many: string, title: string, found: string, whole: boolean}} Subject
 */

/** @type {Subject} */
export const OBJECTS = { one: "object", many: "objects", title: "Objects", found: "Detected objects", whole: false };
/** @type {Subject} */
export const CLASSES = { one: "class", many: "classes", title: "Classes", found: "Classes and their probabilities", whole: true };

/** What the predictions of a widget are; those with methods are told by Python. @param {Store} store @returns {Subject} */
export function subjectOf(store) {
  const trait = choicesTrait(store);
  return trait && store.get(trait).subject === CLASSES.one ? CLASSES : OBJECTS;
}

/** The trait of what the controls offer, if the widget has one. @param {Store} store */
const choicesTrait = (store) => (store.keys.has("choices") ? "choices" : null);

/** What one prediction is. @param {DetectedObject} object @returns {Subject} */
export const kindOf = (object) => (object.label === undefined ? OBJECTS : CLASSES);

/** @param {Subject} subject @param {number} count */
export const counted = ({ one, many }, count) => `${count} ${count === 1 ? one : many}`;

/** With its article. @param {Subject} subject */
export const oneOf = ({ one }) => `${/^[aeiou]/.test(one) ? "an" : "a"} ${one}`;

/**
 * A score as people read it: two digits behind the point, and of a class's small probability what there is.
 * @param {DetectedObject} object
 */
export function scoreWords(object) {
  const { score } = object;
  if (!kindOf(object).whole || score >= 0.01 || score === 0) return score.toFixed(2);
  return score >= 1e-4 ? score.toFixed(4) : score.toExponential(1);
}

/** What its score is called. @param {DetectedObject} object */
export const scoreName = (object) => (kindOf(object).whole ? "probability" : "score");

/**
 * What lies over the photograph: boxes to point at; of classes none, but for the edge of the crop that the classifier
 * sees where it does not see all.
 * @param {readonly DetectedObject[]} objects
 * @param {{width: number, height: number}} photo
 * @returns {Partial<import("./painter.js").Scene>} to be spread over a scene
 */
export function overlayOf(objects, { width, height }) {
  if (objects.length === 0 || !kindOf(objects[0]).whole) return {};
  const [x1, y1, x2, y2] = objects[0].box;
  const all = x1 <= 0.5 && y1 <= 0.5 && x2 >= width - 0.5 && y2 >= height - 0.5;
  const none = { selected: null, hovered: null, side: null, hidden: undefined };
  if (all) return { ...none, objects: [] };
  return { ...none, objects: [{ name: "", score: 0, box: objects[0].box }], boxes: "all", dashed: new Set([0]) };
}
