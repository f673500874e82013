// Words: numbers as people read them, and what a map shows for those who do not see it.

import { valueAt } from "./maps.js";
import { kindOf, scoreName, scoreWords } from "./subjects.js";

/** @typedef {import("./types.js").DetectedObject} DetectedObject */
/** @typedef {import("./types.js").HeatMap} HeatMap */

/**
 * Three significant digits; powers of ten where the number is very small or large.
 * @param {number} value
 */
export function formatValue(value) {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size < 1e-3 || size >= 1e5 ? value.toExponential(2) : value.toPrecision(3);
  return (size >= 1e3 && size < 1e5 ? String(Math.round(value)) : text).replace("-", "\u2212");
}

/** @param {DetectedObject} object */
export function boxLabel(object) {
  if (object.missed) return `${nameOf(object)}, missed (${object.missed})`;
  return `${nameOf(object)} ${scoreWords(object)}`;
}

/** Its number and name, the same everywhere. @param {DetectedObject} object */
export const nameOf = ({ name, number }) => (number === undefined ? name : `#${number} ${name}`);

/**
 * A status in words: a map of negative evidence without any has no negative evidence.
 * @param {string} status
 * @param {string} title what was computed
 */
export const statusWords = (status, title) => (title.includes("(negative evidence)") ? status.replace("no positive", "no negative") : status);

/**
 * Where a point lies in a box, in words.
 * @param {readonly number[]} box xyxy
 * @param {readonly [number, number]} point
 * @param {string} [what] what the box is
 */
export function placeInBox([x1, y1, x2, y2], [x, y], what = "box") {
  if (x < x1 || x > x2 || y < y1 || y > y2) return `outside the ${what}`;
  const row = ["upper", "middle", "lower"][Math.min(2, Math.floor((3 * (y - y1)) / Math.max(y2 - y1, 1e-9)))];
  const column = ["left", "centre", "right"][Math.min(2, Math.floor((3 * (x - x1)) / Math.max(x2 - x1, 1e-9)))];
  if (row === "middle") return column === "centre" ? `in the middle of the ${what}` : `in the ${column} part of the ${what}`;
  return column === "centre" ? `in the ${row} part of the ${what}` : `in the ${row} ${column} of the ${what}`;
}

/** Why an object was missed, and what is known of its best candidate. @param {DetectedObject} object */
export function missedWords({ name, why = "", about = "", candidate, explained }) {
  const known = candidate ? ` Best candidate (white box): ${about}.` : " No prediction comes near enough to be explained.";
  return `${name}, missed, ${why}.${known}${candidate && !explained ? " It cannot be explained: the detector is a black box." : ""}`;
}

/**
 * @param {DetectedObject} object
 * @param {HeatMap | null} map
 * @param {string} title what was computed, such as "ODAM of the class score"
 */
export function describe(object, map, title) {
  const [x1, y1, x2, y2] = object.box.map(Math.round);
  const { whole } = kindOf(object);
  const place = whole ? "" : `, box ${x1}, ${y1} to ${x2}, ${y2}`;
  const what = object.missed ? missedWords(object) : `${nameOf(object)}, ${scoreName(object)} ${scoreWords(object)}${place}.`;
  if (!map) return what;
  if (map.status !== "ok") return `${what} ${title}: ${statusWords(map.status, title)}.`;
  const [x, y] = map.peak.map(Math.round);
  const against = valueAt(map, ...map.peak) < 0 ? ", against it," : "";
  const peak = `strongest evidence${against} at ${x}, ${y}, ${placeInBox(object.box, map.peak, whole ? "picture" : "box")}`;
  const energy = map.low < 0 ? "positive evidence" : "map\u2019s energy";
  const inside = whole || map.inside === null ? "" : `; ${Math.round(100 * map.inside)}% of the ${energy} inside the box`;
  return `${what} ${title}: ${peak}${inside}.`;
}

/**
 * A file name that every system takes.
 * @param {string[]} parts
 */
export function fileName(parts) {
  return parts
    .join("-")
    .toLowerCase()
    .replace(/\+/g, "p")
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "");
}
