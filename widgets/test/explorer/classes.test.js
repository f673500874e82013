import { afterEach, beforeEach, describe, expect, it } from "vitest";
import comparison from "../../src/comparison/index.js";
import explorer from "../../src/explorer/index.js";
import { Explorer } from "../../src/explorer/model.js";
import { decodeMaps, placeMap, valueAt } from "../../src/shared/maps.js";
import { comparisonState } from "../comparison/fake_model.js";
import "../shared/page.js";
import { FakeModel, someChoice, somePackage, someRequest, someState, someStatus } from "../shared/fake_model.js";

const NAMES = ["mug", "jug", "rocket"];
const WHOLE = [0, 0, 40, 20];
const KEY = "odam|class|neck|positive|0,1";
/** @type {Array<() => void>} */
let cleanups = [];

beforeEach(() => document.body.replaceChildren());
afterEach(() => {
  for (const cleanup of cleanups) cleanup();
  cleanups = [];
});

/** @param {readonly number[]} [box] */
const classes = (box = WHOLE) => [0.9, 0.07, 3.14e-6].map((score, label) => ({ name: NAMES[label], score, box, label }));

/** What Python sends of a classifier of three classes, of which two are explained. @param {Record<string, unknown>} [changes] */
function classState(changes = {}) {
  const state = someState();
  const choices = { .../** @type {any} */ (state.choices), subject: "class", classes: NAMES, targets: [{ name: "class", title: "Class score" }] };
  return {
    ...state,
    choices,
    objects: classes(),
    request: someRequest(KEY, someChoice()),
    map_key: KEY,
    map_data: { ...somePackage(KEY), rows: [0, 1], choice: someChoice() },
    status: someStatus(KEY),
    ...changes,
  };
}

/** @param {any} widget @param {Record<string, unknown>} state */
async function show(widget, state) {
  const model = new FakeModel(state);
  const el = document.createElement("div");
  document.body.append(el);
  const definition = widget();
  cleanups.push(definition.initialize({ model }), definition.render({ model, el }));
  await new Promise((resolve) => requestAnimationFrame(resolve));
  return { model, el, root: /** @type {HTMLElement} */ (el.firstElementChild) };
}

const UNFIT = /object|\bbox|detect/i;

/** What a widget says of objects or boxes to anybody, also to screen readers and where the pointer rests. @param {Element} root */
function unfit(root) {
  const seen = [root, ...root.querySelectorAll("*")].filter((e) => !e.closest("[hidden]"));
  const own = (/** @type {Element} */ e) => [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent ?? "");
  const told = (/** @type {Element} */ e) => ["aria-label", "title", "aria-description", "placeholder"].map((a) => e.getAttribute(a) ?? "");
  return seen.flatMap((e) => [...own(e), ...told(e)]).filter((words) => UNFIT.test(words));
}

describe("the Explorer of a classifier", () => {
  it("lists classes with their probabilities, says class and never object, and draws no box", async () => {
    const { root } = await show(explorer, classState());
    const rows = [...root.querySelectorAll("li[role=option]")].map((row) => row.getAttribute("aria-label"));
    expect(rows).toEqual(["mug, probability 0.90", "jug, probability 0.07", "rocket, probability 3.1e-6"]);
    expect(root.querySelector(".dx-words")?.textContent).toBe("mug, probability 0.90. ODAM of the class score: strongest evidence at 18, 5, in the upper part of the picture.");
    expect(unfit(root)).toEqual([]);
    expect(root.querySelector("canvas")?.getAttribute("aria-label")).toContain("its map for one of 3 classes");
    const rects = /** @type {any} */ (root.querySelector("canvas.dx-canvas")).getContext("2d").calls.filter((/** @type {any} */ c) => c[0] === "strokeRect");
    expect(rects).toEqual([]);
  });

  it("keeps a map in the place of its class, and waits for that of a class without one", () => {
    const model = new FakeModel(classState());
    const made = new Explorer(/** @type {any} */ (model));
    expect(made.map?.high).toBe(5);
    model.receive({ selected: 2 });
    expect(made.map).toBe(null);
    expect(made.status.state).toBe("busy");
    expect(made.range).toBe(null);
    const key = `${KEY},2`;
    model.receive({ request: someRequest(key, someChoice()), status: someStatus(key, { state: "busy", text: "Computing ODAM" }) });
    expect(made.wanted).toBe(key);
    expect(made.status.text).toBe("Computing ODAM");
    const sent = somePackage(key);
    model.receive({ map_data: { ...sent, rows: [0, 2], choice: someChoice() }, map_key: key, status: someStatus(key) });
    expect(made.map?.high).toBe(10);
    expect(made.status.state).toBe("idle");
    model.receive({ scale: "shared" });
    expect(made.range?.high).toBe(10);
  });

  it("goes through the classes with the arrow keys and does nothing where the picture is clicked", async () => {
    const { root, model } = await show(explorer, classState());
    const canvas = /** @type {HTMLCanvasElement} */ (root.querySelector("canvas.dx-canvas"));
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true, cancelable: true }));
    expect(model.saved).toEqual([{ selected: 1 }]);
    for (const type of ["pointerdown", "pointerup", "click"]) canvas.dispatchEvent(new MouseEvent(type, { bubbles: true, clientX: 5, clientY: 5 }));
    expect(model.saved).toHaveLength(1);
  });
});

describe("a map of a classifier with a crop", () => {
  it("is zero outside of what the classifier sees", () => {
    const whole = decodeMaps(somePackage(KEY)).maps[1];
    const cut = decodeMaps({ ...somePackage(KEY), seen: [10, 4, 30, 16] }).maps[1];
    for (const [x, y] of /** @type {const} */ ([[9.5, 10], [30.5, 10], [20, 3.5], [20, 16.5]])) expect(valueAt(cut, x, y)).toBe(0);
    expect(valueAt(cut, 15.5, 6.5)).toBe(valueAt(whole, 15.5, 6.5));
    const placed = placeMap(cut, [20, 40], 40, 20);
    expect(placed[10 * 40 + 9]).toBe(0);
    expect(placed[6 * 40 + 15]).toBeCloseTo(valueAt(whole, 15.5, 6.5), 5);
  });
});

describe("the Comparison of a classifier", () => {
  it("has classes for columns, says so, and no controls of boxes", async () => {
    const state = comparisonState();
    const choices = { ...state.choices, subject: "class", classes: NAMES, metrics: [] };
    const { root } = await show(comparison, { ...state, choices, objects: classes(), metrics: [], shown: [0, 1] });
    expect([...root.querySelectorAll(".dx-object")].map((head) => head.textContent)).toEqual(["mug 0.90", "jug 0.07"]);
    expect(root.querySelector("[role=grid]")?.getAttribute("aria-label")).toBe("Methods and classes");
    expect(root.querySelector('[aria-label="Classes shown"]')?.textContent).toContain("3.1e-6");
    expect(unfit(root)).toEqual(["Metrics need the annotated boxes of each class: hand in sample=, the photograph as its dataset gives it."]);
    expect(root.querySelector(".dx-typed input")).not.toBe(null);
  });
});
