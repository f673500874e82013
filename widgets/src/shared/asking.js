// Messages to the kernel that wait for its answer, for widgets whose Python takes one step after the other.

/** After this time without an answer a person is told so. */
const PATIENCE = 8000;

/** @typedef {import("./state.js").Store} Store */

/** A store with the trait `heard`, in which Python says which message it has dealt with. */
export class Asking {
  /** @type {string} */
  #asked = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {Store} store
   * @param {() => void} changed `waiting` or `late` has changed
   */
  constructor(store, changed) {
    this.store = store;
    this.changed = changed;
    this.late = false;
  }

  /** Whether an answer is still to come. */
  get waiting() {
    return this.#asked !== "";
  }

  /** Nothing more is sent before the answer is there. @param {{type: string, [key: string]: unknown}} message */
  ask(message) {
    if (this.waiting) return;
    this.#asked = Math.random().toString(36).slice(2);
    this.store.send({ ...message, asked: this.#asked });
    this.#timer = setTimeout(() => {
      this.late = true;
      this.changed();
    }, PATIENCE);
    this.changed();
  }

  /** The trait `heard` has changed. */
  hear() {
    if (this.store.get("heard") !== this.#asked) return;
    this.#asked = "";
    this.late = false;
    clearTimeout(this.#timer);
    this.changed();
  }

  dispose() {
    clearTimeout(this.#timer);
  }
}
