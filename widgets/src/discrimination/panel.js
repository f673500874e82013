// The panel: the objects, what is told of the selected one and of each neighbour, what to explain, how to show it.

import { layerChoices, plain, segmentControl, selectControl, sliderControl } from "../shared/controls.js";
import { element, takesKeys } from "../shared/dom.js";
import { objectList } from "../shared/listbox.js";
import { section, takeAway } from "../shared/panel.js";
import { formatValue } from "../shared/text.js";

/** @typedef {import("./model.js").Discrimination} Discrimination */

const VIEWS = [
  { name: "difference", title: "Difference" },
  { name: "neighbours", title: "Neighbours" },
  { name: "map", title: "Own map" },
];
const BOXES = [
  { name: "all", title: "All" },
  { name: "selected", title: "Selected" },
];

/** @param {number | null | undefined} value */
const percent = (value) => (value === null || value === undefined ? "\u2013" : `${Math.round(100 * value)}%`);

/**
 * @param {Discrimination} discrimination
 * @param {{select: (index: number) => void, step: (step: 1 | -1) => void, hover: (index: number | null) => void,
 *   download: () => void}} actions
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
  const objects = objectList({ label: "Detected objects", select, step, hover });
  const takers = element("ul", { class: "dx-takers", "aria-label": "Whose pixels the box holds" });
  const index = element("table", { class: "dx-index" });
  const basis = element("p", { class: "dx-remark" });
  const told = section("Against the others", [takers, index, basis]);
  const view = segmentControl("View", VIEWS, choose("view"));
  view.row.classList.add("dx-tall");
  const method = selectControl("Method", choose("method"));
  const target = selectControl("Explain", choose("target"));
  const layer = selectControl("Layer", choose("layer"));
  const opacity = slide("Opacity", "opacity");
  const threshold = slide("Threshold", "threshold");
  const boxes = segmentControl("Boxes", BOXES, choose("boxes"));
  const signed = () => discrimination.maps?.signed ?? true;
  const colors = selectControl("Colours", (value) => store.commit({ [signed() ? "signed_colormap" : "colormap"]: value }));

  const root = element("div", { class: "dx-panel" }, [
    section("Objects", [objects.list], count),
    view.row,
    told,
    section("Explanation", [method.row, target.row, layer.row]),
    section("Display", [colors.row, opacity.row, threshold.row, boxes.row]),
    takeAway(download, () => store.get("code")),
  ]);

  /** @type {unknown} */
  let filled = null;
  /** @type {unknown} */
  let telling = null;

  /** One line of the legend. @param {string} color @param {string} name @param {string} share @param {string} title */
  function legend(color, name, share, title) {
    const swatch = element("span", { class: "dx-swatch", "aria-hidden": "true" });
    swatch.style.background = color;
    return [swatch, element("span", { class: "dx-name", title }, [name]), element("span", { class: "dx-number" }, [share])];
  }

  /** A neighbour: a button that selects it. @param {import("./model.js").Taken} taken @param {string} color */
  function neighbour(taken, color) {
    const { name, score } = store.get("objects")[taken.index];
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
    if (!contrast || selected === null || telling === contrast) return;
    telling = contrast;
    const { facts } = contrast;
    const focused = takers.contains(document.activeElement);
    const nobody = Math.max(0, 1 - facts.kept - facts.taken.reduce((sum, t) => sum + t.inside, 0));
    const own = element("li", { class: "dx-taker" }, legend(tints.get(selected) ?? "", "its own", percent(facts.kept), "Pixels of the box that speak most for this object"));
    const rest = element("li", { class: "dx-taker" }, legend("transparent", "nobody\u2019s", percent(nobody), "Pixels of the box where no object has more evidence than the others"));
    takers.replaceChildren(own, ...facts.taken.map((t) => neighbour(t, tints.get(t.index) ?? "")), rest);
    if (focused) /** @type {HTMLElement | null} */ (takers.querySelector("button"))?.focus({ preventScroll: true });
    const metrics = store.get("choices").metrics;
    const head = ["", "Map", "Difference"].map((title) => element("th", { scope: "col" }, [title]));
    const rows = metrics.map((/** @type {{name: string, title: string}} */ m) =>
      element("tr", {}, [
        element("th", { scope: "row" }, [m.title]),
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
    /** Show the state of the traits. */
    show() {
      const choices = store.get("choices");
      const found = store.get("objects");
      if (filled !== found) {
        filled = found;
        objects.fill(found);
        count.textContent = String(found.length);
      }
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
      threshold.show(store.get("threshold"));
      boxes.show(store.get("boxes"));
    },
  };
}
