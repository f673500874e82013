// How a WhatIf looks: the changed picture, the region's outline, what is being drawn, and the boxes before and now.

import { outlineOf, shift } from "./shapes.js";

/** @typedef {import("./model.js").Answer} Answer */
/** @typedef {import("./model.js").WhatIf} WhatIf */
/** @typedef {import("./shapes.js").Shape} Shape */
/** @typedef {import("../shared/types.js").View} View */

const DARK = "rgba(0, 0, 0, 0.75)";
const LIGHT = "#f0e442";
const HAND = "rgba(240, 228, 66, 0.38)";
const APPEARED = "#ffffff";
/** Answers whose pixels stay decoded. */
const MOST_KEPT = 8;

/** The new pixels of answers, decoded. */
export class Patches {
  /** @type {Map<number, ImageBitmap | HTMLCanvasElement>} */
  #known = new Map();
  /** @type {Set<number>} */
  #coming = new Set();

  /** @param {() => void} decoded @param {(text: string) => void} failed */
  constructor(decoded, failed) {
    this.decoded = decoded;
    this.failed = failed;
  }

  /** Null until it is decoded. @param {Answer} answer */
  of(answer) {
    const known = this.#known.get(answer.number);
    if (known) return known;
    if (answer.raw) return this.#keep(answer.number, pixelsOf(answer));
    if (!this.#coming.has(answer.number)) this.#decode(answer);
    return null;
  }

  /**
   * @template {ImageBitmap | HTMLCanvasElement} Pixels
   * @param {number} number
   * @param {Pixels} pixels
   */
  #keep(number, pixels) {
    this.#known.set(number, pixels);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KEPT) this.#known.delete(oldest);
    return pixels;
  }

  /** @param {Answer} answer */
  async #decode({ number, patch }) {
    this.#coming.add(number);
    try {
      this.#keep(number, await createImageBitmap(new Blob([/** @type {any} */ (patch)], { type: "image/png" })));
      this.decoded();
    } catch (error) {
      this.failed(`The changed picture cannot be shown: ${error}`);
    } finally {
      this.#coming.delete(number);
    }
  }
}

/** New pixels that were sent as they are. @param {Answer} answer */
function pixelsOf({ bounds: [x1, y1, x2, y2], patch }) {
  const canvas = document.createElement("canvas");
  canvas.width = x2 - x1;
  canvas.height = y2 - y1;
  const pixels = new ImageData(canvas.width, canvas.height);
  pixels.data.set(new Uint8Array(patch.buffer, patch.byteOffset, patch.byteLength));
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return canvas;
}

/** Photographs with the new pixels of an answer, made once for each. */
export class ChangedPhoto {
  canvas = document.createElement("canvas");
  /** @type {unknown[]} */
  #of = [];

  /**
   * @param {CanvasImageSource} photo
   * @param {{width: number, height: number}} size of the photograph
   * @param {Answer} answer
   * @param {ImageBitmap | HTMLCanvasElement} patch
   */
  draw(photo, size, answer, patch) {
    if (this.#of[0] === photo && this.#of[1] === answer.number) return this.canvas;
    this.#of = [photo, answer.number];
    // One that was sent smaller than it is: the new pixels are drawn at their own size all the same.
    this.canvas.width = size.width;
    this.canvas.height = size.height;
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const [x1, y1] = answer.bounds;
    context.drawImage(photo, 0, 0, size.width, size.height);
    context.drawImage(patch, x1, y1);
    return this.canvas;
  }
}

/** @type {WeakMap<Answer, [number, number, number, number][]>} */
const outlines = new WeakMap();

/** @param {Answer} answer */
function outline(answer) {
  const known = outlines.get(answer) ?? outlineOf(answer);
  outlines.set(answer, known);
  return known;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {number} unit
 * @param {Answer} answer
 * @param {readonly number[]} [by] how far it is moved
 */
export function paintOutline(context, view, unit, answer, by = [0, 0]) {
  const scale = view.scale * unit;
  context.beginPath();
  for (const [x1, y1, x2, y2] of outline(answer)) {
    context.moveTo((x1 + by[0] - view.x) * scale, (y1 + by[1] - view.y) * scale);
    context.lineTo((x2 + by[0] - view.x) * scale, (y2 + by[1] - view.y) * scale);
  }
  strokeTwice(context, unit);
}

/** Dark under light, so that it is seen on any picture. @param {CanvasRenderingContext2D} context @param {number} unit */
function strokeTwice(context, unit) {
  context.lineCap = "square";
  for (const [color, width] of /** @type {const} */ ([
    [DARK, 3],
    [LIGHT, 1.25],
  ])) {
    context.strokeStyle = color;
    context.lineWidth = width * unit;
    context.stroke();
  }
}

/**
 * What is drawn and not answered yet.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {number} unit
 * @param {readonly Shape[]} shapes
 * @param {Answer | null} answer that is shown
 */
export function paintShapes(context, view, unit, shapes, answer) {
  const scale = view.scale * unit;
  const at = (/** @type {number[]} */ [x, y]) => /** @type {const} */ ([(x - view.x) * scale, (y - view.y) * scale]);
  for (const shape of shapes) {
    context.beginPath();
    if (shape.kind === "box") {
      const [x1, y1, x2, y2] = shape.box;
      context.rect(...at([x1, y1]), (x2 - x1) * scale, (y2 - y1) * scale);
      fillAndOutline(context, unit);
    } else if (shape.kind === "stroke") {
      const [first, ...rest] = shape.points;
      context.moveTo(...at(first));
      for (const point of rest.length > 0 ? rest : [first]) context.lineTo(...at(point));
      context.lineCap = "round";
      context.lineJoin = "round";
      context.lineWidth = 2 * shape.radius * scale;
      context.strokeStyle = HAND;
      context.stroke();
    } else if (shape.kind === "lasso") {
      const [first, ...rest] = shape.points;
      context.moveTo(...at(first));
      for (const point of rest) context.lineTo(...at(point));
      context.closePath();
      fillAndOutline(context, unit);
    } else if (answer) paintOutline(context, view, unit, answer, shift(shape, answer.shapes));
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} unit */
function fillAndOutline(context, unit) {
  context.fillStyle = HAND;
  context.fill("evenodd");
  strokeTwice(context, unit);
}

/** Where the brush is. @param {CanvasRenderingContext2D} context @param {View} view @param {number} unit @param {readonly number[]} point @param {number} radius */
export function paintBrush(context, view, unit, [x, y], radius) {
  const scale = view.scale * unit;
  context.beginPath();
  context.arc((x - view.x) * scale, (y - view.y) * scale, Math.max(1, radius * scale), 0, 2 * Math.PI);
  strokeTwice(context, unit);
}

/**
 * The boxes of an answer: those of now, and broken lines where one was before that has moved or gone.
 * @param {WhatIf} whatIf
 * @param {Answer} answer
 * @returns {Pick<import("../shared/painter.js").Scene, "objects" | "selected" | "hidden" | "dashed">}
 */
export function boxesNow(whatIf, answer) {
  const { objects, things, selected, thing } = whatIf;
  const listed = new Set(whatIf.listed);
  /** @type {import("../shared/types.js").DetectedObject[]} */
  const drawn = [...things];
  const hidden = new Set();
  const dashed = new Set(things.flatMap((one, i) => (one.missed ? [i] : [])));
  /** @type {number | null} */
  let chosen = thing;
  answer.rows.forEach((row, i) => {
    if (!listed.has(i) && i !== selected) return;
    if (!row.kept || row.moved || row.changed) dashed.add(i);
    else hidden.add(i);
    if (!row.box || !row.kept) return;
    if (i === selected) {
      chosen = drawn.length;
      if (!dashed.has(i)) hidden.add(i);
    }
    drawn.push({ ...objects[i], score: row.now, box: row.box });
  });
  for (const { name, score, box } of answer.appeared) drawn.push({ name: `new: ${name}`, score, box, color: APPEARED });
  return { objects: drawn, selected: chosen, hidden, dashed };
}
