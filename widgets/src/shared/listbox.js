// A list of which one is selected, for keyboard and screen reader: of the detected objects, or of anything else.

import { element, takesKeys, uniqueId } from "./dom.js";
import { listenToKeys } from "./keyboard.js";

/** @typedef {import("./types.js").DetectedObject} DetectedObject */

/** @typedef {{select: (index: number) => void, step: (step: 1 | -1) => void, hover: (index: number | null) => void}} ListActions */

/** The detected objects: the same selection as in the picture. @param {{label: string} & ListActions} actions */
export function objectList(actions) {
  return listBox(actions, (/** @type {DetectedObject} */ object) => {
    const score = object.score.toFixed(2);
    const bar = element("span", { class: "dx-score-bar", "aria-hidden": "true" });
    bar.style.setProperty("--dx-score", String(object.score));
    return {
      said: `${object.name}, score ${score}`,
      content: [element("span", { class: "dx-name", title: object.name }, [object.name]), bar, element("span", { class: "dx-number" }, [score])],
    };
  });
}

/**
 * @template Item
 * @param {{label: string} & ListActions} actions
 * @param {(item: Item) => {said: string, content: Node[]}} show what stands in a line, and how it is read out
 */
export function listBox({ label, select, step, hover }, show) {
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
   * @param {Item} item
   * @param {number} index
   */
  function option(item, index) {
    const { said, content } = show(item);
    const made = element("li", { class: "dx-option", role: "option", id: uniqueId("option"), "aria-label": said }, content);
    made.addEventListener("click", () => select(index));
    made.addEventListener("pointerenter", () => hover(index));
    made.addEventListener("pointerleave", () => hover(null));
    return made;
  }

  return {
    list,
    /** @param {readonly Item[]} items */
    fill(items) {
      options = items.map(option);
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
