// Questions and answers: words that are read first, a button with words, a field for a short text.

import { element, takesKeys, uniqueId } from "./dom.js";

/**
 * A button with words.
 * @param {string} text
 * @param {() => void} action
 * @param {string} [more] further classes
 */
export function wordButton(text, action, more = "") {
  const made = takesKeys(element("button", { type: "button", class: `dx-button ${more}`.trim() }, [text]));
  made.addEventListener("click", action);
  return made;
}

/**
 * A field for a short text.
 * @param {string} label
 * @param {string} value
 * @param {Record<string, string>} [more] attributes
 */
export function textField(label, value, more = {}) {
  const id = uniqueId("field");
  const input = takesKeys(element("input", { id, type: "text", class: "dx-text", spellcheck: "false", autocomplete: "off", ...more }));
  input.value = value;
  return { input, root: element("div", { class: "dx-typed" }, [element("label", { for: id }, [label]), input]) };
}

/** @param {string} text what a person reads first, and hears when the page opens */
export function pageWords(text) {
  return takesKeys(element("p", { class: "dx-question-words", tabindex: "-1" }, [text]));
}
