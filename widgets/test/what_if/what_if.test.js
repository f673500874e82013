import { describe, expect, it, vi } from "vitest";
import widget from "../../src/what_if/index.js";
import { QUIET, TRAITS } from "../../src/what_if/model.js";
import { boundsOf, grown, moved, outlineOf } from "../../src/what_if/shapes.js";
import { change, percent, placeWords, verdict } from "../../src/what_if/words.js";
import { someRequest, someState, someStatus, somePackage } from "../shared/fake_model.js";
import { clean, cleanAfterEach, control, fire, open, painted, press, unmarked } from "../shared/page.js";

cleanAfterEach();

const NAME = "<img src=x onerror=alert(1)>";
const KEY = "odam|class||positive";
const CHOICE = { method: "odam" };
const BOX = { kind: "box", box: [4, 4, 10, 8] };

/** @param {Record<string, unknown>} [changes] */
function someRow(changes = {}) {
  return { before: 0.9, now: 0.4, label: "cup", label_score: 0.4, changed: false, kept: true, beside: null, box: [2, 2, 30, 18], iou: 1, moved: false, ...changes };
}

/** An answer about the first of two objects. @param {number} number @param {Record<string, unknown>} [changes] */
export function someAnswer(number, changes = {}) {
  // Six by four pixels, all of them; one byte in front, as the kernel sends them.
  const bits = new DataView(Uint8Array.from([0, 255, 255, 255]).buffer, 1);
  const gone = someRow({ before: 0.5, now: 0, kept: false, changed: true, label: NAME, label_score: 0.3, box: null, iou: null });
  return {
    ...{ number, about: 0, fill: "Blur", region: "box", shapes: [BOX], rows: [someRow(), gone], appeared: [{ name: NAME, score: 0.6, box: [1, 1, 5, 5] }] },
    ...{ went: [], area: 24, area_share: 0.03, bounds: [4, 4, 10, 8], bits, patch: new DataView(new ArrayBuffer(4)), ...changes },
  };
}

const ELSEWHERE = { object: { count: 0, lost: [null, null], same: true }, background: { count: 4, lost: [0.02, -0.01], same: true } };
const STEP = { title: `Box, blur: ${NAME}`, note: NAME };

/** @param {Record<string, unknown>} [changes] */
function state(changes = {}) {
  const { photo, palettes, choices } = someState();
  const titled = (/** @type {string} */ name, missing = "") => ({ name, title: name, missing });
  return {
    ...{ photo, palettes, choices: { ...choices, fills: [titled("blur"), titled("noise"), titled("telea", "OpenCV is not installed")], colors: { object: "#e69f00", background: "#009e73" } } },
    objects: [
      { number: 0, name: NAME, score: 0.9, box: [2, 2, 30, 18], color: "#56b4e9" },
      { number: 1, name: "lid", score: 0.5, box: [4, 4, 10, 10], color: "#e69f00" },
    ],
    ...{ selected: 0, misses: [], miss: null, method: "odam", opacity: 0.7, hide_below: 0, min_score: 0, only_class: "", search: "", colormap: "gray", signed_colormap: "inverse", heat_share: null },
    ...{ tool: "brush", radius: 3, share: 0.1, fill: "blur", seed: 0, view: "before", step: null, other: null, steps: [], ways: { back: false, forth: false } },
    ...{ answer: {}, elsewhere: {}, other_answer: {}, request: someRequest(KEY, CHOICE), map_key: KEY, map_data: { ...somePackage(KEY), choice: CHOICE } },
    ...{ status: someStatus(KEY), notice: "", lower_score: null, code: "one = 1", ...changes },
  };
}

/** With an answer that is shown. @param {Record<string, unknown>} [changes] */
const answered = (changes = {}) =>
  state({ answer: someAnswer(1), elsewhere: ELSEWHERE, steps: [STEP], step: 0, view: "now", heat_share: 0.25, ways: { back: true, forth: false }, ...changes });

/** @param {Record<string, unknown>} [changes] */
const show = (changes) => open(widget, state(changes));

/** @param {HTMLElement} canvas @param {[number, number][]} way in pixels of the picture @param {Record<string, unknown>} [more] */
function drag(canvas, way, more = {}) {
  const [first, last] = [way[0], way[way.length - 1]];
  const send = (/** @type {string} */ name, /** @type {[number, number]} */ [x, y]) =>
    canvas.dispatchEvent(new PointerEvent(name, { clientX: 10 * x, clientY: 10 * y, button: 0, bubbles: true, cancelable: true, ...more }));
  send("pointerdown", first);
  for (const point of way.slice(1)) send("pointermove", point);
  send("pointerup", last);
}

describe("shapes", () => {
  it("move and grow", () => {
    expect(moved({ kind: "stroke", points: [[1, 2]], radius: 3 }, 4, -1)).toEqual({ kind: "stroke", points: [[5, 1]], radius: 3 });
    expect(moved({ kind: "hottest", row: 0, share: 0.1, moved: [1, 1] }, 2, 0)).toEqual({ kind: "hottest", row: 0, share: 0.1, moved: [3, 1] });
    const picture = { width: 40, height: 20 };
    expect(grown({ kind: "box", box: [1, 4, 10, 8] }, 1, 2, picture)).toEqual({ kind: "box", box: [0, 2, 12, 10] });
    expect(grown({ kind: "box", box: [4, 4, 6, 6] }, -1, 2, picture)).toEqual({ kind: "box", box: [4, 4, 6, 6] });
    expect(grown({ kind: "stroke", points: [[1, 2]], radius: 1 }, -1, 2, picture)).toMatchObject({ radius: 1 });
    expect(grown({ kind: "hottest", row: 0, share: 0.1 }, 1, 2, picture)).toMatchObject({ share: 0.125 });
    expect(grown({ kind: "lasso", points: [[0, 0], [10, 0], [10, 4]] }, 1, 1, picture)).toMatchObject({ points: [[-1, -0.4], [11, -0.4], [11, 4.4]] });
  });

  it("have an outline, and a box around them", () => {
    const region = { bounds: [3, 5, 6, 7], bits: new DataView(Uint8Array.from([0b11110100]).buffer) };
    // Three pixels above, two of three below: the edge runs around both of them.
    expect(outlineOf(region)).toHaveLength(8);
    expect(outlineOf(region)).toContainEqual([3, 5, 6, 5]);
    const answer = /** @type {any} */ ({ shapes: [{ kind: "given" }], bounds: [3, 5, 6, 7] });
    expect(boundsOf([{ kind: "given", moved: [2, 0] }], answer)).toEqual([5, 5, 8, 7]);
    expect(boundsOf([{ kind: "stroke", points: [[5, 5]], radius: 2 }, { kind: "box", box: [0, 4, 1, 9] }], null)).toEqual([0, 3, 7, 9]);
  });
});

describe("words", () => {
  it("say changes, shares and what is not known", () => {
    expect([change(0.2), change(-0.05), change(0.001)]).toEqual(["\u22120.20", "+0.05", "\u00b10.00"]);
    expect([percent(0), percent(0.034), percent(0.25)]).toEqual(["0%", "3.4%", "25%"]);
    expect(verdict(/** @type {any} */ (someRow({ changed: true, label: "mug" })))).toBe("now mug 0.40");
    expect(verdict(/** @type {any} */ (someRow({ moved: true, iou: 0.61 })))).toBe("box moved (IoU 0.61)");
    expect(verdict(/** @type {any} */ (someRow({ beside: 0.62 })))).toBe("reported from beside with 0.62");
    expect([placeWords(undefined, 0, "soon"), placeWords(ELSEWHERE.object, 0, ""), placeWords(ELSEWHERE.background, 1, "")]).toEqual(
      ["soon", "no room for an equal area", "+0.01 (mean\u00a0of\u00a04)"],
    );
  });
});

describe("WhatIf", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(state()))).toEqual(new Set(TRAITS));
  });

  it("sends a stroke, a box and a lasso when the hand is lifted, and nothing before", async () => {
    const { model, get } = await show();
    const canvas = get("canvas.dx-canvas");
    drag(canvas, [[5, 5], [12, 5], [12, 9]]);
    expect(model.sent).toEqual([{ type: "ask", ask: 1, shapes: [{ kind: "stroke", points: [[5, 5], [12, 5], [12, 9]], radius: 3 }] }]);
    expect(model.get("selected")).toBe(0);
    model.receive({ tool: "box" });
    drag(canvas, [[12, 9], [20, 3], [4, 2]]);
    expect(model.sent.at(-1)).toEqual({ type: "ask", ask: 2, shapes: [{ kind: "box", box: [4, 2, 12, 9] }] });
    model.receive({ tool: "lasso" });
    drag(canvas, [[1, 1], [9, 1], [9, 9]], { shiftKey: true });
    // With Shift it is added to what was drawn.
    expect(model.sent.at(-1).shapes.map((/** @type {any} */ shape) => shape.kind)).toEqual(["box", "lasso"]);
    drag(canvas, [[1, 1], [1.1, 1]]);
    expect(model.sent).toHaveLength(3);
    expect(model.saved).toEqual([]);
  });

  it("shows before and now of all objects, what became of them, and names as text", async () => {
    const { root, get, all } = await open(widget, answered());
    expect([root.dataset.ready, root.dataset.step, root.dataset.answer, root.dataset.elsewhere]).toEqual(["true", "0", "1", "known"]);
    const options = all(".dx-answers [role=option]").map((one) => one.getAttribute("aria-label"));
    expect(options).toEqual([`#0 ${NAME}, score 0.90, now 0.40`, `#1 lid, score 0.50, now 0.00, now ${NAME} 0.30, no longer reported`]);
    expect(get("[role=status]").textContent).toBe(
      `#0 ${NAME}, score 0.90, now 0.40 (box, 3.0% of the picture, filled with blur). In all: 1 no longer reported, 1 of another class, 1 new.`,
    );
    expect(all(".dx-figures .dx-fact").map((one) => one.textContent)).toEqual([
      ...["Score now0.40 of 0.90", "Change\u22120.50", "Elsewhere in the objectno room for an equal area", "On the background\u22120.02 (mean\u00a0of\u00a04)"],
      ...["Its heat under the region25%", "Area of the picture3.0%"],
    ]);
    expect(get(".dx-more").textContent).toBe(`New: ${NAME} 0.60`);
    expect(all(".dx-steps [role=option]").map((one) => one.getAttribute("aria-label"))).toEqual(["Unchanged picture", `1. Box, blur: ${NAME}, note: ${NAME}`]);
    expect(root.querySelector("img")).toBe(null);
    expect(all(".dx-mark")).toHaveLength(1);
  });

  it("moves the region by arrow keys and asks once they rest", async () => {
    const { model, get } = await open(widget, answered());
    vi.useFakeTimers();
    try {
      const canvas = get("canvas.dx-canvas");
      for (const key of ["ArrowRight", "ArrowRight", "ArrowDown", "]"]) expect(press(canvas, key).defaultPrevented).toBe(true);
      expect(model.sent).toEqual([]);
      vi.advanceTimersByTime(QUIET);
      expect(model.sent).toEqual([{ type: "ask", ask: 1, shapes: [{ kind: "box", box: [5, 4, 13, 10] }] }]);
      expect(model.get("selected")).toBe(0);
      for (let i = 0; i < 50; i++) press(canvas, "ArrowLeft");
      press(canvas, "Escape");
      vi.advanceTimersByTime(QUIET);
      expect(model.sent.map((/** @type {any} */ one) => one.type)).toEqual(["ask", "cancel"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("has keys for the hottest pixels, a box, the object, the view and the way back", async () => {
    const { model, get } = await open(widget, answered());
    const canvas = get("canvas.dx-canvas");
    press(canvas, "h");
    press(canvas, "b");
    expect(model.sent.map((/** @type {any} */ one) => one.shapes[0])).toEqual([
      { kind: "hottest", row: 0, share: 0.1 },
      { kind: "box", box: [9, 6, 23, 14] },
    ]);
    press(canvas, ".");
    press(canvas, "v");
    expect([model.get("selected"), model.get("view")]).toEqual([1, "before"]);
    press(canvas, "z", { ctrlKey: true });
    press(canvas, "Z", { ctrlKey: true, shiftKey: true });
    expect(model.sent.slice(-2)).toEqual([{ type: "undo" }, { type: "redo" }]);
    press(canvas, "Enter");
    expect(model.sent.at(-1)).toMatchObject({ type: "ask", shapes: [{ kind: "box" }] });
  });

  it("selects objects by arrow keys where there is no region", async () => {
    const { model, get } = await show();
    press(get("canvas.dx-canvas"), "ArrowRight");
    expect(model.get("selected")).toBe(1);
  });

  it("is not ready until the question that it sent is answered, cancelled or refused", async () => {
    const { model, root, get } = await open(widget, answered());
    drag(get("canvas.dx-canvas"), [[5, 5], [12, 5]]);
    await painted();
    expect(root.dataset.ready).toBe("false");
    // An end of something that was asked before.
    model.receive({ status: someStatus(KEY, { heard: 0 }) });
    await painted();
    expect(root.dataset.ready).toBe("false");
    model.receive({ status: someStatus("step 2", { state: "busy", what: "answer", heard: 1 }) });
    await painted();
    expect(root.dataset.ready).toBe("false");
    model.receive({ status: someStatus(KEY, { state: "error", what: "answer", text: "The answer could not be computed: <b>", heard: 1 }) });
    await painted();
    expect([root.dataset.ready, root.dataset.answer]).toEqual(["true", "1"]);
    expect(get(".dx-error-text").textContent).toBe("The answer could not be computed: <b>");
  });

  it("offers fills, greys those that are missing, and says why", async () => {
    const { model, root, get } = await show();
    const list = /** @type {any} */ (control(root, "Fill with"));
    expect([...list.options].map((one) => [one.value, one.disabled])).toEqual([["blur", false], ["noise", false], ["telea", true]]);
    expect(get(".dx-reasons").textContent).toBe("telea: OpenCV is not installed");
    list.value = "noise";
    fire(list, "change");
    expect(model.saved).toEqual([{ fill: "noise" }]);
    get("[aria-label^='Draw again']").click();
    expect(model.saved.at(-1)).toEqual({ seed: 1 });
  });

  it("writes notes, goes to steps and compares two", async () => {
    const steps = [STEP, { title: "Hottest, mean", note: "" }];
    const { model, root, all, get } = await open(widget, answered({ steps, step: 1, answer: someAnswer(2), other: 0, other_answer: someAnswer(1) }));
    const note = control(root, "Note");
    note.value = "a <note>";
    fire(note, "change");
    expect(model.sent).toEqual([{ type: "note", text: "a <note>", step: 1 }]);
    expect(all(".dx-side-title").map((one) => one.textContent)).toEqual([`1. ${STEP.title} \u2014 ${NAME}`, "2. Hottest, mean"]);
    expect(all(".dx-scores tbody tr").map((one) => one.textContent)).toEqual([`#0 ${NAME}0.900.400.40`, "#1 lid0.50gone 0.00gone 0.00"]);
    expect(root.querySelector("img")).toBe(null);
    all(".dx-steps [role=option]")[0].click();
    expect(model.saved.at(-1)).toEqual({ step: null });
    const compare = /** @type {any} */ (control(root, "Compare"));
    compare.value = "";
    fire(compare, "change");
    await painted();
    expect([model.get("other"), get(".dx-scores tbody")]).toEqual([null, undefined]);
  });

  it("goes without maps of a black box", async () => {
    const { choices } = state();
    const { root, get } = await show({ method: "", choices: { ...choices, methods: [] }, map_data: {}, map_key: "", request: someRequest("", { method: "" }), status: someStatus("") });
    expect(root.dataset.ready).toBe("true");
    expect(get("[aria-label='Heat map']").hidden).toBe(true);
    expect(get("[aria-label^='There is no heat map']").hidden).toBe(true);
  });

  it("marks and names what takes the keyboard, and lets go of everything", async () => {
    const { model, root } = await open(widget, answered());
    expect(unmarked(root)).toEqual([]);
    expect([...root.querySelectorAll("label, .dx-label")].filter((one) => one.classList.contains("dx-label") && !(/** @type {HTMLElement} */ (one).title)).map((one) => one.textContent)).toEqual([]);
    clean();
    expect(model.listening).toBe(0);
  });
});
