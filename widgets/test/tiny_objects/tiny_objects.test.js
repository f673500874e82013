import { describe, expect, it } from "vitest";
import widget from "../../src/tiny_objects/index.js";
import { TRAITS, TinyObjects } from "../../src/tiny_objects/model.js";
import { MARKS, layout, logAxis } from "../../src/tiny_objects/paint.js";
import { percent, worth } from "../../src/tiny_objects/words.js";
import { FakeModel, someStatus } from "../shared/fake_model.js";
import { KEY, someTable, someView, tinyState } from "./fake_model.js";
import { clean, cleanAfterEach, control, fire, open, painted, press, unmarked } from "../shared/page.js";

cleanAfterEach();
/** @param {Record<string, unknown>} [changes] */
const show = (changes) => open(widget, tinyState(changes));
const model = (/** @type {Record<string, unknown>} */ changes = {}) => new TinyObjects(/** @type {any} */ (new FakeModel(tinyState(changes))));

/** Where a dot is in the scatter of a page. @param {number} object @param {number} method @param {Record<string, unknown>} [changes] */
function place(object, method, changes) {
  const { dots } = layout(model(changes), { width: 400, height: 248 });
  return { clientX: dots.x[object], clientY: dots.y[method][object] };
}

describe("TinyObjects", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(tinyState()))).toEqual(new Set(TRAITS));
  });

  it("decodes objects, figures and pairs, from whatever byte they begin at", () => {
    const tiny = model();
    expect(tiny.thing(1)).toMatchObject({ name: "<img src=l>", score: 0.75, box: [4, 4, 10, 10], image: 0, file: "<img src=f>", tiny: true });
    expect([tiny.figure(0, "energy", 2), tiny.figure(1, "energy", 1), tiny.figure(1, "half", 2)]).toEqual([0.75, null, expect.closeTo(0.3)]);
    expect([tiny.bySize, tiny.couple(0), tiny.pairFigure(1, "cosine", 0)]).toEqual([[1, 2, 0], [0, 1], null]);
  });

  it("says figures as people read them", () => {
    expect([0, 0.00345, 0.05, 0.123, 1].map(percent)).toEqual(["0%", "0.34%", "5%", "12%", "100%"]);
    expect([worth("reach", 1.44), worth("reach", 33.4), worth("pointing", 1), worth("pointing", 0), worth("energy", null)]).toEqual(
      ["1.4\u00d7", "33\u00d7", "hit", "missed", "\u2013"],
    );
  });

  it("has an axis with the threshold on it, and ticks that fit", () => {
    const axis = logAxis([0.01, 0.2, NaN], [0.005], 6);
    expect(axis.low).toBeLessThan(0.005);
    expect(axis.high).toBeGreaterThan(0.2);
    expect(axis.ticks).toEqual([0.005, 0.01, 0.02, 0.05, 0.1, 0.2]);
    expect(logAxis([0.0001, 1], [0.005], 4).ticks.length).toBeLessThan(6);
    const { dots } = layout(model(), { width: 400, height: 248 });
    expect([...dots.x].map((x, i, all) => x < all[0] || i === 0)).toEqual([true, true, true]);
    expect(Number.isNaN(dots.y[1][1])).toBe(true);
  });

  it("draws each method in its own colour and with its own mark, black as the text of the page", async () => {
    const { all } = await show();
    const marks = all(".dx-marks .dx-mark");
    expect(marks.map((one) => [one.style.fill.toLowerCase(), one.firstElementChild?.tagName])).toEqual([
      [expect.stringMatching(/^(#0072b2|rgb\(0, 114, 178\))$/), "circle"],
      ["var(--dx-text)", "polygon"],
    ]);
    expect(Object.keys(MARKS)).toEqual([..."os^DvPX"]);
  });

  it("runs on demand, can be cancelled, and shows what there is so far", async () => {
    const { model, root, get, all } = await show({ table: {} });
    expect(get(".dx-scatter-empty").textContent).toContain("run it");
    get("[aria-label='Run what is chosen']").click();
    expect(model.sent).toEqual([{ type: "run" }]);
    model.receive({ status: someStatus(KEY, { state: "busy", text: "Image 1 of 2", done: 50, total: 200 }) });
    expect(root.dataset.running).toBe("true");
    get(".dx-cancel").click();
    expect(model.sent.at(-1)).toEqual({ type: "cancel" });
    model.receive({ status: someStatus(""), table: someTable({ done: 1, note: "Stopped before its end: 1 of 2 images." }) });
    expect([root.dataset.running, root.dataset.objects, root.dataset.done]).toEqual(["false", "3", "1"]);
    expect(root.textContent).toContain("Stopped before its end: 1 of 2 images.");
    expect(all(".dx-summary").length).toBe(3);
    expect(get(".dx-scatter-empty").hidden).toBe(true);
  });

  it("opens the dot that is clicked, with one message, and marks it under the pointer", async () => {
    const { model, get } = await show();
    const canvas = get("canvas.dx-scatter");
    canvas.dispatchEvent(new PointerEvent("pointermove", { ...place(2, 0), bubbles: true }));
    expect(get(".dx-ring").hidden).toBe(false);
    expect(get(".dx-tip").textContent).toContain("cup, score 0.50, 2% of the input, b.jpg");
    canvas.dispatchEvent(new MouseEvent("click", { ...place(2, 0), bubbles: true }));
    expect(model.saved).toEqual([{ selected: 2 }]);
    canvas.dispatchEvent(new MouseEvent("click", { clientX: 1, clientY: 1, bubbles: true }));
    expect(model.saved.length).toBe(1);
  });

  it("goes along the dots by keys, from small to large, and opens with Enter", async () => {
    const { model, root, get } = await show();
    const canvas = get("canvas.dx-scatter");
    press(canvas, "ArrowRight");
    expect(get("[aria-live]").textContent).toContain("<img src=l>, score 0.75");
    press(canvas, "ArrowDown"); // the other method has no value there
    expect(get(".dx-tip-own").textContent).toContain("ODAM");
    press(canvas, "ArrowRight");
    press(canvas, "ArrowDown");
    expect(get(".dx-tip-own").textContent).toContain("<img src=m>: energy in the box 20%");
    press(canvas, "Enter");
    expect(model.saved).toEqual([{ selected: 2 }]);
    press(canvas, "Home");
    press(canvas, "ArrowLeft"); // round again, over the one without a value
    press(canvas, "Enter");
    expect(model.saved.at(-1)).toEqual({ selected: 0 });
    press(canvas, "Escape");
    expect([model.saved.at(-1), root.dataset.chosen]).toEqual([{ selected: null }, ""]);
  });

  it("shows the picture and the crops once they arrive, names as text", async () => {
    const { model, root, get, all } = await show();
    model.receive({ selected: 0, view_status: someStatus("", { state: "busy" }) });
    expect([root.dataset.chosen, root.dataset.seen, root.dataset.ready]).toEqual(["0", "", "false"]);
    model.receive({ ...someView([0]), view_status: someStatus("") });
    await painted();
    await painted();
    expect([root.dataset.seen, root.dataset.ready]).toEqual(["0", "true"]);
    expect(all("[role=gridcell]").map((cell) => cell.dataset.label)).toEqual(["Photograph", "ODAM", "<img src=m>"]);
    expect(all("[role=gridcell]")[1].textContent).toContain("Energy in box50%");
    expect(get("[aria-live]").textContent).toContain("ODAM: pointing game hit, energy in the box 50%");
    expect(root.querySelector("img")).toBe(null);
    const dashes = /** @type {any} */ (get(".dx-cell canvas")).getContext("2d").calls.filter((/** @type {any[]} */ c) => c[0] === "setLineDash");
    expect(dashes.some((/** @type {any[]} */ c) => c[1].length === 2)).toBe(true);
  });

  it("opens both crops of a pair that is clicked, and says how alike their maps are", async () => {
    const { model, root, get, all } = await show({ selected: 2 });
    get(".dx-option").click();
    expect(model.saved).toEqual([{ selected: null, selected_pair: 0 }]);
    model.receive(someView([0, 1]));
    await painted();
    await painted();
    expect([root.dataset.chosen, root.dataset.seen]).toEqual(["0 1", "0 1"]);
    expect(all("[role=gridcell]").length).toBe(6);
    expect(all("[role=gridcell]")[4].textContent).toContain("Cosine0.50");
    expect(get("[aria-live]").textContent).toContain("touching");
    press(get("canvas.dx-scatter"), "Escape");
    expect(model.saved.at(-1)).toEqual({ selected_pair: null });
  });

  it("another measure needs no run", async () => {
    const { model, root } = await show();
    const measure = control(root, "Measure");
    measure.value = "half";
    fire(measure, "change");
    await painted();
    expect([root.dataset.measure, model.sent]).toEqual(["half", []]);
  });

  it("offers the first so many images, and no more methods than the kernel takes", async () => {
    const { model, root, all } = await show({ methods: ["odam"], choices: { ...tinyState().choices, most_methods: 1 } });
    const limit = control(root, "Images");
    expect([...limit.querySelectorAll("option")].map((o) => o.textContent)).toEqual(["the first", "the first 2", "the first 5", "all 7"]);
    limit.value = "";
    fire(limit, "change");
    expect(model.saved.at(-1)).toEqual({ limit: null });
    const boxes = /** @type {HTMLInputElement[]} */ (all(".dx-checks input"));
    boxes[1].click();
    expect([boxes[0].checked, boxes[1].checked, model.saved.length]).toEqual([true, false, 1]);
    model.receive({ wanted: "odam#7" });
    expect(root.textContent).toContain("another run");
  });

  it("says where nothing was found, and forgets an object that a new run gave up", async () => {
    const { model, root, get } = await show({ selected: 2, ...someView([2], 1) });
    const none = someTable({ objects: { count: 0 }, pairs: { count: 0 }, lines: {}, summary: {} });
    model.receive({ table: { ...none, methods: [] }, map_data: {} });
    expect([root.dataset.chosen, get(".dx-detail").hidden]).toEqual(["", true]);
    expect(get(".dx-scatter-empty").textContent).toContain("No object was found");
  });

  it("shows errors as text, marks what takes the keyboard, and lets go of everything", async () => {
    const { model, root, all, el } = await show({ selected: 0, ...someView([0]) });
    expect(unmarked(root)).toEqual([]);
    model.receive({ view_status: someStatus(KEY, { state: "error", text: "<img src=y>" }) });
    expect(all("[role=alert]").filter((alert) => !alert.hidden).map((alert) => alert.textContent)).toEqual(["<img src=y>"]);
    expect(root.querySelector("img")).toBe(null);
    clean();
    expect([el.children.length, model.listening]).toEqual([0, 0]);
  });
});
