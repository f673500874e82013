// The photograph on screen: a canvas with pointer, wheel and keyboard, over a viewport.

import { ClickCycle, boxesAt } from "./boxes.js";
import { element, takesKeys } from "./dom.js";
import { flash, listenToGestures } from "./gestures.js";
import { listenToKeys } from "./keyboard.js";
import { paintScene } from "./painter.js";
import { Viewport } from "./viewport.js";

/** @typedef {import("./painter.js").Scene} Scene */
/** @typedef {import("./types.js").DetectedObject} DetectedObject */
/** @typedef {import("./types.js").Size} Size */

const TALLEST = 560;
const MARGIN = 3;
const ZOOM_STEP = 1.3;
const PAN_STEP = 60;

/**
 * @typedef {{objects: () => readonly DetectedObject[], selected: () => number | null, scene: () => Scene | null,
 *   select: (index: number | null) => void, step: (step: 1 | -1) => void, escape: () => void,
 *   pointed: (x: number | null, y: number | null) => void, painted: () => void}} StageActions
 */

export class Stage {
  #cycle = new ClickCycle();
  #frame = 0;
  /** @type {number | null} */
  hovered = null;

  /**
   * @param {Size} size of the photograph
   * @param {StageActions} actions
   */
  constructor(size, actions) {
    this.actions = actions;
    this.viewport = new Viewport(size);
    this.canvas = takesKeys(element("canvas", { class: "dx-canvas", tabindex: "0", role: "application" }));
    this.hint = element("div", { class: "dx-hint", "aria-hidden": "true" }, ["Click the picture, then scroll to zoom"]);
    this.root = element("div", { class: "dx-stage" }, [this.canvas, this.hint]);
    this.#listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.root);
  }

  /** Give the canvas the room there is, in the photograph's proportions. */
  fit() {
    const { width, height } = this.viewport.image;
    const room = this.root.clientWidth;
    if (room === 0) return;
    const shown = Math.min(room, (TALLEST * width) / height);
    const screen = { width: Math.round(shown), height: Math.round((shown * height) / width) };
    const ratio = window.devicePixelRatio || 1;
    this.canvas.style.width = `${screen.width}px`;
    this.canvas.style.height = `${screen.height}px`;
    this.canvas.width = Math.round(screen.width * ratio);
    this.canvas.height = Math.round(screen.height * ratio);
    this.viewport.resize(screen);
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
    const scene = this.actions.scene();
    const context = this.canvas.getContext("2d");
    if (!scene || !context) return;
    const unit = this.canvas.width / this.viewport.screen.width;
    paintScene(context, { ...scene, hovered: this.hovered }, this.viewport.view, unit);
    this.actions.painted();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.viewport.zoomBy(factor);
    this.#moved();
  }

  zoomIn() {
    this.zoom(ZOOM_STEP);
  }

  zoomOut() {
    this.zoom(1 / ZOOM_STEP);
  }

  reset() {
    this.viewport.reset();
    this.#moved();
  }

  /** @param {number | null} index */
  hover(index) {
    if (index === this.hovered) return;
    this.hovered = index;
    this.invalidate();
  }

  dispose() {
    cancelAnimationFrame(this.#frame);
    this.observer.disconnect();
  }

  #moved() {
    this.canvas.classList.toggle("dx-zoomed", this.viewport.zoom > 1);
    this.invalidate();
  }

  #listen() {
    const { canvas, actions, viewport } = this;
    listenToGestures(canvas, {
      viewport,
      moved: () => this.#moved(),
      pointed: (x, y) => this.#point(x, y),
      left: () => {
        this.hover(null);
        actions.pointed(null, null);
      },
      clicked: (x, y) => {
        const picked = this.#cycle.pick(this.#under(x, y), actions.selected());
        if (picked !== null) actions.select(picked);
      },
      focused: () => document.activeElement === canvas,
      refused: () => flash(this.hint),
    });
    const pan = (/** @type {number} */ dx, /** @type {number} */ dy) => () => {
      this.viewport.panBy(dx, dy);
      this.#moved();
    };
    listenToKeys(canvas, {
      ArrowRight: () => actions.step(1),
      ArrowDown: () => actions.step(1),
      ArrowLeft: () => actions.step(-1),
      ArrowUp: () => actions.step(-1),
      Home: () => actions.select(0),
      End: () => actions.select(actions.objects().length - 1),
      "Shift+ArrowRight": pan(-PAN_STEP, 0),
      "Shift+ArrowLeft": pan(PAN_STEP, 0),
      "Shift+ArrowDown": pan(0, -PAN_STEP),
      "Shift+ArrowUp": pan(0, PAN_STEP),
      "+": () => this.zoomIn(),
      "=": () => this.zoomIn(),
      "-": () => this.zoomOut(),
      0: () => this.reset(),
      Escape: () => actions.escape(),
    });
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #under(x, y) {
    return boxesAt(this.actions.objects(), x, y, MARGIN / this.viewport.scale);
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #point(x, y) {
    const under = this.#under(x, y);
    this.hover(under[0] ?? null);
    this.canvas.style.cursor = under.length > 0 ? "pointer" : "";
    this.actions.pointed(x, y);
  }
}
