// The photograph on screen: a canvas with pointer, wheel and keyboard, over a viewport.

import { ClickCycle, boxesAt } from "./boxes.js";
import { element, takesKeys } from "./dom.js";
import { WHEEL_HINT, flash, listenToGestures } from "./gestures.js";
import { listenToKeys } from "./keyboard.js";
import { paintScene } from "./painter.js";
import { fullScreen } from "./tools.js";
import { Viewport, placeFor } from "./viewport.js";

/** @typedef {import("./painter.js").Scene} Scene */
/** @typedef {import("./types.js").DetectedObject} DetectedObject */
/** @typedef {import("./types.js").Size} Size */

const TALLEST = 640;
/** Share of the window's height that a picture takes at most, and the same in full screen. */
const OF_WINDOW = 0.8;
const OF_SCREEN = 0.86;
const MARGIN = 3;
const ZOOM_STEP = 1.3;
const PAN_STEP = 60;

/**
 * @typedef {{objects: () => readonly DetectedObject[], selected: () => number | null, scene: () => Scene | null,
 *   select: (index: number | null) => void, step: (step: 1 | -1) => void, escape: () => void,
 *   pointed: (x: number | null, y: number | null) => void, painted: () => void, hovered?: (index: number | null) => void,
 *   shown?: (index: number) => boolean, places?: boolean}} StageActions
 *   `hovered`: which object the pointer is on; `shown`: whether an object is there to be pointed at, by default all are;
 *   `places`: whether the objects are in places that can be pointed at, as classes of the whole picture are not
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
    this.hint = element("div", { class: "dx-hint", "aria-hidden": "true" }, [WHEEL_HINT]);
    this.root = element("div", { class: "dx-stage" }, [this.canvas, this.hint]);
    this.#listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.root);
  }

  /** Give the canvas the room there is across, whatever the photograph's proportions. */
  fit() {
    const room = this.root.clientWidth;
    if (room === 0) return;
    const tallest = document.fullscreenElement ? OF_SCREEN * window.innerHeight : Math.min(TALLEST, OF_WINDOW * window.innerHeight);
    const screen = placeFor(this.viewport.image, room, Math.max(200, tallest));
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

  /** Take the widget to full screen, or back. */
  whole() {
    fullScreen(this.root, () => {
      this.hint.textContent = "Full screen is not allowed here";
      flash(this.hint);
    });
  }

  /** @param {number | null} index */
  hover(index) {
    if (index === this.hovered) return;
    this.hovered = index;
    this.actions.hovered?.(index);
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
        if (actions.places === false) return;
        actions.select(this.#cycle.pick(this.#under(x, y), actions.selected()));
      },
      refused: () => {
        this.hint.textContent = WHEEL_HINT;
        flash(this.hint);
      },
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
      Home: () => actions.select(this.#shown()[0] ?? null),
      End: () => actions.select(this.#shown().pop() ?? null),
      "Shift+ArrowRight": pan(-PAN_STEP, 0),
      "Shift+ArrowLeft": pan(PAN_STEP, 0),
      "Shift+ArrowDown": pan(0, -PAN_STEP),
      "Shift+ArrowUp": pan(0, PAN_STEP),
      "+": () => this.zoomIn(),
      "=": () => this.zoomIn(),
      "-": () => this.zoomOut(),
      0: () => this.reset(),
      F: () => this.whole(),
      Escape: () => actions.escape(),
    });
  }

  /** The objects that can be pointed at. */
  #shown() {
    const { objects, shown = () => true } = this.actions;
    return objects().flatMap((_, i) => (shown(i) ? [i] : []));
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #under(x, y) {
    const { objects, shown, places } = this.actions;
    if (places === false) return [];
    const under = boxesAt(objects(), x, y, MARGIN / this.viewport.scale);
    return shown ? under.filter(shown) : under;
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
