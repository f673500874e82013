// The Explorer's panel: the list of objects, what to explain, how to show it, what to take away.

import { layerChoices, plain, segmentControl, selectControl, sliderControl, upperControl } from "../shared/controls.js";
import { classField } from "../shared/class_field.js";
import { element } from "../shared/dom.js";
import { countWords, filterControls } from "../shared/filter.js";
import { objectList } from "../shared/listbox.js";
import { withMissedCount } from "../shared/missed.js";
import { section, takeAway } from "../shared/panel.js";

/** @typedef {import("./model.js").Explorer} Explorer */

/** @param {import("../shared/subjects.js").Subject} subject */
const scales = ({ one }) => [
  { name: "object", title: `Per ${one}` },
  { name: "shared", title: "Shared" },
];
const JOINS = [
  { name: "maximum", title: "Maximum" },
  { name: "normalized", title: "Normalized" },
];
const BOXES = [
  { name: "all", title: "All" },
  { name: "selected", title: "Selected" },
];

/**
 * @param {Explorer} explorer
 * @param {{select: (index: number) => void, step: (step: 1 | -1) => void, hover: (index: number | null) => void,
 *   download: {png: () => void, svg: () => void, csv: () => void}}} actions
 */
export function explorerPanel(explorer, { select, step, hover, download }) {
  const { store, subject } = explorer;
  const choose = (/** @type {string} */ key) => (/** @type {string} */ value) => store.commit({ [key]: value });
  const slide = (/** @type {string} */ label, /** @type {string} */ key) =>
    sliderControl(
      label,
      (value) => store.setLive(key, value),
      (value) => store.commit({ [key]: value }),
    );

  const count = element("span", { class: "dx-count" });
  const filter = filterControls(store);
  const typed = classField(store);
  const objects = objectList({ label: subject.found, select, step, hover });
  const method = selectControl("Method", choose("method"));
  const elsewhere = element("p", { class: "dx-remark" });
  const target = selectControl("Explain", choose("target"));
  const against = selectControl("Rather than", choose("against"));
  const combine = segmentControl("Join", JOINS, choose("combine"));
  const direction = selectControl("Evidence", choose("direction"));
  const layer = selectControl("Layer", choose("layer"));
  const opacity = slide("Opacity", "opacity");
  const hideBelow = slide("Hide below", "hide_below");
  const upper = upperControl(store);
  const scale = segmentControl("Scale", scales(subject), choose("scale"));
  const boxes = segmentControl("Boxes", BOXES, choose("boxes"));
  const signed = () => explorer.maps?.signed ?? false;
  const colors = selectControl("Colours", (value) => store.commit({ [signed() ? "signed_colormap" : "colormap"]: value }));

  const root = element("div", { class: "dx-panel" }, [
    section(subject.title, [filter.root, objects.list, typed.root], count),
    section("Explanation", [method.row, target.row, against.row, combine.row, direction.row, layer.row, elsewhere]),
    section("Display", [colors.row, scale.row, opacity.row, upper.row, hideBelow.row, boxes.row]),
    takeAway(download, () => store.get("code"), store),
  ]);

  /** @type {unknown} */
  let filled = null;
  return {
    root,
    /** Mark the object that is pointed at in the picture. @param {number | null} thing */
    point: (thing) => objects.point(thing),
    /** Show the state of the traits. */
    show() {
      const choices = store.get("choices");
      const found = store.get("objects");
      const { listed, listedThings, things, missed } = explorer;
      const filling = JSON.stringify([things, listedThings]);
      if (filled !== filling) {
        filled = filling;
        objects.fill(things, listedThings);
        count.textContent = withMissedCount(countWords(found, listed), listedThings.length - listed.length);
      }
      filter.show(found, listed);
      typed.show();
      objects.show(explorer.thing);
      method.show(choices.methods, store.get("method"));
      elsewhere.textContent = choices.elsewhere ?? "";
      // Of what was missed the score of the annotated class is explained, for and against it.
      target.show(subject.whole || missed ? [] : choices.targets, store.get("target"));
      against.show(missed ? [] : explorer.others, store.get("against"));
      combine.show(store.get("combine"));
      combine.row.hidden = store.get("target") !== "combined" || missed !== null || store.settled("combine");
      const directions = choices.directions.filter((/** @type {{name: string}} */ d) => explorer.directions.includes(d.name));
      direction.show(missed ? [] : directions, store.get("direction"));
      layer.show(layerChoices(choices.layers), store.get("layer"));
      const maps = signed() ? choices.signed_colormaps : choices.colormaps;
      colors.show(plain(maps), store.get(signed() ? "signed_colormap" : "colormap"));
      scale.show(store.get("scale"));
      boxes.show(store.get("boxes"));
      boxes.row.hidden = subject.whole;
      opacity.show(store.get("opacity"));
      hideBelow.show(store.get("hide_below"));
      upper.show();
    },
  };
}
