// The state that Python sends for a SanityCheck of one method and the control, over two steps and two seeds.

import { somePackage, someState, someStatus } from "../shared/fake_model.js";

export const KEY = "odam#0#cascading#papers#0,1";
const CONTROL = "control: edges";

/** @param {Record<string, unknown>} [changes] */
export function someCheck(changes = {}) {
  const states = ["0", "1|0", "1|1", "2|0", "2|1"].flatMap((state) => [`odam|${state}`, `${CONTROL}|${state}`]);
  const figures = Object.fromEntries(states.filter((s) => !s.endsWith("|0") || s.split("|").length === 3).map((s) => [s, 0.25]));
  const flat = { median: [1, 1, 1], low: [1, 1, 1], high: [1, 1, 1] };
  const curves = { odam: { median: [1, 0.5, -0.25], low: [1, 0.25, -0.5], high: [1, 0.75, null] }, [CONTROL]: flat };
  return {
    key: KEY,
    index: 0,
    mode: "cascading",
    keys: Object.fromEntries(
      ["odam", CONTROL].map((m) => [m, { trained: `${m}|0`, steps: { 0: [`${m}|1|0`, `${m}|2|0`], 1: [`${m}|1|1`, `${m}|2|1`] } }]),
    ),
    stages: ["Trained", "outputs", "<img src=s>"],
    seeds: [0, 1],
    note: "",
    methods: [
      { name: "odam", title: "ODAM", verdict: "passes", words: "|Spearman| 0.10 after stem, not above 0.5" },
      { name: CONTROL, title: "Edges (control)", verdict: "fails", words: "|Spearman| 1.00 after stem, above 0.5" },
    ],
    maps: Object.fromEntries(states.map((state) => [state, somePackage(state)])),
    problems: {},
    figures: { spearman: figures, ssim: { ...figures, "odam|1|0": 0.75 } },
    curves: { spearman: curves, ssim: curves },
    ...changes,
  };
}

/** @param {Record<string, unknown>} [changes] */
export function sanityState(changes = {}) {
  const { photo, objects, choices, palettes } = someState();
  const titled = (/** @type {string} */ name) => ({ name, title: name });
  return {
    photo,
    objects,
    choices: {
      .../** @type {any} */ (choices),
      modes: [titled("cascading"), titled("independent")],
      presets: [titled("papers"), titled("blocks")],
      measures: [{ name: "spearman", title: "Spearman" }, { name: "ssim", title: "SSIM" }],
      most_methods: 1,
    },
    palettes,
    min_score: 0,
    lower_score: null,
    class_answer: { typed: "", text: "", near: [] },
    only_class: "",
    search: "",
    selected: 0,
    methods: ["odam"],
    mode: "cascading",
    layers: "papers",
    seeds: [0, 1],
    measure: "spearman",
    selected_method: "odam",
    step: 0,
    seed: 0,
    opacity: 0.75,
    hide_below: 0,
    percentile: 100,
    colormap: "gray",
    signed_colormap: "inverse",
    boxes: "selected",
    wanted: KEY,
    question: "",
    map_data: someCheck(),
    status: someStatus(""),
    notice: "",
    code: "result = 1",
    ...changes,
  };
}
