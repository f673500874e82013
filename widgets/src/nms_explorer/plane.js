// The plane in the page: a canvas on which thresholds are dragged and pairs are pointed at and chosen.

import { element, focusedBy, takesKeys, uniqueId } from "../shared/dom.js";
import { listenToKeys } from "../shared/keyboard.js";
import { FONT } from "../shared/sheet.js";
import { HIDDEN, PAPER, axesOf, kindNames, kindsNow, linesOf, paintPlane, paintPoints, pointsOf } from "./paint.js";
import { comparedBy } from "./rules.js";

/** @typedef {import("./model.js").NmsExplorer} NmsExplorer */
/** @typedef {import("./paint.js").Ink} Ink */

const TALLEST = 340;
/** How near the pointer has to be: to a line, and to a point. */
const NEAR_LINE = 8;
const NEAR_POINT = 10;
const KINDS = ["--dx-unknown", "--dx-same", "--dx-different"];

export class Plane {
  #frame = 0;
  #size = { width: 0, height: 0 };
  /** @type {{of: unknown[], points: import("./paint.js").Points} | null} */
  #points = null;
  /** @type {{of: unknown[], kinds: Uint8Array, layer: HTMLCanvasElement} | null} */
  #layer = null;
  /** The threshold under the pointer, or in its hand. @type {string | null} */
  #active = null;
  #held = false;
  /** The pair under the pointer or keys. @type {[number, number] | null} */
  #cursor = null;
  /** The pair that is looked at, also where the picture chose it. @type {[number, number] | null} */
  #pair = null;
  #legend = "";

  /**
   * @param {NmsExplorer} nms
   * @param {{point: (pair: [number, number] | null, byKey: boolean) => void, escape: () => void}} actions `point`: a pair is
   *   pointed at
   */
  constructor(nms, actions) {
    this.nms = nms;
    this.actions = actions;
    const hint = uniqueId("plane");
    this.canvas = takesKeys(element("canvas", { class: "dx-plane", tabindex: "0", role: "application", "aria-describedby": hint }));
    this.ring = element("span", { class: "dx-ring", hidden: "" });
    this.empty = element("p", { class: "dx-plane-empty" });
    this.legend = element("div", { class: "dx-marks" });
    const words = element("p", { class: "dx-remark", id: hint }, [
      "Shaded: duplicates by the rule. Ringed: pairs of which one was removed. Drag a line; click a point, or take arrow keys and Enter.",
    ]);
    this.box = element("div", { class: "dx-plane-box" }, [this.canvas, this.ring, this.empty]);
    this.root = element("div", {}, [this.legend, this.box, words]);
    this.#listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.box);
  }

  dispose() {
    cancelAnimationFrame(this.#frame);
    this.observer.disconnect();
  }

  /** Give the canvas the room there is. */
  fit() {
    const width = this.box.clientWidth;
    if (width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    this.#size = { width, height: Math.round(Math.min(TALLEST, Math.max(190, 0.78 * width))) };
    this.canvas.style.height = `${this.#size.height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.#size.height * ratio);
    this.paint();
  }

  /** Traits have changed. */
  show() {
    const { nms } = this;
    const values = this.#values;
    this.empty.hidden = values !== null;
    this.empty.textContent = nms.store.get("layer") === "" ? "There are no maps of a detector that cannot be looked into." : "The maps are not there yet.";
    const names = kindNames(nms.owners !== null);
    const known = names.join();
    if (known !== this.#legend) {
      this.#legend = known;
      const entry = (/** @type {[number, string]} */ [kind, name]) => {
        const dot = element("span", { class: "dx-dot", "aria-hidden": "true" });
        dot.style.setProperty("--dx-swatch", `var(${KINDS[kind]})`);
        return element("span", { class: "dx-marked" }, [dot, name]);
      };
      this.legend.replaceChildren(...names.map(entry));
    }
    const lines = linesOf(nms.settings, this.#high).map(({ title, value }) => `${title} ${value.toFixed(2)}`);
    this.canvas.setAttribute("aria-label", `${this.#title} against IoU of all pairs of predictions. ${lines.join(", ")}`);
    if (this.#cursor && !this.#cursor.every((i) => i < nms.objects.length && nms.passes(i))) this.#focus(null);
    this.invalidate();
  }

  /** Ring the pair that is looked at. @param {[number, number] | null} pair */
  look(pair) {
    this.#pair = pair;
    this.#mark();
  }

  /** Paint with the next frame. */
  invalidate() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const context = this.canvas.getContext("2d");
    if (!context || this.#size.width === 0) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#draw(context, this.#ink());
    this.#mark();
  }

  /** The same on white with its legend, for a file; null where there are no points. @returns {HTMLCanvasElement | null} */
  render() {
    if (!this.#values || this.#size.width === 0) return null;
    const names = kindNames(this.nms.owners !== null);
    const unit = this.canvas.width / this.#size.width;
    const canvas = document.createElement("canvas");
    canvas.width = this.canvas.width;
    canvas.height = Math.round(this.canvas.height + unit * (20 * names.length + 4));
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.fillStyle = PAPER.surface;
    context.fillRect(0, 0, canvas.width, canvas.height);
    this.#draw(context, PAPER);
    context.setTransform(unit, 0, 0, unit, 0, 0);
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.font = `13px ${FONT}`;
    names.forEach(([kind, name], line) => {
      const y = this.#size.height + 10 + 20 * line;
      context.fillStyle = PAPER.kinds[kind];
      context.beginPath();
      context.arc(14, y, 4, 0, 2 * Math.PI);
      context.fill();
      context.fillStyle = PAPER.text;
      context.fillText(name, 24, y);
    });
    return canvas;
  }

  /** What stands against the IoU; null without maps. */
  get #values() {
    const { problem, settings } = this.nms;
    return comparedBy(problem, settings.rule) ?? (settings.rule === "feature-nms" ? null : problem.correlation);
  }

  get #title() {
    return this.nms.settings.rule === "feature-nms" ? "Distance of feature vectors" : "Correlation of maps";
  }

  /** The greatest value of that axis. */
  get #high() {
    const values = this.nms.settings.rule === "feature-nms" ? this.#values : null;
    return values ? Math.max(1e-6, this.nms.store.get("distance"), values.reduce((most, value) => Math.max(most, value), 0)) : 1;
  }

  /** @param {CanvasRenderingContext2D} context @param {Ink} ink */
  #draw(context, ink) {
    const { nms } = this;
    const values = this.#values;
    if (!values) return;
    const { settings, decision, problem } = nms;
    const unit = this.canvas.width / this.#size.width;
    const high = this.#high;
    const axes = axesOf(this.#size, high);
    const of = [nms.objects, values, nms.owners];
    if (!this.#points || !same(of, this.#points.of)) this.#points = { of, points: pointsOf(nms, values) };
    const { points } = this.#points;
    // Without annotations the colours say what the rule says, so each change of it is another picture.
    const byRule = nms.owners ? [settings.score_threshold] : Object.values(settings);
    const look = [points, unit, high, this.#size.width, this.#size.height, ...ink.kinds, ...byRule];
    if (!this.#layer || !same(look, this.#layer.of)) {
      const kinds = kindsNow(nms, points);
      this.#layer = { of: look, kinds, layer: paintPoints(points, kinds, axes, { size: this.#size, unit, colors: ink.kinds }) };
    }
    const { layer } = this.#layer;
    /** @type {[number, number][]} */
    const deciding = [];
    decision?.by.forEach((by, i) => {
      const at = by * problem.count + i;
      if (by >= 0 && nms.fate(i) === "removed") deciding.push([problem.iou[at], values[at]]);
    });
    paintPlane(context, { layer, axes, size: this.#size, unit, ink, high, settings, title: this.#title, deciding, active: this.#active });
  }

  /** @returns {Ink} */
  #ink() {
    const style = getComputedStyle(this.canvas);
    const color = (/** @type {string} */ name, /** @type {string} */ other) => style.getPropertyValue(name).trim() || other;
    return {
      text: color("--dx-text", PAPER.text),
      muted: color("--dx-muted", PAPER.muted),
      line: color("--dx-line", PAPER.line),
      surface: color("--dx-surface", PAPER.surface),
      shade: color("--dx-accent-soft", PAPER.shade),
      accent: color("--dx-accent", PAPER.accent),
      kinds: KINDS.map((name, i) => color(name, PAPER.kinds[i])),
    };
  }

  /** The ring around the pair that is looked at. */
  #mark() {
    const { nms, ring } = this;
    const values = this.#values;
    const pair = this.#pair;
    ring.hidden = !pair || !values;
    if (!pair || !values) return;
    const axes = axesOf(this.#size, this.#high);
    const at = pair[0] * nms.problem.count + pair[1];
    ring.style.transform = `translate(${axes.x(nms.problem.iou[at])}px, ${axes.y(values[at])}px)`;
  }

  /** The pair next to a point, if it is near enough. @param {number} x @param {number} y @returns {[number, number] | null} */
  at(x, y) {
    if (!this.#points || !this.#layer) return null;
    const { points } = this.#points;
    const { kinds } = this.#layer;
    const axes = axesOf(this.#size, this.#high);
    let best = NEAR_POINT ** 2;
    let found = -1;
    for (let i = 0; i < points.count; i++) {
      const far = (axes.x(points.iou[i]) - x) ** 2 + (axes.y(points.other[i]) - y) ** 2;
      if (far >= best || kinds[i] === HIDDEN) continue;
      best = far;
      found = i;
    }
    return found < 0 ? null : [points.first[found], points.second[found]];
  }

  /** The threshold whose line is near. @param {number} x @param {number} y @returns {import("./paint.js").Line | null} */
  #lineAt(x, y) {
    if (!this.#values) return null;
    const axes = axesOf(this.#size, this.#high);
    const far = (/** @type {import("./paint.js").Line} */ { across, value, from, to }) => {
      const [on, off] = across ? [x, Math.abs(axes.y(value) - y)] : [y, Math.abs(axes.x(value) - x)];
      const ends = across ? [axes.x(from), axes.x(to)] : [axes.y(to), axes.y(from)];
      return on < ends[0] - NEAR_LINE || on > ends[1] + NEAR_LINE ? Infinity : off;
    };
    const lines = linesOf(this.nms.settings, this.#high).sort((a, b) => far(a) - far(b));
    return lines.length > 0 && far(lines[0]) <= NEAR_LINE ? lines[0] : null;
  }

  /** @param {[number, number] | null} pair @param {boolean} [byKey] */
  #focus(pair, byKey = false) {
    if (pair?.join() === this.#cursor?.join()) return;
    this.#cursor = pair;
    this.actions.point(pair, byKey);
  }

  #listen() {
    const { canvas, nms, actions } = this;
    /** @param {MouseEvent} event @returns {[number, number]} */
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const line = () => linesOf(nms.settings, this.#high).find(({ name }) => name === this.#active);
    let dragged = false;
    canvas.addEventListener("pointerdown", (event) => {
      const near = event.button === 0 ? this.#lineAt(...place(event)) : null;
      dragged = false;
      if (!near) return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      this.#active = near.name;
      this.#held = true;
      this.#focus(null);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      const held = this.#held ? line() : undefined;
      if (held) {
        const axes = axesOf(this.#size, this.#high);
        const value = Math.round(100 * (held.across ? axes.other(y) : axes.iou(x))) / 100;
        dragged = true;
        nms.store.setLive(held.name, nms.within(held.name, held.name === "distance" ? Math.max(0.01, value) : value));
        return;
      }
      const near = this.#lineAt(x, y);
      if (near?.name !== (this.#active ?? undefined)) {
        this.#active = near?.name ?? null;
        this.invalidate();
      }
      const pair = near ? null : this.at(x, y);
      canvas.style.cursor = near ? (near.across ? "ns-resize" : "ew-resize") : pair ? "pointer" : "";
      this.#focus(pair);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        const held = this.#held ? line() : undefined;
        this.#held = false;
        if (held && dragged) nms.store.commit({ [held.name]: held.value });
      });
    }
    canvas.addEventListener("pointerleave", () => {
      if (this.#held) return;
      if (this.#active) this.invalidate();
      this.#active = null;
      if (focusedBy(canvas) !== canvas) this.#focus(null);
    });
    canvas.addEventListener("blur", () => this.#focus(null));
    canvas.addEventListener("click", (event) => {
      const pair = dragged ? null : this.#lineAt(...place(event)) ? null : this.at(...place(event));
      if (pair) nms.choosePair(...pair);
    });
    listenToKeys(canvas, {
      ArrowRight: () => this.#step(1),
      ArrowDown: () => this.#step(1),
      ArrowLeft: () => this.#step(-1),
      ArrowUp: () => this.#step(-1),
      Enter: () => this.#cursor && nms.choosePair(...this.#cursor),
      " ": () => this.#cursor && nms.choosePair(...this.#cursor),
      Escape: () => (this.#cursor ? this.#focus(null) : actions.escape()),
    });
  }

  /** From one pair that decided to the next, by falling score of the one that was removed. @param {1 | -1} by */
  #step(by) {
    const { nms } = this;
    const { decision, problem } = nms;
    if (!decision) return;
    const removed = [...problem.scores.keys()].filter((i) => decision.by[i] >= 0 && nms.fate(i) === "removed");
    removed.sort((a, b) => problem.scores[b] - problem.scores[a] || a - b);
    if (removed.length === 0) return;
    const from = this.#cursor ? removed.indexOf(this.#cursor[1]) : by > 0 ? -1 : 0;
    const next = removed[(from + by + removed.length) % removed.length];
    this.#focus([decision.by[next], next], true);
  }
}

/** @param {readonly unknown[]} one @param {readonly unknown[]} other */
const same = (one, other) => one.length === other.length && one.every((value, i) => value === other[i]);
