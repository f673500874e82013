// The scatter in the page: a canvas that takes pointer and keyboard, a mark at the dot in focus and what is said of it.

import { element, focusedBy, takesKeys, uniqueId } from "../shared/dom.js";
import { neighbour } from "../shared/boxes.js";
import { listenToKeys } from "../shared/keyboard.js";
import { MARKS, colorOf, layout, paintScatter } from "./paint.js";
import { dotWords, objectWords } from "./words.js";

/** @typedef {import("./model.js").TinyObjects} TinyObjects */
/** @typedef {import("./paint.js").Ink} Ink */
/** @typedef {{object: number, method: number}} Dot */

const TALLEST = 340;
const REACH = 14;
const SPACE = "http://www.w3.org/2000/svg";

/** The colours of a file, on white. @type {Ink} */
export const PAPER = {
  text: "#1c1f24",
  muted: "#5b6270",
  line: "#dfe2e7",
  surface: "#ffffff",
};

export class Scatter {
  /** @type {Dot | null} */
  #cursor = null;
  /** @type {ReturnType<typeof layout> | null} */
  #placed = null;
  #frame = 0;
  /** The objects, the smallest first. @type {number[]} */
  #order = [];
  #named = "";
  size = { width: 0, height: 0 };

  /**
   * @param {TinyObjects} tiny
   * @param {{select: (index: number) => void, escape: () => void, say: (text: string) => void, painted: () => void}} actions
   */
  constructor(tiny, actions) {
    this.tiny = tiny;
    this.actions = actions;
    const hint = uniqueId("scatter");
    this.canvas = takesKeys(
      element("canvas", { class: "dx-scatter", tabindex: "0", role: "application", "aria-describedby": hint }),
    );
    this.ring = element("span", { class: "dx-ring", hidden: "" });
    this.tip = element("div", { class: "dx-tip", "aria-hidden": "true", hidden: "" });
    this.empty = element("p", { class: "dx-scatter-empty" });
    this.legend = element("div", { class: "dx-marks" });
    this.filling = element("p", { class: "dx-remark", id: hint }, [
      "Filled: the map\u2019s maximum lies in the object\u2019s box; hollow: it does not. Lines: medians. Arrow keys go from dot to dot, Enter opens.",
    ]);
    this.box = element("div", { class: "dx-scatter-box" }, [this.canvas, this.ring, this.tip, this.empty]);
    this.root = element("div", {}, [this.legend, this.box, this.filling]);
    this.#listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.box);
  }

  dispose() {
    cancelAnimationFrame(this.#frame);
    this.observer.disconnect();
  }

  /** Other dots, another measure, or another object selected. */
  show() {
    const { tiny, canvas } = this;
    this.#order = tiny.bySize;
    if (this.#cursor && (this.#cursor.object >= tiny.objects.count || this.#cursor.method >= tiny.methods.length)) this.#cursor = null;
    this.empty.hidden = tiny.objects.count > 0;
    this.empty.textContent = tiny.store.get("notice") || this.#nothing();
    const objects = `${tiny.objects.count} ${tiny.objects.count === 1 ? "object" : "objects"}`;
    canvas.setAttribute("aria-label", `${tiny.measureTitle} of ${objects} over the size of the box. ${this.#summary()}`);
    this.#name();
    this.place();
  }

  /** Give the canvas the room there is. */
  fit() {
    const width = this.box.clientWidth;
    if (width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    this.size = { width, height: Math.round(Math.min(TALLEST, Math.max(200, 0.62 * width))) };
    this.canvas.style.height = `${this.size.height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.size.height * ratio);
    this.place();
    this.paint();
  }

  place() {
    this.#placed = this.tiny.found && this.size.width > 0 ? layout(this.tiny, this.size) : null;
    this.#mark();
    this.invalidate();
  }

  /** Paint with the next frame. */
  invalidate() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const context = this.canvas.getContext("2d");
    if (!context || this.size.width === 0) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const unit = this.canvas.width / this.size.width;
    if (this.#placed) paintScatter(context, this.tiny, this.#placed, { size: this.size, unit, ink: this.#ink() });
    this.actions.painted();
  }

  /** The same on white, at the screen's resolution. @returns {HTMLCanvasElement} */
  render() {
    const canvas = document.createElement("canvas");
    canvas.width = this.canvas.width;
    canvas.height = this.canvas.height;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const unit = canvas.width / Math.max(1, this.size.width);
    if (this.#placed) paintScatter(context, this.tiny, this.#placed, { size: this.size, unit, ink: PAPER });
    return canvas;
  }

  #nothing() {
    const { tiny } = this;
    if (!tiny.found) return "Nothing was measured yet: run it.";
    return tiny.found.ended ? "No object was found: take more images, or a protocol with a lower score." : "No object was found yet.";
  }

  #summary() {
    const { tiny } = this;
    if (!tiny.found) return "";
    const hits = (/** @type {number | null} */ share) => (share === null ? "none" : `${Math.round(100 * share)}%`);
    return tiny.methods
      .map(({ name, title }) => {
        const own = /** @type {import("./model.js").Summary} */ (tiny.found.summary[name]);
        return `${title}: pointing game ${hits(own.tiny.pointing)} of ${own.tiny.count} tiny ones, ${hits(own.larger.pointing)} of ${own.larger.count} larger ones.`;
      })
      .join(" ");
  }

  /** Which mark is which method. */
  #name() {
    const { tiny } = this;
    const named = JSON.stringify(tiny.methods);
    if (named === this.#named) return;
    this.#named = named;
    this.legend.replaceChildren(
      ...tiny.methods.map((method) => element("span", { class: "dx-marked" }, [markPicture(method), method.title])),
    );
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
    };
  }

  /** The dot next to a point, if it is near enough. @param {number} x @param {number} y @returns {Dot | null} */
  at(x, y) {
    if (!this.#placed) return null;
    const { dots } = this.#placed;
    let best = REACH * REACH;
    /** @type {Dot | null} */
    let found = null;
    dots.y.forEach((up, method) => {
      for (let object = 0; object < dots.x.length; object++) {
        const far = (dots.x[object] - x) ** 2 + (up[object] - y) ** 2;
        if (far < best) {
          best = far;
          found = { object, method };
        }
      }
    });
    return found;
  }

  /** Bring a dot into focus. @param {Dot | null} dot @param {boolean} [byKey] then it is said as well */
  #focus(dot, byKey = false) {
    if (dot?.object === this.#cursor?.object && dot?.method === this.#cursor?.method) return;
    this.#cursor = dot;
    this.#mark();
    if (byKey && dot) this.actions.say(`${objectWords(this.tiny, dot.object)}. ${dotWords(this.tiny, dot)}.`);
  }

  #mark() {
    const { ring, tip, tiny, canvas } = this;
    const dot = this.#cursor;
    const y = dot && this.#placed ? this.#placed.dots.y[dot.method]?.[dot.object] : NaN;
    const shown = dot !== null && this.#placed !== null && Number.isFinite(y);
    ring.hidden = tip.hidden = !shown;
    canvas.style.cursor = shown ? "pointer" : "";
    if (!shown || !dot || !this.#placed || y === undefined) return;
    const x = this.#placed.dots.x[dot.object];
    ring.style.transform = `translate(${x}px, ${y}px)`;
    tip.replaceChildren(
      element("strong", {}, [objectWords(tiny, dot.object)]),
      ...tiny.methods.map((_, method) =>
        element("span", { class: method === dot.method ? "dx-tip-own" : "" }, [dotWords(tiny, { object: dot.object, method })]),
      ),
    );
    const left = Math.max(0, Math.min(x - tip.offsetWidth / 2, this.size.width - tip.offsetWidth));
    const above = y - tip.offsetHeight - 14;
    tip.style.transform = `translate(${left}px, ${above >= 0 ? above : y + 14}px)`;
  }

  #listen() {
    const { canvas, actions } = this;
    /** @param {MouseEvent} event @returns {[number, number]} */
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointermove", (event) => this.#focus(this.at(...place(event))));
    canvas.addEventListener("pointerleave", () => focusedBy(canvas) !== canvas && this.#focus(null));
    canvas.addEventListener("blur", () => this.#focus(null));
    canvas.addEventListener("click", (event) => {
      const dot = this.at(...place(event));
      if (dot) actions.select(dot.object);
    });
    listenToKeys(canvas, {
      ArrowRight: () => this.#step(1),
      ArrowLeft: () => this.#step(-1),
      ArrowUp: () => this.#other(-1),
      ArrowDown: () => this.#other(1),
      Home: () => this.#go(0, 1),
      End: () => this.#go(this.#order.length - 1, -1),
      Enter: () => this.#cursor && actions.select(this.#cursor.object),
      " ": () => this.#cursor && actions.select(this.#cursor.object),
      Escape: () => actions.escape(),
    });
  }

  /** The next larger or smaller object with a value. @param {1 | -1} by */
  #step(by) {
    const from = this.#cursor?.object ?? this.tiny.chosen[0];
    if (from === undefined) this.#go(by > 0 ? 0 : this.#order.length - 1, by);
    else this.#go((this.#order.indexOf(from) + by + this.#order.length) % this.#order.length, by);
  }

  /** The first object with a value from a place on, by size. @param {number} rank @param {1 | -1} by */
  #go(rank, by) {
    const count = this.#order.length;
    const first = this.#cursor?.method ?? 0;
    for (let passed = 0; passed < count; passed++) {
      const object = this.#order[(rank + by * passed + count * count) % count];
      if (this.tiny.figure(first, this.tiny.measure, object) !== null) {
        this.#focus({ object, method: first }, true);
        return;
      }
    }
  }

  /** The same object by another method. @param {1 | -1} by */
  #other(by) {
    const dot = this.#cursor;
    if (!dot) {
      this.#step(1);
      return;
    }
    const { tiny } = this;
    let method = dot.method;
    for (const _ of tiny.methods) {
      method = neighbour(method, by, tiny.methods.length) ?? 0;
      if (tiny.figure(method, tiny.measure, dot.object) !== null) break;
    }
    this.#focus({ object: dot.object, method }, true);
  }
}

/** The mark of a method, for a legend. @param {{color: string, mark: string}} method */
export function markPicture(method) {
  const svg = document.createElementNS(SPACE, "svg");
  svg.setAttribute("viewBox", "-1.6 -1.6 3.2 3.2");
  svg.setAttribute("class", "dx-mark");
  svg.style.fill = colorOf(method, "var(--dx-text)");
  svg.setAttribute("aria-hidden", "true");
  const mark = MARKS[method.mark] ?? null;
  const shape = document.createElementNS(SPACE, mark === null ? "circle" : "polygon");
  if (mark === null) shape.setAttribute("r", "1");
  else shape.setAttribute("points", mark.map((point) => point.join(",")).join(" "));
  svg.append(shape);
  return svg;
}
