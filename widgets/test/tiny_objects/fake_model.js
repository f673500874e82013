// The state that Python sends for TinyObjects: three objects of two images by two methods, two of which touch.

import { somePackage, someState, someStatus } from "../shared/fake_model.js";

export const KEY = "odam,grad-cam#2";

/** @param {number[]} values */
function floats(values) {
  // One byte in front: what the kernel sends begins anywhere in a larger buffer.
  const bytes = new Uint8Array(1 + 4 * values.length);
  bytes.set(new Uint8Array(Float32Array.from(values).buffer), 1);
  return new DataView(bytes.buffer, 1);
}

const means = (/** @type {number} */ count) => ({ count, pointing: 0.5, energy: 0.25, reach: 2, beside: null });

/** The largest object comes first, the smallest second. @param {Record<string, unknown>} [changes] */
export function someTable(changes = {}) {
  const columns = {
    label: [0, 1, 0],
    image: [0, 0, 1],
    annotation: [0, 1, 0],
    score: [0.9, 0.75, 0.5],
    x1: [2, 4, 10],
    y1: [2, 4, 5],
    x2: [30, 10, 20],
    y2: [18, 10, 15],
    canvas_share: [0.25, 0.001, 0.02],
    tiny: [0, 1, 0],
    neighbour: [1, 0, -1],
    distance: [0, 0, NaN],
  };
  const figures = [
    // pointing, energy, reach, beside, half: of the one method and of the other
    [1, 0, 1], [0.5, 0.25, 0.75], [2, 4, 1], [0, 0.5, NaN], [0.1, 0.2, 0.05],
    [0, 0, 1], [0.1, NaN, 0.2], [8, NaN, 3], [0.3, NaN, NaN], [0.4, NaN, 0.3],
  ];
  const line = { odam: [[0.001, 0.02], [0.25, 0.75]], "grad-cam": [[], []] };
  const summary = { tiny: means(1), larger: means(2), pairs: { count: 1, cosine: 0.5, told_apart: 1 } };
  return {
    key: KEY,
    done: 2,
    total: 2,
    note: "",
    ended: true,
    methods: [{ name: "odam", title: "ODAM", color: "#0072B2", mark: "o" }, { name: "grad-cam", title: "<img src=m>", color: "#000000", mark: "X" }],
    labels: ["cup", "<img src=l>"],
    files: { 0: "<img src=f>", 1: "b.jpg" },
    objects: {
      count: 3,
      columns: Object.keys(columns),
      values: floats(Object.values(columns).flat()),
      measures: ["pointing", "energy", "reach", "beside", "half"],
      figures: floats(figures.flat()),
    },
    pairs: {
      count: 1,
      columns: ["first", "second", "distance"],
      values: floats([0, 1, 0]),
      measures: ["cosine", "pearson", "told_apart"],
      figures: floats([0.5, 0.4, 1, NaN, NaN, 0]),
    },
    lines: { energy: line, reach: line, beside: line, half: line },
    summary: { odam: summary, "grad-cam": summary },
    ...changes,
  };
}

/** What a click brings. @param {number[]} numbers @param {number} image */
export function someView(numbers, image = 0) {
  return {
    photo: { data: new DataView(new ArrayBuffer(4)), type: "image/jpeg", width: 40, height: 20, image },
    map_data: {
      key: `${KEY}#${image}#${numbers}`,
      image,
      numbers,
      window: [0, 0, 24, 20],
      annotated: [[2, 2, 31, 18], [4, 4, 11, 10], null],
      maps: { odam: somePackage("odam") },
      problems: { "grad-cam": "not finite" },
    },
  };
}

/** @param {Record<string, unknown>} [changes] */
export function tinyState(changes = {}) {
  const { choices, palettes } = /** @type {any} */ (someState());
  return {
    choices: {
      ...choices,
      measures: [
        { name: "energy", title: "Energy in the box" },
        { name: "reach", title: "Size over the box" },
        { name: "half", title: "Share of the image" },
      ],
      most_methods: 2,
      images: 7,
      at_most: 0.005,
    },
    palettes,
    notice: "",
    methods: ["odam", "grad-cam"],
    limit: 2,
    measure: "energy",
    selected: null,
    selected_pair: null,
    opacity: 0.75,
    hide_below: 0,
    percentile: 100,
    colormap: "gray",
    boxes: "selected",
    wanted: KEY,
    table: someTable(),
    photo: {},
    map_data: {},
    status: someStatus(KEY),
    view_status: someStatus(""),
    code: "objects = 1",
    ...changes,
  };
}
