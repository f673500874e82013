// The controls of a panel: each is a labelled element and a function that shows a new value.

import { element, takesKeys, uniqueId } from "./dom.js";
import { explained } from "./terms.js";

/**
 * `about`: more of it, shown where the pointer rests; `missing`: why it cannot be chosen here, empty where it can.
 * @typedef {{name: string, title: string, about?: string, missing?: string}} Choice
 */

/**
 * A drop-down list.
 * @param {string} label
 * @param {(name: string) => void} chosen
 */
export function selectControl(label, chosen) {
  const id = uniqueId("select");
  const list = takesKeys(element("select", { id, class: "dx-select" }));
  const row = element("div", { class: "dx-row" }, [explained(element("label", { for: id, class: "dx-label" }, [label]), list), list]);
  list.addEventListener("change", () => chosen(list.value));
  let offered = "";
  return {
    row,
    input: list,
    /**
     * @param {readonly Choice[]} choices
     * @param {string} value
     */
    show(choices, value) {
      const wanted = JSON.stringify(choices);
      if (wanted !== offered) {
        list.replaceChildren(...choices.map(optionOf));
        offered = wanted;
      }
      list.value = value;
      list.title = choices.find((c) => c.name === value)?.about ?? "";
      row.hidden = choices.length === 0;
    },
  };
}

/** @param {Choice} choice */
function optionOf({ name, title, about, missing }) {
  const hint = missing || about;
  const made = element("option", { value: name, ...(hint ? { title: hint } : {}) }, [title]);
  made.disabled = Boolean(missing);
  return made;
}

/**
 * Choices that are called by their own names.
 * @param {readonly string[]} names
 * @returns {Choice[]}
 */
export const plain = (names) => names.map((name) => ({ name, title: name }));

/**
 * The layers of a detector; the empty name is the layer that the method prefers. None for a closed detector.
 * @param {readonly string[]} layers
 * @returns {Choice[]}
 */
export function layerChoices(layers) {
  return layers.some(Boolean) ? layers.map((name) => ({ name, title: name || "the method's own" })) : [];
}

/**
 * A slider from 0 to 1. `moved` is called while it moves, `released` when the gesture ends.
 * @param {string} label
 * @param {(value: number) => void} moved
 * @param {(value: number) => void} released
 * @param {(value: number) => string} [say] the value in words, by default in percent
 */
export function sliderControl(label, moved, released, say = (value) => `${Math.round(value * 100)}%`) {
  const id = uniqueId("slider");
  const input = takesKeys(
    element("input", { id, type: "range", min: "0", max: "1", step: "0.01", class: "dx-slider" }),
  );
  const output = element("span", { class: "dx-number", "aria-hidden": "true" });
  const row = element("div", { class: "dx-row" }, [
    explained(element("label", { for: id, class: "dx-label" }, [label]), input),
    element("div", { class: "dx-slide" }, [input, output]),
  ]);
  input.addEventListener("input", () => moved(input.valueAsNumber));
  input.addEventListener("change", () => released(input.valueAsNumber));
  return {
    row,
    input,
    /** @param {number} value */
    show(value) {
      const words = say(value);
      input.value = String(value);
      input.setAttribute("aria-valuetext", words);
      output.textContent = words;
    },
  };
}

/** Least percentile that the slider of the upper limit offers. */
const LEAST_PERCENTILE = 50;

/**
 * From which percentile of the map's values on cells have the last colour.
 * @param {import("./state.js").Store} store with the trait `percentile`
 */
export function upperControl(store) {
  const made = sliderControl(
    "Upper limit",
    (value) => store.setLive("percentile", value),
    (value) => store.commit({ percentile: value }),
    (value) => (value === 100 ? "max." : `${Number(value.toPrecision(4))}%`),
  );
  made.input.max = "100";
  made.input.step = "0.5";
  return {
    row: made.row,
    show() {
      const now = store.get("percentile");
      // Python may set one that is lower than the slider offers.
      made.input.min = String(Math.min(LEAST_PERCENTILE, Math.floor(now)));
      made.show(now);
    },
  };
}

/**
 * A few exclusive choices side by side: radio buttons, so that arrow keys move between them.
 * @param {string} label
 * @param {readonly Choice[]} choices
 * @param {(name: string) => void} chosen
 */
export function segmentControl(label, choices, chosen) {
  const group = uniqueId("group");
  const inputs = choices.map((choice) => {
    const input = takesKeys(element("input", { type: "radio", name: group, value: choice.name }));
    input.addEventListener("change", () => chosen(choice.name));
    return input;
  });
  const parts = choices.map((choice, i) =>
    element("label", { class: "dx-segment" }, [inputs[i], element("span", {}, [choice.title])]),
  );
  const row = element("div", { class: "dx-row", role: "radiogroup", "aria-labelledby": `${group}-label` }, [
    explained(element("span", { class: "dx-label", id: `${group}-label` }, [label]), inputs[0]),
    element("div", { class: "dx-segments" }, parts),
  ]);
  return {
    row,
    inputs,
    /** @param {string} value */
    show(value) {
      for (const input of inputs) input.checked = input.value === value;
    },
  };
}
