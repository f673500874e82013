// Perturbation: scrub through deletion and insertion; the picture, the detector's answer, the curve.

import { curveView } from "../shared/curve.js";
import { csvOf } from "../shared/sheet.js";
import { counted, scoreWords, subjectOf } from "../shared/subjects.js";
import { boxLabel, nameOf } from "../shared/text.js";
import { pictureParts, widget } from "../shared/view.js";
import { Perturbation } from "./model.js";
import { perturbationPanel } from "./panel.js";
import { ChangedPicture } from "./picture.js";
import { scrubber } from "./scrubber.js";

/** The object's box in the unchanged photograph. */
const ORIGINAL = "#ffb000";

/** One view of the widget in the page. */
class PerturbationView {
  #changed = new ChangedPicture();
  /** @type {unknown} */
  #drawn = null;

  /**
   * @param {Perturbation} perturbation
   * @param {HTMLElement} host
   */
  constructor(perturbation, host) {
    this.perturbation = perturbation;
    this.store = perturbation.store;
    this.subject = subjectOf(this.store);
    this.parts = pictureParts(perturbation, {
      scene: () => this.#scene(),
      hovered: (index) => this.panel.point(index !== null && index < this.store.get("objects").length ? index : null),
      painted: () => this.#painted(),
    });
    this.curve = curveView((step) => this.store.commit({ step }));
    this.scrubber = scrubber({
      moved: (step) => this.store.setLive("step", step),
      released: (step) => this.store.commit({ step }),
      last: () => perturbation.last,
      step: () => perturbation.step,
    });
    this.panel = perturbationPanel(perturbation, { ...this.parts.list, download: this.parts.downloads(() => this.#sheet(), () => this.#table()) });
    this.root = this.parts.arrange("perturbation", "Deletion and insertion", [this.scrubber.root, this.curve.root], this.panel.root);
    this.parts.begin(host, this.root, { changed: (key) => this.#heard(key), decoded: () => this.parts.stage.fit() });
    this.#refresh();
  }

  dispose() {
    this.scrubber.dispose();
    this.curve.dispose();
    this.parts.dispose();
  }

  /** @param {string} key */
  #heard(key) {
    this.parts.progress.show(this.perturbation.status);
    if (key !== "status") this.#refresh();
    this.parts.stage.invalidate();
  }

  #refresh() {
    const { perturbation, store, parts } = this;
    const { walk, step } = perturbation;
    parts.progress.show(perturbation.status);
    this.panel.show();
    const words = this.#words();
    this.scrubber.show(`${step} of ${perturbation.last}`, words);
    if (this.#drawn !== walk) {
      this.#drawn = walk;
      const { one, whole } = this.subject;
      const all = whole || store.get("area") === "image" ? "all pixels of the image" : "as many pixels as its box has";
      const others = walk?.others.some((v) => v !== null) ? [{ values: walk.others, title: "other objects, mean" }] : [];
      const curves = walk ? [{ values: walk.relative, title: `this ${one}: ${this.#score} over original ${this.#score}` }, ...others] : [];
      this.curve.draw(curves, ["0%", `100%: ${all}`], this.#summary());
    }
    if (walk) this.curve.mark(step);
    parts.changed();
    parts.label("Changed photograph");
    parts.say(words);
  }

  /** What is followed. */
  get #score() {
    return this.subject.whole ? "probability" : "score";
  }

  /** The curve in words. */
  #summary() {
    const { walk, last } = this.perturbation;
    if (!walk) return "";
    const say = (/** @type {number | null} */ v) => (v === null ? "undefined" : `${Math.round(100 * v)}%`);
    const middle = Math.floor(last / 2);
    const at = [0, middle, last].map((i) => `${say(walk.relative[i])} in picture ${i}`);
    return `${walk.title}: ${this.#score} over original ${this.#score} is ${at.join(", ")}; area below the curve ${say(walk.area)}.`;
  }

  #words() {
    const { perturbation, store } = this;
    const { walk, step, selected } = perturbation;
    if (store.get("notice")) return store.get("notice");
    if (selected === null && this.subject.whole) return "Choose a class in the list, or type the name of another, to change the photograph in the order of its map.";
    if (selected === null) return "Click an object, or use the arrow keys, to change the photograph in the order of its map.";
    const object = store.get("objects")[selected];
    if (!walk) return `${boxLabel(object)}.`;
    const number = walk.counts[step];
    const done = `${number} ${number === 1 ? "pixel" : "pixels"} ${walk.deleting ? "deleted" : "inserted"}`;
    if (this.subject.whole) {
      const best = walk.answers[step].filter((_, i) => i < 3).map(boxLabel).join(", ");
      return `${nameOf(object)}, ${walk.title}, ${done}: probability ${scoreWords({ ...object, score: walk.scores[step] })} of ${scoreWords(object)}; most probable: ${best}.`;
    }
    const there = walk.matches[step] !== null;
    const score = `score ${walk.scores[step].toFixed(2)} of ${object.score.toFixed(2)}, its box overlaps by ${Math.round(100 * walk.ious[step])}%`;
    const count = walk.answers[step].filter((answer) => answer.score >= walk.least).length;
    const found = `${count} ${count === 1 ? "object" : "objects"} found with a score of at least ${walk.least}`;
    return `${nameOf(object)}, ${walk.title}, ${done}: ${there ? score : "no longer found"}; ${found}.`;
  }

  /** The picture with all that the detector found in it, and the object's box as it was. @returns {import("../shared/painter.js").Scene | null} */
  #scene() {
    const { perturbation, store, parts } = this;
    const photo = parts.photo();
    if (!photo) return null;
    const { width, height } = store.get("photo");
    const { walk, step, selected } = perturbation;
    const objects = store.get("objects");
    const base = { size: { width, height }, heat: null, opacity: 0, hovered: null, side: null, boxes: "all" };
    if (!walk || selected === null) return { ...base, photo, objects, selected };
    const match = walk.matches[step];
    const hidden = new Set(objects.map((/** @type {unknown} */ _, /** @type {number} */ i) => i));
    hidden.delete(selected);
    return {
      ...base,
      photo: this.#changed.draw(photo, walk, step),
      objects: [...objects, ...walk.answers[step]],
      selected: match !== null && match < walk.answers[step].length ? objects.length + match : null,
      tints: new Map([[selected, ORIGINAL]]),
      hidden,
    };
  }

  #painted() {
    const { perturbation, root } = this;
    const { walk, selected, step } = perturbation;
    root.dataset.shown = walk ? `${walk.key}@${step}` : "";
    const waits = selected !== null && !walk && perturbation.status.state !== "error";
    root.dataset.ready = String(!waits);
  }

  /** @returns {import("../shared/sheet.js").Sheet | null} */
  #sheet() {
    const { perturbation, store, parts } = this;
    const scene = parts.scene(this.#scene());
    if (!scene) return null;
    const { choice, step, selected } = perturbation;
    const object = selected === null ? null : store.get("objects")[selected];
    const shown = choice ? [choice.method, choice.layer, choice.mode, choice.area, choice.fill] : [];
    return {
      scene,
      part: parts.stage.viewport.visible,
      words: object ? [this.#words(), this.#summary()].filter(Boolean) : [counted(this.subject, store.get("objects").length)],
      bar: null,
      legend: object && perturbation.walk && !this.subject.whole ? [{ color: ORIGINAL, name: `${boxLabel(object)} in the unchanged photograph` }] : [],
      name: [...shown, ...(object ? [object.name, String(selected)] : ["photograph"]), String(step)],
    };
  }

  /** The curve, picture by picture. */
  #table() {
    const { walk, choice, selected } = this.perturbation;
    if (this.subject.whole) return this.#classTable();
    const columns = ["object", "method", "mode", "picture", "pixels_changed", "score", "score_over_original", "others_over_original", "iou", "found"];
    const rows = (walk?.counts ?? []).map((count, i) => [
      ...[selected, choice?.method, choice?.mode, i, count],
      ...[walk?.scores[i], walk?.relative[i], walk?.others[i], walk?.ious[i], walk?.answers[i].length],
    ]);
    return csvOf(columns, rows);
  }

  /** The same of a class. */
  #classTable() {
    const { walk, choice, selected } = this.perturbation;
    const object = selected === null ? null : this.store.get("objects")[selected];
    const columns = ["class_number", "class", "method", "mode", "picture", "pixels_changed", "probability", "probability_over_original", "most_probable"];
    const rows = (walk?.counts ?? []).map((count, i) => [
      ...[object?.label, object?.name, choice?.method, choice?.mode, i, count],
      ...[walk?.scores[i], walk?.relative[i], walk?.answers[i][0]?.name],
    ]);
    return csvOf(columns, rows);
  }
}

export default widget(
  (model) => new Perturbation(model),
  (perturbation, host) => new PerturbationView(perturbation, host),
);
