// The state that Python sends for a Discrimination of two objects.

import { somePackage, someRequest, someState, someStatus } from "../shared/fake_model.js";

/** @param {number} index @param {Record<string, unknown>} [changes] */
export const contrastChoice = (index, changes = {}) => ({ method: "odam", target: "class", layer: "neck", selected: index, ...changes });

/**
 * One object against the other, on 2 x 4 samples of 10 pixels: the left half is its own, the right half the other's.
 * @param {number} index
 */
export function someContrast(index) {
  const key = `odam|class|neck|#${index}`;
  const quanta = [65535, 49151, 16384, 0, 65535, 32768, 32768, 0];
  const values = new Uint8Array(1 + 2 * quanta.length);
  quanta.forEach((q, i) => values.set([q & 255, q >> 8], 1 + 2 * i));
  const other = 1 - index;
  // One byte in front: what the kernel sends begins anywhere in a larger buffer.
  const takers = new Uint8Array(1 + 16);
  [-1, -1, other, other, -1, -1, -1, other].forEach((t, i) => takers.set([t & 255, (t >> 8) & 255], 1 + 2 * i));
  const own = somePackage(key);
  own.grids = [own.grids[index]];
  const grid = { shape: [2, 4], offset: 0, low: -1, high: 1, stride: [10, 10], corner: null, status: "ok", peak: [5, 5], inside: 0.5 };
  return {
    key,
    choice: contrastChoice(index),
    title: "ODAM of the class score against the other objects",
    own,
    difference: { ...own, signed: true, scale: [1, 1], shift: [0, 0], grids: [grid], values: new DataView(values.buffer, 1) },
    takers: { shape: [2, 4], step: 10, data: new DataView(takers.buffer, 1) },
    facts: {
      kept: 0.5,
      taken: [{ index: other, inside: 0.25, energy: 0.125 }],
      own: { "odi-box": 0.4 },
      difference: { "odi-box": null },
    },
  };
}

/** @param {Record<string, unknown>} [changes] */
export function discriminationState(changes = {}) {
  const { photo, objects, choices, palettes, opacity, hide_below, percentile, colormap, signed_colormap, boxes } = someState();
  return {
    photo,
    objects,
    choices: {
      .../** @type {any} */ (choices),
      methods: [
        { name: "odam", title: "ODAM", directions: [] },
        { name: "d-rise", title: "D-RISE", directions: [] },
      ],
      metrics: [{ name: "odi-box", title: "Object discrimination (box)", higher: false, unit: "1", source: "s" }],
      annotated: false,
      colors: { own: "#56b4e9", neighbours: ["#d55e00"], others: "#999999" },
    },
    palettes,
    selected: 0,
    min_score: 0,
    lower_score: null,
    only_class: "",
    search: "",
    method: "odam",
    target: "class",
    layer: "neck",
    view: "difference",
    opacity,
    hide_below,
    percentile,
    colormap,
    signed_colormap,
    boxes,
    request: someRequest("odam|class|neck|#0", contrastChoice(0)),
    map_key: "odam|class|neck|#0",
    map_data: someContrast(0),
    status: someStatus("odam|class|neck|#0"),
    notice: "",
    code: "maps = 1",
    ...changes,
  };
}
