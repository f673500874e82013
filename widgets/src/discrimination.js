// Discrimination: which pixels speak for the clicked object alone, and which neighbour takes the others.

import { neighbour } from "./shared/boxes.js";
import { colorBar } from "./shared/colorbar.js";
import { element, uniqueId } from "./shared/dom.js";
import { HeatLayer } from "./shared/heat.js";
import { STEPS, valueAt } from "./shared/maps.js";
import { downloadPng, fullLayer, renderPicture } from "./shared/png.js";
import { progressView } from "./shared/progress.js";
import { Stage } from "./shared/stage.js";
import { boxLabel, fileName, formatValue } from "./shared/text.js";
import { followTheme } from "./shared/theme.js";
import { zoomTools } from "./shared/tools.js";
import { TakerLayer } from "./discrimination_layer.js";
import { Discrimination } from "./discrimination_model.js";
import { discriminationPanel } from "./discrimination_panel.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */

/** One view of the widget in the page. */
class DiscriminationView {
  /** @type {CanvasImageSource | null} */
  #photo = null;
  #heat = new HeatLayer();
  #takers = new TakerLayer();
  /** @type {Array<() => void>} */
  #undo = [];
  #described = "";

  /**
   * @param {Discrimination} discrimination
   * @param {HTMLElement} host
   */
  constructor(discrimination, host) {
    this.discrimination = discrimination;
    this.store = discrimination.store;
    const { width, height } = this.store.get("photo");
    this.stage = new Stage({ width, height }, this.#stageActions());
    this.bar = colorBar();
    this.progress = progressView(() => this.store.send({ type: "cancel" }));
    this.words = element("p", { class: "dx-words", role: "status", "aria-live": "polite", id: uniqueId("words") });
    this.panel = discriminationPanel(discrimination, {
      select: (index) => this.#select(index),
      step: (step) => this.#step(step),
      hover: (index) => this.stage.hover(index),
      download: () => this.#download(),
    });
    this.root = this.#arrange();
    host.append(this.root);
    this.#undo.push(followTheme(this.root), this.store.subscribe((key) => this.#changed(key)));
    this.#load();
    this.#refresh();
  }

  dispose() {
    for (const undo of this.#undo) undo();
    this.stage.dispose();
    this.progress.dispose();
    this.root.remove();
  }

  #arrange() {
    const { stage, progress } = this;
    stage.canvas.setAttribute("aria-describedby", this.words.id);
    stage.root.append(zoomTools(stage), progress.busy);
    const figure = element("div", { class: "dx-figure" }, [stage.root, this.bar.root, progress.error, this.words]);
    const about = { role: "group", "aria-label": "One object against the others" };
    return element("div", { class: "dx-root dx-discrimination", "data-ready": "false", ...about }, [
      element("div", { class: "dx-columns" }, [figure, this.panel.root]),
    ]);
  }

  /** @returns {import("./shared/stage.js").StageActions} */
  #stageActions() {
    return {
      objects: () => this.store.get("objects"),
      selected: () => this.discrimination.selected,
      scene: () => this.#scene(this.#heat),
      select: (index) => this.#select(index),
      step: (step) => this.#step(step),
      escape: () => {
        if (this.discrimination.status.state === "busy") this.store.send({ type: "cancel" });
        else this.#select(null);
      },
      pointed: (x, y) => this.#point(x, y),
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
  #changed(key) {
    this.progress.show(this.discrimination.status);
    if (key !== "status") this.#refresh();
    this.stage.invalidate();
  }

  #refresh() {
    const { discrimination, store, stage } = this;
    this.progress.show(discrimination.status);
    this.panel.show();
    const colored = discrimination.map && store.get("view") !== "neighbours";
    this.bar.show(colored ? discrimination.range : null, discrimination.table(false));
    const objects = store.get("objects");
    const count = `${objects.length} detected ${objects.length === 1 ? "object" : "objects"}`;
    stage.canvas.setAttribute("aria-label", `Photograph with ${count}. Arrow keys select, plus and minus zoom.`);
    const words = this.#words();
    if (words !== this.#described) this.words.textContent = this.#described = words;
  }

  #words() {
    const { discrimination, store } = this;
    const { selected, contrast } = discrimination;
    const objects = store.get("objects");
    if (store.get("notice")) return store.get("notice");
    if (selected === null) return "Click an object, or use the arrow keys, to see what sets it apart from the others.";
    const what = boxLabel(objects[selected]);
    if (!contrast) return `${what}.`;
    const percent = (/** @type {number} */ share) => `${Math.round(100 * share)}%`;
    const taken = contrast.facts.taken.filter((t) => t.inside > 0).map((t) => `${objects[t.index].name} takes ${percent(t.inside)}`);
    const rest = taken.length > 0 ? `; ${taken.join(", ")}` : "; no other object takes any of it";
    return `${what}. ${contrast.title}: ${percent(contrast.facts.kept)} of its box is its own${rest}.`;
  }

  /**
   * @param {HeatLayer} layer
   * @returns {import("./shared/painter.js").Scene | null}
   */
  #scene(layer) {
    const { discrimination, store } = this;
    if (!this.#photo) return null;
    const { width, height } = store.get("photo");
    const { contrast, map, range, selected, tints } = discrimination;
    const tinted = store.get("view") === "neighbours";
    /** @type {CanvasImageSource | null} */
    let heat = null;
    if (contrast && selected !== null && tinted) {
      heat = this.#takers.draw(contrast, tints, selected, store.get("threshold"));
    } else if (map && range) {
      heat = layer.draw(map, [height, width], range, discrimination.table(true), discrimination.colors);
    }
    return {
      photo: this.#photo,
      size: { width, height },
      heat,
      opacity: store.get("opacity"),
      objects: store.get("objects"),
      selected,
      hovered: null,
      side: map ? discrimination.side : null,
      boxes: store.get("boxes"),
      tints: tinted ? tints : undefined,
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
    const next = neighbour(this.discrimination.selected, step, objects.length);
    if (next === null) return;
    this.stage.viewport.reveal(objects[next].box);
    this.#select(next);
  }

  /**
   * @param {number | null} x
   * @param {number | null} y
   */
  #point(x, y) {
    const { discrimination, store } = this;
    const { width, height } = store.get("photo");
    if (x === null || y === null || x < 0 || y < 0 || x >= width || y >= height) {
      this.bar.point(null);
      return;
    }
    const at = { x: Math.floor(x), y: Math.floor(y) };
    const { map, contrast, selected } = discrimination;
    this.bar.point({ ...at, value: map ? valueAt(map, at.x + 0.5, at.y + 0.5) : null });
    if (!contrast || selected === null || store.get("view") === "map") return;
    const taker = discrimination.takerAt(at.x, at.y);
    const [difference] = contrast.difference.maps;
    const read = valueAt(difference, at.x + 0.5, at.y + 0.5);
    // Sent in steps, a lead of nothing comes back as half a step.
    const lead = Math.abs(read) < (difference.high - difference.low) / STEPS ? 0 : read;
    const whose = taker !== null ? store.get("objects")[taker].name : lead > 0 ? store.get("objects")[selected].name : "nobody";
    this.bar.say(`${formatValue(lead)} at x ${at.x}, y ${at.y}: most for ${whose}`);
  }

  #painted() {
    const { discrimination, root, store } = this;
    const { contrast, selected } = discrimination;
    root.dataset.shown = contrast && selected !== null ? contrast.key : "";
    root.dataset.view = store.get("view");
    root.dataset.opacity = String(store.get("opacity"));
    const waits = selected !== null && !contrast && discrimination.status.state !== "error";
    root.dataset.ready = String(!waits);
  }

  async #download() {
    const { discrimination, store } = this;
    const scene = this.#scene(fullLayer());
    if (!scene) return;
    const { selected, contrast } = discrimination;
    const name = selected === null ? "photograph" : store.get("objects")[selected].name;
    const parts = [store.get("view"), ...(contrast?.key.split("#")[0].split("|") ?? []), name];
    try {
      await downloadPng(renderPicture(scene, this.stage.viewport.visible), fileName(parts));
    } catch (error) {
      this.progress.show({ state: "error", key: "", text: `The picture was not saved: ${error}`, done: 0, total: 0 });
    }
  }
}

export default () => {
  /** @type {Discrimination | null} */
  let discrimination = null;
  return {
    /** @param {{model: AnyModel}} props */
    initialize({ model }) {
      const made = new Discrimination(model);
      discrimination = made;
      return () => made.store.dispose();
    },
    /** @param {{model: AnyModel, el: HTMLElement}} props */
    render({ model, el }) {
      discrimination ??= new Discrimination(model);
      const view = new DiscriminationView(discrimination, el);
      return () => view.dispose();
    },
  };
};
