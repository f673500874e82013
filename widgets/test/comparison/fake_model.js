// The state that Python sends for a Comparison of three methods on two objects; the third is still to come.

import { somePackage, someState } from "../shared/fake_model.js";

const METRICS = [
  { name: "energy", title: "Energy", higher: true, unit: "1", source: "s" },
  { name: "spread", title: "Spread", higher: false, unit: "1", source: "s" },
];

/**
 * @param {string} method
 * @param {Record<string, unknown>} [changes]
 */
export function someRow(method, changes = {}) {
  const layer = method === "d-rise" ? "" : "neck";
  return { key: `${method}|class|${layer}|`, state: "ok", text: "", remark: "0.10 s", has: [0, 1], figures: {}, metrics: {}, mean: {}, ...changes };
}

/**
 * What Python sends of one method.
 * @param {string} key
 * @param {number[]} [rows] the objects
 */
export function someSets(key, rows = [0, 1]) {
  const all = somePackage(key);
  return { sets: [{ ...all, grids: rows.map((row) => all.grids[row]), rows }] };
}

/** @param {Record<string, unknown>} [changes] */
export function comparisonState(changes = {}) {
  const { photo, objects, choices, palettes, opacity, hide_below, percentile, colormap, signed_colormap, scale } = someState();
  const method = (/** @type {string} */ name, /** @type {string} */ title) => ({ name, title, directions: [] });
  return {
    photo,
    objects,
    choices: {
      .../** @type {any} */ (choices),
      methods: [method("odam", "ODAM"), method("grad-cam", "Grad-CAM"), method("d-rise", "D-RISE")],
      metrics: METRICS,
      annotated: false,
    },
    palettes,
    methods: ["odam", "grad-cam", "d-rise"],
    shown: [0, 1],
    metrics: ["energy", "spread"],
    min_score: 0,
    lower_score: null,
    class_answer: { typed: "", text: "", near: [] },
    only_class: "",
    search: "",
    selected: 0,
    selected_method: "odam",
    target: "class",
    layer: "neck",
    sort: "",
    sort_object: null,
    opacity,
    hide_below,
    percentile,
    colormap,
    signed_colormap,
    scale,
    boxes: "selected",
    order: ["odam", "grad-cam", "d-rise"],
    rows: {
      odam: someRow("odam", { metrics: { energy: [0.9, 0.2], spread: [0.5, null] }, mean: { energy: 0.55, spread: 0.5 } }),
      "grad-cam": someRow("grad-cam", { metrics: { energy: [0.7, 0.3], spread: [0.4, 0.8] }, mean: { energy: 0.5, spread: 0.6 } }),
      "d-rise": someRow("d-rise", { state: "busy", remark: "", has: [] }),
    },
    requests: {
      target: "class",
      layer: "neck",
      keys: { odam: "odam|class|neck|", "grad-cam": "grad-cam|class|neck|", "d-rise": "d-rise|class||" },
    },
    map_data: someSets("grad-cam|class|neck|"),
    status: { state: "busy", key: "d-rise|class||", text: "Computing D-RISE", done: 1, total: 4 },
    notice: "",
    code: "maps = 1",
    ...changes,
  };
}
