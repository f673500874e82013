// A widget model without a kernel, in the state that Python would send.

import { decodeMaps } from "../../src/shared/maps.js";

/** The bytes from 128 on, as every widget has them. */
export const probe = () => ({ data: new DataView(Uint8Array.from({ length: 128 }, (_, i) => 128 + i).buffer), _lengths: [[["data"], 128]] });

/** A model as anywidget hands it in; keeps what was sent. */
export class FakeModel {
  /** @type {Record<string, unknown>} */
  #values;
  /** @type {Map<string, Set<Function>>} */
  #listeners = new Map();
  /** @type {Record<string, unknown>} */
  #pending = {};
  /** Trait changes, one entry for each message. @type {Record<string, unknown>[]} */
  saved = [];
  /** @type {any[]} */
  sent = [];

  /** @param {Record<string, unknown>} values */
  constructor(values) {
    this.#values = { _probe: probe(), ...values };
  }

  /** @param {string} key */
  get(key) {
    if (!(key in this.#values)) throw new Error(`no trait ${key}`);
    return this.#values[key];
  }

  /**
   * @param {string} key
   * @param {unknown} value
   */
  set(key, value) {
    this.#values[key] = value;
    this.#pending[key] = value;
    this.#emit(`change:${key}`);
  }

  save_changes() {
    this.saved.push(this.#pending);
    this.#pending = {};
  }

  /** What Python sets. @param {Record<string, unknown>} values */
  receive(values) {
    Object.assign(this.#values, values);
    for (const key of Object.keys(values)) this.#emit(`change:${key}`);
  }

  /** @param {unknown} message */
  send(message) {
    this.sent.push(message);
  }

  /**
   * @param {string} name
   * @param {Function} listener
   */
  on(name, listener) {
    this.#listeners.set(name, (this.#listeners.get(name) ?? new Set()).add(listener));
  }

  /**
   * @param {string} name
   * @param {Function} listener
   */
  off(name, listener) {
    this.#listeners.get(name)?.delete(listener);
  }

  get listening() {
    return [...this.#listeners.values()].reduce((count, set) => count + set.size, 0);
  }

  /** @param {string} name */
  #emit(name) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener();
  }
}

/**
 * Maps of two objects on grids of 2 x 3 cells, of a photograph 20 high and 40 wide, seen by the model at half that size.
 * @param {string} key
 * @param {{signed?: boolean}} [options]
 * @returns {import("../../src/shared/types.js").MapPackage}
 */
export function somePackage(key, { signed = false } = {}) {
  const quanta = [0, 65535, 13107, 26214, 39321, 52428, 65535, 0, 0, 0, 0, 32768];
  // One byte in front: what the kernel sends begins anywhere in a larger buffer.
  const bytes = new Uint8Array(1 + 2 * quanta.length);
  quanta.forEach((q, i) => bytes.set([q & 255, q >> 8], 1 + 2 * i));
  const shared = { shape: /** @type {[number, number]} */ ([2, 3]), stride: /** @type {[number, number]} */ ([6, 5]), corner: null };
  const low = signed ? -1 : 0;
  return {
    key,
    title: "ODAM of the class score",
    signed,
    size: [20, 40],
    scale: [0.5, 0.5],
    shift: [0, 0],
    grids: [
      { ...shared, offset: 0, low, high: 5, status: "ok", peak: [18, 5], inside: 0.62 },
      { ...shared, offset: 6, low, high: 10, status: "ok", peak: [6, 5], inside: 0.31 },
    ],
    values: new DataView(bytes.buffer, 1),
  };
}

/** @param {string} key @param {{signed?: boolean}} [options] */
export const someMaps = (key, options) => decodeMaps(somePackage(key, options));

/**
 * What Python says of a choice: the key of its result.
 * @param {string} key
 * @param {Record<string, unknown>} choice
 */
export const someRequest = (key, choice) => ({ key, choice });

/** The choice of an Explorer. @param {Record<string, unknown>} [changes] */
export const someChoice = (changes = {}) => ({ method: "odam", target: "class", layer: "neck", direction: "positive", ...changes });

/**
 * @param {string} key
 * @param {Partial<import("../../src/shared/types.js").Status>} [changes]
 * @returns {import("../../src/shared/types.js").Status}
 */
export function someStatus(key, changes = {}) {
  return { state: "idle", key, text: "", done: 0, total: 0, ...changes };
}

/** @param {Record<string, unknown>} [changes] */
export function someState(changes = {}) {
  const grey = Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3));
  const inverse = grey.map((v) => 255 - v);
  const titled = (/** @type {string} */ name) => ({ name, title: name });
  return {
    photo: { data: new DataView(new ArrayBuffer(4)), type: "image/jpeg", width: 40, height: 20 },
    objects: [
      { name: "cup", score: 0.914, box: [2, 2, 30, 18] },
      { name: "<img src=x onerror=alert(1)>", score: 0.5, box: [4, 4, 10, 10] },
    ],
    choices: {
      methods: [
        { name: "odam", title: "ODAM", directions: ["positive", "signed"] },
        { name: "grad-cam", title: "Grad-CAM", directions: [] },
      ],
      targets: [titled("class"), titled("x1")],
      directions: [titled("positive"), titled("signed")],
      layers: ["neck"],
      colormaps: ["gray", "inverse"],
      signed_colormaps: ["inverse"],
    },
    palettes: { names: ["gray", "inverse"], data: new DataView(Uint8Array.from([...grey, ...inverse]).buffer) },
    notice: "",
    selected: 0,
    misses: [],
    miss: null,
    min_score: 0,
    lower_score: null,
    class_answer: { typed: "", text: "", near: [] },
    only_class: "",
    search: "",
    method: "odam",
    target: "class",
    layer: "neck",
    direction: "positive",
    against: "",
    combine: "maximum",
    others: [],
    opacity: 0.6,
    hide_below: 0,
    percentile: 100,
    colormap: "gray",
    signed_colormap: "inverse",
    scale: "object",
    boxes: "all",
    request: someRequest("odam|class|neck|positive", someChoice()),
    map_key: "odam|class|neck|positive",
    map_data: { ...somePackage("odam|class|neck|positive"), choice: someChoice() },
    status: someStatus("odam|class|neck|positive"),
    code: "maps = 1",
    ...changes,
  };
}
