// Missed objects: annotations that no detection answers to, listed, drawn and chosen after the found ones.

import { element } from "./dom.js";
import { OneResultModel } from "./one_result_model.js";
import { nameOf } from "./text.js";

/** @typedef {import("./types.js").DetectedObject} DetectedObject */

/**
 * Found objects and missed ones are one row of things: the found ones first, so that their numbers stay.
 * @template {{key: string}} Result
 * @extends {OneResultModel<Result>}
 */
export class ModelWithMisses extends OneResultModel {
  /** @type {{objects: readonly DetectedObject[], misses: readonly DetectedObject[], things: readonly DetectedObject[]}} */
  #made = { objects: [], misses: [], things: [] };

  /** @returns {readonly DetectedObject[]} */
  get things() {
    const [objects, misses] = [this.store.get("objects"), this.store.get("misses")];
    if (this.#made.objects !== objects || this.#made.misses !== misses) this.#made = { objects, misses, things: [...objects, ...misses] };
    return this.#made.things;
  }

  /** The number of the chosen miss, or null. @returns {number | null} */
  get miss() {
    const miss = this.store.get("miss");
    return miss !== null && miss < this.store.get("misses").length ? miss : null;
  }

  /** The chosen missed object, or null. @returns {DetectedObject | null} */
  get missed() {
    return this.miss === null ? null : this.store.get("misses")[this.miss];
  }

  /** The number among all things of what is selected or chosen, or null. */
  get thing() {
    return this.miss === null ? this.selected : this.store.get("objects").length + this.miss;
  }

  /** The traits that select or choose a thing. @param {number | null} thing */
  choose(thing) {
    const found = this.store.get("objects").length;
    return thing !== null && thing >= found ? { selected: null, miss: thing - found } : { selected: thing, miss: null };
  }

  /** The things that pass the filters; scores do not count for what was missed. @returns {number[]} */
  get listedThings() {
    const found = this.store.get("objects").length;
    const only = this.store.get("only_class");
    const words = this.store.get("search").trim().toLowerCase();
    const passes = (/** @type {DetectedObject} */ { name }) => (only === "" || name === only) && name.toLowerCase().includes(words);
    const missed = this.store.get("misses").flatMap((/** @type {DetectedObject} */ one, /** @type {number} */ i) => (passes(one) ? [found + i] : []));
    return [...this.listed, ...missed];
  }

  /** Give up what is under way. */
  cancel() {
    this.store.send({ type: "cancel" });
  }

  get nothing() {
    const { missed } = this;
    return missed ? !missed.explained : super.nothing;
  }

  /** Which of the shown maps is that of what is selected or chosen; null while there is none. */
  get place() {
    if ((this.choice?.miss ?? null) !== this.miss) return null;
    return this.miss === null ? this.selected : 0;
  }

  /** What `pictureParts` takes: everything can be pointed at, stepped to and chosen. */
  get picked() {
    const model = this;
    return {
      store: this.store,
      get selected() {
        return model.thing;
      },
      get status() {
        return model.status;
      },
      get objects() {
        return model.things;
      },
      get listed() {
        return model.listedThings;
      },
      get lower() {
        return model.lower;
      },
      cancel: () => this.cancel(),
      choose: (/** @type {number | null} */ thing) => this.choose(thing),
    };
  }
}

/**
 * Things as a scene draws them: broken lines for what was missed, and the chosen one's best candidate.
 * @param {readonly DetectedObject[]} things
 * @param {DetectedObject | null} missed the chosen one
 * @returns {Pick<import("./painter.js").Scene, "objects" | "dashed">}
 */
export function drawnThings(things, missed) {
  const dashed = new Set(things.flatMap((thing, i) => (thing.missed ? [i] : [])));
  const { candidate } = missed ?? {};
  return { objects: candidate ? [...things, { ...candidate, name: `best candidate: ${candidate.name}` }] : things, dashed };
}

/** A missed object's line in a list: greyed, with its cause. @param {DetectedObject} object */
export function missedLine(object) {
  const { missed = "", why = "", about = "", score, candidate } = object;
  const cause = element("span", { class: "dx-cause", title: why }, [missed]);
  const names = element("span", { class: "dx-lines" }, [element("span", { class: "dx-name", title: nameOf(object) }, [nameOf(object)]), cause]);
  const shown = candidate ? score.toFixed(2) : "\u2013";
  return {
    said: `${nameOf(object)}, missed, ${why}${about ? `; best candidate: ${about}` : ""}`,
    missed: true,
    content: [
      element("span", { class: "dx-class dx-none", "aria-hidden": "true" }),
      names,
      element("span", { class: "dx-number", title: candidate ? "The score of this class at the best candidate" : "There is no candidate" }, [shown]),
    ],
  };
}

/** How many there are, in words. @param {string} found @param {number} missed */
export const withMissedCount = (found, missed) => (missed > 0 ? `${found}, ${missed} missed` : found);
