// The controls of the NmsExplorer: rule and thresholds, what it leaves, which boxes are drawn, the predictions, the maps.

import { checkList } from "../shared/checklist.js";
import { layerChoices, plain, segmentControl, selectControl, sliderControl } from "../shared/controls.js";
import { element } from "../shared/dom.js";
import { factRows } from "../shared/facts.js";
import { countWords as counted, filterControls } from "../shared/filter.js";
import { objectList } from "../shared/listbox.js";
import { section, takeAway } from "../shared/panel.js";
import { formatValue } from "../shared/text.js";

/** @typedef {import("./model.js").NmsExplorer} NmsExplorer */

/**
 * @param {NmsExplorer} nms
 * @param {import("../shared/listbox.js").ListActions & {download: {png: () => void, svg: () => void, csv: () => void}}} actions
 */
export function nmsPanel(nms, { download, ...pick }) {
  const { store } = nms;
  const rule = selectControl("Rule", (name) => store.commit({ rule: name }));
  const thresholds = [
    threshold(nms, "score_threshold", "Min. score", () => true),
    threshold(nms, "iou_threshold", "IoU", ({ rule, decay }) => ["nms", "odam-nms"].includes(rule) || (rule === "soft-nms" && decay === "linear")),
    threshold(nms, "t_low", "T_low", ({ rule }) => rule === "odam-nms"),
    threshold(nms, "t_high", "T_high", ({ rule }) => rule === "odam-nms"),
    threshold(nms, "sigma", "Sigma", ({ rule, decay }) => rule === "soft-nms" && decay === "gaussian", 2),
    threshold(nms, "final_score", "Final score", ({ rule }) => rule === "soft-nms"),
    threshold(nms, "low_iou", "Low IoU", ({ rule }) => rule === "feature-nms"),
    threshold(nms, "high_iou", "High IoU", ({ rule }) => rule === "feature-nms"),
    threshold(nms, "distance", "Distance", ({ rule }) => rule === "feature-nms", 2),
  ];
  const decays = [
    { name: "gaussian", title: "Gaussian" },
    { name: "linear", title: "Linear" },
  ];
  const decay = segmentControl("Decay", decays, (name) => store.commit({ decay: name }));
  const remark = element("p", { class: "dx-remark" });
  const left = element("dl", { class: "dx-facts" });
  const shown = checkList("Boxes drawn", (names) => store.commit({ shown: names }));
  const count = element("span", { class: "dx-count" });
  const filter = filterControls(store);
  const list = predictionList(nms, pick);
  const layer = selectControl("Layer", (name) => store.commit({ layer: name }));
  const opacity = sliderControl(
    "Opacity",
    (value) => store.setLive("opacity", value),
    (value) => store.commit({ opacity: value }),
  );
  const colors = selectControl("Colours", (name) => store.commit({ colormap: name }));
  const maps = section("Maps", [layer.row, opacity.row, colors.row]);
  const root = element("div", { class: "dx-panel" }, [
    section("Suppression", [rule.row, decay.row, ...thresholds.map(({ row }) => row), remark, left]),
    section("Boxes drawn", [shown.root]),
    section("Predictions", [filter.root, list.root], count),
    maps,
    takeAway(download, () => store.get("code"), store),
  ]);

  function facts() {
    const { counts, decision, taking } = nms;
    const named = (/** @type {string} */ name, /** @type {string} */ value, /** @type {string} */ title) => ({ name, value, title });
    return [
      named("Kept", decision ? `${decision.kept.length} of ${taking}` : "\u2013", "Predictions that the rule keeps, of those with at least the min. score"),
      ...(counts
        ? [
            named("Objects found", `${counts.found} of ${counts.found + counts.lost}`, "Annotated objects that a kept prediction of their class covers with an IoU above 0.5"),
            named("Objects lost", counts.suppressed > 0 ? `${counts.lost} (${counts.suppressed} by the rule)` : String(counts.lost), "Objects without one; by the rule: they had a prediction before"),
            named("Double", String(counts.double), "Kept predictions of an object that another one has found"),
            named("Elsewhere", String(counts.elsewhere), "Kept predictions on no object of their class"),
          ]
        : []),
    ];
  }

  /** What is drawn, with how many. */
  function kinds() {
    const { decision, taking } = nms;
    const { colors: tints } = store.get("choices");
    const { objects: present } = store.get("truth");
    const kept = decision?.kept.length ?? 0;
    return [
      { name: "kept", title: "Kept", aside: String(kept), color: tints.kept },
      { name: "removed", title: "Removed", aside: String(decision ? taking - kept : 0), color: tints.removed },
      ...(present ? [{ name: "present", title: "Really there", aside: String(present.length), color: tints.present }] : []),
      ...(store.get("layer") === "" ? [] : [{ name: "map", title: "Heat map of the selected one" }]),
    ];
  }

  return {
    root,
    /** @param {number | null} index */
    point: (index) => list.point(index),
    /** Show the state of the traits. */
    show() {
      const { objects, listed } = nms;
      const { rules, layers, colormaps } = store.get("choices");
      const settings = nms.settings;
      rule.show(rules, settings.rule);
      decay.row.hidden = settings.rule !== "soft-nms";
      decay.show(settings.decay);
      for (const one of thresholds) one.show(settings);
      remark.textContent = store.get("remark");
      remark.hidden = remark.textContent === "";
      left.replaceChildren(...factRows(facts()));
      shown.show(kinds(), store.get("shown"));
      filter.show(objects, listed);
      list.show(listed);
      count.textContent = counted(objects, listed);
      maps.hidden = store.get("layer") === "";
      layer.show(layers.length > 1 ? layerChoices(layers) : [], store.get("layer"));
      opacity.show(store.get("opacity"));
      colors.show(plain(colormaps), store.get("colormap"));
    },
  };
}

/**
 * One threshold as a slider, which stops at the threshold that it must not cross.
 * @param {NmsExplorer} nms
 * @param {import("./model.js").SETTINGS[number]} name
 * @param {string} label
 * @param {(settings: import("./rules.js").Settings) => boolean} counts whether the rule has it
 * @param {number} [most] for one that is no share
 */
function threshold(nms, name, label, counts, most = 1) {
  const { store } = nms;
  const made = sliderControl(
    label,
    (value) => {
      store.setLive(name, nms.within(name, value));
      made.show(store.get(name));
    },
    (value) => store.commit({ [name]: nms.within(name, value) }),
    (value) => (Math.abs(value - Math.round(100 * value) / 100) < 1e-9 ? value.toFixed(2) : formatValue(value)),
  );
  return {
    row: made.row,
    /** @param {import("./rules.js").Settings} settings */
    show(settings) {
      made.row.hidden = !counts(settings);
      const value = /** @type {number} */ (settings[name]);
      if (name === "score_threshold") made.input.min = String(store.get("lowest_score"));
      if (most > 1) {
        made.input.min = "0.01";
        made.input.max = String(Math.max(most, Math.ceil(value)));
      }
      made.show(value);
    },
  };
}

/**
 * The list of all predictions: made once, since hundreds of lines take longer than a frame; those that are not drawn are hidden.
 * @param {NmsExplorer} nms
 * @param {import("../shared/listbox.js").ListActions} pick
 */
function predictionList(nms, pick) {
  const { store } = nms;
  const list = objectList({ label: "Predictions", ...pick });
  /** @type {readonly unknown[] | null} */
  let filled = null;
  /** @type {string[]} */
  let said = [];
  return {
    root: list.list,
    point: list.point,
    /** @param {readonly number[]} listed */
    show(listed) {
      const { objects } = nms;
      const lines = /** @type {HTMLElement[]} */ ([.../** @type {any} */ (filled === objects ? list.list.children : [])]);
      if (filled !== objects) {
        filled = objects;
        list.fill(objects);
        lines.push(.../** @type {any} */ (list.list.children));
        said = lines.map((line) => line.getAttribute("aria-label") ?? "");
      }
      const visible = new Set(listed);
      lines.forEach((line, i) => {
        const fate = nms.fate(i) ?? "";
        if (line.hidden === visible.has(i)) line.hidden = !visible.has(i);
        if (line.dataset.fate === fate) return;
        line.dataset.fate = fate;
        // As the box in the picture, not as its class.
        line.style.setProperty("--dx-swatch", fate ? store.get("choices").colors[fate] : "transparent");
        line.setAttribute("aria-label", fate ? `${said[i]}, ${fate}` : said[i]);
      });
      list.show(nms.selected);
    },
  };
}
