// A list of which one is selected, for keyboard and screen reader: of the detected objects, or of anything else.

import { element, takesKeys, uniqueId } from "./dom.js";
import { listenToKeys } from "./keyboard.js";
import { missedLine } from "./missed.js";
import { scoreName, scoreWords } from "./subjects.js";
import { nameOf } from "./text.js";

/** @typedef {import("./types.js").DetectedObject} DetectedObject */

/** @typedef {{select: (index: number) => void, step: (step: 1 | -1) => void, hover: (index: number | null) => void}} ListActions */

/** The detected objects, or some of them: the same selection as in the picture. @param {{label: string} & ListActions} actions */
export function objectList({ label, select, step, hover }) {
  /** Which objects are in the lines. @type {readonly number[]} */
  let numbers = [];
  const rows = {
    label,
    step,
    select: (/** @type {number} */ row) => numbers[row] !== undefined && select(numbers[row]),
    hover: (/** @type {number | null} */ row) => hover(row === null ? null : numbers[row]),
  };
  const box = listBox(rows, (/** @type {DetectedObject} */ object) => {
    if (object.missed) return missedLine(object);
    const score = scoreWords(object);
    const bar = element("span", { class: "dx-score-bar", "aria-hidden": "true" });
    bar.style.setProperty("--dx-score", String(object.score));
    const swatch = element("span", { class: "dx-class", "aria-hidden": "true" });
    swatch.style.background = object.color ?? "transparent";
    return {
      said: `${nameOf(object)}, ${scoreName(object)} ${score}`,
      plain: object.label !== undefined,
      content: [...(object.label === undefined ? [swatch] : []), element("span", { class: "dx-name", title: nameOf(object) }, [nameOf(object)]), bar, element("span", { class: "dx-number" }, [score])],
    };
  });
  const row = (/** @type {number | null} */ index) => (index === null || !numbers.includes(index) ? null : numbers.indexOf(index));
  return {
    list: box.list,
    /** @param {readonly DetectedObject[]} objects @param {readonly number[]} [shown] by default all */
    fill(objects, shown = objects.map((_, i) => i)) {
      numbers = shown;
      box.fill(shown.map((i) => objects[i]));
    },
    /** @param {number | null} selected */
    show: (selected) => box.show(row(selected)),
    /** Mark the one that is pointed at in the picture. @param {number | null} index */
    point: (index) => box.point(row(index)),
  };
}

/**
 * @template Item
 * @param {{label: string} & ListActions} actions
 * @param {(item: Item) => {said: string, content: Node[], plain?: boolean, missed?: boolean}} show what stands in a line, and
 *   how it is read out; `plain`: without a swatch in front; `missed`: greyed
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
    const { said, content, plain = false, missed = false } = show(item);
    const made = element("li", { class: "dx-option", role: "option", id: uniqueId("option"), "aria-label": said }, content);
    made.classList.toggle("dx-plain", plain);
    made.classList.toggle("dx-missed", missed);
    made.addEventListener("click", () => select(index));
    made.addEventListener("pointerenter", () => hover(index));
    made.addEventListener("pointerleave", () => hover(null));
    return made;
  }

  /** scrollIntoView would also scroll the notebook. @param {HTMLElement} option */
  function reveal(option) {
    const above = option.offsetTop - (option.offsetParent === list ? 0 : list.offsetTop);
    if (above < list.scrollTop) list.scrollTop = above;
    const below = above + option.offsetHeight - list.clientHeight;
    if (below > list.scrollTop) list.scrollTop = below;
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
      reveal(current);
    },
    /** Mark the one that is pointed at elsewhere. @param {number | null} index */
    point(index) {
      options.forEach((made, i) => made.classList.toggle("dx-pointed", i === index));
      if (index !== null) reveal(options[index]);
    },
  };
}
