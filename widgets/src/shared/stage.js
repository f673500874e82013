// The photograph on screen: a canvas with pointer, wheel and keyboard, over a viewport.

import { ClickCycle, boxesAt } from "./boxes.js";
import { element, takesKeys } from "./dom.js";
import { listenToKeys } from "./keyboard.js";
import { paintScene } from "./painter.js";
import { Viewport } from "./viewport.js";

/** @typedef {import("./painter.js").Scene} Scene */
/** @typedef {import("./types.js").DetectedObject} DetectedObject */
/** @typedef {import("./types.js").Size} Size */

const TALLEST = 560;
const CLICK_SLACK = 4;
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
  /** @type {{x: number, y: number, moved: boolean} | null} */
  #grip = null;
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
    const { canvas, actions } = this;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => (this.#grip = null));
    canvas.addEventListener("pointerleave", () => {
      this.hover(null);
      actions.pointed(null, null);
    });
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
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

  /** @param {MouseEvent} event @returns {[number, number]} */
  #screen(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    const [x, y] = this.#screen(event);
    this.#grip = { x, y, moved: false };
    this.canvas.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const [x, y] = this.#screen(event);
    const grip = this.#grip;
    if (grip && (grip.moved || Math.hypot(x - grip.x, y - grip.y) > CLICK_SLACK)) {
      this.viewport.panBy(x - grip.x, y - grip.y);
      this.#grip = { x, y, moved: true };
      this.#moved();
      return;
    }
    const at = this.viewport.toImage(x, y);
    const under = boxesAt(this.actions.objects(), ...at, MARGIN / this.viewport.scale);
    this.hover(under[0] ?? null);
    this.canvas.style.cursor = under.length > 0 ? "pointer" : "";
    this.actions.pointed(...at);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const grip = this.#grip;
    this.#grip = null;
    if (!grip || grip.moved) return;
    const at = this.viewport.toImage(...this.#screen(event));
    const under = boxesAt(this.actions.objects(), ...at, MARGIN / this.viewport.scale);
    const picked = this.#cycle.pick(under, this.actions.selected());
    if (picked !== null) this.actions.select(picked);
  }

  /** The wheel zooms a focused picture, or with Ctrl; else it scrolls the notebook as everywhere. @param {WheelEvent} event */
  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== this.canvas) {
      this.hint.classList.add("dx-shown");
      setTimeout(() => this.hint.classList.remove("dx-shown"), 1200);
      return;
    }
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.viewport.zoomBy(Math.exp((-event.deltaY * lines) / 400), this.#screen(event));
    this.#moved();
  }
}
