// Figures of objects, maps and pairs in words.

import { boxLabel, formatValue, nameOf } from "../shared/text.js";

/** @typedef {import("./model.js").TinyObjects} TinyObjects */

/** A share in percent, two digits. @param {number} share */
export function percent(share) {
  const value = 100 * share;
  return `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))}%`;
}

/** A factor, two digits. @param {number} value */
export const times = (value) => `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))}\u00d7`;

/** One measure's value for people. @param {string} measure @param {number | null} value */
export function worth(measure, value) {
  if (value === null) return "\u2013";
  if (measure === "pointing") return value > 0 ? "hit" : "missed";
  if (measure === "reach") return times(value);
  return percent(value);
}

/** A figure of a map: its name where there is little room, in full, and its value. @typedef {[string, string, string]} Said */

/** What is said of a map. @param {TinyObjects} tiny @param {number} method @param {number} index @returns {Said[]} */
export function figuresOf(tiny, method, index) {
  const said = (/** @type {string} */ measure) => worth(measure, tiny.figure(method, measure, index));
  return [
    ["Pointing", "pointing game", said("pointing")],
    ["Energy in box", "energy in the box", said("energy")],
    ["Size / box", "half of its energy over the size of the box", said("reach")],
    ["Beside", "energy in the nearest neighbour", said("beside")],
  ];
}

/** How alike the two maps of a pair are. @param {TinyObjects} tiny @param {number} method @param {number} pair @returns {Said[]} */
export function likenessOf(tiny, method, pair) {
  const cosine = tiny.pairFigure(method, "cosine", pair);
  const pearson = tiny.pairFigure(method, "pearson", pair);
  const number = (/** @type {number | null} */ value) => (value === null ? "\u2013" : value.toFixed(2));
  return [
    ["Cosine", "cosine", number(cosine)],
    ["Correlation", "correlation", number(pearson)],
    ["Told apart", "told apart", tiny.pairFigure(method, "told_apart", pair) ? "yes" : "no"],
  ];
}

/** The object itself. @param {TinyObjects} tiny @param {number} index */
export function objectWords(tiny, index) {
  const thing = tiny.thing(index);
  const { score, share, file } = thing;
  return `${nameOf(thing)}, score ${score.toFixed(2)}, ${percent(share)} of the input, ${file}`;
}

/** One dot. @param {TinyObjects} tiny @param {{object: number, method: number}} dot */
export function dotWords(tiny, { object, method }) {
  const value = worth(tiny.measure, tiny.figure(method, tiny.measure, object));
  const hit = worth("pointing", tiny.figure(method, "pointing", object));
  return `${tiny.methods[method].title}: ${tiny.measureTitle.toLowerCase()} ${value}, pointing game ${hit}`;
}

/** Everything of what is selected, for those who do not see it. @param {TinyObjects} tiny */
export function chosenWords(tiny) {
  const { chosen, pair, methods } = tiny;
  if (chosen.length === 0) return "";
  const listed = (/** @type {Said[]} */ figures) => figures.map(([, name, value]) => `${name} ${value}`).join(", ");
  if (pair === null) {
    const maps = methods.map(({ title }, method) => `${title}: ${listed(figuresOf(tiny, method, chosen[0]))}`);
    return `${objectWords(tiny, chosen[0])}. ${maps.join(". ")}.`;
  }
  const [first, second] = chosen.map((index) => tiny.thing(index));
  const gap = tiny.pairs.column("distance")[pair];
  const touching = gap > 0 ? `${formatValue(gap)} pixels apart` : "touching";
  const maps = methods.map(({ title }, method) => `${title}: ${listed(likenessOf(tiny, method, pair))}`);
  return `${boxLabel(first)} and ${boxLabel(second)}, ${touching}, ${first.file}. ${maps.join(". ")}.`;
}
