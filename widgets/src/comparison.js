// Comparison: the same objects explained by several methods, side by side.

import { button, element, uniqueId } from "./shared/dom.js";
import { colorBar } from "./shared/colorbar.js";
import { downloadPng } from "./shared/png.js";
import { progressView } from "./shared/progress.js";
import { boxLabel, describe, fileName } from "./shared/text.js";
import { followTheme } from "./shared/theme.js";
import { figure } from "./comparison_cell.js";
import { Grid } from "./comparison_grid.js";
import { Comparison } from "./comparison_model.js";
import { comparisonPanel, sortControls } from "./comparison_panel.js";
import { renderGrid } from "./comparison_png.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("./comparison_model.js").Place} Place */

/** One view of the widget in the page. */
class ComparisonView {
  /** @type {CanvasImageSource | null} */
  #photo = null;
  /** @type {Array<() => void>} */
  #undo = [];
  #described = "";

  /**
   * @param {Comparison} comparison
   * @param {HTMLElement} host
   */
  constructor(comparison, host) {
    this.comparison = comparison;
    this.store = comparison.store;
    this.bar = colorBar();
    this.progress = progressView(() => this.store.send({ type: "cancel" }));
    this.words = element("p", { class: "dx-words", role: "status", "aria-live": "polite", id: uniqueId("words") });
    this.grid = new Grid(comparison, {
      select: (place) => this.#select(place),
      escape: () => this.#escape(),
      pointed: (byKey) => this.#pointed(byKey),
      compute: (method) => this.store.send({ type: "compute", method }),
      photo: () => this.#photo,
      painted: () => this.#painted(),
    });
    this.sort = sortControls(comparison);
    this.panel = comparisonPanel(comparison, { download: () => this.#download() });
    this.root = this.#arrange();
    host.append(this.root);
    this.#undo.push(followTheme(this.root), this.store.subscribe((key) => this.#changed(key)));
    this.#refresh();
    this.#load();
  }

  dispose() {
    for (const undo of this.#undo) undo();
    this.grid.dispose();
    this.progress.dispose();
    this.root.remove();
  }

  #arrange() {
    const { grid, progress } = this;
    const tools = element("div", { class: "dx-tools dx-flat", role: "toolbar", "aria-label": "Zoom of all cells" }, [
      button("plus", "Zoom in (+)", () => grid.zoomIn()),
      button("minus", "Zoom out (\u2212)", () => grid.zoomOut()),
      button("frame", "Show the selected object (f)", () => grid.frame()),
      button("reset", "Show the whole photograph (0)", () => grid.reset()),
    ]);
    grid.table.setAttribute("aria-describedby", this.words.id);
    const over = element("div", { class: "dx-over" }, [tools, this.sort.root, progress.busy]);
    const about = { role: "group", "aria-label": "Comparison of methods" };
    return element("div", { class: "dx-root dx-comparison", "data-ready": "false", ...about }, [
      over,
      progress.error,
      grid.root,
      this.bar.root,
      this.words,
      this.panel.root,
    ]);
  }

  /** Decode the photograph; everything else waits for it. */
  async #load() {
    const { data, type } = this.store.get("photo");
    try {
      this.#photo = await createImageBitmap(new Blob([data], { type }));
      this.grid.fit();
    } catch (error) {
      this.progress.show({ state: "error", key: "", text: `The photograph cannot be shown: ${error}`, done: 0, total: 0 });
    }
  }

  /** @param {string} key */
  #changed(key) {
    this.progress.show(this.#status);
    if (key === "status") this.grid.heads();
    else this.#refresh();
  }

  /** A failed method says so in its own row; the strip is for work. */
  get #status() {
    const { status } = this.comparison;
    return status.state === "error" ? { ...status, state: /** @type {const} */ ("idle") } : status;
  }

  #refresh() {
    const { comparison, store } = this;
    const { selected } = comparison;
    this.progress.show(this.#status);
    this.sort.show();
    this.panel.show();
    this.grid.show();
    const range = selected ? comparison.range(selected) : null;
    this.bar.show(range, selected ? comparison.table(selected.method, false) : new Uint32Array(2));
    this.#pointed(false);
    this.#say(this.#words(selected), store.get("notice"));
  }

  /** @param {string} words @param {string} notice */
  #say(words, notice) {
    const said = notice || words;
    if (said !== this.#described) this.words.textContent = this.#described = said;
  }

  /** @param {Place | null} selected */
  #words(selected) {
    const { comparison, store } = this;
    if (!selected) return "Click a cell, or use the arrow keys, to read its map; w, a, s and d move the point that all cells show.";
    const maps = comparison.maps(selected.method);
    return describe(store.get("objects")[selected.object], comparison.map(selected), maps?.title ?? "");
  }

  /** @param {Place} place */
  #select({ method, object }) {
    this.store.commit({ selected: object, selected_method: method });
  }

  #escape() {
    if (this.comparison.status.state === "busy") this.store.send({ type: "cancel" });
    else this.store.commit({ selected: null });
  }

  /** The point has moved. @param {boolean} byKey then its values are said as well */
  #pointed(byKey) {
    const { comparison, grid } = this;
    const { probe } = grid;
    const { selected } = comparison;
    const value = selected ? (grid.cell(selected)?.valueAt(probe) ?? null) : null;
    this.bar.point(probe ? { ...probe, value } : null);
    if (!byKey || !probe || !selected) return;
    const { object } = selected;
    const values = comparison.order.map((method) => {
      const value = grid.cell({ method, object })?.valueAt(probe);
      return `${comparison.title(method)} ${figure(value)}`;
    });
    this.#say(`${boxLabel(this.store.get("objects")[object])}, at ${probe.x}, ${probe.y}: ${values.join("; ")}.`, "");
  }

  #painted() {
    const { comparison, root, store } = this;
    const { order, shown, selected } = comparison;
    const painted = this.#photo ? order.filter((method) => comparison.maps(method)) : [];
    root.dataset.shown = painted.join(" ");
    root.dataset.selected = selected ? `${selected.method}#${selected.object}` : "";
    root.dataset.zoom = this.grid.viewport.zoom.toFixed(2);
    root.dataset.opacity = String(store.get("opacity"));
    const settled = order.every((m) => comparison.maps(m) || ["stopped", "error"].includes(comparison.row(m).state));
    root.dataset.ready = String(this.#photo !== null && (settled || shown.length === 0));
  }

  async #download() {
    try {
      await downloadPng(renderGrid(this.grid), fileName(["comparison", this.store.get("target"), ...this.comparison.order]));
    } catch (error) {
      this.progress.show({ state: "error", key: "", text: `The picture was not saved: ${error}`, done: 0, total: 0 });
    }
  }
}

export default () => {
  /** @type {Comparison | null} */
  let comparison = null;
  return {
    /** @param {{model: AnyModel}} props */
    initialize({ model }) {
      const made = new Comparison(model);
      comparison = made;
      return () => made.store.dispose();
    },
    /** @param {{model: AnyModel, el: HTMLElement}} props */
    render({ model, el }) {
      comparison ??= new Comparison(model);
      const view = new ComparisonView(comparison, el);
      return () => view.dispose();
    },
  };
};
