// The scatter as a picture: axes, dots, lines through the medians. The same on screen and in a file.

import { percent, times } from "./words.js";

/** @typedef {import("./model.js").TinyObjects} TinyObjects */
/** @typedef {{width: number, height: number}} Size */
/** Colours as the page has them. @typedef {{text: string, muted: string, line: string, surface: string}} Ink */
/** Where the dots are, by method: x and y in pixels, NaN for one without a value. @typedef {{x: Float32Array, y: Float32Array[]}} Dots */

const LEFT = 46;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 36;
const FONT = '11px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';

/** Outlines of the marks about (0, 0), at a radius of 1, by their names in matplotlib; null is a circle. @type {Record<string, [number, number][] | null>} */
export const MARKS = {
  o: null,
  s: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  "^": [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]],
  D: [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]],
  v: [[0, 1.2], [1.1, -0.8], [-1.1, -0.8]],
  P: [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4], [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]],
  X: [[-1.1, -0.55], [-0.55, -1.1], [0, -0.55], [0.55, -1.1], [1.1, -0.55], [0.55, 0], [1.1, 0.55], [0.55, 1.1], [0, 0.55], [-0.55, 1.1], [-1.1, 0.55], [-0.55, 0]],
};

/** What is drawn in black on paper has the colour of the page's text. */
const BLACK = "#000000";

/**
 * The colour of a method, the same as in every figure.
 * @param {{color: string}} method
 * @param {string} text the colour of the page's text
 */
export const colorOf = ({ color }, text) => (color === BLACK ? text : color);

/** One axis: from numbers to 0..1. @typedef {{low: number, high: number, log: boolean, ticks: number[]}} Axis */

/** @param {Axis} axis @param {number} value */
function along({ low, high, log }, value) {
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/**
 * A logarithmic axis about these numbers, with 1, 2 and 5 of each power of ten where there is room for them.
 * @param {Iterable<number>} values
 * @param {readonly number[]} also what has to lie on it
 * @param {number} room how many ticks fit
 * @returns {Axis}
 */
export function logAxis(values, also, room) {
  let low = Math.min(...also);
  let high = Math.max(...also);
  for (const value of values) {
    if (!(value > 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  low /= 1.35;
  high *= 1.35;
  /** @type {number[]} */
  let ticks = [];
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const step of steps) {
        const tick = Number(`${step}e${power}`);
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    }
    if (ticks.length <= room) break;
  }
  return { low, high, log: true, ticks };
}

/** @param {TinyObjects} tiny @param {Size} size */
export function layout(tiny, { width, height }) {
  const { objects, methods, measure } = tiny;
  const shares = objects.column("canvas_share");
  const across = logAxis(shares, [tiny.store.get("choices").at_most], Math.max(2, (width - LEFT - RIGHT) / 52));
  const figures = methods.map((_, method) => objects.figure(method, measure));
  const up = uprightAxis(measure, figures, Math.max(2, (height - TOP - BOTTOM) / 26));
  const x = (/** @type {number} */ value) => LEFT + (width - LEFT - RIGHT) * along(across, value);
  const y = (/** @type {number} */ value) => height - BOTTOM - (height - TOP - BOTTOM) * along(up, value);
  /** @type {Dots} */
  const dots = { x: Float32Array.from(shares, x), y: figures.map((values) => Float32Array.from(values, y)) };
  return { across, up, x, y, dots };
}

/** @param {string} measure @param {Float32Array[]} figures @param {number} room @returns {Axis} */
function uprightAxis(measure, figures, room) {
  if (measure === "reach") return logAxis(flat(figures), [1], room);
  if (measure !== "half") return { low: -0.03, high: 1.03, log: false, ticks: [0, 0.25, 0.5, 0.75, 1] };
  let most = 0.02;
  for (const value of flat(figures)) if (value > most) most = value;
  const step = [0.005, 0.01, 0.02, 0.05, 0.1].find((one) => most / one <= room) ?? 0.1;
  const ticks = Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
  return { low: -0.03 * most, high: 1.04 * most, log: false, ticks };
}

/** @param {Float32Array[]} figures */
function* flat(figures) {
  for (const values of figures) yield* values;
}

/**
 * @param {CanvasRenderingContext2D} context its canvas has `unit` device pixels for each pixel of `size`
 * @param {TinyObjects} tiny
 * @param {ReturnType<typeof layout>} placed
 * @param {{size: Size, unit: number, ink: Ink}} page
 */
export function paintScatter(context, tiny, placed, { size, unit, ink }) {
  context.setTransform(unit, 0, 0, unit, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  context.font = FONT;
  context.setLineDash([]);
  paintAxes(context, tiny, placed, size, ink);
  const { chosen } = tiny;
  const faint = chosen.length > 0 ? 0.35 : tiny.objects.count > 400 ? 0.55 : 0.8;
  for (let method = tiny.methods.length - 1; method >= 0; method--) {
    const color = colorOf(tiny.methods[method], ink.text);
    const { mark } = tiny.methods[method];
    paintLine(context, tiny.found.lines[tiny.measure][tiny.methods[method].name], placed, color, ink);
    const hits = tiny.objects.figure(method, "pointing");
    context.globalAlpha = faint;
    for (let i = 0; i < tiny.objects.count; i++) {
      paintDot(context, mark, placed.dots.x[i], placed.dots.y[method][i], 3.6, color, hits[i] > 0, ink.surface);
    }
    context.globalAlpha = 1;
  }
  for (const index of chosen) paintChosen(context, tiny, placed, index, size, ink);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {TinyObjects} tiny
 * @param {ReturnType<typeof layout>} placed
 * @param {Size} size
 * @param {Ink} ink
 */
function paintAxes(context, tiny, { across, up, x, y }, { width, height }, ink) {
  const { measure, store } = tiny;
  context.lineWidth = 1;
  context.strokeStyle = ink.line;
  context.fillStyle = ink.muted;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const tick of up.ticks) {
    line(context, LEFT, y(tick), width - RIGHT, y(tick));
    context.fillText(measure === "reach" ? times(tick) : percent(tick), LEFT - 6, y(tick));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of across.ticks) {
    line(context, x(tick), height - BOTTOM, x(tick), height - BOTTOM + 4);
    context.fillText(percent(tick), x(tick), height - BOTTOM + 6);
  }
  context.textBaseline = "alphabetic";
  context.textAlign = "right";
  context.fillText("Box, share of the network\u2019s input", width - RIGHT, height - 3);
  context.strokeStyle = ink.muted;
  if (measure === "reach") line(context, LEFT, y(1), width - RIGHT, y(1));
  const tiniest = x(store.get("choices").at_most);
  context.setLineDash([2, 3]);
  line(context, tiniest, TOP, tiniest, height - BOTTOM);
  context.setLineDash([]);
  const room = tiniest - LEFT > 40;
  context.textAlign = room ? "right" : "left";
  context.fillText(room ? "\u2190 tiny" : "larger \u2192", tiniest + (room ? -5 : 5), TOP + 9);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[number[], number[]]} medians
 * @param {ReturnType<typeof layout>} placed
 * @param {string} color
 * @param {Ink} ink
 */
function paintLine(context, [across, up], { x, y }, color, ink) {
  if (across.length < 2) return;
  context.lineJoin = "round";
  for (const [style, width] of /** @type {const} */ ([[ink.surface, 4], [color, 1.75]])) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    across.forEach((value, i) => context.lineTo(x(value), y(up[i])));
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} name of the mark
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {string} color
 * @param {boolean} filled
 * @param {string} ground
 */
function paintDot(context, name, x, y, radius, color, filled, ground) {
  if (!Number.isFinite(y)) return;
  const mark = MARKS[name] ?? null;
  context.beginPath();
  if (mark === null) context.arc(x, y, radius, 0, 2 * Math.PI);
  else {
    mark.forEach(([dx, dy]) => context.lineTo(x + radius * dx, y + radius * dy));
    context.closePath();
  }
  context.fillStyle = filled ? color : ground;
  context.fill();
  context.strokeStyle = color;
  context.lineWidth = 1.5;
  context.stroke();
}

/**
 * All methods' dots of a selected object, on one line, as its size is the same.
 * @param {CanvasRenderingContext2D} context
 * @param {TinyObjects} tiny
 * @param {ReturnType<typeof layout>} placed
 * @param {number} index
 * @param {Size} size
 * @param {Ink} ink
 */
function paintChosen(context, tiny, { dots }, index, { height }, ink) {
  const x = dots.x[index];
  context.strokeStyle = ink.text;
  context.lineWidth = 1;
  context.globalAlpha = 0.6;
  line(context, x, TOP, x, height - BOTTOM);
  context.globalAlpha = 1;
  tiny.methods.forEach((one, method) => {
    const y = dots.y[method][index];
    const hit = tiny.objects.figure(method, "pointing")[index] > 0;
    // A ring of the page's own text colour, as the colours alone do not stand out.
    paintDot(context, one.mark, x, y, 8.5, ink.text, false, ink.surface);
    paintDot(context, one.mark, x, y, 5.5, colorOf(one, ink.text), hit, ink.surface);
  });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 */
function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}
