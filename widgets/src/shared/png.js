// The picture as a file.

import { HeatLayer } from "./heat.js";
import { paintScene } from "./painter.js";

/** @typedef {import("./painter.js").Scene} Scene */

/**
 * What is on screen, at the photograph's own resolution: one pixel of the file for one pixel of the photograph.
 * @param {Scene} scene
 * @param {{x: number, y: number, width: number, height: number}} part of the photograph, in whole pixels
 * @returns {HTMLCanvasElement}
 */
export function renderPicture(scene, part) {
  const canvas = document.createElement("canvas");
  canvas.width = part.width;
  canvas.height = part.height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  paintScene(context, { ...scene, hovered: null }, { scale: 1, x: part.x, y: part.y }, 1);
  return canvas;
}

/** A heat layer that samples every pixel, whatever the photograph's size. */
export function fullLayer() {
  return new HeatLayer(Infinity);
}

/**
 * Hand a canvas to the browser as a download.
 * @param {HTMLCanvasElement} canvas
 * @param {string} name without the ending
 * @returns {Promise<void>}
 */
export async function downloadPng(canvas, name) {
  downloadFile(await pngOf(canvas), `${name}.png`);
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
async function pngOf(canvas) {
  const blob = await new Promise((/** @type {(made: Blob | null) => void} */ resolve) => canvas.toBlob(resolve));
  if (!blob) throw new Error("the browser could not make a PNG of this picture; it may be too large");
  return blob;
}

/** Hand a file to the browser as a download. @param {Blob} file @param {string} name */
export function downloadFile(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
