// What an answer says of every object: a list with bars of before and now, and the figures of the one it is about.

import { element } from "../shared/dom.js";
import { factRows } from "../shared/facts.js";
import { listBox } from "../shared/listbox.js";
import { missedLine } from "../shared/missed.js";
import { scoreName, scoreWords } from "../shared/subjects.js";
import { nameOf } from "../shared/text.js";
import { change, percent, placeWords, score, verdict } from "./words.js";

/** @typedef {import("./model.js").WhatIf} WhatIf */
/** @typedef {import("./model.js").Row} Row */

/** @param {string} name @param {number} value */
function bar(name, value) {
  const made = element("span", { class: `dx-beam dx-${name}` });
  made.style.setProperty("--dx-score", String(Math.min(1, Math.max(0, value))));
  return made;
}

/**
 * All objects; the same selection as in the picture.
 * @param {WhatIf} whatIf
 * @param {import("../shared/listbox.js").ListActions} actions
 */
export function answerList(whatIf, { select, step, hover }) {
  /** Which objects are in the lines. @type {readonly number[]} */
  let numbers = [];
  const box = listBox(
    {
      label: whatIf.subject.found,
      step,
      select: (row) => numbers[row] !== undefined && select(numbers[row]),
      hover: (row) => hover(row === null ? null : numbers[row]),
    },
    (/** @type {{object: import("../shared/types.js").DetectedObject, row: Row | null, marks: {place: string, value: number}[]}} */ { object, row, marks }) => {
      if (object.missed) return missedLine(object);
      const swatch = element("span", { class: "dx-class", "aria-hidden": "true" });
      swatch.style.background = object.color ?? "transparent";
      const said = row ? verdict(row) : "";
      const names = element("span", { class: "dx-lines" }, [
        element("span", { class: "dx-name", title: nameOf(object) }, [nameOf(object)]),
        ...(said ? [element("span", { class: "dx-verdict", title: said }, [said])] : []),
      ]);
      const beams = element("span", { class: "dx-beams", "aria-hidden": "true" }, [bar("was", object.score), ...(row ? [bar("is", row.now)] : [])]);
      for (const { place, value } of marks) {
        const mark = element("span", { class: `dx-mark dx-${place}` });
        mark.style.left = `${100 * Math.min(1, Math.max(0, value))}%`;
        beams.append(mark);
      }
      const numbers = element("span", { class: "dx-lines dx-number" }, [
        element("span", {}, [row ? score(row.before) : scoreWords(object)]),
        ...(row ? [element("span", { class: "dx-is-number" }, [score(row.now)])] : []),
      ]);
      const read = row ? `${scoreName(object)} ${score(row.before)}, now ${score(row.now)}${said ? `, ${said}` : ""}` : `${scoreName(object)} ${scoreWords(object)}`;
      return { said: `${nameOf(object)}, ${read}`, plain: object.label !== undefined, content: [...(object.label === undefined ? [swatch] : []), names, beams, numbers] };
    },
  );
  box.list.classList.add("dx-answers");
  let filled = "";
  const rowOf = (/** @type {number | null} */ index) => (index === null || !numbers.includes(index) ? null : numbers.indexOf(index));
  return {
    list: box.list,
    /** Mark the one that is pointed at in the picture. @param {number | null} index */
    point: (index) => box.point(rowOf(index)),
    /** @param {readonly number[]} listed things */
    show(listed) {
      const { things, answer, elsewhere, about } = whatIf;
      numbers = listed;
      const items = listed.map((i) => {
        const object = things[i];
        const row = answer?.rows[i] ?? null;
        /** @type {{place: string, value: number}[]} */
        const marks = [];
        if (row && elsewhere && i === about) {
          for (const place of /** @type {const} */ (["object", "background"])) {
            const lost = elsewhere[place].lost[i];
            if (lost !== null && lost !== undefined) marks.push({ place, value: row.before - lost });
          }
        }
        return { object, row, marks };
      });
      const now = JSON.stringify(items);
      if (now !== filled) box.fill(items);
      filled = now;
      box.show(rowOf(whatIf.thing));
    },
  };
}

/** The figures of the object that the answer is about. @param {WhatIf} whatIf */
export function answerFacts(whatIf) {
  const { store, subject } = whatIf;
  const list = element("dl", { class: "dx-facts" });
  const about = element("p", { class: "dx-about" });
  const more = element("ul", { class: "dx-more", "aria-label": "What else has changed" });
  const empty = element("p", { class: "dx-remark" });
  const root = element("div", { class: "dx-figures" }, [empty, about, list, more]);
  const { object, background } = store.get("choices").colors;
  root.style.setProperty("--dx-object", object);
  root.style.setProperty("--dx-background", background);

  return {
    root,
    show() {
      const { answer, elsewhere, objects, things, thing } = whatIf;
      const row = whatIf.about === null ? undefined : answer?.rows[whatIf.about];
      empty.hidden = answer !== null;
      about.hidden = answer === null;
      list.hidden = answer === null;
      const key = subject.whole ? "" : " With the picture in focus, B draws a box.";
      empty.textContent = `Nothing was asked yet. Paint over a part of the picture, or take the hottest pixels.${key}`;
      if (!answer) {
        more.replaceChildren();
        return;
      }
      const share = store.get("heat_share");
      about.textContent = row && whatIf.about !== null ? `${nameOf(objects[whatIf.about])}: ${answer.region}, ${answer.fill.toLowerCase()}` : `${answer.region}, ${answer.fill.toLowerCase()}, on no object`;
      const { state, what } = store.get("status");
      const waiting = state === "busy" && what === "controls" ? "computing\u2026" : "not computed";
      const heat = share === null || thing === null ? [] : [{ name: thing === whatIf.about ? "Its heat under the region" : `Heat of ${nameOf(things[thing])} there`, value: percent(share), title: "The share of the selected map\u2019s energy that lay under the region" }];
      const figures = row
        ? [
            { name: "Score now", value: `${score(row.now)} of ${score(row.before)}` },
            { name: "Change", value: change(row.before - row.now) },
            ...(subject.whole ? [] : [{ name: "Elsewhere in the object", value: placeWords(elsewhere?.object, whatIf.about ?? 0, waiting), title: "Mean change when an equal area elsewhere in the object is filled likewise" }]),
            { name: "On the background", value: placeWords(elsewhere?.background, whatIf.about ?? 0, waiting), title: "Mean change when an equal area of the background is filled likewise" },
          ]
        : [];
      list.replaceChildren(...factRows([...figures, ...heat, { name: "Area of the picture", value: percent(answer.area_share) }]));
      const others = [
        ...answer.appeared.map(({ name, score: value }) => `New: ${name} ${score(value)}`),
        ...answer.went.map(({ name, score: value }) => `Gone: ${name} ${score(value)}`),
      ];
      more.replaceChildren(...others.map((text) => element("li", {}, [text])));
      more.hidden = others.length === 0;
    },
  };
}
