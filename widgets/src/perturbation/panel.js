// The panel: which object, in the order of which map, how the photograph is changed, what to take away.

import { layerChoices, plain, segmentControl, selectControl } from "../shared/controls.js";
import { element } from "../shared/dom.js";
import { factRows } from "../shared/facts.js";
import { classField } from "../shared/class_field.js";
import { subjectOf } from "../shared/subjects.js";
import { countWords, filterControls } from "../shared/filter.js";
import { objectList } from "../shared/listbox.js";
import { section, takeAway } from "../shared/panel.js";

/** @typedef {import("./model.js").Perturbation} Perturbation */

const MODES = [
  { name: "deletion", title: "Deletion" },
  { name: "insertion", title: "Insertion" },
];

/** @param {number | null} share */
const percent = (share) => (share === null ? "\u2013" : `${(100 * share).toFixed(1)}%`);

/**
 * @param {Perturbation} perturbation
 * @param {{select: (index: number) => void, step: (step: 1 | -1) => void, hover: (index: number | null) => void,
 *   download: {png: () => void, svg: () => void, csv: () => void}}} actions
 */
export function perturbationPanel(perturbation, { select, step, hover, download }) {
  const { store } = perturbation;
  const choose = (/** @type {string} */ key) => (/** @type {string} */ value) => store.commit({ [key]: value });
  const count = element("span", { class: "dx-count" });
  const filter = filterControls(store);
  const subject = subjectOf(store);
  const typed = classField(store);
  const objects = objectList({ label: subject.found, select, step, hover });
  const method = selectControl("Order by", choose("method"));
  const layer = selectControl("Layer", choose("layer"));
  const mode = segmentControl("Mode", MODES, choose("mode"));
  const area = selectControl("Pixels", choose("area"));
  const fill = selectControl("Filling", choose("fill"));
  const facts = element("dl", { class: "dx-facts" });
  const root = element("div", { class: "dx-panel" }, [
    section(subject.title, [filter.root, objects.list, typed.root], count),
    section("Change", [mode.row, method.row, layer.row, area.row, fill.row]),
    section("Curve", [facts]),
    takeAway(download, () => store.get("code"), store),
  ]);
  /** @type {unknown} */
  let filled = null;

  return {
    root,
    /** Mark the object that is pointed at in the picture. @param {number | null} index */
    point: (index) => objects.point(index),
    /** Show the state of the traits. */
    show() {
      const choices = store.get("choices");
      const found = store.get("objects");
      const { listed } = perturbation;
      const filling = JSON.stringify([found, listed]);
      if (filled !== filling) {
        filled = filling;
        objects.fill(found, listed);
        count.textContent = countWords(found, listed);
      }
      filter.show(found, listed);
      typed.show();
      objects.show(perturbation.selected);
      method.show(choices.methods, store.get("method"));
      layer.show(layerChoices(choices.layers), store.get("layer"));
      mode.show(store.get("mode"));
      mode.row.hidden = store.settled("mode");
      area.show(choices.areas, store.get("area"));
      fill.show(choices.fills, store.get("fill"));
      const { walk } = perturbation;
      const said = walk
        ? [
            { name: "Area under curve", value: percent(walk.area), title: `100% for a ${subject.whole ? "probability" : "score"} that never changes` },
            { name: "Pixels changed", value: String(walk.counts[perturbation.last]), title: "In the last picture" },
            { name: "Tied pixels", value: percent(walk.ties), title: "Share of the changed pixels whose value is tied, so that their order is random" },
          ]
        : [];
      facts.replaceChildren(...factRows(said));
      facts.parentElement?.toggleAttribute("hidden", said.length === 0);
    },
  };
}
