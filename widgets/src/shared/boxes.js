// Which box is meant by a point, and by the next click on the same place.

/** @typedef {import("./types.js").DetectedObject} DetectedObject */

/**
 * The corners of an object's box, clockwise: those of its oriented box if it has one, else of the upright one.
 * @param {DetectedObject} object
 * @returns {readonly (readonly [number, number])[]}
 */
export function cornersOf({ box: [x1, y1, x2, y2], polygon }) {
  return polygon ?? [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
}

/** Whether a point lies in a box, or at most so far outside. @param {DetectedObject} object @param {number} x @param {number} y @param {number} margin */
function holds(object, x, y, margin) {
  const [x1, y1, x2, y2] = object.box;
  if (!object.polygon) return x >= x1 - margin && x <= x2 + margin && y >= y1 - margin && y <= y2 + margin;
  const corners = cornersOf(object);
  const away = corners.map(([startX, startY], i) => {
    const [endX, endY] = corners[(i + 1) % corners.length];
    const length = Math.hypot(endX - startX, endY - startY) || 1;
    return ((endX - startX) * (y - startY) - (endY - startY) * (x - startX)) / length;
  });
  return away.every((distance) => distance >= -margin) || away.every((distance) => distance <= margin);
}

/**
 * The objects whose boxes hold a point, the smallest first.
 * @param {readonly DetectedObject[]} objects
 * @param {number} x
 * @param {number} y
 * @param {number} margin how far outside still counts, in image pixels
 * @returns {number[]}
 */
export function boxesAt(objects, x, y, margin = 0) {
  /** @param {number} i */
  const area = (i) => {
    const corners = cornersOf(objects[i]);
    const sum = corners.reduce((total, [x, y], n) => {
      const [nextX, nextY] = corners[(n + 1) % corners.length];
      return total + x * nextY - y * nextX;
    }, 0);
    return Math.abs(sum) / 2;
  };
  return objects
    .map((_, i) => i)
    .filter((i) => holds(objects[i], x, y, margin))
    .sort((a, b) => area(a) - area(b) || a - b);
}

/** Picks the smallest box first; a further click on the same boxes takes the next larger one, and round again. */
export class ClickCycle {
  /** @type {number | null} */
  #last = null;
  #among = "";

  /**
   * @param {number[]} candidates from `boxesAt`
   * @param {number | null} selected what is selected now
   * @returns {number | null}
   */
  pick(candidates, selected) {
    if (candidates.length === 0) return null;
    const among = candidates.join();
    const again = among === this.#among && this.#last === selected && this.#last !== null;
    const at = again ? candidates.indexOf(/** @type {number} */ (this.#last)) + 1 : 0;
    this.#among = among;
    this.#last = candidates[at % candidates.length];
    return this.#last;
  }
}

/**
 * The neighbour in a ring of `count`; from nothing, the first or the last.
 * @param {number | null} selected
 * @param {number} step 1 or -1
 * @param {number} count
 * @returns {number | null}
 */
export function neighbour(selected, step, count) {
  if (count === 0) return null;
  if (selected === null) return step > 0 ? 0 : count - 1;
  return (selected + step + count) % count;
}
