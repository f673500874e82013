// Perturbation: scrub through deletion and insertion; the picture, the detector's answer, the curve.

import { neighbour } from "./shared/boxes.js";
import { curveView } from "./shared/curve.js";
import { element, uniqueId } from "./shared/dom.js";
import { downloadPng, renderPicture } from "./shared/png.js";
import { progressView } from "./shared/progress.js";
import { Stage } from "./shared/stage.js";
import { boxLabel, fileName } from "./shared/text.js";
import { followTheme } from "./shared/theme.js";
import { zoomTools } from "./shared/tools.js";
import { Perturbation } from "./perturbation_model.js";
import { perturbationPanel } from "./perturbation_panel.js";
import { ChangedPicture } from "./perturbation_picture.js";
import { scrubber } from "./perturbation_scrubber.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */

/** The object's box in the unchanged photograph. */
const ORIGINAL = "#ffb000";

/** One view of the widget in the page. */
class PerturbationView {
  /** @type {CanvasImageSource | null} */
  #photo = null;
  #changed = new ChangedPicture();
  /** @type {Array<() => void>} */
  #undo = [];
  #described = "";
  /** @type {unknown} */
  #drawn = null;

  /**
   * @param {Perturbation} perturbation
   * @param {HTMLElement} host
   */
  constructor(perturbation, host) {
    this.perturbation = perturbation;
    this.store = perturbation.store;
    const { width, height } = this.store.get("photo");
    this.stage = new Stage({ width, height }, this.#stageActions());
    this.curve = curveView((step) => this.store.commit({ step }));
    this.scrubber = scrubber({
      moved: (step) => this.store.setLive("step", step),
      released: (step) => this.store.commit({ step }),
      last: () => perturbation.last,
      step: () => perturbation.step,
    });
    this.progress = progressView(() => this.store.send({ type: "cancel" }));
    this.words = element("p", { class: "dx-words", role: "status", "aria-live": "polite", id: uniqueId("words") });
    this.panel = perturbationPanel(perturbation, {
      select: (index) => this.#select(index),
      step: (step) => this.#step(step),
      hover: (index) => this.stage.hover(index),
      download: () => this.#download(),
    });
    this.root = this.#arrange();
    host.append(this.root);
    this.#undo.push(followTheme(this.root), this.store.subscribe((key) => this.#heard(key)));
    this.#load();
    this.#refresh();
  }

  dispose() {
    for (const undo of this.#undo) undo();
    this.scrubber.dispose();
    this.curve.dispose();
    this.stage.dispose();
    this.progress.dispose();
    this.root.remove();
  }

  #arrange() {
    const { stage, progress, curve } = this;
    stage.canvas.setAttribute("aria-describedby", this.words.id);
    stage.root.append(zoomTools(stage), progress.busy);
    const figure = element("div", { class: "dx-figure" }, [stage.root, this.scrubber.root, curve.root, progress.error, this.words]);
    const about = { role: "group", "aria-label": "Deletion and insertion" };
    return element("div", { class: "dx-root dx-perturbation", "data-ready": "false", ...about }, [
      element("div", { class: "dx-columns" }, [figure, this.panel.root]),
    ]);
  }

  /** @returns {import("./shared/stage.js").StageActions} */
  #stageActions() {
    return {
      objects: () => this.store.get("objects"),
      selected: () => this.perturbation.selected,
      scene: () => this.#scene(),
      select: (index) => this.#select(index),
      step: (step) => this.#step(step),
      escape: () => {
        if (this.perturbation.status.state === "busy") this.store.send({ type: "cancel" });
        else this.#select(null);
      },
      pointed: () => {},
      painted: () => this.#painted(),
    };
  }

  /** Decode the photograph; everything else waits for it. */
  async #load() {
    const { data, type } = this.store.get("photo");
    try {
      this.#photo = await createImageBitmap(new Blob([data], { type }));
      this.stage.fit();
    } catch (error) {
      this.progress.show({ state: "error", key: "", text: `The photograph cannot be shown: ${error}`, done: 0, total: 0 });
    }
  }

  /** @param {string} key */
  #heard(key) {
    this.progress.show(this.perturbation.status);
    if (key !== "status") this.#refresh();
    this.stage.invalidate();
  }

  #refresh() {
    const { perturbation, store, stage } = this;
    const { walk, step } = perturbation;
    this.progress.show(perturbation.status);
    this.panel.show();
    const words = this.#words();
    this.scrubber.show(`${step} of ${perturbation.last}`, words);
    if (this.#drawn !== walk) {
      this.#drawn = walk;
      const whole = store.get("area") === "image" ? "all pixels of the image" : "as many pixels as its box has";
      const others = walk?.others.some((v) => v !== null) ? [{ values: walk.others, title: "other objects, mean" }] : [];
      const curves = walk ? [{ values: walk.relative, title: "this object: score over original score" }, ...others] : [];
      this.curve.draw(curves, `100%: ${whole}`, this.#summary());
    }
    if (walk) this.curve.mark(step);
    const objects = store.get("objects");
    const count = `${objects.length} detected ${objects.length === 1 ? "object" : "objects"}`;
    stage.canvas.setAttribute("aria-label", `Changed photograph with ${count}. Arrow keys select, plus and minus zoom.`);
    if (words !== this.#described) this.words.textContent = this.#described = words;
  }

  /** The curve in words. */
  #summary() {
    const { walk, last } = this.perturbation;
    if (!walk) return "";
    const say = (/** @type {number | null} */ v) => (v === null ? "undefined" : `${Math.round(100 * v)}%`);
    const middle = Math.floor(last / 2);
    const at = [0, middle, last].map((i) => `${say(walk.relative[i])} in picture ${i}`);
    return `${walk.title}: score over original score is ${at.join(", ")}; area below the curve ${say(walk.area)}.`;
  }

  #words() {
    const { perturbation, store } = this;
    const { walk, step, selected } = perturbation;
    if (store.get("notice")) return store.get("notice");
    if (selected === null) return "Click an object, or use the arrow keys, to change the photograph in the order of its map.";
    const object = store.get("objects")[selected];
    if (!walk) return `${boxLabel(object)}.`;
    const number = walk.counts[step];
    const done = `${number} ${number === 1 ? "pixel" : "pixels"} ${walk.deleting ? "deleted" : "inserted"}`;
    const there = walk.matches[step] !== null;
    const score = `score ${walk.scores[step].toFixed(2)} of ${object.score.toFixed(2)}, its box overlaps by ${Math.round(100 * walk.ious[step])}%`;
    const count = walk.answers[step].filter((answer) => answer.score >= walk.least).length;
    const found = `${count} ${count === 1 ? "object" : "objects"} found with a score of at least ${walk.least}`;
    return `${object.name}, ${walk.title}, ${done}: ${there ? score : "no longer found"}; ${found}.`;
  }

  /** The picture with all that the detector found in it, and the object's box as it was. @returns {import("./shared/painter.js").Scene | null} */
  #scene() {
    const { perturbation, store } = this;
    if (!this.#photo) return null;
    const { width, height } = store.get("photo");
    const { walk, step, selected } = perturbation;
    const objects = store.get("objects");
    const base = { size: { width, height }, heat: null, opacity: 0, hovered: null, side: null, boxes: "all" };
    if (!walk || selected === null) return { ...base, photo: this.#photo, objects, selected };
    const match = walk.matches[step];
    const hidden = new Set(objects.map((/** @type {unknown} */ _, /** @type {number} */ i) => i));
    hidden.delete(selected);
    return {
      ...base,
      photo: this.#changed.draw(this.#photo, walk, step),
      objects: [...objects, ...walk.answers[step]],
      selected: match !== null && match < walk.answers[step].length ? objects.length + match : null,
      tints: new Map([[selected, ORIGINAL]]),
      hidden,
    };
  }

  /** @param {number | null} index */
  #select(index) {
    if (index !== null && !this.store.get("objects")[index]) return;
    this.store.commit({ selected: index });
  }

  /** @param {1 | -1} step */
  #step(step) {
    const objects = this.store.get("objects");
    const next = neighbour(this.perturbation.selected, step, objects.length);
    if (next === null) return;
    this.stage.viewport.reveal(objects[next].box);
    this.#select(next);
  }

  #painted() {
    const { perturbation, root } = this;
    const { walk, selected, step } = perturbation;
    root.dataset.shown = walk ? `${walk.key}@${step}` : "";
    const waits = selected !== null && !walk && perturbation.status.state !== "error";
    root.dataset.ready = String(!waits);
  }

  async #download() {
    const { perturbation, store } = this;
    const scene = this.#scene();
    if (!scene) return;
    const { walk, step, selected } = perturbation;
    const name = selected === null ? "photograph" : store.get("objects")[selected].name;
    const parts = [...(walk?.key.split(/[|#]/) ?? []), name, String(step)];
    try {
      await downloadPng(renderPicture(scene, this.stage.viewport.visible), fileName(parts));
    } catch (error) {
      this.progress.show({ state: "error", key: "", text: `The picture was not saved: ${error}`, done: 0, total: 0 });
    }
  }
}

export default () => {
  /** @type {Perturbation | null} */
  let perturbation = null;
  return {
    /** @param {{model: AnyModel}} props */
    initialize({ model }) {
      const made = new Perturbation(model);
      perturbation = made;
      return () => made.store.dispose();
    },
    /** @param {{model: AnyModel, el: HTMLElement}} props */
    render({ model, el }) {
      perturbation ??= new Perturbation(model);
      const view = new PerturbationView(perturbation, el);
      return () => view.dispose();
    },
  };
};
