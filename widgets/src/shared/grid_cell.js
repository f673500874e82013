// One cell of the grid: the photograph with one map, the value under the pointer, and what the metrics say.

import { element, takesKeys } from "./dom.js";
import { factRows } from "./facts.js";
import { WHEEL_HINT, flash, listenToGestures } from "./gestures.js";
import { HeatLayer } from "./heat.js";
import { valueAt } from "./maps.js";
import { paintScene } from "./painter.js";
import { formatValue } from "./text.js";

/**
 * What a grid of methods and columns shows: those of Comparison are objects. `labels` are the words for the grid, for
 * where it is empty and for the figures in the head of a row.
 * @typedef {Pick<import("../comparison/model.js").Comparison, "store" | "order" | "shown" | "selected" | "metrics" | "status"
 *   | "side" | "title" | "row" | "maps" | "map" | "range" | "table" | "colors" | "isBest" | "label"
 *   | "labels" | "frameBox"> & {scene: (place: Place) => Boxes, mostZoom?: number, subject?: import("./subjects.js").Subject}} Shared `scene`: which boxes are
 *   drawn; `frameBox`: what is shown large in a cell
 */
/** @typedef {Pick<Scene, "objects" | "selected" | "boxes" | "tints" | "dashed" | "hidden">} Boxes */
/** @typedef {import("./types.js").Place} Place */
/** @typedef {import("./painter.js").Scene} Scene */
/** @typedef {import("./viewport.js").Viewport} Viewport */

/** A cell is small, so fewer samples do than for a picture of its own. */
const MOST_SAMPLES = 3e5;

const STATES = { waiting: "Waiting", busy: "Computing", stopped: "Not computed", asked: "Not computed", error: "Failed" };

/** A figure for people: a dash where there is none; words as they are. @param {number | string | null | undefined} value */
export const figure = (value) =>
  value === null || value === undefined ? "\u2013" : typeof value === "string" ? value : formatValue(value);

export class Cell {
  #heat = new HeatLayer(MOST_SAMPLES);
  #shown = "";
  /** The figures below it, a name and a value each. @type {[string, string][]} */
  said = [];

  /**
   * @param {Shared} comparison
   * @param {Place} place
   * @param {Viewport} viewport shared by all cells
   * @param {{select: (place: Place) => void, pointed: (x: number | null, y: number | null) => void,
   *   moved: () => void, photo: () => CanvasImageSource | null}} actions
   */
  constructor(comparison, place, viewport, actions) {
    this.comparison = comparison;
    this.place = place;
    this.viewport = viewport;
    this.photo = actions.photo;
    this.canvas = element("canvas", { class: "dx-canvas", "aria-hidden": "true" });
    this.mark = element("span", { class: "dx-probe", hidden: "" });
    this.state = element("span", { class: "dx-state", hidden: "" });
    this.hint = element("span", { class: "dx-hint", "aria-hidden": "true" }, [WHEEL_HINT]);
    this.picture = element("div", { class: "dx-picture" }, [this.canvas, this.mark, this.state, this.hint]);
    this.readout = element("div", { class: "dx-value" });
    this.figures = element("dl", { class: "dx-figures" });
    this.root = takesKeys(
      element("div", { class: "dx-cell", role: "gridcell", tabindex: "-1" }, [this.picture, this.readout, this.figures]),
    );
    this.root.addEventListener("focus", () => actions.select(place));
    listenToGestures(this.canvas, {
      viewport,
      moved: actions.moved,
      pointed: actions.pointed,
      left: () => actions.pointed(null, null),
      clicked: () => this.root.focus({ preventScroll: true }),
      refused: () => flash(this.hint),
    });
  }

  /** Bring words and numbers up to date. @param {boolean} selected */
  show(selected) {
    const { comparison, place, root } = this;
    const row = comparison.row(place.method);
    root.setAttribute("aria-selected", String(selected));
    root.dataset.label = comparison.label(place.object);
    const wait = /** @type {Record<string, string>} */ (STATES)[row.state] ?? "";
    const map = comparison.map(place);
    const chip = map ? (map.status === "ok" ? "" : map.status) : wait;
    this.state.hidden = chip === "";
    this.state.textContent = chip;
    const said = comparison.metrics.map((metric) => ({
      title: metric.title,
      value: row.metrics[metric.name]?.[place.object],
      best: comparison.isBest(metric, place),
      about: `${metric.title}: ${metric.higher ? "higher" : "lower"} is better. ${metric.source}`,
    }));
    const own = Object.entries(row.figures).map(([title, values]) => ({ title, value: values[place.object], best: false, about: "" }));
    // What is undefined does not apply here; what is null has no value.
    const lines = row.state === "ok" || map ? [...said, ...own].filter(({ value }) => value !== undefined) : [];
    const all = JSON.stringify([lines, chip]);
    if (all === this.#shown) return;
    this.#shown = all;
    const named = lines.map(({ title, value, best }) => /** @type {[string, string]} */ ([title, `${figure(value)}${best ? " (best)" : ""}`]));
    this.said = [...(chip ? [/** @type {[string, string]} */ ([chip, ""])] : []), ...named];
    this.figures.replaceChildren(
      ...factRows(lines.map(({ title, value, best, about }) => ({ name: title, value: figure(value), best, title: about }))),
    );
    const words = lines.map(({ title, value, best }) => `${title} ${figure(value)}${best ? ", the best" : ""}`);
    const status = chip ? [chip] : [];
    root.setAttribute("aria-label", [comparison.title(place.method), comparison.label(place.object), ...status, ...words].join("; "));
  }

  /**
   * The value at a point of the photograph, or null.
   * @param {{x: number, y: number} | null} probe whole pixels
   */
  valueAt(probe) {
    const map = this.comparison.map(this.place);
    return probe && map ? valueAt(map, probe.x + 0.5, probe.y + 0.5) : null;
  }

  /** Mark the point that all cells show, and its value here. @param {{x: number, y: number} | null} probe */
  probe(probe) {
    const { mark, readout, viewport } = this;
    mark.hidden = probe === null;
    readout.textContent = figure(this.valueAt(probe)).replace("\u2013", probe ? "\u2013" : "\u00a0");
    if (!probe) return;
    const { x, y, scale } = viewport.view;
    mark.style.transform = `translate(${(probe.x + 0.5 - x) * scale}px, ${(probe.y + 0.5 - y) * scale}px)`;
  }

  /** Give the canvas the size that all cells have. */
  fit() {
    const { width, height } = this.viewport.screen;
    const ratio = window.devicePixelRatio || 1;
    this.picture.style.width = this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
  }

  paint() {
    const { canvas, viewport } = this;
    const context = canvas.getContext("2d");
    const scene = this.scene();
    if (!context || !scene) return;
    canvas.classList.toggle("dx-zoomed", viewport.zoom > 1);
    paintScene(context, scene, viewport.view, canvas.width / viewport.screen.width);
  }

  /** What is painted; null before the photograph is there. @returns {Scene | null} */
  scene() {
    const { comparison, place } = this;
    const { store } = comparison;
    const photo = this.photo();
    if (!photo) return null;
    const { width, height } = store.get("photo");
    const map = comparison.map(place);
    const range = comparison.range(place);
    const table = () => comparison.table(place.method, true);
    const drawn = map && range ? this.#heat.draw(map, [height, width], range, table(), comparison.colors(place)) : null;
    return {
      photo,
      size: { width, height },
      heat: drawn,
      opacity: store.get("opacity"),
      hovered: null,
      side: map ? comparison.side : null,
      unnamed: true,
      ...comparison.scene(place),
    };
  }
}
