// What the colours mean: a bar with numbers, a mark at the value under the pointer, and that value in words.

import { element } from "./dom.js";
import { formatValue } from "./text.js";

/** @typedef {import("./types.js").Range} Range */

const SAMPLES = 256;

/** What stands at the left end, in the middle and at the right end. @param {Range} range */
export function rangeWords({ low, high, cutLow, cutHigh }) {
  const middle = formatValue((low + high) / 2);
  return [`${cutLow ? "\u2264 " : ""}${formatValue(low)}`, middle, `${cutHigh ? "\u2265 " : ""}${formatValue(high)}`];
}

export function colorBar() {
  const canvas = element("canvas", { class: "dx-bar-colors", width: String(SAMPLES), height: "1", "aria-hidden": "true" });
  const mark = element("span", { class: "dx-bar-mark", hidden: "" });
  const ticks = [0, 1, 2].map(() => element("span", {}));
  const readout = element("span", { class: "dx-readout" });
  const unit = element("div", { class: "dx-bar-unit" });
  const root = element("div", { class: "dx-bar" }, [
    element("div", { class: "dx-bar-box" }, [canvas, mark]),
    element("div", { class: "dx-bar-ticks" }, ticks),
    unit,
    readout,
  ]);
  /** @type {Range} */
  let range = { low: 0, high: 0 };

  return {
    root,
    /**
     * @param {Range | null} shown null hides the bar: there is no map
     * @param {Uint32Array} table
     * @param {string} [words] the unit of what is explained
     */
    show(shown, table, words = "") {
      root.classList.toggle("dx-empty", shown === null);
      unit.textContent = shown ? words : "";
      if (!shown) return;
      range = shown;
      rangeWords(shown).forEach((words, i) => (ticks[i].textContent = words));
      const pixels = new ImageData(SAMPLES, 1);
      const colors = new Uint32Array(pixels.data.buffer);
      for (let i = 0; i < SAMPLES; i++) colors[i] = table[Math.round((i * (table.length - 1)) / (SAMPLES - 1))];
      canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    },
    /** Say something else of the point. @param {string} text */
    say(text) {
      readout.textContent = text;
    },
    /** @param {{value: number | null, x: number, y: number} | null} point null where the pointer is elsewhere */
    point(point) {
      const value = point?.value ?? null;
      mark.hidden = value === null || !(range.high > range.low);
      if (!point) {
        readout.textContent = "";
        return;
      }
      const where = `x ${point.x}, y ${point.y}`;
      readout.textContent = value === null ? where : `${formatValue(value)} at ${where}`;
      if (value === null || mark.hidden) return;
      const at = (value - range.low) / (range.high - range.low);
      mark.style.left = `${100 * Math.min(1, Math.max(0, at))}%`;
    },
  };
}
