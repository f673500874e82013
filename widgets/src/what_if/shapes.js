// What a region is drawn of, as `what_if_regions` in Python has it: moved, grown, outlined. Pure geometry.

/**
 * `points` and `box` in pixels of the picture; `row`: the object whose hottest pixels it is; `given`: came from Python as
 * a mask; `moved`: by how many whole pixels the pixels of one are moved that has no corners.
 * @typedef {{kind: "stroke", points: number[][], radius: number} | {kind: "box", box: number[]}
 *   | {kind: "lasso", points: number[][]} | {kind: "hottest", share: number, row: number, moved?: number[]}
 *   | {kind: "given", moved?: number[]}} Shape
 */

/** Steps of the share of hottest pixels. */
const SHARE_STEP = 1.25;
const LEAST_SHARE = 0.001;

/** A tenth of a pixel is as fine as a hand draws. @param {number} value */
export const rounded = (value) => Math.round(10 * value) / 10;

/** @param {Shape} shape @param {number} dx @param {number} dy @returns {Shape} */
export function moved(shape, dx, dy) {
  if (shape.kind === "box") {
    const [x1, y1, x2, y2] = shape.box;
    return { ...shape, box: [x1 + dx, y1 + dy, x2 + dx, y2 + dy].map(rounded) };
  }
  if ("points" in shape) return { ...shape, points: shape.points.map(([x, y]) => [rounded(x + dx), rounded(y + dy)]) };
  const [x, y] = shape.moved ?? [0, 0];
  return { ...shape, moved: [x + dx, y + dy] };
}

/**
 * A shape that is larger or smaller by some pixels on each side; of the hottest pixels more or fewer of them.
 * @param {Shape} shape
 * @param {1 | -1} sign
 * @param {number} by
 * @param {{width: number, height: number}} picture
 * @returns {Shape}
 */
export function grown(shape, sign, by, { width, height }) {
  if (shape.kind === "stroke") return { ...shape, radius: rounded(Math.max(1, shape.radius + sign * by)) };
  if (shape.kind === "box") {
    const [x1, y1, x2, y2] = shape.box;
    const narrow = x2 - x1 + 2 * sign * by < 2 || y2 - y1 + 2 * sign * by < 2;
    if (narrow) return shape;
    return { ...shape, box: [Math.max(0, x1 - sign * by), Math.max(0, y1 - sign * by), Math.min(width, x2 + sign * by), Math.min(height, y2 + sign * by)] };
  }
  if (shape.kind === "lasso") {
    const [x1, y1, x2, y2] = around(shape.points, 0);
    const size = Math.max(x2 - x1, y2 - y1, 1);
    const factor = Math.max(2 / size, (size + 2 * sign * by) / size);
    const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
    return { ...shape, points: shape.points.map(([a, b]) => [rounded(x + factor * (a - x)), rounded(y + factor * (b - y))]) };
  }
  if (shape.kind === "hottest") {
    const share = sign > 0 ? shape.share * SHARE_STEP : shape.share / SHARE_STEP;
    return { ...shape, share: Math.round(1e4 * Math.min(1, Math.max(LEAST_SHARE, share))) / 1e4 };
  }
  return shape;
}

/** @param {number[][]} points @param {number} margin @returns {[number, number, number, number]} */
function around(points, margin) {
  const [across, down] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return [Math.min(...across) - margin, Math.min(...down) - margin, Math.max(...across) + margin, Math.max(...down) + margin];
}

/**
 * The box around a region; of pixels that Python chose as far as it has answered.
 * @param {readonly Shape[]} shapes
 * @param {{shapes: Shape[], bounds: [number, number, number, number]} | null} answer
 * @returns {[number, number, number, number] | null}
 */
export function boundsOf(shapes, answer) {
  const boxes = shapes.flatMap((shape) => {
    if (shape.kind === "box") return [shape.box];
    if (shape.kind === "stroke") return [around(shape.points, shape.radius)];
    if (shape.kind === "lasso") return [around(shape.points, 0)];
    if (!answer) return [];
    const [dx, dy] = shift(shape, answer.shapes);
    const [x1, y1, x2, y2] = answer.bounds;
    return [[x1 + dx, y1 + dy, x2 + dx, y2 + dy]];
  });
  if (boxes.length === 0) return null;
  const side = (/** @type {number} */ i) => boxes.map((box) => box[i]);
  return [Math.min(...side(0)), Math.min(...side(1)), Math.max(...side(2)), Math.max(...side(3))];
}

/**
 * By how much a shape without corners has moved since the answer.
 * @param {Shape} shape
 * @param {readonly Shape[]} before
 * @returns {number[]}
 */
export function shift(shape, before) {
  const known = before.find(({ kind }) => kind === shape.kind);
  const [x, y] = ("moved" in shape && shape.moved) || [0, 0];
  const [u, v] = (known && "moved" in known && known.moved) || [0, 0];
  return [x - u, y - v];
}

/**
 * The outline of some pixels: runs of edges between a pixel of the region and one that is not.
 * @param {{bounds: readonly number[], bits: DataView}} region
 * @returns {[number, number, number, number][]} lines x, y to x, y
 */
export function outlineOf({ bounds: [left, top, right, bottom], bits }) {
  const [width, height] = [right - left, bottom - top];
  const has = (/** @type {number} */ x, /** @type {number} */ y) => {
    if (x < 0 || y < 0 || x >= width || y >= height) return false;
    const at = y * width + x;
    return ((bits.getUint8(at >> 3) >> (7 - (at & 7))) & 1) === 1;
  };
  /** @type {[number, number, number, number][]} */
  const lines = [];
  for (let y = 0; y <= height; y++) {
    let from = -1;
    for (let x = 0; x <= width; x++) {
      const edge = x < width && has(x, y) !== has(x, y - 1);
      if (edge && from < 0) from = x;
      if (!edge && from >= 0) {
        lines.push([left + from, top + y, left + x, top + y]);
        from = -1;
      }
    }
  }
  for (let x = 0; x <= width; x++) {
    let from = -1;
    for (let y = 0; y <= height; y++) {
      const edge = y < height && has(x, y) !== has(x - 1, y);
      if (edge && from < 0) from = y;
      if (!edge && from >= 0) {
        lines.push([left + x, top + from, left + x, top + y]);
        from = -1;
      }
    }
  }
  return lines;
}
