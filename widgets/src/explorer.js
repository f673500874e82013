// Explorer: click an object of a photograph and see which pixels made the detector say so.

import { element, uniqueId } from "./shared/dom.js";
import { colorBar } from "./shared/colorbar.js";
import { explorerPanel } from "./explorer_panel.js";
import { Explorer, MAP_TRAITS } from "./explorer_model.js";
import { HeatLayer } from "./shared/heat.js";
import { valueAt } from "./shared/maps.js";
import { neighbour } from "./shared/boxes.js";
import { downloadPng, fullLayer, renderPicture } from "./shared/png.js";
import { progressView } from "./shared/progress.js";
import { Stage } from "./shared/stage.js";
import { describe, fileName } from "./shared/text.js";
import { followTheme } from "./shared/theme.js";
import { zoomTools } from "./shared/tools.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */

/** One view of the widget in the page. */
class ExplorerView {
  /** @type {CanvasImageSource | null} */
  #photo = null;
  #heat = new HeatLayer();
  /** @type {Array<() => void>} */
  #undo = [];
  #described = "";

  /**
   * @param {Explorer} explorer
   * @param {HTMLElement} host
   */
  constructor(explorer, host) {
    this.explorer = explorer;
    this.store = explorer.store;
    const { width, height } = this.store.get("photo");
    this.stage = new Stage({ width, height }, this.#stageActions());
    this.bar = colorBar();
    this.progress = progressView(() => explorer.cancel());
    this.words = element("p", { class: "dx-words", role: "status", "aria-live": "polite", id: uniqueId("words") });
    this.panel = explorerPanel(explorer, {
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
    this.progress.show(this.explorer.status);
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
    const about = { role: "group", "aria-label": "Explorer of detected objects" };
    return element("div", { class: "dx-root dx-explorer", "data-ready": "false", ...about }, [
      element("div", { class: "dx-columns" }, [figure, this.panel.root]),
    ]);
  }

  /** @returns {import("./shared/stage.js").StageActions} */
  #stageActions() {
    return {
      objects: () => this.store.get("objects"),
      selected: () => this.explorer.selected,
      scene: () => this.#scene(this.#heat),
      select: (index) => this.#select(index),
      step: (step) => this.#step(step),
      escape: () => {
        if (this.explorer.status.state === "busy") this.explorer.cancel();
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
    if (MAP_TRAITS.includes(key)) this.progress.show(this.explorer.status);
    if (key !== "status") this.#refresh();
    this.stage.invalidate();
  }

  /** Bring controls, list, colour bar and words up to date. */
  #refresh() {
    const { explorer, store, stage } = this;
    this.panel.show();
    this.bar.show(explorer.map ? explorer.range : null, explorer.table(false));
    const objects = store.get("objects");
    const count = `${objects.length} detected ${objects.length === 1 ? "object" : "objects"}`;
    stage.canvas.setAttribute("aria-label", `Photograph with ${count}. Arrow keys select, plus and minus zoom.`);
    const words = this.#words();
    if (words !== this.#described) this.words.textContent = this.#described = words;
  }

  #words() {
    const { explorer, store } = this;
    const selected = explorer.selected;
    if (store.get("notice")) return store.get("notice");
    if (selected === null) return "Click an object, or use the arrow keys, to see its heat map.";
    return describe(store.get("objects")[selected], explorer.map, explorer.maps?.title ?? "");
  }

  /**
   * @param {HeatLayer} layer
   * @returns {import("./shared/painter.js").Scene | null}
   */
  #scene(layer) {
    const { explorer, store } = this;
    if (!this.#photo) return null;
    const { width, height } = store.get("photo");
    const { map, range } = explorer;
    const drawn = map && range ? layer.draw(map, [height, width], range, explorer.table(true), explorer.colors) : null;
    return {
      photo: this.#photo,
      size: { width, height },
      heat: drawn,
      opacity: store.get("opacity"),
      objects: store.get("objects"),
      selected: explorer.selected,
      hovered: null,
      side: map ? explorer.side : null,
      boxes: store.get("boxes"),
    };
  }

  /** @param {number | null} index */
  #select(index) {
    const { store } = this;
    if (index !== null && !store.get("objects")[index]) return;
    store.commit({ selected: index });
  }

  /** @param {1 | -1} step */
  #step(step) {
    const objects = this.store.get("objects");
    const next = neighbour(this.explorer.selected, step, objects.length);
    if (next === null) return;
    this.stage.viewport.reveal(objects[next].box);
    this.#select(next);
  }

  /**
   * @param {number | null} x
   * @param {number | null} y
   */
  #point(x, y) {
    const { width, height } = this.store.get("photo");
    if (x === null || y === null || x < 0 || y < 0 || x >= width || y >= height) {
      this.bar.point(null);
      return;
    }
    const at = { x: Math.floor(x), y: Math.floor(y) };
    const { map } = this.explorer;
    this.bar.point({ ...at, value: map ? valueAt(map, at.x + 0.5, at.y + 0.5) : null });
  }

  #painted() {
    const { explorer, root, store } = this;
    root.dataset.shown = explorer.map ? `${explorer.maps?.key}#${explorer.selected}` : "";
    root.dataset.opacity = String(store.get("opacity"));
    const waits = explorer.selected !== null && !explorer.map && explorer.status.state !== "error";
    root.dataset.ready = String(!waits);
  }

  async #download() {
    const { explorer, store } = this;
    const scene = this.#scene(fullLayer());
    if (!scene) return;
    const selected = explorer.selected;
    const name = selected === null ? "photograph" : store.get("objects")[selected].name;
    try {
      await downloadPng(renderPicture(scene, this.stage.viewport.visible), fileName([...(explorer.maps?.key.split("|") ?? []), name]));
    } catch (error) {
      this.progress.show({ state: "error", key: "", text: `The picture was not saved: ${error}`, done: 0, total: 0 });
    }
  }
}

export default () => {
  /** @type {Explorer | null} */
  let explorer = null;
  return {
    /** @param {{model: AnyModel}} props */
    initialize({ model }) {
      const made = new Explorer(model);
      explorer = made;
      return () => made.store.dispose();
    },
    /** @param {{model: AnyModel, el: HTMLElement}} props */
    render({ model, el }) {
      explorer ??= new Explorer(model);
      const view = new ExplorerView(explorer, el);
      return () => view.dispose();
    },
  };
};
