// After the last answer: handing in, and what the letters were.

import { pageWords, textField, wordButton } from "../shared/asked.js";
import { element } from "../shared/dom.js";
import { pictureField } from "../shared/picture_field.js";

/** @typedef {import("./question.js").Question} Question */
/**
 * What one question was: the name at each letter, and what was answered.
 * @typedef {{item: string, kind: string, words: string, names: Record<string, string>, answer: string, box: number[] | null, target: number[] | null}} Shown
 */
/** @typedef {{title: string, columns: string[], rows: string[][]}} Table */

/**
 * @param {import("../shared/state.js").Store} store
 * @param {(message: any) => void} ask
 */
export function endingPage(store, ask) {
  const words = pageWords("");
  const goOn = wordButton("Go on answering", () => ask({ type: "go on" }));
  const path = element("code", { class: "dx-file" });
  const picture = element("img", { class: "dx-qr", alt: "The answers as a QR code" });
  const remark = element("p", { class: "dx-remark" });
  const address = textField("Address", store.get("ending").address ?? "", { placeholder: "http://192.168.0.10:8765", maxlength: "200" });
  const code = textField("Code", "", { placeholder: "ABC-DEF", maxlength: "20", autocapitalize: "characters" });
  const send = wordButton("Hand in", () => ask({ type: "hand in", address: address.input.value, code: code.input.value }));
  for (const { input } of [address, code]) input.addEventListener("keydown", (event) => event.key === "Enter" && !send.disabled && send.click());
  const handed = element("p", { class: "dx-handed", role: "status" });
  const reveal = wordButton("Show what the letters were", () => ask({ type: "reveal" }), "dx-primary");
  const results = element("div", { class: "dx-part" });
  const part = (/** @type {string} */ title, /** @type {HTMLElement[]} */ content) =>
    element("div", { class: "dx-section", role: "group", "aria-label": title }, [element("div", { class: "dx-head" }, [title]), ...content]);
  const whole = part("What the letters were", [element("div", { class: "dx-actions" }, [reveal]), results]);
  const root = element("div", {}, [
    words,
    element("div", { class: "dx-actions" }, [goOn]),
    element("div", { class: "dx-ways" }, [
      part("Hand in over the network", [element("div", { class: "dx-over-network" }, [address.root, code.root, send]), handed]),
      part("Or as a file", [element("p", { class: "dx-plain" }, ["Take this file to a USB stick or a shared folder:"]), path]),
      part("Or as a picture", [picture, remark]),
    ]),
    whole,
  ]);
  let drawn = "";

  function refresh() {
    const ending = store.get("ending");
    const { done, of } = store.get("progress");
    if (!ending.file) return;
    words.textContent = ending.whole ? `Thank you. All ${of} answers are saved.` : `You stopped after ${done} of ${of} answers. They are saved.`;
    goOn.parentElement?.toggleAttribute("hidden", ending.whole);
    path.textContent = ending.file;
    picture.hidden = !ending.qr;
    if (ending.qr && picture.src !== ending.qr) picture.src = ending.qr;
    remark.textContent = ending.qr_note;
    const got = store.get("handed");
    handed.textContent = got.text ?? "";
    handed.classList.toggle("dx-well", got.state === "ok");
    whole.hidden = !ending.whole;
    const shown = store.get("results");
    reveal.hidden = Boolean(shown.tables) || !ending.key;
    const state = JSON.stringify([shown, store.get("question").item]);
    if (state === drawn) return;
    drawn = state;
    if (shown.tables) results.replaceChildren(element("div", { class: "dx-tables" }, shown.tables.map(tableOf)), itemOf(shown.items, store.get("question"), ask));
    else results.replaceChildren(...(ending.key ? [] : [element("p", { class: "dx-plain" }, [ending.key_note])]));
  }

  refresh();
  return {
    root,
    refresh,
    freeze: (/** @type {boolean} */ on) => void (goOn.disabled = send.disabled = reveal.disabled = on),
  };
}

/** @param {Table} table */
function tableOf({ title, columns, rows }) {
  const cells = (/** @type {string[]} */ row, /** @type {"td" | "th"} */ tag) => row.map((text, i) => element(i === 0 ? "th" : tag, {}, [text]));
  return element("table", { class: "dx-table" }, [
    element("caption", {}, [title]),
    element("thead", {}, [element("tr", {}, cells(columns, "th"))]),
    element("tbody", {}, rows.map((row) => element("tr", {}, cells(row, "td")))),
  ]);
}

/**
 * One question again, now with names.
 * @param {Shown[]} items
 * @param {Question} question
 * @param {(message: any) => void} ask
 */
function itemOf(items, question, ask) {
  const at = items.findIndex(({ item }) => item === question.item);
  if (at < 0) return element("div");
  const shown = items[at];
  const [width, height] = question.size;
  const pictures = [...question.letters].map((letter, i) => {
    const field = pictureField({ source: question.pictures[i], width, height }, { label: shown.names[letter] });
    field.mark([
      ...(shown.target ? [{ form: /** @type {const} */ ("box"), at: shown.target, tone: /** @type {const} */ ("truth") }] : []),
      ...(shown.box ? [{ form: /** @type {const} */ ("box"), at: shown.box, tone: /** @type {const} */ ("own") }] : []),
    ]);
    return element("figure", { class: "dx-named" }, [field.root, element("figcaption", {}, [`${letter}: ${shown.names[letter]}`])]);
  });
  const step = (/** @type {string} */ text, /** @type {number} */ to) => {
    const made = wordButton(text, () => ask({ type: "look", item: items[to].item }));
    made.disabled = !(to in items);
    return made;
  };
  const boxes = shown.target ? " Yellow: your box. Green: the object that the map explains." : "";
  return element("div", { class: "dx-part" }, [
    element("div", { class: "dx-actions" }, [step("Previous", at - 1), step("Next", at + 1), element("span", { class: "dx-count" }, [`question ${at + 1} of ${items.length}`])]),
    element("p", { class: "dx-plain" }, [shown.words]),
    element("p", { class: "dx-plain dx-yours" }, [`${shown.answer}${boxes}`]),
    element("div", { class: "dx-choices" }, pictures),
  ]);
}
