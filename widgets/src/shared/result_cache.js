// Results that the page holds, by key; the least recently used is given up first.

/** @template {{key: string}} Result */
export class ResultCache {
  /** @type {Map<string, Result>} */
  #results = new Map();

  /**
   * @param {number} limit how much to keep; the newest result always stays
   * @param {(result: Result) => number} [size] what one result counts, by default 1
   */
  constructor(limit, size = () => 1) {
    this.limit = limit;
    this.size = size;
  }

  /** @param {string | null} key */
  has(key) {
    return key !== null && this.#results.has(key);
  }

  /** @param {string | null} key @returns {Result | null} */
  get(key) {
    const result = key === null ? undefined : this.#results.get(key);
    if (!result) return null;
    this.#results.delete(result.key);
    this.#results.set(result.key, result);
    return result;
  }

  /** @param {Result} result */
  add(result) {
    this.#results.delete(result.key);
    this.#results.set(result.key, result);
    while (this.total > this.limit && this.#results.size > 1) {
      this.#results.delete(/** @type {string} */ (this.#results.keys().next().value));
    }
  }

  get total() {
    let total = 0;
    for (const result of this.#results.values()) total += this.size(result);
    return total;
  }
}
