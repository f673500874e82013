import { describe, expect, it, vi } from "vitest";
import widget, { TRAITS } from "../../src/survey/index.js";
import { clean, cleanAfterEach, control, fire, open, painted, press, unmarked } from "../shared/page.js";
import "../shared/browser_parts.js";

cleanAfterEach();

const BAD = "<img src=x onerror=alert(1)>";
const PICTURE = "data:image/png;base64,AAAA";

/** @param {string} kind @param {string} letters */
const question = (kind, letters, item = "i00") => ({ item, kind, words: `${BAD} ${kind}?`, letters, size: [40, 20], pictures: [...letters].map(() => PICTURE) });

/** @param {Record<string, unknown>} [changes] */
function state(changes = {}) {
  return {
    about: { title: BAD, consent: BAD },
    code: "answers = 1",
    ending: {},
    handed: {},
    heard: "",
    notice: "",
    page: "question",
    progress: { done: 0, of: 3 },
    question: question("rank", "ABCD"),
    results: {},
    seat: "TECPZSJE",
    ...changes,
  };
}

/** @param {Record<string, unknown>} [changes] */
const show = (changes) => open(widget, state(changes));

/** @param {(query: string) => HTMLElement[]} all @param {string} text */
const byText = (all, text) => /** @type {HTMLButtonElement} */ (all("button").find((one) => one.textContent === text));

/** What was sent, without the times and the numbers of messages. @param {any} model */
const sent = (model) => model.sent.map((/** @type {any} */ { asked, seconds, ...rest }) => rest);

/** The kernel has dealt with the last message. @param {any} model @param {Record<string, unknown>} [more] */
const heard = (model, more = {}) => model.receive({ ...more, heard: model.sent[model.sent.length - 1].asked });

describe("Survey", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(state()))).toEqual(new Set(TRAITS));
  });

  it("orders maps by keys and buttons, and sends the letters with the seconds", async () => {
    const { model, all, get, root } = await show();
    expect(all(".dx-order-place").map((one) => one.textContent)).toEqual(["1 \u00b7 best", "2", "3", "4 \u00b7 least"]);
    const card = all(".dx-order-card")[2];
    card.focus();
    press(card, "ArrowLeft");
    press(card, "1");
    expect(get(".dx-said").textContent).toBe("Map C is 1st of 4");
    expect(document.activeElement).toBe(card);
    all(".dx-order-bar button")[7].click(); // of the last, which is last already
    all(".dx-order-bar button")[6].click(); // one place earlier
    byText(all, "Save answer").click();
    expect(sent(model)).toEqual([{ type: "answer", item: "i00", choice: "CADB" }]);
    expect(model.sent[0].seconds).toBeGreaterThanOrEqual(0);
    expect(root.dataset.ready).toBe("false");
    byText(all, "Save answer").click(); // nothing is sent twice
    expect(model.sent.length).toBe(1);
    heard(model, { question: question("rank", "ABCD", "i01"), progress: { done: 1, of: 3 } });
    expect([root.dataset.ready, root.dataset.done, get(".dx-letter").textContent]).toEqual(["true", "1", "A"]);
  });

  it("keeps the order and says why where an answer is refused", async () => {
    const { model, all, get } = await show();
    press(all(".dx-order-card")[3], "Home");
    byText(all, "Save answer").click();
    heard(model, { notice: `the disk is full ${BAD}` });
    expect(get("[role=alert]").textContent).toBe(`the disk is full ${BAD}`);
    expect(all(".dx-letter").map((one) => one.textContent)).toEqual(["D", "A", "B", "C"]);
    expect(byText(all, "Save answer").disabled).toBe(false);
  });

  it("asks which of two is better, also for neither", async () => {
    const { model, all } = await show({ question: question("better", "AB") });
    expect(byText(all, "Save answer").disabled).toBe(true);
    const choices = /** @type {HTMLInputElement[]} */ (all("input[type=radio]"));
    choices[2].checked = true;
    fire(choices[2], "change");
    byText(all, "Save answer").click();
    expect(sent(model)).toEqual([{ type: "answer", item: "i00", choice: "=" }]);
  });

  it("draws a box by keys, with a confidence", async () => {
    const { model, all, get } = await show({ question: question("draw", "A") });
    const field = get(".dx-field");
    press(field, "Enter");
    press(field, "ArrowLeft");
    press(field, "ArrowDown", { shiftKey: true });
    expect(get(".dx-said").textContent).toBe("Box from 13, 7 to 25, 14");
    expect(byText(all, "Save answer").disabled).toBe(true);
    const sure = /** @type {HTMLInputElement[]} */ (all(".dx-segment input"));
    sure[3].checked = true;
    fire(sure[3], "change");
    byText(all, "Save answer").click();
    expect(sent(model)).toEqual([{ type: "answer", item: "i00", box: [13, 7, 25, 14], confidence: 4 }]);
    for (let i = 0; i < 100; i++) press(field, "ArrowRight");
    press(field, "Delete");
    expect(get(".dx-said").textContent).toBe("Nothing is set");
  });

  it("goes from seat and consent to the questions", async () => {
    const { model, root, all } = await show({ page: "seat", seat: "", question: {} });
    const field = control(root, "Code of your seat");
    byText(all, "Begin").click();
    expect(model.sent).toEqual([]);
    field.value = "tecp-zsje";
    press(field, "Enter");
    heard(model, { page: "consent" });
    byText(all, "I do not take part").click();
    heard(model, { page: "declined" });
    byText(all, "Back").click();
    heard(model, { page: "consent" });
    byText(all, "I agree and take part").click();
    heard(model, { question: question("better", "AB"), page: "question" });
    byText(all, "Stop here").click();
    expect(sent(model)).toEqual([
      { type: "sit", code: "tecp-zsje" },
      { type: "consent", agreed: false },
      { type: "back" },
      { type: "consent", agreed: true },
      { type: "stop" },
    ]);
  });

  it("hands in and reveals, everything from outside as text", async () => {
    const ending = { file: `/home/${BAD}`, qr: "", qr_note: BAD, whole: true, address: "http://a:1", key: true, key_note: BAD };
    const { model, root, all, get } = await show({ page: "done", ending, question: {}, progress: { done: 3, of: 3 } });
    control(root, "Code").value = "abc";
    byText(all, "Hand in").click();
    expect(sent(model)).toEqual([{ type: "hand in", address: "http://a:1", code: "abc" }]);
    heard(model, { handed: { state: "ok", text: BAD } });
    expect(get(".dx-handed").textContent).toBe(BAD);
    byText(all, "Show what the letters were").click();
    const shown = { item: "i00", kind: "rank", words: BAD, names: { A: BAD, B: "b" }, answer: BAD, box: null, target: null };
    heard(model, { question: question("rank", "AB"), results: { tables: [{ title: BAD, columns: ["", BAD], rows: [[BAD, "1"]] }], items: [shown, { ...shown, item: "i01" }] } });
    expect(all("figcaption").map((one) => one.textContent)).toEqual([`A: ${BAD}`, "B: b"]);
    byText(all, "Next").click();
    expect(sent(model)[2]).toEqual({ type: "look", item: "i01" });
    expect(root.querySelector("img[onerror]")).toBe(null);
  });

  it("says so where no kernel answers, and hears it when it does", async () => {
    const { model, all, get, root } = await show();
    vi.useFakeTimers();
    byText(all, "Save answer").click();
    model.receive({ heard: "of another view" });
    vi.advanceTimersByTime(7000);
    expect([get("[role=alert]").hidden, root.dataset.ready]).toEqual([true, "false"]);
    vi.advanceTimersByTime(2000);
    expect(get("[role=alert]").textContent).toContain("run the cell of this widget again");
    heard(model);
    expect([get("[role=alert]").hidden, root.dataset.ready]).toEqual([true, "true"]);
    vi.useRealTimers();
  });

  it("goes on where it stopped", async () => {
    const ending = { file: "a", qr: PICTURE, qr_note: "", whole: false, address: "", key: false, key_note: "ask" };
    const { model, all, get } = await show({ page: "done", ending, question: {}, progress: { done: 1, of: 3 } });
    expect(get(".dx-question-words").textContent).toBe("You stopped after 1 of 3 answers. They are saved.");
    byText(all, "Go on answering").click();
    expect(sent(model)).toEqual([{ type: "go on" }]);
  });

  it("marks and names every element that takes the keyboard, and lets go of everything", async () => {
    const ending = { file: "a", qr: PICTURE, qr_note: "", whole: true, address: "", key: true, key_note: "" };
    for (const more of [{}, { question: question("draw", "A") }, { question: question("better", "AB") }, { page: "seat" }, { page: "consent" }, { page: "done", ending }]) {
      const { root, el, model } = await show(more);
      await painted();
      expect(unmarked(root)).toEqual([]);
      clean();
      expect([el.children.length, model.listening]).toEqual([0, 0]);
    }
  });
});
