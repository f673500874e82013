// One heat map as a picture to be laid over the photograph; placing and colouring are redone only where needed.

import { placeMap } from "./maps.js";
import { colorize } from "./palette.js";

/** @typedef {import("./types.js").HeatMap} HeatMap */
/** @typedef {import("./types.js").Range} Range */

/** Largest number of samples for the screen; a larger photograph is sampled more coarsely there, never in a file. */
const MOST_SAMPLES = 1.5e6;

export class HeatLayer {
  /** @type {HeatMap | null} */
  #map = null;
  /** @type {Float32Array} */
  #values = new Float32Array(0);
  #colors = "";

  constructor(most = MOST_SAMPLES) {
    this.most = most;
    this.canvas = document.createElement("canvas");
  }

  /**
   * @param {HeatMap} map
   * @param {[number, number]} size height and width of the photograph
   * @param {Range} range
   * @param {Uint32Array} table
   * @param {string} colors names range and table: painted again only where it differs
   * @returns {HTMLCanvasElement}
   */
  draw(map, size, range, table, colors) {
    if (map === this.#map && colors === this.#colors) return this.canvas;
    if (map !== this.#map) {
      const factor = Math.min(1, Math.sqrt(this.most / (size[0] * size[1])));
      this.canvas.width = Math.max(1, Math.round(size[1] * factor));
      this.canvas.height = Math.max(1, Math.round(size[0] * factor));
      this.#values = placeMap(map, size, this.canvas.width, this.canvas.height);
    }
    const pixels = new ImageData(this.canvas.width, this.canvas.height);
    colorize(this.#values, range, table, new Uint32Array(pixels.data.buffer));
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    context.putImageData(pixels, 0, 0);
    this.#map = map;
    this.#colors = colors;
    return this.canvas;
  }
}
