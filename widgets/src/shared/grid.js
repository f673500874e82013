// The grid of methods and objects: one view of the photograph for all cells, one point, one selection.

import { button, element, focusedBy } from "./dom.js";
import { factRows } from "./facts.js";
import { listenToKeys } from "./keyboard.js";
import { neighbour } from "./boxes.js";
import { fullScreen } from "./tools.js";
import { Viewport, placeFor } from "./viewport.js";
import { Cell, figure } from "./grid_cell.js";

/** @typedef {import("./grid_cell.js").Shared} Shared */
/** @typedef {import("./types.js").Place} Place */

const TALLEST = 320;
const ZOOM_STEP = 1.3;
const PAN_STEP = 40;

/** The arrow keys of a grid move by one cell, those with Shift pan the photograph, w a s d move the point. */
export class Grid {
  /** @type {Map<string, Cell>} */
  #cells = new Map();
  #arranged = "";
  #frame = 0;
  /** @type {{x: number, y: number} | null} */
  probe = null;

  /**
   * @param {Shared} comparison
   * @param {{select: (place: Place) => void, escape: () => void, pointed: (byKey: boolean) => void,
   *   compute: (method: string) => void, photo: () => CanvasImageSource | null, painted: () => void}} actions
   */
  constructor(comparison, actions) {
    this.comparison = comparison;
    this.actions = actions;
    const { width, height } = comparison.store.get("photo");
    this.viewport = new Viewport({ width, height }, comparison.mostZoom);
    this.table = element("div", { class: "dx-grid", role: "grid", "aria-label": comparison.labels.grid });
    this.root = element("div", { class: "dx-grid-box" }, [this.table]);
    this.#listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.root);
  }

  dispose() {
    cancelAnimationFrame(this.#frame);
    this.observer.disconnect();
  }

  /** @param {Place} place */
  cell({ method, object }) {
    return this.#cells.get(`${method}|${object}`);
  }

  /** Bring the grid up to date with the traits. */
  show() {
    const { comparison } = this;
    const { order, shown, selected } = comparison;
    this.#arrange(order, shown);
    this.heads();
    const first = selected ?? (order.length > 0 && shown.length > 0 ? { method: order[0], object: shown[0] } : null);
    for (const cell of this.#cells.values()) {
      const { method, object } = cell.place;
      cell.show(selected?.method === method && selected.object === object);
      cell.root.tabIndex = first?.method === method && first.object === object ? 0 : -1;
    }
    this.#probed(false);
    this.invalidate();
  }

  /** Bring what is said of each method up to date. */
  heads() {
    for (const method of this.comparison.order) this.#head(method);
  }

  /** Give every cell the room there is across, whatever the photograph's proportions. */
  fit() {
    const room = [...this.#cells.values()][0]?.root.clientWidth ?? 0;
    if (room === 0) return;
    this.viewport.resize(placeFor(this.viewport.image, Math.max(40, room - 8), TALLEST));
    for (const cell of this.#cells.values()) cell.fit();
    this.paint();
  }

  /** Paint with the next frame. */
  invalidate() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    for (const cell of this.#cells.values()) cell.paint();
    this.#probed(false);
    this.actions.painted();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.viewport.zoomBy(factor);
    this.invalidate();
  }

  zoomIn() {
    this.zoom(ZOOM_STEP);
  }

  zoomOut() {
    this.zoom(1 / ZOOM_STEP);
  }

  reset() {
    this.viewport.reset();
    this.invalidate();
  }

  /** Take the widget to full screen, or back. */
  whole() {
    fullScreen(this.root, () => {});
  }

  /** Show the selected object as large as it fits, with some of what is around it. */
  frame() {
    const { comparison } = this;
    if (!comparison.selected) return;
    this.viewport.show(comparison.frameBox(comparison.selected));
    this.invalidate();
  }

  /**
   * Rows, columns and cells; those that stay keep what they have painted, and the focus.
   * @param {string[]} order
   * @param {number[]} shown
   */
  #arrange(order, shown) {
    const { comparison, table } = this;
    const arranged = JSON.stringify([order, shown, shown.map((i) => comparison.label(i))]);
    if (arranged === this.#arranged) return;
    this.#arranged = arranged;
    const focused = focusedBy(table);
    const cells = new Map(order.flatMap((method) => shown.map((object) => [`${method}|${object}`, { method, object }])));
    for (const key of [...this.#cells.keys()]) if (!cells.has(key)) this.#cells.delete(key);
    for (const [key, place] of cells) if (!this.#cells.has(key)) this.#cells.set(key, this.#make(place));
    const heads = shown.map((i) => {
      const label = comparison.label(i);
      return element("div", { class: "dx-object", role: "columnheader", title: label }, [label]);
    });
    const corner = element("div", { role: "columnheader", "aria-label": "Method" });
    const lines = order.map((method) => {
      const head = element("div", { class: "dx-method", role: "rowheader" });
      head.dataset.method = method;
      const found = shown.map((object) => /** @type {Cell} */ (this.cell({ method, object })).root);
      return element("div", { class: "dx-line", role: "row" }, [head, ...found]);
    });
    table.style.setProperty("--dx-columns", String(Math.max(1, shown.length)));
    table.hidden = order.length === 0 || shown.length === 0;
    table.replaceChildren(element("div", { class: "dx-line dx-top", role: "row" }, [corner, ...heads]), ...lines);
    if (focused instanceof HTMLElement && table.contains(focused)) focused.focus({ preventScroll: true });
    this.fit();
  }

  /** @param {Place} place */
  #make(place) {
    const { comparison, viewport, actions } = this;
    return new Cell(comparison, place, viewport, {
      select: actions.select,
      pointed: (x, y) => this.#point(x, y),
      moved: () => this.invalidate(),
      photo: actions.photo,
    });
  }

  /** What is said of a method as a whole: its name, what it took, its means, what went wrong. @param {string} method */
  #head(method) {
    const { comparison, table, actions } = this;
    const head = [...table.querySelectorAll(".dx-method")].find((e) => /** @type {HTMLElement} */ (e).dataset.method === method);
    if (!head) return;
    const row = comparison.row(method);
    const { done, total } = comparison.status;
    const share = row.state === "busy" && total > 0 ? Math.round((100 * done) / total) : 0;
    const said = JSON.stringify([row, share, comparison.metrics, comparison.shown.length]);
    if (/** @type {HTMLElement} */ (head).dataset.said === said) return;
    /** @type {HTMLElement} */ (head).dataset.said = said;
    const parts = [element("strong", {}, [comparison.title(method)])];
    if (row.remark) parts.push(element("span", { class: "dx-remark" }, [row.remark]));
    if (row.state === "busy") parts.push(...this.#work(share, row.text));
    if (row.state === "asked") parts.push(element("span", { class: "dx-question", role: "status" }, [row.text]));
    if (row.state === "error") parts.push(element("span", { class: "dx-wrong" }, [row.text]));
    if (!comparison.store.saved && ["error", "stopped", "asked"].includes(row.state)) {
      const title = comparison.title(method);
      parts.push(button("compute", `Compute ${title}`, () => actions.compute(method), "Compute"));
    }
    if (row.state === "ok" && comparison.shown.length > 1 && comparison.metrics.length > 0) {
      const means = factRows(comparison.metrics.map((m) => ({ name: m.title, value: figure(row.mean[m.name]) })));
      const about = `Mean of ${comparison.shown.length} ${comparison.subject?.many ?? "objects"}`;
      parts.push(element("span", { class: "dx-remark" }, [about]), element("dl", { class: "dx-figures" }, means));
    }
    head.replaceChildren(...parts);
  }

  /**
   * A bar in the method's own row, as the strip above the grid may be out of sight.
   * @param {number} share percent
   * @param {string} text how far it is
   */
  #work(share, text) {
    const fill = element("span", { class: "dx-progress-fill" });
    fill.style.width = `${share}%`;
    const bar = element("span", { class: `dx-progress-bar${share === 0 ? " dx-unknown" : ""}`, "aria-hidden": "true" }, [fill]);
    const said = element("span", { class: "dx-remark" }, [share === 0 ? "Computing" : `Computing, ${share}%`]);
    return [said, bar, ...(text ? [element("span", { class: "dx-remark" }, [text])] : [])];
  }

  /**
   * @param {number | null} x
   * @param {number | null} y
   */
  #point(x, y) {
    const { width, height } = this.viewport.image;
    const outside = x === null || y === null || x < 0 || y < 0 || x >= width || y >= height;
    this.probe = outside ? null : { x: Math.floor(x), y: Math.floor(y) };
    this.#probed(true);
  }

  /** @param {boolean} told whether the point is new @param {boolean} [byKey] */
  #probed(told, byKey = false) {
    for (const cell of this.#cells.values()) cell.probe(this.probe);
    if (told) this.actions.pointed(byKey);
  }

  /** Move the point by a share of what is on screen; the first time it comes to the strongest evidence. @param {number} dx @param {number} dy */
  #nudge(dx, dy) {
    const selected = this.comparison.selected;
    if (!selected) return;
    const { width, height } = this.viewport.image;
    const peak = this.comparison.map(selected)?.peak ?? [width / 2, height / 2];
    const step = Math.max(1, Math.round(this.viewport.visible.width / 40));
    const at = this.probe ?? { x: Math.floor(peak[0]), y: Math.floor(peak[1]) };
    const moved = this.probe ? { x: at.x + dx * step, y: at.y + dy * step } : at;
    this.probe = {
      x: Math.min(Math.max(moved.x, 0), width - 1),
      y: Math.min(Math.max(moved.y, 0), height - 1),
    };
    this.#probed(true, true);
  }

  /** @param {-1 | 0 | 1} down @param {-1 | 0 | 1} right */
  #step(down, right) {
    const { order, shown, selected } = this.comparison;
    if (order.length === 0 || shown.length === 0) return;
    const from = selected ?? { method: order[0], object: shown[0] };
    const row = neighbour(order.indexOf(from.method), down, order.length) ?? 0;
    const column = neighbour(shown.indexOf(from.object), right, shown.length) ?? 0;
    this.#go(row, column);
  }

  /** @param {number} row @param {number} column */
  #go(row, column) {
    const { order, shown } = this.comparison;
    this.cell({ method: order[row], object: shown[column] })?.root.focus();
  }

  #listen() {
    const pan = (/** @type {number} */ dx, /** @type {number} */ dy) => () => {
      this.viewport.panBy(dx, dy);
      this.invalidate();
    };
    const row = () => Math.max(0, this.comparison.order.indexOf(this.comparison.selected?.method ?? ""));
    listenToKeys(this.table, {
      ArrowRight: () => this.#step(0, 1),
      ArrowLeft: () => this.#step(0, -1),
      ArrowDown: () => this.#step(1, 0),
      ArrowUp: () => this.#step(-1, 0),
      Home: () => this.#go(row(), 0),
      End: () => this.#go(row(), this.comparison.shown.length - 1),
      "Shift+ArrowRight": pan(-PAN_STEP, 0),
      "Shift+ArrowLeft": pan(PAN_STEP, 0),
      "Shift+ArrowDown": pan(0, -PAN_STEP),
      "Shift+ArrowUp": pan(0, PAN_STEP),
      w: () => this.#nudge(0, -1),
      a: () => this.#nudge(-1, 0),
      s: () => this.#nudge(0, 1),
      d: () => this.#nudge(1, 0),
      f: () => this.frame(),
      "+": () => this.zoomIn(),
      "=": () => this.zoomIn(),
      "-": () => this.zoomOut(),
      0: () => this.reset(),
      F: () => this.whole(),
      Escape: () => this.actions.escape(),
    });
  }
}
