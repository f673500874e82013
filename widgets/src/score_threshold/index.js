// ScoreThreshold: move a score threshold and see which detections pass it.

import { sliderControl } from "../shared/controls.js";
import { element } from "../shared/dom.js";
import { listenToKeys } from "../shared/keyboard.js";
import { countWords, filterControls, listedObjects } from "../shared/filter.js";
import { objectList } from "../shared/listbox.js";
import { section, takeAway } from "../shared/panel.js";
import { OBJECT_COLUMNS, classLegend, csvOf, objectCells } from "../shared/sheet.js";
import { Store } from "../shared/state.js";
import { boxLabel } from "../shared/text.js";
import { pictureParts, widget } from "../shared/view.js";

/** @typedef {import("../shared/types.js").DetectedObject} DetectedObject */

/** Every trait that this front end reads or sets. */
export const TRAITS = [
  "photo",
  "objects",
  "selected",
  "score_threshold",
  "lowest_score",
  "only_class",
  "search",
  "notice",
  "code",
];

/** How far a key moves the threshold. */
const KEY_STEP = 0.05;

/** What all views of one widget share. */
class ScoreThreshold {
  /** Nothing is ever computed. @type {import("../shared/types.js").Status} */
  status = { state: "idle", key: "", text: "", done: 0, total: 0 };

  /** @param {import("@anywidget/types").AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
  }

  /** Those that pass; scores fall, so they come first. @returns {DetectedObject[]} */
  get objects() {
    const { store } = this;
    // Python compares in float32.
    const least = Math.fround(store.get("score_threshold"));
    return store.get("objects").filter((/** @type {DetectedObject} */ object) => object.score >= least);
  }

  /** Those of them that pass the other filters. @returns {number[]} */
  get listed() {
    return listedObjects(this.store, this.objects);
  }

  /** @returns {number | null} */
  get selected() {
    const selected = this.store.get("selected");
    return selected !== null && selected < this.objects.length ? selected : null;
  }

  /** Move the threshold within its range. @param {number} by */
  move(by) {
    const { store } = this;
    const to = Math.round(100 * (store.get("score_threshold") + by)) / 100;
    store.commit({ score_threshold: Math.min(1, Math.max(store.get("lowest_score"), to)) });
  }
}

/** One view of the widget in the page. */
class ScoreThresholdView {
  /**
   * @param {ScoreThreshold} shared
   * @param {HTMLElement} host
   */
  constructor(shared, host) {
    this.shared = shared;
    this.store = shared.store;
    this.parts = pictureParts(shared, {
      scene: () => this.#scene(),
      hovered: (index) => this.list.point(index),
      painted: () => this.#painted(),
    });
    this.slider = sliderControl(
      "Min. score",
      (value) => this.store.setLive("score_threshold", value),
      (value) => this.store.commit({ score_threshold: value }),
      (value) => value.toFixed(2),
    );
    this.slider.input.min = String(this.store.get("lowest_score"));
    this.count = element("span", { class: "dx-count" });
    this.filter = filterControls(this.store);
    this.list = objectList({ label: "Detections", ...this.parts.list });
    const panel = element("div", { class: "dx-panel" }, [
      section("Score threshold", [this.slider.row]),
      section("Detections", [this.filter.root, this.list.list], this.count),
      takeAway(this.parts.downloads(() => this.#sheet(), () => this.#table()), () => this.store.get("code"), this.store),
    ]);
    this.root = this.parts.arrange("score-threshold", "Detections above a score", [], panel);
    listenToKeys(this.root, { "[": () => shared.move(-KEY_STEP), "]": () => shared.move(KEY_STEP) });
    this.parts.begin(host, this.root, { changed: () => this.#refresh(), decoded: () => this.parts.stage.fit() });
    this.#refresh();
  }

  dispose() {
    this.parts.dispose();
  }

  #refresh() {
    const { shared, store, parts } = this;
    const { objects, selected } = shared;
    const every = store.get("objects").length;
    this.slider.show(store.get("score_threshold"));
    const { listed } = shared;
    this.list.fill(objects, listed);
    this.list.show(selected);
    this.filter.show(objects, listed);
    this.count.textContent = listed.length === objects.length ? `${objects.length} of ${every}` : countWords(objects, listed);
    parts.changed();
    parts.label("Photograph");
    const threshold = store.get("score_threshold").toFixed(2);
    const counted = `${objects.length} of ${every} detections have a score of at least ${threshold}.`;
    const chosen = selected === null ? "" : ` Selected: ${boxLabel(objects[selected])}.`;
    parts.say(store.get("notice") || counted + chosen);
    parts.stage.invalidate();
  }

  /** @returns {import("../shared/painter.js").Scene | null} */
  #scene() {
    const photo = this.parts.photo();
    if (!photo) return null;
    const { width, height } = this.store.get("photo");
    const { objects, selected } = this.shared;
    const plain = { heat: null, opacity: 0, hovered: null, side: null, boxes: "all", allNamed: true };
    return { photo, size: { width, height }, objects, selected, ...plain };
  }

  #painted() {
    this.root.dataset.shown = String(this.shared.objects.length);
    this.root.dataset.ready = "true";
  }

  /** @returns {import("../shared/sheet.js").Sheet | null} */
  #sheet() {
    const scene = this.parts.scene(this.#scene());
    if (!scene) return null;
    const threshold = this.store.get("score_threshold").toFixed(2);
    return {
      scene,
      part: this.parts.stage.viewport.visible,
      words: [`${this.shared.listed.length} of ${this.store.get("objects").length} detections, with a score of at least ${threshold}`],
      bar: null,
      legend: classLegend(scene),
      name: ["detections", threshold],
    };
  }

  #table() {
    const { objects, listed, selected } = this.shared;
    return csvOf(OBJECT_COLUMNS, objectCells(objects, listed, selected));
  }
}

export default widget(
  (model) => new ScoreThreshold(model),
  (shared, host) => new ScoreThresholdView(shared, host),
);
