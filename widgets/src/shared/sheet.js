// A picture to take away: the photograph as it is shown and, below it, what it is: words, colour bar, legend.

import { rangeWords } from "./colorbar.js";
import { SIDE, drawnBoxes, sideOf } from "./painter.js";
import { renderPicture } from "./png.js";
import { boxLabel } from "./text.js";

/** @typedef {import("./painter.js").Scene} Scene */
/** @typedef {import("./types.js").Range} Range */
/** @typedef {{x: number, y: number, width: number, height: number}} Part of the photograph, in whole pixels */
/**
 * `bar`: the colours of the map, with a table of RGBA entries; `legend`: what colours of boxes mean; `name`: parts of
 * the file's name.
 * @typedef {{scene: Scene, part: Part, words: string[], bar: {range: Range, table: Uint32Array, unit?: string} | null,
 *   legend: {color: string, name: string}[], name: string[]}} Sheet
 */
/**
 * One thing of the caption, in pixels from its own top left corner.
 * @typedef {{kind: "text", x: number, y: number, text: string, size: number, color: string}
 *   | {kind: "box", x: number, y: number, width: number, height: number, color: string}
 *   | {kind: "bar", x: number, y: number, width: number, height: number}} Item
 */

export const FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
export const INK = "#1c1f24";
export const MUTED = "#5b6270";
const NARROWEST = 420;

/** The classes of the boxes that are drawn. @param {Scene} scene */
export function classLegend(scene) {
  /** @type {Map<string, string>} */
  const classes = new Map();
  const drawn = [...new Set(drawnBoxes(scene).boxes.map(({ index }) => index))].sort((a, b) => a - b);
  for (const index of drawn) {
    const { name, color, missed } = scene.objects[index];
    if (color) classes.set(missed ? "missed" : name, color);
  }
  return [...classes].map(([name, color]) => ({ name, color }));
}

/**
 * Words in lines of a width, broken at spaces.
 * @param {string} text
 * @param {number} width
 * @param {(text: string) => number} measure
 */
export function brokenLines(text, width, measure) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length > 0 ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length > 0 && measure(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/**
 * What stands below the picture: the same for PNG and SVG.
 * @param {Sheet} sheet
 * @param {(text: string, size: number) => number} measure
 * @returns {{width: number, height: number, unit: number, items: Item[]}}
 */
export function captionOf({ part, words, bar, legend }, measure) {
  const width = Math.max(part.width, NARROWEST);
  const unit = Math.max(1, width / 900);
  const edge = 8 * unit;
  const size = 13 * unit;
  /** @type {Item[]} */
  const items = [];
  let y = edge;
  for (const line of words.flatMap((text) => brokenLines(text, width - 2 * edge, (t) => measure(t, size)))) {
    items.push({ kind: "text", x: edge, y: y + size, text: line, size, color: INK });
    y += 18 * unit;
  }
  if (bar) {
    const long = Math.min(320 * unit, width - 2 * edge);
    const small = 11 * unit;
    items.push({ kind: "bar", x: edge, y: y + 4 * unit, width: long, height: 12 * unit });
    y += 16 * unit;
    const said = rangeWords(bar.range);
    if (bar.unit) items.push({ kind: "text", x: edge + long + 12 * unit, y: y - 2 * unit, text: bar.unit, size: small, color: MUTED });
    said.forEach((text, i) => {
      const x = edge + (i * (long - measure(text, small))) / 2;
      items.push({ kind: "text", x, y: y + small + 2 * unit, text, size: small, color: MUTED });
    });
    y += 18 * unit;
  }
  let x = edge;
  for (const { color, name } of legend) {
    const across = measure(name, size) + 30 * unit;
    if (x > edge && x + across > width) {
      x = edge;
      y += 18 * unit;
    }
    items.push({ kind: "box", x, y: y + 3 * unit, width: 11 * unit, height: 11 * unit, color });
    items.push({ kind: "text", x: x + 16 * unit, y: y + size, text: name, size, color: INK });
    x += across;
  }
  if (legend.length > 0) y += 18 * unit;
  return { width, height: Math.ceil(y + edge), unit, items };
}

/** Measures text as the browser draws it. @returns {(text: string, size: number) => number} */
export function measuring() {
  const context = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  return (text, size) => {
    context.font = `${size}px ${FONT}`;
    return context.measureText(text).width;
  };
}

/** The colour bar as a picture one pixel high. @param {Uint32Array} table */
export function barPicture(table) {
  const canvas = document.createElement("canvas");
  canvas.width = 256;
  canvas.height = 1;
  const pixels = new ImageData(256, 1);
  const colors = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < 256; i++) colors[i] = table[Math.round((i * (table.length - 1)) / 255)];
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return canvas;
}

/** @param {Sheet} sheet @returns {HTMLCanvasElement} */
export function renderSheet(sheet) {
  const { width, height, items } = captionOf(sheet, measuring());
  const picture = renderPicture(sheet.scene, sheet.part);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = picture.height + height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0);
  for (const item of items) {
    const y = picture.height + item.y;
    if (item.kind === "bar") {
      context.fillStyle = "#e4e6ea";
      context.fillRect(item.x, y, item.width, item.height);
      context.drawImage(barPicture(/** @type {any} */ (sheet.bar).table), item.x, y, item.width, item.height);
      continue;
    }
    context.fillStyle = item.color;
    if (item.kind === "box") context.fillRect(item.x, y, item.width, item.height);
    else {
      context.font = `${item.size}px ${FONT}`;
      context.fillText(item.text, item.x, y);
    }
  }
  return canvas;
}

/** Text as SVG holds it. @param {string} text */
export const svgText = (text) =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "\ufffd");

/** @param {number} value */
const at = (value) => String(Math.round(100 * value) / 100);

/** @param {string} words @param {number} x @param {number} y @param {number} size @param {string} color */
const textLine = (words, x, y, size, color) => `<text x="${at(x)}" y="${at(y)}" font-size="${at(size)}" fill="${color}">${svgText(words)}</text>`;

/**
 * What lies over photograph and map as SVG: boxes, the explained side and names.
 * @param {Scene} scene
 * @param {Part} part of the photograph that is seen; its corner is (0, 0)
 * @param {number} unit pixels of the photograph to which a line of one pixel is drawn
 * @param {(text: string, size: number) => number} measure
 * @returns {string[]}
 */
export function overlayLines(scene, part, unit, measure) {
  const place = ([x1, y1, x2, y2] = [0, 0, 0, 0]) => `x="${at(x1 - part.x)}" y="${at(y1 - part.y)}" width="${at(x2 - x1)}" height="${at(y2 - y1)}"`;
  const still = { ...scene, hovered: null };
  const { boxes, named } = drawnBoxes(still);
  const lines = boxes.map(({ index, color, line, alpha, dashed }) => {
    const { box, polygon } = still.objects[index];
    const corners = polygon?.map(([x, y]) => `${at(x - part.x)},${at(y - part.y)}`).join(" ");
    const outline = corners ? `polygon points="${corners}"` : `rect ${place(box)}`;
    const dash = dashed ? ` stroke-dasharray="${at(6 * unit)} ${at(4 * unit)}"` : "";
    return `<g fill="none" stroke-opacity="${alpha}"${dash}><${outline} stroke="#000000" stroke-opacity="0.55" stroke-width="${at((line + 2) * unit)}"/><${outline} stroke="${color}" stroke-width="${at(line * unit)}"/></g>`;
  });
  if (still.selected !== null && still.side) {
    const { left, right, top, bottom } = sideOf(still.objects[still.selected], still.side);
    lines.push(`<line x1="${at(left - part.x)}" y1="${at(top - part.y)}" x2="${at(right - part.x)}" y2="${at(bottom - part.y)}" stroke="${SIDE}" stroke-width="${at(4.5 * unit)}"/>`);
  }
  for (const index of named) {
    const object = still.objects[index];
    const label = boxLabel(object);
    const [x, y] = [Math.max(2, object.box[0] - part.x), Math.max(2, object.box[1] - part.y - 22 * unit)];
    lines.push(`<rect x="${at(x)}" y="${at(y)}" width="${at(measure(label, 12 * unit) + 12 * unit)}" height="${at(20 * unit)}" rx="${at(4 * unit)}" fill="#111418" fill-opacity="0.86"/>`);
    lines.push(textLine(label, x + 6 * unit, y + 14 * unit, 12 * unit, "#ffffff"));
  }
  return lines;
}

/**
 * The same as SVG: photograph and map are one embedded picture; boxes, texts and legend can be edited.
 * @param {Sheet} sheet
 * @returns {string}
 */
export function svgOf(sheet) {
  const measure = measuring();
  const { width, height, unit, items } = captionOf(sheet, measure);
  const { scene, part } = sheet;
  const plain = { ...scene, objects: [], selected: null, hovered: null, side: null };
  const bottom = part.height;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom + height}" viewBox="0 0 ${width} ${bottom + height}" font-family="${svgText(FONT)}">`,
    `<rect width="${width}" height="${bottom + height}" fill="#ffffff"/>`,
    `<image width="${part.width}" height="${part.height}" href="${renderPicture(plain, part).toDataURL("image/png")}"/>`,
    `<svg width="${part.width}" height="${part.height}">`,
    ...overlayLines(scene, part, unit, measure),
    "</svg>",
  ];
  for (const item of items) {
    const y = bottom + item.y;
    if (item.kind === "text") lines.push(textLine(item.text, item.x, y, item.size, item.color));
    else {
      const box = `x="${at(item.x)}" y="${at(y)}" width="${at(item.width)}" height="${at(item.height)}"`;
      if (item.kind === "box") lines.push(`<rect ${box} fill="${item.color}"/>`);
      else lines.push(`<image ${box} preserveAspectRatio="none" href="${barPicture(/** @type {any} */ (sheet.bar).table).toDataURL("image/png")}"/>`);
    }
  }
  return [...lines, "</svg>", ""].join("\n");
}

/** A text, shortened to a width. @param {string} text @param {number} width @param {(text: string) => number} measure */
export function shortened(text, width, measure) {
  if (measure(text) <= width) return text;
  let kept = [...text];
  while (kept.length > 0 && measure(`${kept.join("")}\u2026`) > width) kept = kept.slice(0, -1);
  return `${kept.join("")}\u2026`;
}

/** What spreadsheets take for the beginning of a formula. */
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

/**
 * A table as CSV; an empty cell where there is no value. Texts come from data sets: one that a spreadsheet would take for
 * a formula gets an apostrophe in front, which makes it a text there.
 * @param {readonly string[]} columns
 * @param {readonly (readonly (string | number | boolean | null | undefined)[])[]} rows
 */
export function csvOf(columns, rows) {
  const cell = (/** @type {unknown} */ value) => {
    const plain = value === null || value === undefined ? "" : String(value);
    const text = typeof value === "string" && FORMULA.test(value) ? `'${plain}` : plain;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** The heads of what `objectStart` gives. @param {boolean} whole whether the predictions are classes of the whole image */
export function startColumns(whole) {
  return whole ? ["class_number", "class", "probability"] : ["number", "name", "score", "x1", "y1", "x2", "y2"];
}

/** The first columns of a table of objects. */
export const OBJECT_COLUMNS = [...startColumns(false), "listed", "selected"];

/**
 * @param {readonly import("./types.js").DetectedObject[]} objects
 * @param {readonly number[]} listed
 * @param {number | null} selected
 * @returns {(string | number | boolean)[][]}
 */
export const objectCells = (objects, listed, selected) =>
  objects.map((object, i) => [...objectStart(object, i), listed.includes(i), i === selected]);

/** The first columns of a table of classes. */
export const CLASS_COLUMNS = [...startColumns(true), "listed", "selected"];

/** Number, name, score and box of an object; of a class there is no box. @param {import("./types.js").DetectedObject} object @param {number} i @returns {(string | number)[]} */
export const objectStart = ({ name, score, box, number, label, missed }, i) => (label === undefined ? [number ?? (missed ? "" : i), name, score, ...box] : [label, name, score]);
