// What the words on the controls mean, shown where the pointer rests and told to screen readers.

/** @type {Record<string, string>} */
const TERMS = {
  Method: "How the heat map is computed from the detector: each method answers another question.",
  Explain: "Which output is explained: the score of the class, or the position of one side of the box.",
  "Rather than": "Another class of the same object, the most probable first: the map then says why its class and not that one, by the difference of the two classes' logits.",
  Join: "How the maps of class and sides become one. Maximum, as in the papers: their units differ, so the part with the largest numbers decides nearly everywhere. Normalized: each map is scaled to 0 to 1 first.",
  Evidence: "Positive: what raises the explained output. Negative: what lowers it. Signed: both, around zero. Absolute: either, without its sign.",
  Layer: "The layer of the network whose activations the map shows. Deeper layers are coarser.",
  Opacity: "How much of the photograph the strongest evidence covers; weaker evidence is fainter.",
  "Hide below": "Evidence weaker than this share of the range of colours is not drawn. It changes the picture only.",
  "Upper limit": "Values from this percentile of the map's evidence on have the last colour, so that a few extreme cells do not take the whole range.",
  Scale: "Whether the colours of each map run over its own range, or over one range so that maps can be compared.",
  Boxes: "Which boxes are drawn: all that are listed, or the selected one and the one under the pointer.",
  Colours: "The colour map. All are perceptually uniform or safe for people with colour blindness.",
  Signed: "The colour map of maps with positive and negative values; its middle is zero.",
  "Min. score": "Objects with a lower score are neither listed nor drawn. The score is the detector's confidence, 0 to 1.",
  Class: "Only objects of this class are listed and drawn.",
  "Order by": "The method whose map says which pixels are changed first: those with the most evidence.",
  Mode: "Deletion takes the most important pixels away, insertion starts without any and brings them back. A good map makes the score fall early, or rise early.",
  Randomize: "Cascading: the weights from the output down to each stage are random. Independent: only those of one stage at a time.",
  "Maps of seed": "Which of the random weights the maps and figures above belong to.",
  Images: "How many images of the data set the next run goes through.",
  on: "The object whose figures order the methods, or the mean of those shown.",
  Pixels: "How many pixels are changed in all: as many as the object's box has, or all of the image.",
  Filling: "What deleted pixels are replaced by.",
  Picture: "How far the change has come: each picture changes some more pixels.",
  View: "Difference: the object's evidence less the strongest of the others. Neighbours: whose evidence leads at each pixel. Own map: the object's map alone.",
  Measure: "The figure that is drawn.",
  Stages: "Which parts of the network lose their weights, one after the other.",
  Seeds: "The random numbers that replace the weights; several show how much depends on chance.",
  "Best first by": "The metric that orders the methods.",
  Metrics: "Figures that judge a map; what each means is said in the documentation under Metrics.",
  "Area under curve": "Mean of score over original score along the pictures. Deletion: lower is better; insertion: higher is better.",
  "Against the others": "What share of the box speaks most for the object itself, and what share for each neighbour; and the object discrimination index.",
  "Another class": "Any class of the classifier: type a part of its name, choose with the arrow keys, Enter lists and explains it.",
  Rule: "How predictions of one object are reduced to one. All rules go by falling score and compare predictions of one class only.",
  IoU: "The overlap of two boxes from which on they are taken for one object: shared area over the area of both together.",
  T_low: "Overlapping boxes are different objects if the correlation of their heat maps is not above this.",
  T_high: "Boxes that overlap less than the threshold are one object if the correlation of their heat maps is above this.",
  Decay: "By how much an overlap lowers a score. Gaussian: smoothly with the IoU. Linear: by 1 less IoU from a threshold on.",
  Sigma: "The width of the Gaussian: the smaller, the more an overlap lowers a score.",
  "Final score": "A prediction whose score has been lowered below this is removed.",
  "Low IoU": "Boxes that overlap less than this are different objects, whatever their feature vectors.",
  "High IoU": "Boxes that overlap more than this are one object, whatever their feature vectors.",
  Distance: "In between, two predictions are one object if their feature vectors are no further apart than this.",
  Suppression: "What is decided for each pair of predictions of one class, the one with the higher score first.",
  "Boxes drawn": "Kept by the rule, removed by it, or annotated as really there; and the heat map of the selected prediction.",
  "Two predictions": "The selected prediction beside the one that removed it, else its nearest; point at another box, or press , and . to change it.",
  "IoU against correlation": "Each point is a pair of predictions of one class. Those in the shaded part are taken for duplicates.",
  Tool: "What a drag on the picture does: select objects and move the picture, or draw. With Shift, what is drawn is added to the region.",
  Brush: "The radius of the brush, in pixels of the picture.",
  Hottest: "The share of all pixels that is taken where the selected map is highest; pixels without evidence never count.",
  Region: "The pixels that are changed. With the picture in focus, arrow keys move them, ] and [ let them grow and shrink.",
  "Fill with": "What the region is filled with. Whatever that is, some score falls: compare with equal areas elsewhere.",
  Note: "A text of your own for this step.",
  Compare: "Another step, whose picture and scores are shown beside those of this one.",
  Steps: "Each answer is a step. Going back loses none: choose any of them in the list.",
  Show: "The unchanged picture with the heat map, or the filled one with the boxes that are found now; broken lines are boxes from before.",
  Answer: "What became of the object that was selected when the question was asked.",
  "Two steps": "The step that is compared with, and the one that is shown.",
  "Touching pairs": "Two objects of one class whose boxes touch. If their maps are alike, the method does not tell them apart.",
};

/** What some of them mean where the predictions are classes of the whole image. @type {Record<string, string>} */
const OF_CLASSES = {
  Method: "How the heat map is computed from the classifier: each method answers another question.",
  Explain: "Which output is explained: the score of the class.",
  Scale: "Whether the colours of each class's map run over its own range, or over one range so that maps can be compared.",
  "Min. probability": "Classes with a lower probability are not listed.",
  Pixels: "All pixels are changed in the end, in few pictures or in many.",
  "Area under curve": "Mean of probability over original probability along the pictures. Deletion: lower is better; insertion: higher is better.",
  Mode: "Deletion takes the most important pixels away, insertion starts without any and brings them back. A good map makes the probability fall early, or rise early.",
  on: "The class whose figures order the methods, or the mean of those shown.",
  Classes: "What the classifier says of the whole picture, the most probable first; classes that were asked for by name come last.",
};

/** @param {string} term */
export const meaning = (term) => TERMS[term] ?? "";

/**
 * Explain the labels of a widget as they are meant for its predictions.
 * @param {HTMLElement} root
 * @param {import("./subjects.js").Subject} subject
 */
export function retold(root, subject) {
  if (!subject.whole) return;
  for (const label of root.querySelectorAll("label, .dx-label, .dx-head > span")) {
    const text = OF_CLASSES[label.textContent ?? ""];
    if (!text) continue;
    /** @type {HTMLElement} */ (label).title = text;
    label.classList.add("dx-term");
    const control = label instanceof HTMLLabelElement && label.htmlFor ? root.querySelector(`#${label.htmlFor}`) : label.parentElement?.querySelector("input");
    control?.setAttribute("aria-description", text);
  }
}

/**
 * A label with its explanation, if its word has one.
 * @template {HTMLElement} T
 * @param {T} label
 * @param {HTMLElement} [control] that the label is for
 * @returns {T}
 */
export function explained(label, control) {
  const text = meaning(label.textContent ?? "");
  if (text) {
    label.title = text;
    label.classList.add("dx-term");
    control?.setAttribute("aria-description", text);
  }
  return label;
}
