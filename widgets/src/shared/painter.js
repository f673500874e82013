// Draws photograph, heat map and boxes: the same on screen and in an exported picture.

import { cornersOf } from "./boxes.js";
import { boxLabel } from "./text.js";

/** @typedef {import("./types.js").DetectedObject} DetectedObject */
/** @typedef {import("./types.js").Size} Size */
/** @typedef {import("./types.js").View} View */

/**
 * @typedef {{photo: CanvasImageSource, size: Size, heat: CanvasImageSource | null, opacity: number,
 *   objects: readonly DetectedObject[], selected: number | null, hovered: number | null, side: string | null,
 *   boxes: string, unnamed?: boolean, allNamed?: boolean, tints?: ReadonlyMap<number, string>, dashed?: ReadonlySet<number>,
 *   hidden?: ReadonlySet<number>, over?: (context: CanvasRenderingContext2D, view: View, unit: number) => void}} Scene `boxes`: "all", or "selected" for only the one selected or pointed at;
 *   `unnamed`: names are written elsewhere; `allNamed`: all drawn
 *   boxes are named, not only the one selected or pointed at; `tints`: colours of boxes that are not in that of their class, by object; `dashed`: objects
 *   whose boxes are broken lines; `hidden`: those whose boxes are drawn only where they are pointed at or selected; `over`:
 *   draws what lies between the map and the boxes
 */

const LIGHT = "#ffffff";
const HALO = "rgba(0, 0, 0, 0.55)";
const CHIP = "rgba(17, 20, 24, 0.86)";
export const SIDE = "#ffb000";

/** More boxes than this are drawn fainter. */
const CROWD = 20;

/** From this many screen pixels per image pixel on, the photograph's pixels are shown as squares. */
const SQUARES = 6;

/** How to get all pixels of a photograph that was sent smaller than it is. @type {WeakMap<object, () => void>} */
export const larger = new WeakMap();

/**
 * @param {CanvasRenderingContext2D} context its canvas has `unit` device pixels for each pixel of the view
 * @param {Scene} scene
 * @param {View} view
 * @param {number} unit
 */
export function paintScene(context, scene, view, unit) {
  const { width, height } = context.canvas;
  const scale = view.scale * unit;
  const target = /** @type {const} */ ([
    -view.x * scale,
    -view.y * scale,
    scene.size.width * scale,
    scene.size.height * scale,
  ]);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 1;
  context.clearRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.imageSmoothingEnabled = view.scale < SQUARES;
  context.drawImage(scene.photo, ...target);
  const sent = /** @type {{width?: number}} */ (scene.photo).width;
  if (typeof sent === "number" && sent < scene.size.width && scale > sent / scene.size.width) larger.get(scene.photo)?.();
  if (scene.heat) {
    context.imageSmoothingEnabled = true;
    context.globalAlpha = scene.opacity;
    context.drawImage(scene.heat, ...target);
    context.globalAlpha = 1;
  }
  scene.over?.(context, view, unit);
  paintBoxes(context, scene, view, unit);
}

/**
 * The boxes that a scene shows, in the order in which they are drawn, and the objects that are named.
 * @param {Scene} scene
 * @returns {{boxes: {index: number, line: number, alpha: number, color: string, dashed: boolean}[], named: number[]}}
 */
export function drawnBoxes(scene) {
  const { objects, tints } = scene;
  const last = [scene.hovered, scene.selected].filter((i) => i !== null);
  const all = objects.map((_, i) => i).filter((i) => scene.boxes === "all" && !last.includes(i) && !scene.hidden?.has(i));
  // Those with a colour of their own lie over the others.
  const rest = tints ? [...all.filter((i) => !tints.has(i)), ...all.filter((i) => tints.has(i))] : all;
  const labels = [...new Set(last)];
  const alpha = rest.length > CROWD ? 0.7 : 0.85;
  const color = (/** @type {number} */ i) => tints?.get(i) ?? objects[i].color ?? LIGHT;
  const pen = (/** @type {number} */ index) => ({ index, color: color(index), dashed: scene.dashed?.has(index) ?? false });
  const boxes = [
    ...rest.map((i) => ({ line: tints?.has(i) ? 2 : 1.5, alpha, ...pen(i) })),
    ...labels.map((i) => ({ line: i === scene.selected ? 2.5 : 2, alpha: 1, ...pen(i) })),
  ];
  const named = scene.allNamed ? [...rest, ...labels] : labels;
  return { boxes, named: scene.unnamed ? [] : named };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {View} view
 * @param {number} unit
 */
function paintBoxes(context, scene, view, unit) {
  const { objects } = scene;
  const { boxes, named } = drawnBoxes(scene);
  for (const { index, ...pen } of boxes) paintBox(context, objects[index], view, unit, pen);
  if (scene.selected !== null && scene.side) paintSide(context, scene.objects[scene.selected], scene.side, view, unit);
  for (const i of named) paintChip(context, objects[i], view, unit);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {DetectedObject} object
 * @param {View} view
 * @param {number} unit
 * @param {{line: number, alpha: number, color: string, dashed: boolean}} pen
 */
function paintBox(context, object, view, unit, { line, alpha, color, dashed }) {
  const scale = view.scale * unit;
  const [x1, y1, x2, y2] = object.box;
  const stroke = () => {
    if (!object.polygon) return context.strokeRect((x1 - view.x) * scale, (y1 - view.y) * scale, (x2 - x1) * scale, (y2 - y1) * scale);
    context.beginPath();
    for (const [x, y] of object.polygon) context.lineTo((x - view.x) * scale, (y - view.y) * scale);
    context.closePath();
    return context.stroke();
  };
  context.lineJoin = "round";
  context.globalAlpha = alpha;
  context.setLineDash(dashed ? [6 * unit, 4 * unit] : []);
  context.strokeStyle = HALO;
  context.lineWidth = (line + 2) * unit;
  stroke();
  context.strokeStyle = color;
  context.lineWidth = line * unit;
  stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/** The ends of one side of a box, as it lies before the box is turned. @param {DetectedObject} object @param {string} side */
export function sideOf(object, side) {
  const corners = cornersOf(object);
  const first = ["y1", "x2", "y2", "x1"].indexOf(side);
  const [[left, top], [right, bottom]] = [corners[first], corners[(first + 1) % 4]];
  return { left, right, top, bottom };
}

/**
 * Mark the side of the box that is explained.
 * @param {CanvasRenderingContext2D} context
 * @param {DetectedObject} object
 * @param {string} side
 * @param {View} view
 * @param {number} unit
 */
function paintSide(context, object, side, view, unit) {
  const scale = view.scale * unit;
  const { left, right, top, bottom } = sideOf(object, side);
  context.lineCap = "round";
  for (const [color, width] of /** @type {const} */ ([
    [HALO, 7],
    [SIDE, 4.5],
  ])) {
    context.strokeStyle = color;
    context.lineWidth = width * unit;
    context.beginPath();
    context.moveTo((left - view.x) * scale, (top - view.y) * scale);
    context.lineTo((right - view.x) * scale, (bottom - view.y) * scale);
    context.stroke();
  }
}

/**
 * The object's name and score above its box, inside where there is no room above.
 * @param {CanvasRenderingContext2D} context
 * @param {DetectedObject} object
 * @param {View} view
 * @param {number} unit
 */
function paintChip(context, object, view, unit) {
  const scale = view.scale * unit;
  const text = boxLabel(object);
  context.font = `600 ${12 * unit}px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif`;
  context.textBaseline = "middle";
  const width = context.measureText(text).width + 12 * unit;
  const height = 20 * unit;
  const left = (object.box[0] - view.x) * scale;
  const top = (object.box[1] - view.y) * scale;
  const gap = 5 * unit;
  const x = Math.min(Math.max(left - unit, gap), Math.max(gap, context.canvas.width - width - gap));
  const y = Math.max(top - height - gap < 0 ? top + gap : top - height - gap, gap);
  context.fillStyle = CHIP;
  context.beginPath();
  context.roundRect(x, y, width, height, 4 * unit);
  context.fill();
  if (object.color) {
    context.fillStyle = object.color;
    context.fillRect(x, y + 3 * unit, 3 * unit, height - 6 * unit);
  }
  context.fillStyle = LIGHT;
  context.fillText(text, x + 6 * unit, y + height / 2 + 0.5 * unit);
}
