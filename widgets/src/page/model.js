// A widget's model without a kernel: its state as it was saved, and what Python answered to the choices that are kept.

/** @typedef {Record<string, any>} Traits values by trait */
/** @typedef {{when: Traits, then: Traits}} Answer `when`: the choice; `then`: what Python published for it */
/**
 * What a page holds of one widget. `answers`: of the state itself and of each further choice, of what was published for it
 * the numbers in `values`; those of the same traits belong together, and have nothing to do with those of others; `otherwise`: what is published for any other choice.
 * @typedef {{state: Traits, values?: unknown[], answers: {when: Traits, then: Record<string, number>}[], otherwise?: Traits | null}} Saved
 */

/** @param {unknown} a @param {unknown} b */
const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

/** In this order what Python published is told: first what was found, then that it is there. */
const LAST = ["map_key", "status", "view_status"];

/** What the front ends use of an anywidget model. */
export class SavedModel {
  /** @type {Traits} */
  #values;
  /** @type {Map<string, Set<Function>>} */
  #listeners = new Map();
  /** What was set since the last message would have left. @type {Map<string, unknown>} */
  #before = new Map();
  /** What was changed here and no answer has told of: the code does not know of it. @type {Set<string>} */
  #changed = new Set();
  #answers;
  #groups;
  #otherwise;
  #first;

  /**
   * @param {Saved} saved
   * @param {(text: string) => void} refuse says why a choice is not there
   */
  constructor({ state, values = [], answers, otherwise = null }, refuse = () => {}) {
    this.#values = { ...state };
    this.#first = state;
    /** @type {Answer[]} */
    this.#answers = answers.map(({ when, then }) => ({ when, then: Object.fromEntries(Object.entries(then).map(([trait, number]) => [trait, values[number]])) }));
    /** @type {Map<string, Answer[]>} */
    const groups = new Map();
    for (const answer of this.#answers) {
      const name = Object.keys(answer.when).sort().join();
      groups.set(name, [...(groups.get(name) ?? []), answer]);
    }
    this.#groups = [...groups.values()];
    this.#otherwise = otherwise;
    this.refuse = refuse;
    /** By trait the values that were kept: those that can be chosen. @type {Map<string, unknown[]>} */
    this.offered = new Map();
    for (const { when } of answers) {
      for (const [trait, value] of Object.entries(when)) {
        const known = this.offered.get(trait) ?? [];
        if (!known.some((one) => same(one, value))) known.push(value);
        this.offered.set(trait, known);
      }
    }
  }

  /** @param {string} key @returns {any} */
  get(key) {
    const value = this.#values[key];
    if (key !== "code" || this.#changed.size === 0 || !value) return value;
    return `# the code of this page as it was saved; changed on the page since: ${[...this.#changed].join(", ")}\n${value}`;
  }

  /** @param {string} key @param {unknown} value */
  set(key, value) {
    if (!this.#before.has(key)) this.#before.set(key, this.#values[key]);
    this.#values[key] = value;
    this.#emit(key);
  }

  /** The place where a kernel would answer. */
  save_changes() {
    const before = this.#before;
    this.#before = new Map();
    for (const key of before.keys()) this.#note(key);
    for (const group of this.#groups) {
      const asked = [...before.keys()].filter((key) => key in group[0].when);
      if (asked.length > 0) this.#answer(group, asked, before);
    }
  }

  /** @param {Answer[]} group @param {string[]} asked the traits that were set @param {Map<string, unknown>} before */
  #answer(group, asked, before) {
    const fitting = group.filter(({ when }) => asked.every((key) => same(when[key], this.#values[key])));
    if (fitting.length > 0) {
      this.#take(this.#nearest(fitting), group);
    } else if (this.#otherwise) {
      this.#publish(this.#otherwise);
    } else {
      for (const key of asked) this.#values[key] = before.get(key);
      for (const key of asked) this.#emit(key);
      for (const key of asked) this.#note(key);
      this.refuse("This choice is not on the saved page; it needs the notebook.");
    }
  }

  /** Results that a view no longer holds are here; all else needs a kernel. @param {any} message */
  send(message) {
    if (message?.type !== "maps") return;
    const sent = [this.#values, ...this.#answers.map(({ then }) => then)].map(({ map_data }) => map_data);
    const found = message.key === undefined ? this.#values.map_data : sent.find((one) => one?.key === message.key);
    // A copy, so that it counts as sent anew.
    if (found) this.#publish({ map_data: { ...found } });
  }

  /** @param {string} name @param {Function} listener */
  on(name, listener) {
    this.#listeners.set(name, (this.#listeners.get(name) ?? new Set()).add(listener));
  }

  /** @param {string} name @param {Function} listener */
  off(name, listener) {
    this.#listeners.get(name)?.delete(listener);
  }

  /** The one that agrees most with what is chosen besides. @param {Answer[]} fitting */
  #nearest(fitting) {
    const agrees = (/** @type {Answer} */ { when }) => Object.entries(when).filter(([key, value]) => same(value, this.#values[key])).length;
    return fitting.reduce((best, one) => (agrees(one) > agrees(best) ? one : best));
  }

  /** @param {Answer} answer @param {Answer[]} group those of the same traits */
  #take({ when, then }, group) {
    // Of what other answers changed, the first state holds.
    const told = Object.fromEntries(group.flatMap(({ then: other }) => Object.keys(other).map((key) => [key, this.#first[key]])));
    this.#publish({ ...when, ...told, ...then });
  }

  /** @param {Traits} values */
  #publish(values) {
    const keys = Object.keys(values).filter((key) => values[key] !== this.#values[key]);
    for (const key of keys) this.#values[key] = values[key];
    for (const key of keys) this.#note(key);
    for (const key of keys.filter((one) => !LAST.includes(one))) this.#emit(key);
    for (const key of LAST.filter((one) => keys.includes(one))) this.#emit(key);
  }

  /** Whether a trait is now other than as it was saved, and no answer is there for it. @param {string} key */
  #note(key) {
    if (!this.offered.has(key) && !same(this.#values[key], this.#first[key]) && !this.#told(key)) this.#changed.add(key);
    else this.#changed.delete(key);
  }

  /** @param {string} key */
  #told(key) {
    return this.#answers.some(({ then }) => key in then);
  }

  /** @param {string} key */
  #emit(key) {
    for (const listener of [...(this.#listeners.get(`change:${key}`) ?? [])]) listener();
  }
}
