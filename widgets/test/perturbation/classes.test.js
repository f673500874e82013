import { afterEach, beforeEach, describe, expect, it } from "vitest";
import perturbation from "../../src/perturbation/index.js";
import sanityCheck from "../../src/sanity_check/index.js";
import { sanityState } from "../sanity_check/fake_model.js";
import "../shared/page.js";
import { FakeModel } from "../shared/fake_model.js";
import { perturbationState, someWalk } from "./fake_model.js";

const NAMES = ["mug", "jug", "rocket"];
const WHOLE = [0, 0, 40, 20];
const NO_ANSWER = { typed: "", text: "", near: [] };
/** @type {Array<() => void>} */
let cleanups = [];

beforeEach(() => document.body.replaceChildren());
afterEach(() => {
  for (const cleanup of cleanups) cleanup();
  cleanups = [];
});

/** @param {number[]} scores */
const classes = (scores) => scores.map((score, label) => ({ name: NAMES[label], score, box: WHOLE, label }));

/** @param {Record<string, any>} state */
function ofClasses(state) {
  const choices = { ...state.choices, subject: "class", classes: NAMES, targets: [{ name: "class", title: "Class score" }], areas: [{ name: "box", title: "All, 11 pictures" }] };
  return { ...state, choices, objects: classes([0.9, 0.07, 3.14e-6]), class_answer: NO_ANSWER };
}

/** @param {any} widget @param {Record<string, unknown>} state */
async function show(widget, state) {
  const model = new FakeModel(state);
  const el = document.createElement("div");
  document.body.append(el);
  const definition = widget();
  cleanups.push(definition.initialize({ model }), definition.render({ model, el }));
  await new Promise((resolve) => requestAnimationFrame(resolve));
  return { model, root: /** @type {HTMLElement} */ (el.firstElementChild) };
}

const UNFIT = /object|\bbox|detect/i;

/** What a widget says of objects or boxes to anybody, also to screen readers and where the pointer rests. @param {Element} root */
function unfit(root) {
  const seen = [root, ...root.querySelectorAll("*")].filter((e) => !e.closest("[hidden]"));
  const own = (/** @type {Element} */ e) => [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent ?? "");
  const told = (/** @type {Element} */ e) => ["aria-label", "title", "aria-description", "aria-valuetext", "placeholder"].map((a) => e.getAttribute(a) ?? "");
  return seen.flatMap((e) => [...own(e), ...told(e)]).filter((words) => UNFIT.test(words));
}

/** @param {Element} root */
const rects = (root) =>
  [...root.querySelectorAll("canvas")].flatMap((c) => /** @type {any} */ (c).getContext("2d").calls.filter((/** @type {any} */ call) => call[0] === "strokeRect"));

describe("the Perturbation of a classifier", () => {
  it("follows a probability, names the most probable classes, says class and never object, and draws no box", async () => {
    const answers = [classes([0.9, 0.07, 0.01]), classes([0.45, 0.5, 0.01]).sort((a, b) => b.score - a.score), classes([0, 0.6, 0.4])];
    const walk = someWalk({ answers, matches: [0, 1, 0], others: [null, null, null], scores: [0.9, 0.45, 0] });
    const { model, root } = await show(perturbation, ofClasses(perturbationState({ step: 1, map_data: walk })));
    const words = root.querySelector(".dx-words")?.textContent;
    expect(words).toBe("mug, Deletion by ODAM, 3 pixels deleted: probability 0.45 of 0.90; most probable: jug 0.50, mug 0.45, rocket 0.01.");
    expect(unfit(root)).toEqual([]);
    expect(rects(root)).toEqual([]);
    model.receive({ step: 2 });
    // A probability of 0 is one: nothing is lost.
    expect(root.querySelector(".dx-words")?.textContent).toContain("probability 0.00 of 0.90");
    expect(root.querySelector(".dx-typed input")).not.toBe(null);
    model.receive({ selected: null });
    expect(unfit(root)).toEqual([]);
  });

  it("asks for a class by its name", async () => {
    const { model, root } = await show(perturbation, ofClasses(perturbationState({ map_data: someWalk({ answers: [[], [], []], matches: [null, null, null] }) })));
    const input = /** @type {HTMLInputElement} */ (root.querySelector(".dx-typed input"));
    input.value = "tabby";
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    expect(model.sent).toContainEqual({ type: "class", name: "tabby" });
  });
});

describe("the SanityCheck of a classifier", () => {
  it("says class and never object, and has no controls of boxes", async () => {
    const { root, model } = await show(sanityCheck, ofClasses(sanityState()));
    expect(unfit(root)).toEqual([]);
    expect(rects(root)).toEqual([]);
    expect(root.querySelector(".dx-typed input")).not.toBe(null);
    const rows = [...root.querySelectorAll("li[role=option]")].map((row) => row.getAttribute("aria-label"));
    expect(rows).toEqual(["mug, probability 0.90", "jug, probability 0.07", "rocket, probability 3.1e-6"]);
    model.receive({ map_data: {} });
    expect(root.querySelector(".dx-words")?.textContent).toBe("Choose a class and methods below, then run the check.");
    expect(unfit(root)).toEqual([]);
  });
});
