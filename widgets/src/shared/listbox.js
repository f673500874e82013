// The detected objects as a list: the same selection as in the picture, for keyboard and screen reader.

import { element, takesKeys, uniqueId } from "./dom.js";
import { listenToKeys } from "./keyboard.js";

/** @typedef {import("./types.js").DetectedObject} DetectedObject */

/**
 * @param {{label: string, select: (index: number) => void, step: (step: 1 | -1) => void,
 *   hover: (index: number | null) => void}} actions
 */
export function objectList({ label, select, step, hover }) {
  const list = takesKeys(element("ul", { class: "dx-list", role: "listbox", tabindex: "0", "aria-label": label }));
  /** @type {HTMLElement[]} */
  let options = [];
  listenToKeys(list, {
    ArrowDown: () => step(1),
    ArrowRight: () => step(1),
    ArrowUp: () => step(-1),
    ArrowLeft: () => step(-1),
    Home: () => select(0),
    End: () => select(options.length - 1),
  });

  /**
   * @param {DetectedObject} object
   * @param {number} index
   */
  function option(object, index) {
    const score = object.score.toFixed(2);
    const bar = element("span", { class: "dx-score-bar", "aria-hidden": "true" });
    bar.style.setProperty("--dx-score", String(object.score));
    const made = element(
      "li",
      { class: "dx-option", role: "option", id: uniqueId("option"), "aria-label": `${object.name}, score ${score}` },
      [element("span", { class: "dx-name", title: object.name }, [object.name]), bar, element("span", { class: "dx-number" }, [score])],
    );
    made.addEventListener("click", () => select(index));
    made.addEventListener("pointerenter", () => hover(index));
    made.addEventListener("pointerleave", () => hover(null));
    return made;
  }

  return {
    list,
    /** @param {readonly DetectedObject[]} objects */
    fill(objects) {
      options = objects.map(option);
      list.replaceChildren(...options);
    },
    /** @param {number | null} selected */
    show(selected) {
      options.forEach((made, i) => made.setAttribute("aria-selected", String(i === selected)));
      const current = selected === null ? null : options[selected];
      if (!current) {
        list.removeAttribute("aria-activedescendant");
        return;
      }
      list.setAttribute("aria-activedescendant", current.id);
      // scrollIntoView would also scroll the notebook.
      const above = current.offsetTop - list.offsetTop;
      if (above < list.scrollTop) list.scrollTop = above;
      const below = above + current.offsetHeight - list.clientHeight;
      if (below > list.scrollTop) list.scrollTop = below;
    },
  };
}
