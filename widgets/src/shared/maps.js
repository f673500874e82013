// Heat maps on their native grids: decoding, placing on the photograph, reading values, keeping computed ones.

import { fromBase64 } from "./base64.js";

/** @typedef {import("./types.js").HeatMap} HeatMap */
/** @typedef {import("./types.js").MapPackage} MapPackage */
/** @typedef {import("./types.js").MapSet} MapSet */
/** @typedef {import("./types.js").Range} Range */

export const STEPS = 65535;

/**
 * @param {MapPackage} sent
 * @returns {MapSet}
 */
export function decodeMaps(sent) {
  const bytes = sent.values;
  // A copy: the view may begin at an odd byte, where no Uint16Array can lie. Little-endian, as every browser is.
  const all = new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const maps = sent.grids.map((grid) => {
    const [height, width] = grid.shape;
    const [left, top] = grid.corner ?? grid.shift ?? [0, 0];
    return {
      quanta: all.subarray(grid.offset, grid.offset + width * height),
      width,
      height,
      low: grid.low,
      high: grid.high,
      scale: sent.scale,
      shift: /** @type {[number, number]} */ ([sent.shift[0] - left, sent.shift[1] - top]),
      stride: grid.stride,
      partial: grid.corner !== null,
      ...(sent.seen ? { seen: sent.seen } : {}),
      status: grid.status,
      peak: grid.peak,
      inside: grid.inside,
      ...(grid.deciding ? { deciding: new Int8Array(fromBase64(grid.deciding).buffer), parts: grid.parts } : {}),
    };
  });
  return { key: sent.key, title: sent.title, signed: sent.signed, unit: sent.unit ?? "", size: sent.size, maps };
}

/**
 * Bilinear neighbours on one axis: image position `at` (a pixel's centre is at + 0.5) to cells and the second's weight,
 * and whether the position lies beyond a map that covers a part of the photograph only.
 * @param {HeatMap} map
 * @param {0 | 1} axis 0: x, 1: y
 * @param {number} at
 */
function neighbours(map, axis, at) {
  const cells = axis ? map.height : map.width;
  const position = (at * map.scale[axis] + map.shift[axis]) / map.stride[axis];
  const u = Math.min(Math.max(position - 0.5, 0), cells - 1);
  const first = Math.min(Math.floor(u), Math.max(cells - 2, 0));
  const cut = map.seen !== undefined && (at < map.seen[axis] || at > map.seen[axis + 2]);
  const beyond = cut || (map.partial && (position < 0 || position > cells));
  return { first, second: Math.min(first + 1, cells - 1), part: u - first, beyond };
}

/**
 * The raw value at an image position, exactly as the whole map is placed.
 * @param {HeatMap} map
 * @param {number} x continuous image coordinate: the centre of pixel 0 is 0.5
 * @param {number} y
 */
export function valueAt(map, x, y) {
  const across = neighbours(map, 0, x);
  const down = neighbours(map, 1, y);
  if (across.beyond || down.beyond) return 0;
  /** @param {number} row */
  const along = (row) => {
    const a = map.quanta[row * map.width + across.first];
    const b = map.quanta[row * map.width + across.second];
    return a + (b - a) * across.part;
  };
  const top = along(down.first);
  const quantum = top + (along(down.second) - top) * down.part;
  return map.low + (quantum * (map.high - map.low)) / STEPS;
}

/**
 * Which part of a prediction a joined map is taken from at an image position: that of the nearest cell, -1 for none.
 * @param {HeatMap} map
 * @param {number} x continuous image coordinate
 * @param {number} y
 */
export function decidingAt(map, x, y) {
  const [across, down] = [neighbours(map, 0, x), neighbours(map, 1, y)];
  if (!map.deciding || across.beyond || down.beyond) return -1;
  const column = across.part < 0.5 ? across.first : across.second;
  return map.deciding[(down.part < 0.5 ? down.first : down.second) * map.width + column];
}

/**
 * The map over the whole photograph in one bilinear step, at `columns` x `rows` samples.
 * @param {HeatMap} map
 * @param {[number, number]} size height and width of the photograph
 * @param {number} columns
 * @param {number} rows
 * @returns {Float32Array} raw values, row by row
 */
export function placeMap(map, size, columns, rows) {
  const out = new Float32Array(columns * rows);
  const [height, width] = size;
  const step = (map.high - map.low) / STEPS;
  const across = Array.from({ length: columns }, (_, i) => neighbours(map, 0, ((i + 0.5) * width) / columns));
  const firsts = Int32Array.from(across, (n) => n.first);
  const seconds = Int32Array.from(across, (n) => n.second);
  const parts = Float64Array.from(across, (n) => n.part);
  const line = new Float64Array(map.width);
  for (let j = 0; j < rows; j++) {
    const down = neighbours(map, 1, ((j + 0.5) * height) / rows);
    if (down.beyond) continue;
    const a = down.first * map.width;
    const b = down.second * map.width;
    for (let i = 0; i < map.width; i++) {
      line[i] = map.low + step * (map.quanta[a + i] + (map.quanta[b + i] - map.quanta[a + i]) * down.part);
    }
    for (let i = 0; i < columns; i++) {
      if (across[i].beyond) continue;
      const left = line[firsts[i]];
      out[j * columns + i] = left + (line[seconds[i]] - left) * parts[i];
    }
  }
  return out;
}

/** Evidence of maps in rising order, by the first of these maps. @type {WeakMap<HeatMap, {maps: HeatMap[], values: Float64Array}[]>} */
const sorted = new WeakMap();

/**
 * The values of some maps' cells, their magnitudes if signed, in rising order. Cells without evidence, which have the
 * lowest value, do not count: most of a map is often 0.
 * @param {HeatMap[]} maps
 * @param {boolean} signed
 * @param {Range} whole of these maps
 */
function evidence(maps, signed, { low, high }) {
  const known = sorted.get(maps[0]) ?? [];
  sorted.set(maps[0], known);
  const same = known.find((one) => one.maps.length === maps.length && one.maps.every((map, i) => map === maps[i]));
  if (same) return same.values;
  const all = new Float64Array(maps.reduce((sum, map) => sum + map.quanta.length, 0));
  const nothing = (signed ? 0 : low) + (high - low) / STEPS / 2;
  let at = 0;
  for (const map of maps) {
    const step = (map.high - map.low) / STEPS;
    for (const quantum of map.quanta) {
      const value = map.low + quantum * step;
      const size = signed ? Math.abs(value) : value;
      if (size > nothing) all[at++] = size;
    }
  }
  const values = all.slice(0, at).sort();
  known.push({ maps, values });
  return values;
}

/**
 * A percentile, between two values as NumPy has it; undefined where there is no value.
 * @param {Float64Array} values in rising order
 * @param {number} percentile 0..100
 */
function percentileOf(values, percentile) {
  const place = ((values.length - 1) * percentile) / 100;
  const first = Math.floor(place);
  const next = Math.min(first + 1, values.length - 1);
  return values.length > 0 ? values[first] + (values[next] - values[first]) * (place - first) : undefined;
}

/**
 * The values that the ends of the colour bar stand for. A percentile below 100 keeps a few extreme cells from taking
 * the whole range.
 * @param {MapSet} set
 * @param {number} index
 * @param {boolean} shared one scale for all objects, else each its own
 * @param {number} [percentile] above 0, up to 100
 * @returns {Range}
 */
export function colorRange(set, index, shared, percentile = 100) {
  const maps = shared ? set.maps : [set.maps[index]];
  const low = Math.min(...maps.map((m) => m.low));
  const high = Math.max(...maps.map((m) => m.high));
  const reach = set.signed ? Math.max(Math.abs(low), Math.abs(high)) : high;
  const upper = percentile < 100 ? percentileOf(evidence(maps, set.signed, { low, high }), percentile) : reach;
  const top = Math.min(upper ?? reach, reach);
  return { low: set.signed ? -top : low, high: top, cutLow: set.signed && low < -top, cutHigh: high > top };
}

/** Bytes that a map set takes. @param {MapSet} set */
export const bytesOfMaps = (set) => set.maps.reduce((total, map) => total + map.quanta.byteLength, 0);

/** Bytes of map sets to keep in a page. */
export const MOST_BYTES = 64 * 2 ** 20;
