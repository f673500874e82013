// The panel: the objects, what is told of the selected one and of each neighbour, what to explain, how to show it.

import { layerChoices, plain, segmentControl, selectControl, sliderControl, upperControl } from "../shared/controls.js";
import { element, focusedBy, takesKeys } from "../shared/dom.js";
import { countWords, filterControls } from "../shared/filter.js";
import { objectList } from "../shared/listbox.js";
import { section, takeAway } from "../shared/panel.js";
import { formatValue, nameOf } from "../shared/text.js";

/** @typedef {import("./model.js").Discrimination} Discrimination */

const VIEWS = [
  { name: "difference", title: "Difference" },
  { name: "neighbours", title: "Neighbours" },
  { name: "map", title: "Own map" },
];
/** What the colours of each view mean. @type {Record<string, string>} */
const MEANINGS = {
  difference: "Above 0: more evidence for this object than for any other. Below 0: another has more.",
  neighbours: "Each pixel has the colour of the object for which it speaks most.",
  map: "The evidence for this object alone; the shares below compare it with the others.",
};
const BOXES = [
  { name: "all", title: "All" },
  { name: "selected", title: "Selected" },
];

/** @param {number | null | undefined} value */
const percent = (value) => (value === null || value === undefined ? "\u2013" : `${Math.round(100 * value)}%`);

/**
 * @param {Discrimination} discrimination
 * @param {{select: (index: number) => void, step: (step: 1 | -1) => void, hover: (index: number | null) => void,
 *   download: {png: () => void, svg: () => void, csv: () => void}}} actions
 */
export function discriminationPanel(discrimination, { select, step, hover, download }) {
  const { store } = discrimination;
  const choose = (/** @type {string} */ key) => (/** @type {string} */ value) => store.commit({ [key]: value });
  const slide = (/** @type {string} */ label, /** @type {string} */ key) =>
    sliderControl(
      label,
      (value) => store.setLive(key, value),
      (value) => store.commit({ [key]: value }),
    );

  const count = element("span", { class: "dx-count" });
  const filter = filterControls(store);
  const objects = objectList({ label: "Detected objects", select, step, hover });
  const takers = element("ul", { class: "dx-takers", "aria-label": "Whose pixels the box holds" });
  const index = element("table", { class: "dx-index" });
  const basis = element("p", { class: "dx-remark" });
  const means = element("p", { class: "dx-remark" });
  const told = section("Against the others", [means, takers, index, basis]);
  const view = segmentControl("View", VIEWS, choose("view"));
  view.row.classList.add("dx-tall");
  const method = selectControl("Method", choose("method"));
  const target = selectControl("Explain", choose("target"));
  const layer = selectControl("Layer", choose("layer"));
  const opacity = slide("Opacity", "opacity");
  const hideBelow = slide("Hide below", "hide_below");
  const upper = upperControl(store);
  const boxes = segmentControl("Boxes", BOXES, choose("boxes"));
  const signed = () => discrimination.maps?.signed ?? true;
  const colors = selectControl("Colours", (value) => store.commit({ [signed() ? "signed_colormap" : "colormap"]: value }));

  const root = element("div", { class: "dx-panel" }, [
    section("Objects", [filter.root, objects.list], count),
    view.row,
    told,
    section("Explanation", [method.row, target.row, layer.row]),
    section("Display", [colors.row, opacity.row, upper.row, hideBelow.row, boxes.row]),
    takeAway(download, () => store.get("code"), store),
  ]);

  /** @type {unknown} */
  let filled = null;
  /** @type {unknown} */
  let telling = null;
  let viewed = "";

  /** One line of the legend. @param {string} color @param {string} name @param {string} share @param {string} title */
  function legend(color, name, share, title) {
    const swatch = element("span", { class: "dx-swatch", "aria-hidden": "true" });
    swatch.style.background = color;
    // The colours are those of one view only: in the others they would be a legend of nothing.
    swatch.hidden = store.get("view") !== "neighbours";
    return [swatch, element("span", { class: "dx-name", title }, [name]), element("span", { class: "dx-number" }, [share])];
  }

  /** A neighbour: a button that selects it. @param {import("./model.js").Taken} taken @param {string} color */
  function neighbour(taken, color) {
    const object = store.get("objects")[taken.index];
    const { score } = object;
    const name = nameOf(object);
    const title = `${name}, score ${score.toFixed(2)}: takes ${percent(taken.inside)} of the box, ${percent(taken.energy)} of the map\u2019s energy`;
    const made = takesKeys(element("button", { type: "button", class: "dx-taker", "aria-label": `${title}; select it` }));
    made.append(...legend(color, name, percent(taken.inside), title));
    made.addEventListener("click", () => select(taken.index));
    made.addEventListener("pointerenter", () => hover(taken.index));
    made.addEventListener("pointerleave", () => hover(null));
    return element("li", {}, [made]);
  }

  function tell() {
    const { contrast, selected, tints } = discrimination;
    told.hidden = !contrast || selected === null;
    const kind = store.get("view");
    if (!contrast || selected === null || (telling === contrast && viewed === kind)) return;
    telling = contrast;
    viewed = kind;
    takers.classList.toggle("dx-plain", kind !== "neighbours");
    means.textContent = MEANINGS[kind] ?? "";
    const { facts } = contrast;
    const focused = takers.contains(focusedBy(takers));
    const nobody = Math.max(0, 1 - facts.kept - facts.taken.reduce((sum, t) => sum + t.inside, 0));
    const own = element("li", { class: "dx-taker" }, legend(tints.get(selected) ?? "", "its own", percent(facts.kept), "Pixels of the box that speak most for this object"));
    const rest = element("li", { class: "dx-taker" }, legend("transparent", "nobody\u2019s", percent(nobody), "Pixels of the box where no object has more evidence than the others"));
    takers.replaceChildren(own, ...facts.taken.map((t) => neighbour(t, tints.get(t.index) ?? "")), rest);
    if (focused) /** @type {HTMLElement | null} */ (takers.querySelector("button"))?.focus({ preventScroll: true });
    const metrics = store.get("choices").metrics;
    const head = ["", "Map", "Difference"].map((title) => element("th", { scope: "col" }, [title]));
    const rows = metrics.map((/** @type {import("../shared/types.js").Metric} */ m) =>
      element("tr", {}, [
        element("th", { scope: "row", class: "dx-term", title: `${m.title}: ${m.higher ? "higher" : "lower"} is better. ${m.source}` }, [m.title]),
        ...[facts.own, facts.difference].map((side) => element("td", {}, [side[m.name] == null ? "\u2013" : formatValue(/** @type {number} */ (side[m.name]))])),
      ]),
    );
    index.replaceChildren(...(rows.length > 0 ? [element("tr", {}, head), ...rows] : []));
    basis.textContent = rows.length === 0
      ? "There is no other object to tell it from."
      : store.get("choices").annotated
        ? "Lower is better; against the annotations."
        : "Lower is better; against the detected boxes.";
  }

  return {
    root,
    /** Mark the object that is pointed at in the picture. @param {number | null} index */
    point: (index) => objects.point(index),
    /** Show the state of the traits. */
    show() {
      const choices = store.get("choices");
      const found = store.get("objects");
      const { listed } = discrimination;
      const filling = JSON.stringify([found, listed]);
      if (filled !== filling) {
        filled = filling;
        objects.fill(found, listed);
        count.textContent = countWords(found, listed);
      }
      filter.show(found, listed);
      objects.show(discrimination.selected);
      tell();
      view.show(store.get("view"));
      method.show(choices.methods, store.get("method"));
      target.show(choices.targets, store.get("target"));
      layer.show(layerChoices(choices.layers), store.get("layer"));
      const maps = signed() ? choices.signed_colormaps : choices.colormaps;
      const tinted = store.get("view") === "neighbours";
      colors.show(tinted ? [] : plain(maps), store.get(signed() ? "signed_colormap" : "colormap"));
      opacity.show(store.get("opacity"));
      hideBelow.show(store.get("hide_below"));
      upper.show();
      upper.row.hidden = tinted;
      boxes.show(store.get("boxes"));
    },
  };
}
