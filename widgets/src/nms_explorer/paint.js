// The plane of IoU against correlation: where its points and lines are, and how they are drawn, on screen and in a file.

import { isDuplicate } from "./rules.js";

/** @typedef {import("./model.js").NmsExplorer} NmsExplorer */
/** @typedef {import("./rules.js").Settings} Settings */
/**
 * Pairs of predictions: the numbers of the two, the one that goes first first, their IoU and what they are compared by.
 * `kind`: one of `UNKNOWN`, `SAME`, `DIFFERENT`.
 * @typedef {{count: number, first: Uint16Array, second: Uint16Array, iou: Float32Array, other: Float32Array, kind: Uint8Array}} Points
 */
/** @typedef {{name: string, across: boolean, value: number, from: number, to: number, title: string}} Line `across`: at a value of the other axis than IoU */
/** @typedef {{width: number, height: number}} Size */
/** @typedef {{text: string, muted: string, line: string, surface: string, shade: string, accent: string, kinds: string[]}} Ink colours; of `kinds` by number */
/** @typedef {{x: (iou: number) => number, y: (other: number) => number, iou: (x: number) => number, other: (y: number) => number}} Axes */

export const UNKNOWN = 0;
export const SAME = 1;
export const DIFFERENT = 2;
export const HIDDEN = 3;

const LEFT = 38;
const RIGHT = 10;
const TOP = 26;
const BOTTOM = 34;

/** The colours of a file, on white. @type {Ink} */
export const PAPER = {
  text: "#1c1f24",
  muted: "#5b6270",
  line: "#dfe2e7",
  surface: "#ffffff",
  shade: "rgba(23, 105, 194, 0.09)",
  accent: "#1769c2",
  kinds: ["#8a919d", "#0072b2", "#c24e00"],
};

/**
 * What the points' colours say.
 * @param {boolean} known whether there are annotations
 * @returns {[number, string][]}
 */
export const kindNames = (known) =>
  known
    ? [
        [SAME, "Same object"],
        [DIFFERENT, "Different objects"],
        [UNKNOWN, "At least one on no object"],
      ]
    : [
        [SAME, "Duplicates by the rule"],
        [DIFFERENT, "Not duplicates"],
      ];

/**
 * All pairs of one class, also of predictions that take no part now.
 * @param {NmsExplorer} nms
 * @param {Float32Array} values what is compared, for each pair
 * @returns {Points}
 */
export function pointsOf(nms, values) {
  const { problem, owners } = nms;
  const { count, labels, iou, scores } = problem;
  const order = [...Array(count).keys()].sort((a, b) => scores[b] - scores[a] || a - b);
  const most = (count * (count - 1)) / 2;
  const made = { count: 0, first: new Uint16Array(most), second: new Uint16Array(most), iou: new Float32Array(most), other: new Float32Array(most), kind: new Uint8Array(most) };
  for (let rank = 0; rank < count; rank++) {
    const i = order[rank];
    for (let r = rank + 1; r < count; r++) {
      const j = order[r];
      if (labels[i] !== labels[j]) continue;
      const at = made.count++;
      const pair = i * count + j;
      made.first[at] = i;
      made.second[at] = j;
      made.iou[at] = iou[pair];
      made.other[at] = values[pair];
      if (owners && owners[i] >= 0 && owners[j] >= 0) made.kind[at] = owners[i] === owners[j] ? SAME : DIFFERENT;
    }
  }
  return made;
}

/**
 * The kind of each pair as it is drawn now: without annotations by what the rule says; `HIDDEN` where one takes no part.
 * @param {NmsExplorer} nms
 * @param {Points} points
 */
export function kindsNow(nms, { count, first, second, iou, other, kind }) {
  const { owners, settings } = nms;
  const takes = Uint8Array.from(nms.objects, (_, i) => Number(nms.passes(i)));
  const byRule = !owners && settings.rule !== "soft-nms";
  const kinds = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    if (!takes[first[i]] || !takes[second[i]]) kinds[i] = HIDDEN;
    else if (byRule) kinds[i] = isDuplicate(settings, iou[i], other[i]) ? SAME : DIFFERENT;
    else kinds[i] = kind[i];
  }
  return kinds;
}

/**
 * The thresholds of a rule as lines.
 * @param {Settings} settings
 * @param {number} high the greatest value of the other axis
 * @returns {Line[]}
 */
export function linesOf(settings, high) {
  const { rule, decay, iou_threshold, t_low, t_high, low_iou, high_iou, distance } = settings;
  const upright = (/** @type {string} */ name, /** @type {number} */ value, title = "IoU") => ({ name, across: false, value, from: 0, to: high, title });
  if (rule === "nms" || (rule === "soft-nms" && decay === "linear")) return [upright("iou_threshold", iou_threshold)];
  if (rule === "soft-nms") return [];
  if (rule === "feature-nms") {
    return [
      upright("low_iou", low_iou, "Low IoU"),
      upright("high_iou", high_iou, "High IoU"),
      { name: "distance", across: true, value: distance, from: low_iou, to: high_iou, title: "Distance" },
    ];
  }
  return [
    upright("iou_threshold", iou_threshold),
    { name: "t_low", across: true, value: t_low, from: iou_threshold, to: 1, title: "T_low" },
    { name: "t_high", across: true, value: t_high, from: 0, to: iou_threshold, title: "T_high" },
  ];
}

/**
 * Where pairs are duplicates: from and to in IoU, from and to in the other.
 * @param {Settings} settings
 * @param {number} high
 * @returns {[number, number, number, number][]}
 */
export function shaded({ rule, iou_threshold, t_low, t_high, low_iou, high_iou, distance }, high) {
  if (rule === "nms") return [[iou_threshold, 1, 0, high]];
  if (rule === "odam-nms") {
    return [
      [iou_threshold, 1, t_low, high],
      [0, iou_threshold, t_high, high],
    ];
  }
  if (rule === "feature-nms") {
    return [
      [high_iou, 1, 0, high],
      [low_iou, high_iou, 0, Math.min(distance, high)],
    ];
  }
  return [];
}

/** @param {Size} size @param {number} high @returns {Axes} */
export function axesOf({ width, height }, high) {
  const across = width - LEFT - RIGHT;
  const up = height - TOP - BOTTOM;
  return {
    x: (iou) => LEFT + across * iou,
    y: (other) => height - BOTTOM - (up * other) / high,
    iou: (x) => Math.min(1, Math.max(0, (x - LEFT) / across)),
    other: (y) => Math.min(high, Math.max(0, ((height - BOTTOM - y) * high) / up)),
  };
}

/**
 * All points as a picture; as many of them as there are pairs of 1000 predictions take no longer than a frame.
 * @param {Points} points
 * @param {Uint8Array} kinds of each, as it is drawn
 * @param {Axes} axes
 * @param {{size: Size, unit: number, colors: string[]}} how `unit`: device pixels for each pixel; `colors` by kind
 */
export function paintPoints(points, kinds, axes, { size: { width, height }, unit, colors }) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * unit);
  canvas.height = Math.round(height * unit);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const pixels = new ImageData(Math.max(1, canvas.width), Math.max(1, canvas.height));
  const out = new Uint32Array(pixels.data.buffer);
  const radius = (points.count > 4000 ? 1.3 : 2.4) * unit;
  const reach = Math.ceil(radius);
  /** @type {number[]} */
  const disc = [];
  for (let dy = -reach; dy <= reach; dy++) for (let dx = -reach; dx <= reach; dx++) if (dx * dx + dy * dy <= radius * radius) disc.push(dy * canvas.width + dx);
  // What is rarer lies on top.
  for (const kind of [UNKNOWN, DIFFERENT, SAME]) {
    const color = packed(colors[kind]);
    for (let i = 0; i < points.count; i++) {
      if (kinds[i] !== kind) continue;
      const column = Math.round(axes.x(points.iou[i]) * unit);
      const row = Math.round(axes.y(points.other[i]) * unit);
      const at = row * canvas.width + column;
      for (const step of disc) out[at + step] = color;
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** A colour in the byte order of ImageData. @param {string} color such as "#0072b2" */
function packed(color) {
  const part = (/** @type {number} */ at) => Number.parseInt(color.slice(at, at + 2), 16);
  return (255 << 24) | (part(5) << 16) | (part(3) << 8) | part(1);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{layer: HTMLCanvasElement, axes: Axes, size: Size, unit: number, ink: Ink, high: number, settings: Settings, title: string,
 *   deciding: [number, number][], active: string | null}} drawn `deciding`: IoU and the other of pairs that removed one;
 *   `active`: the line under the pointer
 */
export function paintPlane(context, { layer, axes, size, unit, ink, high, settings, title, deciding, active }) {
  const { x, y } = axes;
  context.setTransform(unit, 0, 0, unit, 0, 0);
  context.fillStyle = ink.shade;
  for (const [from, to, low, up] of shaded(settings, high)) context.fillRect(x(from), y(up), x(to) - x(from), y(low) - y(up));
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.lineWidth = 1;
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    context.strokeStyle = ink.line;
    context.beginPath();
    context.moveTo(x(share), y(0));
    context.lineTo(x(share), y(high));
    context.moveTo(x(0), y(share * high));
    context.lineTo(x(1), y(share * high));
    context.stroke();
    context.fillStyle = ink.muted;
    context.textAlign = "center";
    context.fillText(String(share), x(share), y(0) + 11);
    context.textAlign = "right";
    context.fillText(String(Number((share * high).toPrecision(2))), x(0) - 5, y(share * high));
  }
  context.textAlign = "right";
  context.fillText("IoU", x(1), y(0) + 25);
  context.textAlign = "left";
  context.fillText(title, 2, 9);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(layer, 0, 0, Math.round(size.width * unit), Math.round(size.height * unit));
  context.setTransform(unit, 0, 0, unit, 0, 0);
  context.strokeStyle = ink.text;
  context.lineWidth = 1.2;
  for (const [iou, other] of deciding) {
    context.beginPath();
    context.arc(x(iou), y(other), 4.5, 0, 2 * Math.PI);
    context.stroke();
  }
  for (const line of linesOf(settings, high)) paintLine(context, line, axes, ink, line.name === active);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Line} line
 * @param {Axes} axes
 * @param {Ink} ink
 * @param {boolean} active
 */
function paintLine(context, { across, value, from, to, title }, { x, y }, ink, active) {
  const [x1, y1, x2, y2] = across ? [x(from), y(value), x(to), y(value)] : [x(value), y(from), x(value), y(to)];
  for (const [color, width] of /** @type {const} */ ([
    [ink.surface, active ? 6 : 4.5],
    [ink.accent, active ? 3.5 : 2],
  ])) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }
  context.fillStyle = ink.accent;
  context.beginPath();
  context.arc((x1 + x2) / 2, (y1 + y2) / 2, active ? 6 : 4.5, 0, 2 * Math.PI);
  context.fill();
  const words = `${title} ${value.toFixed(2)}`;
  context.font = "600 11px system-ui, sans-serif";
  const wide = context.measureText(words).width;
  // Above a level line, beside an upright one; on the side where there is room.
  const beside = x(1) - x1 > wide + 12 ? x1 + 7 : x1 - wide - 7;
  const left = across ? Math.min(Math.max((x1 + x2 - wide) / 2, x(0) + 3), x(1) - wide - 3) : beside;
  const middle = across ? (y1 - 12 > TOP ? y1 - 12 : y1 + 13) : y1 - 9;
  context.textAlign = "left";
  context.lineWidth = 3;
  context.strokeStyle = ink.surface;
  context.strokeText(words, left, middle);
  context.fillText(words, left, middle);
}
