import { describe, expect, it } from "vitest";
import { bands } from "../../src/shared/curve.js";
import widget from "../../src/sanity_check/index.js";
import { TRAITS } from "../../src/sanity_check/model.js";
import { someStatus } from "../shared/fake_model.js";
import { KEY, sanityState, someCheck } from "./fake_model.js";
import { clean, cleanAfterEach, control, fire, open, painted, press, unmarked } from "../shared/page.js";

cleanAfterEach();
/** @param {Record<string, unknown>} [changes] */
const show = (changes) => open(widget, sanityState(changes));

describe("SanityCheck", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(sanityState()))).toEqual(new Set(TRAITS));
  });

  it("outlines the spread where both ends are known", () => {
    const same = (/** @type {number} */ v) => v;
    expect(bands([0, 0.25, 0], [1, 1, null], same, same)).toEqual(["0.0,1.0 1.0,1.0 1.0,0.3 0.0,0.0"]);
  });

  it("shows a row for each method and a column for each step, with verdicts and figures, names as text", async () => {
    const { root, get, all } = await show();
    expect(all(".dx-object").map((e) => e.textContent)).toEqual(["Trained", "outputs", "<img src=s>"]);
    expect(all("[role=gridcell]").length).toBe(6);
    expect(all(".dx-method")[0].textContent).toBe("ODAMpasses: |Spearman| 0.10 after stem, not above 0.5");
    expect(all(".dx-figures dd").map((e) => e.textContent).slice(0, 3)).toEqual(["\u2013", "0.250", "0.250"]);
    expect(get("[role=status]").textContent).toContain("ODAM, Trained. It passes");
    expect(root.querySelector("img")).toBe(null);
    expect([root.dataset.shown, root.dataset.seeds]).toEqual([KEY, "0 1"]);
  });

  it("draws the curves with the spread over the seeds, also below zero", async () => {
    const { all, get } = await show();
    expect(all("polyline.dx-curve-line").length).toBe(2);
    expect(all("polygon.dx-curve-band").length).toBe(2);
    expect(all(".dx-curve-text").map((e) => e.textContent)).toEqual(["-0.5", "0", "0.5", "1", "Trained", "<img src=s>"]);
    expect(get("svg.dx-curve").getAttribute("aria-label")).toContain("Spearman at each step: ODAM 1.00, 0.500, \u22120.250");
  });

  it("moves along the steps by keys, and shows another measure and seed without a run", async () => {
    const { model, root, all } = await show();
    press(all("[role=gridcell]")[0], "ArrowRight");
    expect(model.saved.at(-1)).toEqual({ step: 1 });
    await painted();
    expect(root.dataset.selected).toBe("odam#1");
    const measure = control(root, "Measure");
    measure.value = "ssim";
    fire(measure, "change");
    expect(all(".dx-figures dd")[1].textContent).toBe("0.750");
    const seed = control(root, "Maps of seed");
    seed.value = "1";
    fire(seed, "change");
    expect(all(".dx-figures dd")[1].textContent).toBe("0.250");
    expect(model.sent).toEqual([]);
  });

  it("runs only on demand, can be cancelled, and says what was stopped", async () => {
    const { model, root, get } = await show({ map_data: {}, wanted: KEY });
    expect(get("[role=status]").textContent).toContain("run the check");
    get("[aria-label='Run the check that is chosen']").click();
    expect(model.sent).toEqual([{ type: "run" }]);
    model.receive({ status: someStatus(KEY, { state: "busy", text: "Computing", done: 1, total: 4 }) });
    expect(root.dataset.ready).toBe("false");
    get(".dx-cancel").click();
    expect(model.sent.at(-1)).toEqual({ type: "cancel" });
    model.receive({ status: someStatus(""), map_data: someCheck({ note: "Stopped by hand: 1 of 4 steps." }) });
    await painted();
    expect(root.dataset.ready).toBe("true");
    expect(root.textContent).toContain("Stopped by hand: 1 of 4 steps.");
  });

  it("asks before a long check, in the kernel's words", async () => {
    const { model, root, get } = await show({ map_data: {} });
    const question = /** @type {HTMLElement} */ (get(".dx-question"));
    expect(question.hidden).toBe(true);
    model.receive({ question: "This check takes about 2 h. <img src=x>" });
    expect([question.hidden, root.querySelector("img")]).toEqual([false, null]);
    get("[aria-label='Do not run the long check']").click();
    expect(model.saved.at(-1)).toEqual({ question: "" });
    expect(question.hidden).toBe(true);
    model.receive({ question: "This check takes about 2 h." });
    get("[aria-label='Run the long check']").click();
    expect(model.sent.at(-1)).toEqual({ type: "run", sure: true });
  });

  it("takes no more methods than the kernel does, and says where another check is chosen", async () => {
    const { model, root, all } = await show();
    const boxes = /** @type {HTMLInputElement[]} */ (all(".dx-checks input"));
    boxes[1].click();
    expect([boxes[0].checked, boxes[1].checked, model.saved.length]).toEqual([true, false, 0]);
    model.receive({ mode: "independent", wanted: "odam#0#independent#papers#0,1" });
    expect(root.textContent).toContain("another check");
  });

  it("shows errors as text, marks what takes the keyboard, and lets go of everything", async () => {
    const { model, root, get, el } = await show();
    expect(unmarked(root)).toEqual([]);
    model.receive({ status: someStatus(KEY, { state: "error", text: "<img src=y>" }) });
    expect(get("[role=alert]").hidden).toBe(false);
    expect(root.querySelector("img")).toBe(null);
    clean();
    expect([el.children.length, model.listening]).toEqual([0, 0]);
  });
});
