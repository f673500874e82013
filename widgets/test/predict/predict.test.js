import { describe, expect, it } from "vitest";
import widget, { TRAITS } from "../../src/predict/index.js";
import { clean, cleanAfterEach, control, fire, open, painted, press, unmarked } from "../shared/page.js";
import "../shared/browser_parts.js";

cleanAfterEach();

const BAD = "<img src=x onerror=alert(1)>";
const OPTIONS = [{ key: "a", text: BAD }, { key: "b", text: "the ball" }, { key: "c", text: "the table" }];
const PICTURE = { source: "data:image/jpeg;base64,AAAA", width: 40, height: 20 };
const NONE = { words: "", right: null, truth: {}, hints: [], others: [], others_words: "", counts: {}, again: false };

/** @param {string} kind @param {Record<string, unknown>} [changes] */
function state(kind, changes = {}) {
  return {
    about: { question: BAD, kind, options: OPTIONS, several: false, unit: "", exercise: "" },
    answer: {},
    can_reveal: true,
    code: "prediction = 1",
    heard: "",
    notice: "",
    outcome: {},
    picture: ["point", "box"].includes(kind) ? PICTURE : {},
    stage: "asking",
    ...changes,
  };
}

/** @param {(query: string) => HTMLElement[]} all @param {string} text */
const byText = (all, text) => /** @type {HTMLButtonElement} */ (all("button").find((one) => one.textContent === text));

/** @param {any} model */
const sent = (model) => model.sent.map((/** @type {any} */ { asked, ...rest }) => rest);

/** @param {any} model @param {Record<string, unknown>} [more] */
const heard = (model, more = {}) => model.receive({ ...more, heard: model.sent[model.sent.length - 1].asked });

describe("Predict", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(state("number")))).toEqual(new Set(TRAITS));
  });

  it("locks a number, and shows the truth after that", async () => {
    const { model, root, all, get } = await open(widget, state("number"));
    const field = control(root, "Your number");
    for (const [text, ready] of /** @type {[string, boolean][]} */ ([["x", false], ["", false], ["1e999", false], ["0,25", true]])) {
      field.value = text;
      fire(field, "input");
      expect(byText(all, "Lock my answer").disabled).toBe(!ready);
    }
    byText(all, "Lock my answer").click();
    expect([sent(model), byText(all, "Lock my answer").disabled]).toEqual([[{ type: "lock", answer: 0.25 }], true]);
    heard(model, { answer: { value: 0.25 }, stage: "locked" });
    expect([field.disabled, byText(all, "Lock my answer").hidden, byText(all, "Reveal").hidden]).toEqual([true, true, false]);
    byText(all, "Reveal").click();
    heard(model, { stage: "revealed", outcome: { ...NONE, words: BAD, right: false, truth: { value: 0.5, tolerance: 0 }, others: [0, 1], others_words: "2 others" } });
    expect(all(".dx-outcome p").map((one) => one.textContent)).toEqual([BAD, "2 others"]);
    expect(all(".dx-dot").map((one) => one.style.left)).toEqual(["0%", "100%", "50%", "25%"]);
    expect(get(".dx-outcome").className).toContain("dx-wrong");
    expect(root.querySelector("img")).toBe(null);
  });

  it("locks a choice, and marks the right one", async () => {
    const { model, all } = await open(widget, state("choice"));
    const inputs = /** @type {HTMLInputElement[]} */ (all("input"));
    inputs[1].checked = true;
    fire(inputs[1], "change");
    byText(all, "Lock my answer").click();
    expect(sent(model)).toEqual([{ type: "lock", answer: ["b"] }]);
    heard(model, { answer: { value: ["b"] }, stage: "revealed", outcome: { ...NONE, right: false, truth: { chosen: ["a"] }, counts: { a: 3, b: 1, c: 0 } } });
    expect(all(".dx-beside").map((one) => one.textContent)).toEqual(["\u2713 right \u00b7 others: 3", "others: 1", "others: 0"]);
    expect(all(".dx-true").length).toBe(1);
  });

  it("locks an order", async () => {
    const { model, all } = await open(widget, state("order"));
    press(all(".dx-order-card")[2], "Home");
    byText(all, "Lock my answer").click();
    expect(sent(model)).toEqual([{ type: "lock", answer: ["c", "a", "b"] }]);
    heard(model, { answer: { value: ["c", "a", "b"] }, stage: "locked" });
    press(all(".dx-order-card")[0], "End"); // nothing moves any more
    expect(all(".dx-order-text > span:first-child").map((one) => one.textContent)).toEqual(["the table", BAD, "the ball"]);
  });

  it("locks a point, and sets truth and others beside it", async () => {
    const { model, get, all } = await open(widget, state("point"));
    const field = get(".dx-field");
    press(field, "Enter");
    press(field, "ArrowRight");
    byText(all, "Lock my answer").click();
    expect(sent(model)).toEqual([{ type: "lock", answer: [21, 10] }]);
    heard(model, { answer: { value: [21, 10] }, stage: "revealed", outcome: { ...NONE, truth: { point: [5, 5], tolerance: 2 }, others: [[1, 1]] } });
    const paths = all("path").map((one) => one.getAttribute("class")?.split(" ")[1]);
    expect(paths.filter((one) => one !== "dx-mark-edge")).toEqual(["dx-mark-other", "dx-mark-truth", "dx-mark-truth", "dx-mark-own"]);
    press(field, "ArrowRight");
    expect(sent(model).length).toBe(1);
  });

  it("shows a truth with corners, and a box", async () => {
    const corners = { polygon: [[1, 1], [9, 1], [5, 9]], tolerance: 0 };
    const { all } = await open(widget, state("box", { answer: { value: [1, 2, 3, 4] }, stage: "revealed", outcome: { ...NONE, truth: corners } }));
    expect(all("path").map((one) => one.getAttribute("d"))).toEqual(["M1 1L9 1L5 9Z", "M1 1L9 1L5 9Z", "M1 2H3V4H1Z", "M1 2H3V4H1Z"]);
  });

  it("lets an exercise be tried again, with its hints", async () => {
    const about = { question: BAD, kind: "choice", options: OPTIONS, several: true, unit: "", exercise: "00.2" };
    const { model, all } = await open(widget, state("choice", { about, answer: { value: ["a"] }, stage: "revealed", outcome: { ...NONE, words: "Not yet.", hints: [BAD], again: true } }));
    expect(all(".dx-outcome p").map((one) => one.textContent)).toEqual(["Not yet.", `Hint: ${BAD}`]);
    byText(all, "Try again").click();
    heard(model, { answer: {}, outcome: {}, stage: "asking" });
    const inputs = /** @type {HTMLInputElement[]} */ (all("input"));
    expect(inputs.map(({ checked, disabled, type }) => [checked, disabled, type])).toEqual(Array(3).fill([false, false, "checkbox"]));
    expect(byText(all, "Lock my answer").hidden).toBe(false);
  });

  it("says where the truth comes from, and why something was refused", async () => {
    const { all, get } = await open(widget, state("number", { answer: { value: 3 }, stage: "locked", can_reveal: false, notice: BAD }));
    expect([byText(all, "Reveal").hidden, get(".dx-count").textContent]).toEqual([true, "Locked. The truth comes from a cell below."]);
    expect(get("[role=alert]").textContent).toBe(BAD);
  });

  it("marks and names every element that takes the keyboard, and lets go of everything", async () => {
    for (const kind of ["number", "choice", "order", "point", "box"]) {
      const { root, el, model } = await open(widget, state(kind, { picture: PICTURE }));
      await painted();
      expect(unmarked(root)).toEqual([]);
      clean();
      expect([el.children.length, model.listening]).toEqual([0, 0]);
    }
  });
});
