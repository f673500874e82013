// A text field for the name of a class, with completion: any class of a classifier can be asked for.

import { button, element, takesKeys, uniqueId } from "./dom.js";
import { subjectOf } from "./subjects.js";
import { explained } from "./terms.js";

/** @typedef {import("./state.js").Store} Store */

/** So many names are offered at once. */
const MOST = 8;

/**
 * The classes whose names hold what was typed: those that are it first, then those that begin with it, then those of
 * which a word does.
 * @param {readonly string[]} names by number
 * @param {string} typed
 * @returns {number[]}
 */
export function completions(names, typed) {
  const wanted = typed.trim().toLowerCase();
  if (wanted === "") return [];
  /** @param {string} name */
  const rank = (name) => {
    const at = name.indexOf(wanted);
    if (at < 0) return null;
    if (name === wanted) return 0;
    return at === 0 ? 1 : /[\p{L}\p{N}]/u.test(name[at - 1]) ? 3 : 2;
  };
  const found = names.flatMap((name, number) => {
    const own = rank(name.toLowerCase());
    return own === null ? [] : [{ number, own, long: name.length }];
  });
  return found
    .sort((a, b) => a.own - b.own || a.long - b.long || a.number - b.number)
    .slice(0, MOST)
    .map(({ number }) => number);
}

/**
 * Hidden where a detector finds objects. What is typed goes to Python, which lists the class, or answers with the names
 * that are most like it in the trait `class_answer`.
 * @param {Store} store
 */
export function classField(store) {
  const names = subjectOf(store).whole ? /** @type {string[]} */ (store.get("choices").classes ?? []) : [];
  const title = (/** @type {number} */ number) => (names.indexOf(names[number]) !== names.lastIndexOf(names[number]) ? `${names[number]} (${number})` : names[number]);
  const [id, listId] = [uniqueId("class"), uniqueId("names")];
  const input = takesKeys(
    element("input", {
      ...{ id, type: "text", class: "dx-select", role: "combobox", maxlength: "200", autocomplete: "off", spellcheck: "false" },
      ...{ placeholder: "type its name", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": listId },
    }),
  );
  const list = element("ul", { id: listId, class: "dx-names", role: "listbox", "aria-label": "Classes with such a name", hidden: "" });
  const add = button("plus", "List this class and explain it (Enter)", () => submit(), "Add");
  const said = element("span", {});
  const near = element("span", { class: "dx-near" });
  const answer = element("div", { class: "dx-answer", role: "status", "aria-live": "polite" }, [said, near]);
  const label = explained(element("label", { for: id, class: "dx-label" }, ["Another class"]), input);
  const root = element("div", { class: "dx-typed" }, [label, element("div", { class: "dx-typing" }, [input, list, add]), answer]);
  root.hidden = names.length === 0;
  /** @type {number[]} */
  let offered = [];
  let active = -1;
  let shown = "";

  /** @param {string | number} name */
  function ask(name) {
    close();
    input.value = typeof name === "number" ? title(name) : name;
    store.send({ type: "class", name });
  }

  function submit() {
    const typed = input.value.trim();
    if (offered[active] !== undefined) ask(offered[active]);
    else if (typed !== "") ask(names.length > 0 && names.includes(typed) ? names.indexOf(typed) : typed);
  }

  function close() {
    offered = [];
    active = -1;
    list.hidden = true;
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function open() {
    const found = completions(names, input.value);
    close();
    if (found.length === 0) return;
    offered = found;
    const options = found.map((number) => {
      const made = element("li", { class: "dx-name-option", role: "option", id: uniqueId("name"), "aria-selected": "false" }, [title(number)]);
      // The field keeps the focus.
      made.addEventListener("pointerdown", (event) => event.preventDefault());
      made.addEventListener("click", () => ask(number));
      return made;
    });
    list.replaceChildren(...options);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  /** @param {1 | -1} by */
  function move(by) {
    if (offered.length === 0) open();
    if (offered.length === 0) return;
    active = active < 0 ? (by > 0 ? 0 : offered.length - 1) : (active + by + offered.length) % offered.length;
    [...list.children].forEach((one, i) => one.setAttribute("aria-selected", String(i === active)));
    input.setAttribute("aria-activedescendant", list.children[active].id);
    const one = /** @type {HTMLElement} */ (list.children[active]);
    list.scrollTop = Math.min(Math.max(list.scrollTop, one.offsetTop + one.offsetHeight - list.clientHeight), one.offsetTop);
  }

  input.addEventListener("input", open);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter") submit();
    else if (event.key === "Escape" && !list.hidden) close();
    else return;
    event.preventDefault();
  });

  return {
    root,
    /** Say what became of the last name. */
    show() {
      const { text = "", near: alike = [], typed = "" } = store.get("class_answer") ?? {};
      const all = JSON.stringify([text, alike, typed]);
      if (all === shown) return;
      shown = all;
      said.textContent = text === "" ? "" : `${text[0].toUpperCase()}${text.slice(1)}`;
      near.replaceChildren(...alike.map((/** @type {string} */ name) => button("plus", `List the class ${name} and explain it`, () => ask(name), name)));
      if (text === "" && typed !== "") input.value = "";
    },
  };
}
