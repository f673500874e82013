// The grid as a file: what the cells show now, each with its colours and figures, and below it what they are.

import { rangeWords } from "./colorbar.js";
import { paintScene } from "./painter.js";
import { FONT, INK, MUTED, barPicture, brokenLines, classLegend, measuring, overlayLines, shortened, svgText } from "./sheet.js";

/** @typedef {import("./grid.js").Grid} Grid */
/** @typedef {import("./grid_cell.js").Cell} Cell */
/** @typedef {{color: string, name: string}} Swatch */
/**
 * `above`: a picture over the grid, `width` pixels wide on the page; `name`: parts of the file's name.
 * @typedef {{grid: Grid | null, words: string[], legend: Swatch[], name: string[],
 *   above?: {canvas: HTMLCanvasElement, width: number, height: number} | null}} GridSheet
 */
/**
 * One thing on the sheet, in pixels of the page.
 * @typedef {{kind: "text", x: number, y: number, text: string, size: number, color: string, bold?: boolean}
 *   | {kind: "box", x: number, y: number, width: number, height: number, color: string}
 *   | {kind: "bar", x: number, y: number, width: number, height: number, table: Uint32Array}
 *   | {kind: "cell", x: number, y: number, width: number, height: number, cell: Cell}
 *   | {kind: "picture", x: number, y: number, width: number, height: number, canvas: HTMLCanvasElement}} Item
 */

const SIDE = 170;
const HEAD = 26;
const GAP = 10;
const EDGE = 8;
const SHARPNESS = 2;

/**
 * Where everything is.
 * @param {GridSheet} sheet
 * @param {(text: string, size: number) => number} measure
 */
export function gridLayout({ grid, words, legend, above }, measure) {
  /** @type {Item[]} */
  const items = [];
  const columns = grid?.comparison.shown ?? [];
  const cellWidth = grid?.viewport.screen.width ?? 0;
  const width = Math.max(480, above?.width ?? 0, SIDE + columns.length * (cellWidth + GAP));
  let top = 0;
  if (above) {
    items.push({ kind: "picture", x: 0, y: 0, width: above.width, height: above.height, canvas: above.canvas });
    top = above.height + GAP;
  }
  if (grid && columns.length > 0) top = rows(grid, top, items, measure);
  const line = (/** @type {string} */ text) => {
    items.push({ kind: "text", x: EDGE, y: top + 13, text, size: 12, color: INK });
    top += 17;
  };
  for (const text of words.filter(Boolean)) brokenLines(text, width - 2 * EDGE, (t) => measure(t, 12)).forEach(line);
  let x = EDGE;
  for (const { color, name } of legend) {
    const across = measure(name, 12) + 30;
    if (x > EDGE && x + across > width) {
      x = EDGE;
      top += 17;
    }
    items.push({ kind: "box", x, y: top + 3, width: 11, height: 11, color });
    items.push({ kind: "text", x: x + 16, y: top + 13, text: name, size: 12, color: INK });
    x += across;
  }
  if (legend.length > 0) top += 17;
  return { width: Math.ceil(width), height: Math.ceil(top + EDGE), items };
}

/**
 * Heads, methods and cells; returns where they end.
 * @param {Grid} grid
 * @param {number} top
 * @param {Item[]} items
 * @param {(text: string, size: number) => number} measure
 */
function rows(grid, top, items, measure) {
  const { comparison, viewport } = grid;
  const { order, shown } = comparison;
  const { width, height } = viewport.screen;
  const left = (/** @type {number} */ column) => SIDE + column * (width + GAP);
  const fit = (/** @type {string} */ text, /** @type {number} */ room, /** @type {number} */ size) => shortened(text, room, (t) => measure(t, size));
  shown.forEach((object, column) => {
    items.push({ kind: "text", x: left(column), y: top + 17, text: fit(comparison.label(object), width, 13), size: 13, color: INK, bold: true });
  });
  let y = top + HEAD;
  for (const method of order) {
    let side = y + 12;
    items.push({ kind: "text", x: EDGE, y: side, text: fit(comparison.title(method), SIDE - 2 * EDGE, 13), size: 13, color: INK, bold: true });
    const row = comparison.row(method);
    for (const text of [row.remark, row.text].filter(Boolean)) {
      for (const part of brokenLines(text, SIDE - 2 * EDGE, (t) => measure(t, 11))) {
        side += 14;
        items.push({ kind: "text", x: EDGE, y: side, text: part, size: 11, color: MUTED });
      }
    }
    let low = side + 6;
    shown.forEach((object, column) => {
      const cell = grid.cell({ method, object });
      if (!cell) return;
      const x = left(column);
      items.push({ kind: "cell", x, y, width, height, cell });
      let below = y + height + 4;
      const range = comparison.range(cell.place);
      if (range) {
        items.push({ kind: "bar", x, y: below, width, height: 7, table: comparison.table(method, false) });
        const [first, , last] = rangeWords(range);
        items.push({ kind: "text", x, y: below + 18, text: first, size: 10, color: MUTED });
        items.push({ kind: "text", x: x + width - measure(last, 10), y: below + 18, text: last, size: 10, color: MUTED });
        below += 24;
      }
      for (const [title, value] of cell.said) {
        const across = measure(value, 11);
        items.push({ kind: "text", x, y: below + 10, text: fit(title, width - across - 6, 11), size: 11, color: MUTED });
        if (value) items.push({ kind: "text", x: x + width - across, y: below + 10, text: value, size: 11, color: INK });
        below += 14;
      }
      low = Math.max(low, below);
    });
    y = low + GAP;
  }
  return y;
}

/** @param {GridSheet} sheet @returns {HTMLCanvasElement} */
export function renderGridSheet(sheet) {
  const { width, height, items } = gridLayout(sheet, measuring());
  const sharpness = Math.max(SHARPNESS, window.devicePixelRatio || 1);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(sharpness * width);
  canvas.height = Math.round(sharpness * height);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(sharpness, 0, 0, sharpness, 0, 0);
  for (const item of items) {
    if (item.kind === "text") {
      context.font = `${item.bold ? "600 " : ""}${item.size}px ${FONT}`;
      context.fillStyle = item.color;
      context.fillText(item.text, item.x, item.y);
    } else if (item.kind === "box") {
      context.fillStyle = item.color;
      context.fillRect(item.x, item.y, item.width, item.height);
    } else {
      const picture = item.kind === "cell" ? cellPicture(item.cell, item, sharpness, true) : item.kind === "bar" ? barPicture(item.table) : item.canvas;
      context.drawImage(picture, item.x, item.y, item.width, item.height);
    }
  }
  return canvas;
}

/**
 * What a cell shows.
 * @param {Cell} cell
 * @param {{width: number, height: number}} size
 * @param {number} sharpness
 * @param {boolean} boxes whether boxes are drawn
 */
function cellPicture(cell, { width, height }, sharpness, boxes) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(sharpness * width);
  canvas.height = Math.round(sharpness * height);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const scene = cell.scene();
  if (!scene) return canvas;
  const drawn = boxes ? scene : { ...scene, objects: [], selected: null, side: null, tints: undefined, dashed: undefined };
  paintScene(context, drawn, cell.viewport.view, sharpness);
  return canvas;
}

/** The same with boxes and texts that can be edited. @param {GridSheet} sheet @returns {string} */
export function svgOfGrid(sheet) {
  const measure = measuring();
  const { width, height, items } = gridLayout(sheet, measure);
  const place = (/** @type {{x: number, y: number, width: number, height: number}} */ at) =>
    `x="${at.x}" y="${at.y}" width="${at.width}" height="${at.height}"`;
  const href = (/** @type {HTMLCanvasElement} */ canvas) => `preserveAspectRatio="none" href="${canvas.toDataURL("image/png")}"`;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${svgText(FONT)}">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
  ];
  for (const item of items) {
    if (item.kind === "text") {
      const weight = item.bold ? ' font-weight="600"' : "";
      lines.push(`<text x="${item.x}" y="${item.y}" font-size="${item.size}" fill="${item.color}"${weight}>${svgText(item.text)}</text>`);
    } else if (item.kind === "box") lines.push(`<rect ${place(item)} fill="${item.color}"/>`);
    else if (item.kind === "bar") lines.push(`<image ${place(item)} ${href(barPicture(item.table))}/>`);
    else if (item.kind === "picture") lines.push(`<image ${place(item)} ${href(item.canvas)}/>`);
    else {
      const { x, y, scale } = item.cell.viewport.view;
      const part = { x, y, width: item.width / scale, height: item.height / scale };
      const scene = item.cell.scene();
      lines.push(
        `<svg ${place(item)} viewBox="0 0 ${part.width} ${part.height}">`,
        `<image width="${part.width}" height="${part.height}" ${href(cellPicture(item.cell, item, SHARPNESS, false))}/>`,
        ...(scene ? overlayLines(scene, part, 1 / scale, measure) : []),
        "</svg>",
      );
    }
  }
  return [...lines, "</svg>", ""].join("\n");
}

/** The classes of the boxes in all cells. @param {Grid} grid @returns {Swatch[]} */
export function gridLegend(grid) {
  /** @type {Map<string, string>} */
  const classes = new Map();
  for (const method of grid.comparison.order.slice(0, 1)) {
    for (const object of grid.comparison.shown) {
      const scene = grid.cell({ method, object })?.scene();
      for (const { name, color } of scene ? classLegend(scene) : []) classes.set(name, color);
    }
  }
  return [...classes].map(([name, color]) => ({ name, color }));
}

