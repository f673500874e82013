// The Comparison's panel: which objects, methods and metrics, what to explain, how to show it, what to take away.

import { checkList } from "../shared/checklist.js";
import { layerChoices, plain, segmentControl, selectControl, sliderControl, upperControl } from "../shared/controls.js";
import { element } from "../shared/dom.js";
import { classField } from "../shared/class_field.js";
import { countWords, filterControls } from "../shared/filter.js";
import { needsKernel, section, takeAway } from "../shared/panel.js";
import { oneOf, scoreWords } from "../shared/subjects.js";
import { nameOf } from "../shared/text.js";

/** @typedef {import("./model.js").Comparison} Comparison */

const SCALES = [
  { name: "object", title: "Per cell" },
  { name: "shared", title: "Per method" },
];
const BOXES = [
  { name: "all", title: "All" },
  { name: "selected", title: "Own" },
];
const MEAN = "mean";

/**
 * Which method comes first.
 * @param {Comparison} comparison
 */
export function sortControls(comparison) {
  const { store } = comparison;
  const metric = selectControl("Best first by", (value) => store.commit({ sort: value }));
  const object = selectControl("on", (value) => store.commit({ sort_object: value === MEAN ? null : Number(value) }));
  const root = element("div", { class: "dx-sort", role: "group", "aria-label": "Order of the methods" }, [metric.row, object.row]);
  return {
    root,
    show() {
      const metrics = [{ name: "", title: "nothing (as listed)" }, ...comparison.metrics];
      metric.show(metrics, store.get("sort"));
      const objects = comparison.shown.map((i) => ({ name: String(i), title: nameOf(store.get("objects")[i]) }));
      const chosen = store.get("sort_object");
      const among = chosen === null || comparison.shown.includes(chosen) ? [] : [{ name: String(chosen), title: `${oneOf(comparison.subject)} not shown` }];
      const all = [{ name: MEAN, title: "the mean of those shown" }, ...objects, ...among];
      object.show(store.get("sort") === "" ? [] : all, chosen === null ? MEAN : String(chosen));
    },
  };
}

/**
 * @param {Comparison} comparison
 * @param {{download: {png: () => void, svg: () => void, csv: () => void}}} actions
 */
export function comparisonPanel(comparison, { download }) {
  const { store, subject } = comparison;
  const choose = (/** @type {string} */ key) => (/** @type {string} */ value) => store.commit({ [key]: value });
  const slide = (/** @type {string} */ label, /** @type {string} */ key) =>
    sliderControl(
      label,
      (value) => store.setLive(key, value),
      (value) => store.commit({ [key]: value }),
    );

  const filter = filterControls(store);
  const typed = classField(store);
  const count = element("span", { class: "dx-count" });
  // What the filters hide stays as it is.
  const objects = checkList(`${subject.title} shown`, (chosen) => {
    const now = comparison.listed;
    const kept = comparison.shown.filter((i) => !now.includes(i) || chosen.includes(String(i)));
    store.commit({ shown: [...kept, ...chosen.map(Number).filter((i) => !kept.includes(i))].sort((a, b) => a - b) });
  });
  const methods = checkList("Methods compared", (chosen) => {
    const before = store.get("methods");
    const kept = before.filter((/** @type {string} */ m) => chosen.includes(m));
    store.commit({ methods: [...kept, ...chosen.filter((m) => !before.includes(m))] });
  });
  const metrics = checkList("Metrics shown", (chosen) => {
    store.commit({ metrics: chosen, ...(chosen.includes(store.get("sort")) ? {} : { sort: "" }) });
  });
  const basis = element("p", { class: "dx-remark" });
  const target = selectControl("Explain", choose("target"));
  const layer = selectControl("Layer", choose("layer"));
  const opacity = slide("Opacity", "opacity");
  const hideBelow = slide("Hide below", "hide_below");
  const upper = upperControl(store);
  const scale = segmentControl("Scale", SCALES, choose("scale"));
  const boxes = segmentControl("Boxes", BOXES, choose("boxes"));
  const signed = () => comparison.order.some((m) => comparison.maps(m)?.signed);
  const colors = selectControl("Colours", choose("colormap"));
  const signedColors = selectControl("Signed", choose("signed_colormap"));

  const root = element("div", { class: "dx-panel dx-wide" }, [
    // The means are those of the objects that were shown.
    needsKernel(store, section(subject.title, [filter.root, objects.root, typed.root], count)),
    section("Methods", [methods.root]),
    section("Metrics", [metrics.root, basis]),
    section("Explanation", [target.row, layer.row]),
    section("Display", [colors.row, signedColors.row, scale.row, opacity.row, upper.row, hideBelow.row, boxes.row]),
    takeAway(download, () => store.get("code"), store),
  ]);

  return {
    root,
    /** Show the state of the traits. */
    show() {
      const choices = store.get("choices");
      const every = store.get("objects");
      const { listed } = comparison;
      const found = listed.map((i) => ({ name: String(i), title: nameOf(every[i]), aside: scoreWords(every[i]) }));
      filter.show(every, listed);
      typed.show();
      count.textContent = listed.length === every.length ? `${comparison.shown.length} of ${every.length} shown` : `${countWords(every, listed)} listed`;
      objects.show(found, comparison.shown.map(String));
      methods.show(plainTitles(choices.methods), store.get("methods"));
      metrics.show(plainTitles(choices.metrics), store.get("metrics"));
      basis.textContent = basisOf(comparison);
      target.show(subject.whole ? [] : choices.targets, store.get("target"));
      layer.show(layerChoices(choices.layers), store.get("layer"));
      colors.show(plain(choices.colormaps), store.get("colormap"));
      signedColors.show(signed() ? plain(choices.signed_colormaps) : [], store.get("signed_colormap"));
      scale.show(store.get("scale"));
      boxes.show(store.get("boxes"));
      boxes.row.hidden = subject.whole;
      opacity.show(store.get("opacity"));
      hideBelow.show(store.get("hide_below"));
      upper.show();
    },
  };
}

/** What the metrics are measured against. @param {Comparison} comparison */
export function basisOf({ store, subject }) {
  if (store.get("choices").annotated) return `Measured against the annotations; \u2013 where ${oneOf(subject)} has none.`;
  if (subject.whole) return "Metrics need the annotated boxes of each class: hand in sample=, the photograph as its dataset gives it.";
  return "Measured against the detected boxes: there are no annotations.";
}

/** @param {{name: string, title: string}[]} choices */
const plainTitles = (choices) => choices.map(({ name, title }) => ({ name, title }));
