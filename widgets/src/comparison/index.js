// Comparison: the same objects, or classes, explained by several methods, side by side.

import { button, element, focusedBy } from "../shared/dom.js";
import { colorBar } from "../shared/colorbar.js";
import { boxLabel, describe } from "../shared/text.js";
import { fullScreenButton } from "../shared/tools.js";
import { viewParts, widget } from "../shared/view.js";
import { figure } from "../shared/grid_cell.js";
import { Grid } from "../shared/grid.js";
import { Comparison } from "./model.js";
import { basisOf, comparisonPanel, sortControls } from "./panel.js";
import { gridLegend, renderGridSheet, svgOfGrid } from "../shared/grid_sheet.js";
import { csvOf, objectStart, startColumns } from "../shared/sheet.js";

/** @typedef {import("./model.js").Place} Place */

/**
 * Change what is above some controls; what the person uses there stays where it is on the screen.
 * @param {HTMLElement} controls
 * @param {() => void} change
 */
function keepInPlace(controls, change) {
  const before = controls.getBoundingClientRect().top;
  change();
  const moved = controls.getBoundingClientRect().top - before;
  if (Math.abs(moved) < 1 || !controls.contains(focusedBy(controls))) return;
  for (let around = controls.parentElement; around; around = around.parentElement) {
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(around).overflowY) && around.scrollHeight > around.clientHeight;
    if (!scrolls) continue;
    around.scrollTop += moved;
    return;
  }
}

/** One view of the widget in the page. */
class ComparisonView {
  #described = "";

  /**
   * @param {Comparison} comparison
   * @param {HTMLElement} host
   */
  constructor(comparison, host) {
    this.comparison = comparison;
    this.store = comparison.store;
    this.bar = colorBar();
    this.parts = viewParts(this.store);
    this.grid = new Grid(comparison, {
      select: (place) => this.#select(place),
      escape: () => this.#escape(),
      pointed: (byKey) => this.#pointed(byKey),
      compute: (method) => this.store.send({ type: "compute", method }),
      photo: this.parts.photo,
      painted: () => this.#painted(),
    });
    this.sort = sortControls(comparison);
    this.panel = comparisonPanel(comparison, {
      download: this.parts.downloads(() => this.#sheet(), () => this.#table(), { png: renderGridSheet, svg: svgOfGrid }),
    });
    this.root = this.#arrange();
    this.parts.begin(host, this.root, { changed: (key) => this.#changed(key), decoded: () => this.#decoded() });
    this.#refresh();
  }

  dispose() {
    this.parts.dispose();
    this.grid.dispose();
  }

  #arrange() {
    const { grid, sort, bar, panel } = this;
    const { words, progress, frame } = this.parts;
    const tools = element("div", { class: "dx-tools dx-flat", role: "toolbar", "aria-label": "Zoom of all cells" }, [
      button("plus", "Zoom in (+)", () => grid.zoomIn()),
      button("minus", "Zoom out (\u2212)", () => grid.zoomOut()),
      ...(this.comparison.subject.whole ? [] : [button("frame", "Show the selected object (f)", () => grid.frame())]),
      button("reset", "Show the whole photograph (0)", () => grid.reset()),
      fullScreenButton(() => grid.whole()),
    ]);
    grid.table.setAttribute("aria-describedby", words.id);
    const over = element("div", { class: "dx-over" }, [tools, sort.root, progress.busy]);
    return frame("comparison", "Comparison of methods", [over, progress.error, grid.root, bar.root, words, this.parts.again.root, panel.root]);
  }

  /** Where nothing was found there is no cell that would be painted. */
  #decoded() {
    this.grid.fit();
    this.grid.invalidate();
  }

  /** @param {string} key */
  #changed(key) {
    this.parts.progress.show(this.#status);
    if (key === "status") this.grid.heads();
    else this.#refresh();
  }

  /** A failed method says so in its own row; the strip is for work. */
  get #status() {
    const { status } = this.comparison;
    return status.state === "error" ? { ...status, state: /** @type {const} */ ("idle") } : status;
  }

  #refresh() {
    const { comparison, store, parts } = this;
    const { selected } = comparison;
    parts.progress.show(this.#status);
    this.sort.show();
    this.panel.show();
    parts.again.show(store.get("lower_score"));
    keepInPlace(this.panel.root, () => this.grid.show());
    const range = selected ? comparison.range(selected) : null;
    this.bar.show(range, selected ? comparison.table(selected.method, false) : new Uint32Array(2), selected ? comparison.maps(selected.method)?.unit : "");
    this.#pointed(false);
    const words = store.get("notice") || this.#words(selected);
    // What was said of a point stays until there is something else to say.
    if (words !== this.#described) parts.say((this.#described = words));
  }

  /** @param {Place | null} selected */
  #words(selected) {
    const { comparison, store } = this;
    if (comparison.order.length === 0 || comparison.shown.length === 0) return comparison.labels.empty;
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
    this.parts.say(`${boxLabel(this.store.get("objects")[object])}, at ${probe.x}, ${probe.y}: ${values.join("; ")}.`);
  }

  #painted() {
    const { comparison, root, store } = this;
    const { order, shown, selected } = comparison;
    const photo = this.parts.photo();
    const painted = photo ? order.filter((method) => comparison.maps(method)) : [];
    root.dataset.shown = painted.join(" ");
    root.dataset.selected = selected ? `${selected.method}#${selected.object}` : "";
    root.dataset.zoom = this.grid.viewport.zoom.toFixed(2);
    root.dataset.opacity = String(store.get("opacity"));
    const there = (/** @type {string} */ method) => shown.every((object) => comparison.map({ method, object }));
    const settled = order.every((m) => there(m) || ["stopped", "asked", "error"].includes(comparison.row(m).state));
    root.dataset.ready = String(photo !== null && (settled || shown.length === 0));
  }

  /** @returns {import("../shared/grid_sheet.js").GridSheet} */
  #sheet() {
    const { comparison, grid, store } = this;
    const { order } = comparison;
    const target = store.get("choices").targets.find((/** @type {{name: string}} */ one) => one.name === store.get("target"));
    const layer = store.get("layer") || "the one that each method prefers";
    const words = [`Explained: ${(target?.title ?? store.get("target")).toLowerCase()}. Layer: ${layer}. ${basisOf(comparison)}`];
    return { grid, words, legend: gridLegend(grid), name: ["comparison", store.get("target"), ...order] };
  }

  /** A line for each method and object: what the metrics and the methods say of every map that is shown. */
  #table() {
    const { comparison, store } = this;
    const { order, shown, metrics } = comparison;
    const rows = order.map((method) => ({ method, row: comparison.row(method) }));
    const own = [...new Set(rows.flatMap(({ row }) => Object.keys(row.figures)))];
    const columns = [...startColumns(comparison.subject.whole), "method", "target", "layer"];
    const lines = rows.flatMap(({ method, row }) =>
      shown.map((index) => [
        ...objectStart(store.get("objects")[index], index),
        method,
        store.get("target"),
        store.get("layer"),
        ...metrics.map((metric) => row.metrics[metric.name]?.[index]),
        ...own.map((name) => row.figures[name]?.[index]),
      ]),
    );
    return csvOf([...columns, ...metrics.map(({ name }) => name), ...own], lines);
  }
}

export default widget(
  (model) => new Comparison(model),
  (comparison, host) => new ComparisonView(comparison, host),
);
