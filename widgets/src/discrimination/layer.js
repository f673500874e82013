// Whose pixels they are, as a picture: each in the colour of the object for which it speaks most.

import { STEPS } from "../shared/maps.js";
import { fadeIn } from "../shared/palette.js";

/** @typedef {import("./model.js").Contrast} Contrast */

/** @param {string} color such as "#0072b2" @returns {[number, number, number]} */
function rgb(color) {
  const value = parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/**
 * RGBA for each sample: the taker's colour, or the object's own where that leads; as strong as the lead is.
 * @param {Contrast} found
 * @param {ReadonlyMap<number, string>} tints
 * @param {number} selected
 * @param {number} threshold
 * @returns {Uint8ClampedArray}
 */
export function tintPixels(found, tints, selected, threshold) {
  const [difference] = found.difference.maps;
  const out = new Uint8ClampedArray(4 * found.takers.length);
  const colors = new Map([...tints].map(([index, color]) => [index, rgb(color)]));
  const own = /** @type {[number, number, number]} */ (colors.get(selected));
  for (let i = 0; i < found.takers.length; i++) {
    const lead = difference.low + (difference.quanta[i] * (difference.high - difference.low)) / STEPS;
    const taker = found.takers[i];
    const color = taker >= 0 ? colors.get(taker) : lead > 0 ? own : undefined;
    if (!color) continue;
    out.set(color, 4 * i);
    out[4 * i + 3] = Math.round(255 * fadeIn(Math.abs(lead), threshold));
  }
  return out;
}

export class TakerLayer {
  #painted = "";
  canvas = document.createElement("canvas");

  /**
   * @param {Contrast} found
   * @param {ReadonlyMap<number, string>} tints
   * @param {number} selected
   * @param {number} threshold
   */
  draw(found, tints, selected, threshold) {
    const wanted = `${found.key} ${threshold}`;
    if (wanted === this.#painted) return this.canvas;
    this.#painted = wanted;
    this.canvas.width = found.columns;
    this.canvas.height = found.rows;
    const pixels = new ImageData(found.columns, found.rows);
    pixels.data.set(tintPixels(found, tints, selected, threshold));
    this.canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    return this.canvas;
  }
}
