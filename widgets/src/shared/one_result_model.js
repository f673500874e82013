// What all views of a widget share that shows one result at a time: its traits, and the results that arrived so far.

import { listedObjects } from "./filter.js";
import { Store } from "./state.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("./types.js").Status} Status */
/** @typedef {Record<string, any>} Choice the values of the traits that decide which result is shown */

/** What is said where the kernel has not answered. */
export const WAITING = "Waiting for the kernel; if it was restarted, run this cell again";

/** Traits that such a widget has besides those of its choice. */
const COMMON = ["request", "map_key", "map_data", "status"];

/**
 * Python names every result by a key and says which choice it stands for: in the trait `request` for the present
 * choice, in `map_data` for the result that it sent last. The page remembers these pairs and builds no key itself, so a
 * choice without a known key is one that the kernel has not heard of yet.
 * @template {{key: string}} Result
 */
export class OneResultModel {
  /** @type {Map<string, string>} */
  #keys = new Map();
  /** @type {Map<string, Choice>} */
  #choices = new Map();
  /** @type {Result | null} */
  #shown = null;
  #asked = "";
  #decode;
  #lingers;

  /**
   * @param {AnyModel} model
   * @param {readonly string[]} traits every trait that the front end reads or sets
   * @param {{cache: import("./result_cache.js").ResultCache<Result>, decode: (sent: any) => Result, lingers?: boolean}} options
   *   `lingers`: the result before stays visible until the chosen one has arrived
   */
  constructor(model, traits, { cache, decode, lingers = false }) {
    this.store = new Store(model, traits);
    this.cache = cache;
    this.#decode = decode;
    this.#lingers = lingers;
    this.#choose();
    // Subscribed first, so that views find the result already chosen.
    this.store.subscribe((key) => {
      if (this.chooses(key)) this.#choose();
    });
  }

  /** Whether a trait decides which result is shown. @param {string} trait */
  chooses(trait) {
    return trait in this.store.get("request").choice || COMMON.includes(trait);
  }

  /** What is shown, or null. */
  get result() {
    return this.#shown;
  }

  /** The choice that the shown result stands for, or null. @returns {Choice | null} */
  get choice() {
    return this.#shown && (this.#choices.get(this.#shown.key) ?? null);
  }

  /** The selected object's index, or null. @returns {number | null} */
  get selected() {
    const selected = this.store.get("selected");
    return selected !== null && selected < this.store.get("objects").length ? selected : null;
  }

  /** A score threshold with which something is found, where nothing was. @returns {number | null} */
  get lower() {
    return this.store.get("lower_score");
  }

  /** The objects that pass the filters. @returns {number[]} */
  get listed() {
    return listedObjects(this.store, this.store.get("objects"));
  }

  /** Whether there is nothing to show. @returns {boolean} */
  get nothing() {
    return this.store.get("objects").length === 0 || ("selected" in this.store.get("request").choice && this.selected === null);
  }

  /** The key of what is chosen: empty where there is nothing to show, null while the kernel has not said it. */
  get wanted() {
    const { store } = this;
    const { choice } = store.get("request");
    if (this.nothing) return "";
    return this.#keys.get(signature(Object.keys(choice).map((trait) => store.get(trait)))) ?? null;
  }

  /**
   * What the kernel does, as far as it is known here: it may still be busy with a cell, or gone.
   * @returns {Status}
   */
  get status() {
    const { store, cache, wanted } = this;
    const status = store.get("status");
    if (status.key === wanted) return status;
    const settled = wanted === "" || cache.has(wanted) || store.saved !== null;
    const text = settled ? "" : WAITING;
    return { state: settled ? "idle" : "busy", key: wanted ?? "", text, done: 0, total: 0 };
  }

  /** Show what is here at once; ask the kernel to send again what it has and the page no longer holds. */
  #choose() {
    const { store, cache } = this;
    const sent = store.get("map_data");
    if (sent.key) this.#learn(sent);
    // What is wanted now counts: the same choice has another key once there is one more class.
    this.#learn(store.get("request"));
    if (sent.key && !cache.has(sent.key)) cache.add(this.#decode(sent));
    const { wanted } = this;
    const ready = store.get("map_key");
    if (ready && (this.#lingers || ready === wanted) && !cache.has(ready) && this.#asked !== ready) {
      this.#asked = ready;
      store.send({ type: "maps", key: ready });
    }
    if (cache.has(ready)) this.#asked = "";
    if (cache.has(wanted) || !this.#lingers) this.#shown = cache.get(wanted);
    else if (cache.has(ready)) this.#shown = cache.get(ready);
    else if (this.status.state === "error") this.#shown = null;
  }

  /** Remember which choice a key stands for. @param {{key: string, choice: Choice}} said */
  #learn({ key, choice }) {
    if (!key) return;
    this.#keys.set(signature(Object.values(choice)), key);
    this.#choices.set(key, choice);
  }
}

/** @param {unknown[]} values */
const signature = (values) => JSON.stringify(values);
