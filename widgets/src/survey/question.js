// One question of a seat: maps to be ordered, two to choose from, or a map from which a box is drawn.

import { pageWords, wordButton } from "../shared/asked.js";
import { element, takesKeys, uniqueId } from "../shared/dom.js";
import { orderList } from "../shared/order_list.js";
import { pictureField } from "../shared/picture_field.js";

/**
 * `pictures`: addresses of the page's own, in the order of the letters; `size`: width and height of each in pixels.
 * @typedef {{item: string, kind: "rank" | "better" | "draw" | "directions", words: string, letters: string, pictures: string[], size: [number, number]}} Question
 */
/** @typedef {{choice?: string, box?: number[], confidence?: number}} Answer */
/**
 * What a kind of question shows; `answer` is null as long as there is none.
 * @typedef {{root: HTMLElement, answer: () => Answer | null, freeze: (on: boolean) => void}} Part
 */

const SIMILAR = "=";
const SURE = ["1", "2", "3", "4", "5"];

/**
 * @param {import("../shared/state.js").Store} store
 * @param {(message: any) => void} ask
 * @param {(text: string) => void} say
 */
export function questionPage(store, ask, say) {
  /** @type {Question} */
  const question = store.get("question");
  const save = wordButton("Save answer", () => send(), "dx-primary");
  const stop = wordButton("Stop here", () => ask({ type: "stop" }));
  stop.title = "What you have answered is kept and can be handed in; you can go on later";
  const parts = { rank: orderPart, directions: orderPart, better: choicePart, draw: drawPart };
  let frozen = false;
  const part = parts[question.kind](question, say, () => show());
  let begun = performance.now();
  // The time begins when there is something to see.
  const images = [...part.root.querySelectorAll("img")].map((image) => (image.decode ? image.decode().catch(() => {}) : null));
  Promise.all(images).then(() => (begun = performance.now()));

  function send() {
    const answer = part.answer();
    if (!answer) return;
    ask({ type: "answer", item: question.item, ...answer, seconds: Math.round((performance.now() - begun) / 100) / 10 });
  }

  function show() {
    save.disabled = frozen || part.answer() === null;
    stop.disabled = frozen;
  }

  show();
  return {
    root: element("div", { class: `dx-kind-${question.kind}` }, [pageWords(question.words), part.root, element("div", { class: "dx-actions" }, [save, stop])]),
    freeze: (/** @type {boolean} */ on) => {
      frozen = on;
      part.freeze(on);
      show();
    },
  };
}

/** @param {Question} question @param {number} place */
function mapOf({ pictures, size: [width, height], letters }, place) {
  const image = element("img", { src: pictures[place], alt: `Map ${letters[place]}`, draggable: "false" });
  image.style.aspectRatio = `${width} / ${height}`;
  return element("div", { class: "dx-map" }, [image, element("span", { class: "dx-letter", "aria-hidden": "true" }, [letters[place]])]);
}

/** @param {Question} question @param {(text: string) => void} say @returns {Part} */
function orderPart(question, say) {
  const things = [...question.letters].map((letter, i) => ({ key: letter, name: `Map ${letter}`, content: mapOf(question, i) }));
  const list = orderList("Maps in your order. Arrow keys move a map, a number puts it at that place.", things, { ends: ["best", "least"], moved: say });
  const how = element("p", { class: "dx-remark" }, ["Drag the maps, or move the focused one with the arrow keys or its number."]);
  return { root: element("div", { class: "dx-part" }, [list.root, how]), answer: () => ({ choice: list.order.join("") }), freeze: () => {} };
}

/** @param {Question} question @param {(text: string) => void} say @param {() => void} changed @returns {Part} */
function choicePart(question, say, changed) {
  const group = uniqueId("better");
  /** @param {string} value @param {Node[]} content @param {string} label @param {string} more */
  const choice = (value, content, label, more) => {
    const input = takesKeys(element("input", { type: "radio", name: group, value, "aria-label": label }));
    input.addEventListener("change", changed);
    return { input, root: element("label", { class: `dx-choice ${more}` }, [input, ...content]) };
  };
  const maps = [...question.letters].map((letter, i) => choice(letter, [mapOf(question, i)], `Map ${letter}`, "dx-choice-map"));
  const none = choice(SIMILAR, [element("span", {}, ["No difference"])], "No difference", "");
  const all = [...maps, none];
  const root = element("div", { class: "dx-part", role: "radiogroup", "aria-label": question.words }, [
    element("div", { class: "dx-choices" }, maps.map((one) => one.root)),
    none.root,
  ]);
  return {
    root,
    answer: () => {
      const chosen = all.find(({ input }) => input.checked);
      return chosen ? { choice: chosen.input.value } : null;
    },
    freeze: (on) => all.forEach(({ input }) => (input.disabled = on)),
  };
}

/** @param {Question} question @param {(text: string) => void} say @param {() => void} changed @returns {Part} */
function drawPart(question, say, changed) {
  const [width, height] = question.size;
  const field = pictureField(
    { source: question.pictures[0], width, height },
    { set: "box", label: "The map", changed: (_, text) => (say(text), changed()) },
  );
  const group = uniqueId("sure");
  const inputs = SURE.map((value) => {
    const input = takesKeys(element("input", { type: "radio", name: group, value }));
    input.addEventListener("change", changed);
    return input;
  });
  const segments = inputs.map((input, i) => element("label", { class: "dx-segment" }, [input, element("span", {}, [SURE[i]])]));
  const sure = element("div", { class: "dx-sure", role: "radiogroup", "aria-label": "How sure are you, from 1 (least) to 5 (most)?" }, [
    element("span", {}, ["How sure are you?"]),
    element("div", { class: "dx-segments" }, segments),
    element("span", { class: "dx-remark" }, ["1 least, 5 most"]),
  ]);
  return {
    root: element("div", { class: "dx-part" }, [field.root, sure]),
    answer: () => {
      const chosen = inputs.find((input) => input.checked);
      return field.value && chosen ? { box: field.value, confidence: Number(chosen.value) } : null;
    },
    freeze: (on) => inputs.forEach((input) => (input.disabled = on)),
  };
}
