// How the arrays of traits arrive: as bytes, or, from a host that loses bytes on the way, as text.

import { fromBase64 } from "./base64.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {(string | number)[]} Path where an array belongs in a trait's value */

/** A trait of the bytes from 128 on: whether it arrives unaltered says whether the state that a host begins with does. */
const PROBE = "_probe";
/** In a trait's value: the path and the number of bytes of each of its arrays. Python writes it. */
const LENGTHS = "_lengths";

/** @param {unknown} found @param {number} length @returns {DataView | null} null where that is not the array */
function viewOf(found, length) {
  if (found instanceof DataView) return found.byteLength === length ? found : null;
  if (length === 0) return new DataView(new ArrayBuffer(0));
  /** @type {DataView | null} */
  let view = null;
  if (ArrayBuffer.isView(found)) view = new DataView(found.buffer, found.byteOffset, found.byteLength);
  if (found instanceof ArrayBuffer) view = new DataView(found);
  try {
    if (typeof found === "string") view = new DataView(fromBase64(found).buffer);
  } catch {
    // Text, but no base64: some hosts put an address in the place of an array.
  }
  return view?.byteLength === length ? view : null;
}

/** A copy with one array in its place, the other parts shared. @param {any} at @param {Path} path @param {DataView} view @returns {any} */
function put(at, [step, ...rest], view) {
  const copy = Array.isArray(at) ? [...at] : { ...at };
  copy[step] = rest.length > 0 ? put(copy[step], rest, view) : view;
  return copy;
}

/**
 * A trait's value with each array as a DataView: the value itself where they arrived so, undefined where one is lost.
 * @param {any} value
 * @returns {any}
 */
export function wholeValue(value) {
  let made = value;
  for (const [path, length] of /** @type {[Path, number][]} */ (value?.[LENGTHS] ?? [])) {
    const found = path.reduce((at, step) => at?.[step], value);
    const view = viewOf(found, length);
    if (!view) return undefined;
    if (view !== found) made = put(made, path, view);
  }
  return made;
}

/**
 * An anywidget model that hands out whole values only. Where the host has lost the arrays of one, Python is told so
 * once, and sends text in their place from then on; meanwhile the trait keeps the value that it had.
 */
export class WholeModel {
  #model;
  /** @type {WeakMap<object, any>} */
  #known = new WeakMap();
  /** The last whole value of each trait with arrays. @type {Map<string, unknown>} */
  #last = new Map();
  /** By name and listener what is registered in its place. @type {Map<string, Map<Function, () => void>>} */
  #guards = new Map();
  #told = false;

  /** @param {AnyModel} model */
  constructor(model) {
    this.#model = model;
  }

  /** On a saved page, which has no kernel: what can be chosen there. */
  get offered() {
    return /** @type {{offered?: unknown}} */ (this.#model).offered;
  }

  /** @param {string} key @returns {any} */
  get(key) {
    const raw = this.#model.get(key);
    return this.#arrived(key, raw) ? this.#whole(raw) : this.#last.get(key);
  }

  /** @param {string} key @param {unknown} value */
  set(key, value) {
    this.#model.set(key, value);
  }

  save_changes() {
    this.#model.save_changes();
  }

  /** @param {any} message */
  send(message) {
    this.#model.send(message);
  }

  /** @param {string} name @param {() => void} listener */
  on(name, listener) {
    const key = name.startsWith("change:") ? name.slice("change:".length) : null;
    const guard = () => {
      if (key === null || this.#arrived(key, this.#model.get(key))) listener();
    };
    // What is there now may be wanted when the next value is lost.
    if (key !== null) this.#arrived(key, this.#model.get(key));
    this.#guards.set(name, (this.#guards.get(name) ?? new Map()).set(listener, guard));
    this.#model.on(name, guard);
  }

  /** @param {string} name @param {() => void} listener */
  off(name, listener) {
    const guard = this.#guards.get(name)?.get(listener);
    if (!guard) return;
    this.#guards.get(name)?.delete(listener);
    this.#model.off(name, guard);
  }

  /**
   * Act once the state that the host begins with is whole: at once where its arrays arrived.
   * @param {() => void} act
   * @returns {() => void} gives it up
   */
  whenWhole(act) {
    if (this.#probed()) {
      act();
      return () => {};
    }
    const look = () => {
      if (!this.#probed()) return;
      stop();
      act();
    };
    const stop = () => this.#model.off(`change:${PROBE}`, look);
    this.#model.on(`change:${PROBE}`, look);
    return stop;
  }

  /** Saved pages have no probe, since no host lies in between. */
  #probed() {
    const raw = this.#model.get(PROBE);
    if (!raw) return true;
    /** @type {{data: DataView} | undefined} */
    const probe = this.#whole(raw);
    if (!probe) return false;
    for (let i = 0; i < probe.data.byteLength; i++) {
      if (probe.data.getUint8(i) === 128 + i) continue;
      this.#tell();
      return false;
    }
    return true;
  }

  /** Whether a trait's value is whole; it is then the last one. @param {string} key @param {any} raw */
  #arrived(key, raw) {
    if (!raw?.[LENGTHS]) return true;
    const value = this.#whole(raw);
    if (value !== undefined) this.#last.set(key, value);
    return value !== undefined;
  }

  /** @param {any} raw @returns {any} undefined where arrays of it are lost */
  #whole(raw) {
    if (!raw?.[LENGTHS]) return raw;
    if (!this.#known.has(raw)) this.#known.set(raw, wholeValue(raw));
    const value = this.#known.get(raw);
    if (value === undefined) this.#tell();
    return value;
  }

  #tell() {
    if (this.#told) return;
    this.#told = true;
    this.#model.send({ type: "bytes lost" });
  }
}
