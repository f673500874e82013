// What a question is answered with, for each kind of answer; afterwards with the truth and with what others said.

import { textField } from "../shared/asked.js";
import { element, takesKeys, uniqueId } from "../shared/dom.js";
import { orderList } from "../shared/order_list.js";
import { pictureField } from "../shared/picture_field.js";

/** @typedef {import("../shared/state.js").Store} Store */
/** @typedef {import("../shared/picture_field.js").Mark} Mark */
/** @typedef {{key: string, text: string}} Option */
/**
 * `answer` is null as long as there is none; `show` brings it up to date with the traits.
 * @typedef {{root: HTMLElement, answer: () => unknown, show: () => void}} Part
 */

const FORMS = /** @type {const} */ (["point", "box", "circle", "polygon"]);

/**
 * @param {Store} store
 * @param {(words: string) => void} changed
 * @returns {Part}
 */
export function answerPart(store, changed) {
  const { kind } = store.get("about");
  const parts = { number: numberPart, choice: choicePart, order: orderPart, point: placePart, box: placePart };
  const part = parts[/** @type {keyof typeof parts} */ (kind)](store, changed);
  const picture = store.get("picture");
  if (!picture.source || kind === "point" || kind === "box") return part;
  const shown = pictureField(picture, { label: "The picture that the question is about" });
  return { ...part, root: element("div", { class: "dx-part" }, [shown.root, part.root]) };
}

/** @param {Store} store @param {(words: string) => void} changed @returns {Part} */
function placePart(store, changed) {
  const { kind } = store.get("about");
  const field = pictureField(store.get("picture"), { set: kind, label: "The picture", changed: (_, words) => changed(words) });
  const colors = element("p", { class: "dx-remark", hidden: "" }, ["Yellow: yours. Green: the truth."]);
  return {
    root: element("div", { class: "dx-part" }, [field.root, colors]),
    answer: () => field.value,
    show() {
      const stage = store.get("stage");
      if (stage === "asking") return;
      field.freeze();
      field.show(store.get("answer").value);
      const { truth, others } = store.get("outcome");
      if (stage !== "revealed") return;
      const forms = FORMS.filter((form) => form in truth);
      field.mark([
        ...others.map((/** @type {number[]} */ at) => /** @type {Mark} */ ({ form: kind, at, tone: "other" })),
        ...forms.map((form) => /** @type {Mark} */ ({ form, at: truth[form], tone: "truth" })),
        ...("point" in truth && truth.tolerance ? [/** @type {Mark} */ ({ form: "circle", at: [...truth.point, truth.tolerance], tone: "truth" })] : []),
      ]);
      colors.hidden = forms.length === 0;
    },
  };
}

/** @param {Store} store @param {(words: string) => void} changed @returns {Part} */
function numberPart(store, changed) {
  const { unit } = store.get("about");
  const field = textField(unit ? `Your number of ${unit}` : "Your number", "", { inputmode: "decimal", maxlength: "40" });
  field.root.classList.add("dx-number-field");
  const line = element("div", { class: "dx-line", hidden: "" });
  const read = () => {
    const text = field.input.value.trim().replace(",", ".").replace("\u2212", "-");
    const number = Number(text);
    return text && Number.isFinite(number) ? number : null;
  };
  field.input.addEventListener("input", () => changed(field.input.value && read() === null ? "This is no number" : ""));
  return {
    root: element("div", { class: "dx-part" }, [field.root, line]),
    answer: read,
    show() {
      const stage = store.get("stage");
      if (stage === "asking") return;
      const own = store.get("answer").value;
      field.input.value = String(own);
      field.input.disabled = true;
      line.hidden = stage !== "revealed";
      if (line.hidden) return;
      const { truth, others } = store.get("outcome");
      const dots = [
        ...others.map((/** @type {number} */ value) => ({ value, tone: "other", label: "" })),
        ...("value" in truth ? [{ value: truth.value, tone: "truth", label: "truth" }] : []),
        { value: own, tone: "own", label: "you" },
      ];
      const low = Math.min(...dots.map(({ value }) => value));
      const high = Math.max(...dots.map(({ value }) => value));
      const place = (/** @type {number} */ value) => (high > low ? (100 * (value - low)) / (high - low) : 50);
      line.replaceChildren(
        ...dots.map(({ value, tone, label }) => {
          const dot = element("span", { class: `dx-dot dx-dot-${tone}`, title: `${label} ${value}`.trim() }, label ? [element("span", {}, [label])] : []);
          dot.style.left = `${place(value)}%`;
          return dot;
        }),
      );
      line.setAttribute("role", "img");
      line.setAttribute("aria-label", `On a line from ${low} to ${high}.`);
    },
  };
}

/** @param {Store} store @param {(words: string) => void} changed @returns {Part} */
function choicePart(store, changed) {
  const { options, several, question } = store.get("about");
  const group = uniqueId("choice");
  const rows = options.map((/** @type {Option} */ { key, text }) => {
    const input = takesKeys(element("input", { type: several ? "checkbox" : "radio", name: group, value: key }));
    input.addEventListener("change", () => changed(""));
    const more = element("span", { class: "dx-beside" });
    return { key, input, more, root: element("label", { class: "dx-choice" }, [input, element("span", { class: "dx-choice-text" }, [text]), more]) };
  });
  return {
    root: element("div", { class: "dx-part dx-options", role: several ? "group" : "radiogroup", "aria-label": question }, rows.map((/** @type {any} */ row) => row.root)),
    answer: () => {
      const chosen = rows.filter((/** @type {any} */ { input }) => input.checked).map((/** @type {any} */ { key }) => key);
      return chosen.length > 0 ? chosen : null;
    },
    show() {
      const stage = store.get("stage");
      if (stage === "asking") return;
      const { truth, counts } = store.get("outcome");
      for (const { key, input, more, root } of rows) {
        input.checked = store.get("answer").value.includes(key);
        input.disabled = true;
        if (stage !== "revealed") continue;
        const right = (truth.chosen ?? []).includes(key);
        root.classList.toggle("dx-true", right);
        more.textContent = [right ? "\u2713 right" : "", key in counts ? `others: ${counts[key]}` : ""].filter(Boolean).join(" \u00b7 ");
      }
    },
  };
}

/** @param {Store} store @param {(words: string) => void} changed @returns {Part} */
function orderPart(store, changed) {
  const { options } = store.get("about");
  const beside = new Map();
  const things = options.map((/** @type {Option} */ { key, text }) => {
    const more = element("span", { class: "dx-beside" });
    beside.set(key, more);
    return { key, name: text, content: element("div", { class: "dx-order-text" }, [element("span", {}, [text]), more]) };
  });
  const list = orderList("Your order. Arrow keys move an entry, a number puts it at that place.", things, { ends: ["first", "last"], moved: changed });
  list.root.classList.add("dx-order-rows");
  let placed = false;
  return {
    root: element("div", { class: "dx-part" }, [list.root, element("p", { class: "dx-remark" }, ["Drag the entries, or move the focused one with the arrow keys or its number."])]),
    answer: () => list.order,
    show() {
      const stage = store.get("stage");
      if (stage === "asking") return;
      if (!placed) list.put(store.get("answer").value);
      placed = true;
      list.freeze();
      if (stage !== "revealed") return;
      const { truth, counts } = store.get("outcome");
      for (const [key, more] of beside) {
        const place = (truth.order ?? []).indexOf(key) + 1;
        more.textContent = [place ? `place ${place}` : "", key in counts ? `others: ${counts[key].toFixed(1)}` : ""].filter(Boolean).join(" \u00b7 ");
      }
    },
  };
}
