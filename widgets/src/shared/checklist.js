// A list of things of which any number can be chosen.

import { element, takesKeys } from "./dom.js";

/**
 * @param {string} label
 * @param {(chosen: string[]) => void} changed called with the names that are ticked, in the list's order
 */
export function checkList(label, changed) {
  const root = element("div", { class: "dx-checks", role: "group", "aria-label": label });
  let offered = "";
  /** @type {HTMLInputElement[]} */
  let boxes = [];

  return {
    root,
    /**
     * @param {readonly {name: string, title: string, aside?: string, color?: string}[]} choices `color`: of a swatch
     * @param {readonly string[]} chosen
     */
    show(choices, chosen) {
      const wanted = JSON.stringify(choices);
      if (wanted !== offered) {
        offered = wanted;
        boxes = choices.map((choice) => takesKeys(element("input", { type: "checkbox", value: choice.name })));
        const rows = choices.map((choice, i) =>
          element("label", { class: "dx-check" }, [
            boxes[i],
            element("span", { class: "dx-name", title: choice.title }, [...swatch(choice), choice.title]),
            element("span", { class: "dx-number" }, [choice.aside ?? ""]),
          ]),
        );
        for (const box of boxes) {
          box.addEventListener("change", () => changed(boxes.filter((b) => b.checked).map((b) => b.value)));
        }
        root.replaceChildren(...rows);
      }
      for (const box of boxes) box.checked = chosen.includes(box.value);
      root.hidden = choices.length === 0;
    },
  };
}

/** @param {{name: string, color?: string}} choice */
function swatch({ name, color }) {
  if (!color) return [];
  const made = element("span", { class: `dx-class dx-class-${name}`, "aria-hidden": "true" });
  made.style.setProperty("--dx-swatch", color);
  return [made];
}
