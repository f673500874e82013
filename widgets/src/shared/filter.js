// Which of many objects are listed and drawn: by score, class and name.

import { button, element, takesKeys, uniqueId } from "./dom.js";
import { selectControl, sliderControl } from "./controls.js";
import { subjectOf } from "./subjects.js";

/** @typedef {import("./types.js").DetectedObject} DetectedObject */
/** @typedef {import("./state.js").Store} Store */

/** From so many objects on there are controls to choose among them. */
const MANY = 7;

/** The trait of the least score, if the widget filters by it. @param {Store} store */
const scoreTrait = (store) => (store.keys.has("min_score") ? "min_score" : null);

/**
 * The objects that pass the filters, as `listed` in Python.
 * @param {Store} store
 * @param {readonly DetectedObject[]} objects
 * @returns {number[]}
 */
export function listedObjects(store, objects) {
  const trait = scoreTrait(store);
  // Python compares in float32.
  const least = trait ? Math.fround(store.get(trait)) : 0;
  const only = store.get("only_class");
  const words = store.get("search").trim().toLowerCase();
  const number = words.replace(/^#/, "");
  /** @param {DetectedObject} object @param {number} i */
  const passes = ({ name, score }, i) =>
    score >= least && (only === "" || name === only) && (number === "" || name.toLowerCase().includes(words) || number === String(i));
  return objects.flatMap((object, i) => (passes(object, i) ? [i] : []));
}

/**
 * The next of some objects, round in a ring; from one that is not among them, or none, the nearest in that direction.
 * @param {readonly number[]} among rising
 * @param {number | null} from
 * @param {1 | -1} by
 * @returns {number | null}
 */
export function nextAmong(among, from, by) {
  if (among.length === 0) return null;
  const rest = from === null ? [] : among.filter((i) => (by > 0 ? i > from : i < from));
  return by > 0 ? (rest[0] ?? among[0]) : (rest[rest.length - 1] ?? among[among.length - 1]);
}

/**
 * The controls; hidden where there are few objects and all pass.
 * @param {Store} store
 */
export function filterControls(store) {
  const trait = scoreTrait(store);
  const subject = subjectOf(store);
  const id = uniqueId("search");
  const search = takesKeys(element("input", { id, type: "search", class: "dx-select", maxlength: "200", placeholder: subject.whole ? "part of a name" : "name or #number", "aria-label": `Search ${subject.many}` }));
  search.addEventListener("input", () => store.commit({ search: search.value }));
  search.addEventListener("keydown", (event) => event.stopPropagation());
  const only = selectControl("Class", (value) => store.commit({ only_class: value }));
  const score = sliderControl(
    subject.whole ? "Min. probability" : "Min. score",
    (value) => trait && store.setLive(trait, value),
    (value) => trait && store.commit({ [trait]: value }),
    (value) => value.toFixed(2),
  );
  const clear = button("close", `Show all ${subject.many} again`, () => store.commit({ search: "", only_class: "", ...(trait ? { [trait]: 0 } : {}) }), "Show all");
  const nothing = element("p", { class: "dx-remark" }, [`No ${subject.one} passes these filters.`]);
  const empty = element("div", { class: "dx-actions", hidden: "" }, [nothing, clear]);
  const root = element("div", { class: "dx-filter" }, [search, only.row, ...(trait ? [score.row] : []), empty]);
  return {
    root,
    /** @param {readonly DetectedObject[]} objects @param {readonly number[]} listed */
    show(objects, listed) {
      root.hidden = objects.length < MANY && listed.length === objects.length;
      if (search.value !== store.get("search")) search.value = store.get("search");
      /** @type {Map<string, number>} */
      const counts = new Map();
      for (const { name } of objects) counts.set(name, (counts.get(name) ?? 0) + 1);
      const classes = [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
      const offered = classes.map(([name, count]) => ({ name, title: `${name} (${count})` }));
      only.show(classes.length > 1 && !subject.whole ? [{ name: "", title: `All ${classes.length} classes` }, ...offered] : [], store.get("only_class"));
      if (trait) score.show(store.get(trait));
      empty.hidden = listed.length > 0 || objects.length === 0;
    },
  };
}

/** How many there are, in words. @param {readonly unknown[]} objects @param {readonly number[]} listed */
export const countWords = (objects, listed) => (listed.length === objects.length ? String(objects.length) : `${listed.length} of ${objects.length}`);
