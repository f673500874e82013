// An answer in words.

import { scoreName, subjectOf } from "../shared/subjects.js";
import { nameOf } from "../shared/text.js";

/** @typedef {import("./model.js").WhatIf} WhatIf */
/** @typedef {import("./model.js").Answer} Answer */
/** @typedef {import("./model.js").Row} Row */
/** @typedef {import("./model.js").Place} Place */

/** @param {number} value */
export const score = (value) => value.toFixed(2);

/** A change of a score with its sign. @param {number} lost */
export const change = (lost) => {
  const text = Math.abs(lost).toFixed(2);
  if (text === "0.00") return "\u00b10.00";
  return `${lost > 0 ? "\u2212" : "+"}${text}`;
};

/** @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(share < 0.0995 && share > 0 ? 1 : 0)}%`;

/** What became of an object besides its score. @param {Row} row */
export function verdict(row) {
  const said = [];
  if (row.changed) said.push(`now ${row.label} ${score(row.label_score)}`);
  if (!row.kept) said.push("no longer reported");
  else if (row.beside !== null) said.push(`reported from beside with ${score(row.beside)}`);
  else if (row.moved && row.iou !== null) said.push(`box moved (IoU ${score(row.iou)})`);
  return said.join(", ");
}

/** @param {Answer} answer */
export const regionWords = ({ region, fill, area_share }) => `${region}, ${percent(area_share)} of the picture, filled with ${fill.toLowerCase()}`;

/**
 * What equal areas at a place do to an object.
 * @param {Place | undefined} place
 * @param {number} about
 * @param {string} waiting what is said while that is not known
 */
export function placeWords(place, about, waiting) {
  if (!place) return waiting;
  const lost = place.lost[about];
  if (place.count === 0 || lost === null || lost === undefined) return "no room for an equal area";
  // It stays together on a narrow page.
  return `${change(lost)} (mean\u00a0of\u00a0${place.count})`;
}

/**
 * The answer in a few sentences.
 * @param {WhatIf} whatIf
 * @param {boolean} [all] with the figures that stand below the picture
 */
export function answerWords(whatIf, all = false) {
  const { answer, about, elsewhere, store, objects } = whatIf;
  if (!answer) return "";
  const whole = subjectOf(store).whole;
  const share = store.get("heat_share");
  const said = [];
  if (about !== null && answer.rows[about]) {
    const row = answer.rows[about];
    const more = verdict(row);
    said.push(`${nameOf(objects[about])}, ${scoreName(objects[about])} ${score(row.before)}, now ${score(row.now)}${more ? `, ${more}` : ""} (${regionWords(answer)}).`);
  } else said.push(`${answer.region[0].toUpperCase()}${regionWords(answer).slice(1)}.`);
  if (all && share !== null && whatIf.thing !== null) said.push(`${percent(share)} of the heat of ${nameOf(whatIf.things[whatIf.thing])} lay under it.`);
  if (all && elsewhere && about !== null) {
    const places = [
      ...(whole ? [] : [`elsewhere in the object ${placeWords(elsewhere.object, about, "")}`]),
      `on the background ${placeWords(elsewhere.background, about, "")}`,
    ];
    said.push(`Equal areas: ${places.join(", ")}.`);
  }
  const changed = (/** @type {Row} */ row) => Math.abs(row.before - row.now);
  const most = answer.rows.reduce((best, row, i) => (changed(row) > changed(answer.rows[best]) ? i : best), 0);
  if (most !== about && answer.rows[most] && changed(answer.rows[most]) >= 0.01) {
    const row = answer.rows[most];
    said.push(`Most changed: ${nameOf(objects[most])}, ${score(row.before)} to ${score(row.now)}.`);
  }
  const changes = [
    [answer.rows.filter((row) => !row.kept).length + answer.went.length, "no longer reported"],
    [answer.rows.filter((row) => row.changed).length, "of another class"],
    [answer.rows.filter((row) => row.kept && row.moved).length, "moved"],
    [answer.appeared.length, "new"],
  ];
  const counted = changes.filter(([count]) => Number(count) > 0).map(([count, what]) => `${count} ${what}`);
  if (counted.length > 0) said.push(`In all: ${counted.join(", ")}.`);
  return said.join(" ");
}
