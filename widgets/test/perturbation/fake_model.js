// The state that Python sends for a Perturbation of two objects, and a walk of three pictures.

import { someRequest, someState, someStatus } from "../shared/fake_model.js";

export const KEY = "odam|class|neck|#0#deletion#box#";

/** @param {Record<string, unknown>} [changes] */
export const walkChoice = (changes = {}) => ({ method: "odam", layer: "neck", mode: "deletion", area: "box", fill: "", selected: 0, ...changes });

/**
 * Three pictures of 2 x 3 samples: the first row is changed in picture 1, one more sample in picture 2.
 * @param {Record<string, unknown>} [changes]
 */
export function someWalk(changes = {}) {
  const cup = { name: "cup", score: 0.9, box: [2, 2, 30, 18] };
  const tin = { name: "<img src=z>", score: 0.4, box: [1, 1, 9, 9] };
  return {
    key: KEY,
    choice: walkChoice(),
    title: "Deletion by ODAM",
    shape: [2, 3],
    changes: new DataView(Uint8Array.of(9, 1, 1, 1, 2, 255, 255).buffer, 1),
    filling: new DataView(Uint8Array.of(9, 7, 8, 9).buffer, 1),
    deleting: true,
    counts: [0, 3, 4],
    relative: [1, 0.5, 0],
    others: [1, null, 0.8],
    scores: [0.914, 0.457, 0],
    ious: [1, 0.8, 0],
    area: 0.5,
    ties: 0.25,
    least: 0.3,
    matches: [0, 1, null],
    answers: [[cup], [tin, { ...cup, score: 0.457 }], []],
    ...changes,
  };
}

/** @param {Record<string, unknown>} [changes] */
export function perturbationState(changes = {}) {
  const { photo, objects, choices, palettes } = someState();
  const titled = (/** @type {string} */ name) => ({ name, title: name });
  return {
    photo,
    objects,
    choices: {
      .../** @type {any} */ (choices),
      methods: [
        { name: "odam", title: "ODAM", directions: [] },
        { name: "d-rise", title: "D-RISE", directions: [] },
      ],
      modes: [titled("deletion"), titled("insertion")],
      areas: [titled("box"), titled("image")],
      fills: [{ name: "", title: "As in the papers" }, titled("black")],
    },
    palettes,
    selected: 0,
    min_score: 0,
    lower_score: null,
    class_answer: { typed: "", text: "", near: [] },
    only_class: "",
    search: "",
    method: "odam",
    layer: "neck",
    mode: "deletion",
    area: "box",
    fill: "",
    step: 0,
    request: someRequest(KEY, walkChoice()),
    map_key: KEY,
    map_data: someWalk(),
    status: someStatus(KEY),
    notice: "",
    code: "maps = 1",
    ...changes,
  };
}
