import { describe, expect, it, vi } from "vitest";
import widget from "../../src/comparison/index.js";
import { TRAITS } from "../../src/comparison/model.js";
import { comparisonState, someRow, someSets } from "./fake_model.js";
import { clean, cleanAfterEach, control, fire, open, painted, point, press, unmarked } from "../shared/page.js";

cleanAfterEach();
/** @param {Record<string, unknown>} [changes] */
const show = async (changes) => {
  const page = await open(widget, comparisonState(changes));
  page.model.receive({ map_data: someSets("odam|class|neck|") });
  await painted();
  const cell = (/** @type {number} */ row, /** @type {number} */ column) =>
    /** @type {HTMLElement} */ (page.all(".dx-line:not(.dx-top)")[row].querySelectorAll("[role=gridcell]")[column]);
  const heads = () => page.all(".dx-method strong").map((e) => e.textContent);
  return { ...page, cell, heads };
};

describe("Comparison", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(comparisonState()))).toEqual(new Set(TRAITS));
  });

  it("asks once for the maps that the kernel has and the page has not", async () => {
    const { model, root } = await show();
    expect(model.sent).toEqual([{ type: "maps" }]);
    expect(root.dataset.shown).toBe("odam grad-cam");
    expect(root.dataset.ready).toBe("false");
    model.receive({ map_data: someSets("d-rise|class||") });
    model.receive({ rows: { .../** @type {any} */ (model.get("rows")), "d-rise": someRow("d-rise") } });
    await painted();
    expect(root.dataset.ready).toBe("true");
    expect(model.sent.length).toBe(1);
  });

  it("keeps the maps that are there while others are computed, and joins those that come later", async () => {
    const rows = /** @type {any} */ (comparisonState().rows);
    rows.odam = someRow("odam", { state: "busy", has: [0] });
    const { model, root, cell } = await show({ rows, map_data: someSets("odam|class|neck|", [0]), methods: ["odam"], shown: [0, 1] });
    const chip = (/** @type {number} */ i) => /** @type {HTMLElement} */ (cell(0, i).querySelector(".dx-state"));
    model.receive({ map_data: someSets("odam|class|neck|", [0]) });
    await painted();
    root.dataset.ready = "?";
    model.receive({ map_data: someSets("odam|class|neck|", [1]), rows: { odam: someRow("odam") } });
    await painted();
    expect([chip(0).hidden, chip(1).hidden, root.dataset.ready]).toEqual([true, true, "true"]);
  });

  it("lays out a grid of named rows, columns and cells, with figures below", async () => {
    const { all, heads, cell } = await show();
    expect(all("[role=columnheader]").map((e) => e.textContent)).toEqual(["", "cup 0.91", "<img src=x onerror=alert(1)> 0.50"]);
    expect(heads()).toEqual(["ODAM", "Grad-CAM", "D-RISE"]);
    expect(all("[role=gridcell]").length).toBe(6);
    expect([...cell(0, 0).querySelectorAll("dd")].map((e) => e.textContent)).toEqual(["0.900", "0.500"]);
    expect([...cell(0, 1).querySelectorAll("dd")].map((e) => e.textContent)).toEqual(["0.200", "\u2013"]);
    expect(cell(2, 0).querySelector(".dx-state")?.textContent).toBe("Computing");
    expect(cell(0, 0).getAttribute("aria-label")).toBe("ODAM; cup 0.91; Energy 0.900, the best; Spread 0.500");
  });

  it("takes names and errors as text", async () => {
    const rows = /** @type {any} */ (comparisonState().rows);
    rows["d-rise"] = someRow("d-rise", { state: "error", text: "<img src=y>" });
    const { root, get } = await show({ rows });
    expect(root.querySelector("img")).toBe(null);
    expect(get(".dx-wrong").textContent).toBe("<img src=y>");
  });

  it("marks the best of each column, whichever way is better", async () => {
    const { cell } = await show();
    const best = (/** @type {HTMLElement} */ e) => [...e.querySelectorAll(".dx-best")].map((d) => d.textContent);
    expect(best(cell(0, 0))).toEqual(["0.900"]);
    expect(best(cell(1, 0))).toEqual(["0.400"]);
    expect(best(cell(1, 1))).toEqual(["0.300"]);
  });

  it("reads all cells at the point of the photograph under the pointer", async () => {
    const { cell, all, get } = await show();
    const canvas = /** @type {HTMLElement} */ (cell(0, 0).querySelector("canvas"));
    const shown = parseFloat(canvas.style.width) / 40;
    // Pixel (18, 5): the second cell of the first row of either map, at 18.5, 5.5.
    point(canvas, 18.5 * shown, 5.5 * shown);
    const values = all(".dx-value").map((e) => e.textContent);
    expect(values.slice(0, 2)).toEqual(values.slice(2, 4));
    expect(values[0]).toBe("4.74");
    expect(values.slice(4)).toEqual(["\u2013", "\u2013"]);
    expect(get(".dx-readout").textContent).toBe("4.74 at x 18, y 5");
    expect(all(".dx-probe").every((e) => !e.hidden)).toBe(true);
    canvas.dispatchEvent(new PointerEvent("pointerleave"));
    expect(all(".dx-value").every((e) => e.textContent === "\u00a0")).toBe(true);
  });

  it("selects a cell by arrow keys, with one message, and keeps those keys to itself", async () => {
    const { model, cell, root } = await show();
    const outside = vi.fn();
    document.body.addEventListener("keydown", outside);
    cell(0, 0).focus();
    expect(model.saved).toEqual([]);
    press(cell(0, 0), "ArrowRight");
    expect(model.saved).toEqual([{ selected: 1 }]);
    press(cell(0, 1), "ArrowDown");
    expect(model.saved.at(-1)).toEqual({ selected_method: "grad-cam" });
    expect(document.activeElement).toBe(cell(1, 1));
    expect(cell(1, 1).getAttribute("aria-selected")).toBe("true");
    expect([...root.querySelectorAll("[role=gridcell][tabindex='0']")]).toEqual([cell(1, 1)]);
    expect(outside).not.toHaveBeenCalled();
    document.body.removeEventListener("keydown", outside);
  });

  it("moves the point by keys, from the strongest evidence on, and says its values", async () => {
    const { cell, get } = await show();
    cell(0, 0).focus();
    press(cell(0, 0), "d");
    expect(get("[role=status]").textContent).toBe("cup 0.91, at 18, 5: ODAM 4.74; Grad-CAM 4.74; D-RISE \u2013.");
    press(cell(0, 0), "a");
    expect(get("[role=status]").textContent).toContain("at 17, 5");
  });

  it("zooms all cells together", async () => {
    const { cell, root, all } = await show();
    press(cell(0, 0), "+");
    await painted();
    expect(root.dataset.zoom).toBe("1.30");
    expect(all("canvas.dx-zoomed").length).toBe(6);
    press(cell(0, 0), "0");
    await painted();
    expect(root.dataset.zoom).toBe("1.00");
  });

  it("keeps cells and focus where the order changes", async () => {
    const { model, cell, heads } = await show();
    cell(0, 1).focus();
    const before = cell(0, 1);
    model.receive({ sort: "energy", order: ["grad-cam", "odam", "d-rise"] });
    expect(heads()).toEqual(["Grad-CAM", "ODAM", "D-RISE"]);
    expect(cell(1, 1)).toBe(before);
    expect(document.activeElement).toBe(before);
  });

  it("sorts by a metric and an object", async () => {
    const { model, root } = await show();
    const metric = control(root, "Best first by");
    expect(control(root, "on").closest(".dx-row")?.hasAttribute("hidden")).toBe(true);
    metric.value = "spread";
    fire(metric, "change");
    const object = control(root, "on");
    object.value = "1";
    fire(object, "change");
    object.value = "mean";
    fire(object, "change");
    expect(model.saved).toEqual([{ sort: "spread" }, { sort_object: 1 }, { sort_object: null }]);
  });

  it("chooses objects, methods and metrics", async () => {
    const { model, root, all } = await show();
    const tick = (/** @type {string} */ label, /** @type {string} */ value) =>
      /** @type {HTMLElement} */ (root.querySelector(`[aria-label="${label}"] input[value="${value}"]`)).click();
    tick("Objects shown", "0");
    expect(model.saved.at(-1)).toEqual({ shown: [1] });
    expect(all("[role=gridcell]").length).toBe(3);
    tick("Methods compared", "odam");
    expect(model.saved.at(-1)).toEqual({ methods: ["grad-cam", "d-rise"] });
    expect(all("[role=gridcell]").length).toBe(2);
    tick("Metrics shown", "energy");
    expect(model.saved.at(-1)).toEqual({ metrics: ["spread"] });
    tick("Objects shown", "1");
    expect(root.textContent).toContain("Choose at least one object");
  });

  it("keeps the controls below the grid in place where a row is added", async () => {
    const { root, el } = await show({ methods: ["odam"] });
    const panel = /** @type {HTMLElement} */ (root.querySelector(".dx-panel"));
    el.style.overflowY = "auto";
    Object.defineProperties(el, { scrollHeight: { value: 900 }, clientHeight: { value: 300 } });
    panel.getBoundingClientRect = () => /** @type {any} */ ({ top: 100 * root.querySelectorAll(".dx-line").length });
    const box = /** @type {HTMLInputElement} */ (root.querySelector('[aria-label="Methods compared"] input[value="grad-cam"]'));
    box.focus();
    box.click();
    expect(el.scrollTop).toBe(100);
  });

  it("shows no map of an earlier target", async () => {
    const { model, root, cell } = await show();
    const target = control(root, "Explain");
    target.value = "x1";
    fire(target, "change");
    await painted();
    expect(root.dataset.shown).toBe("");
    expect(cell(0, 0).querySelector(".dx-state")?.textContent).toBe("Waiting");
    expect(model.saved).toEqual([{ target: "x1" }]);
  });

  it("cancels, and computes again what was stopped", async () => {
    const rows = /** @type {any} */ (comparisonState().rows);
    const { model, get, cell } = await show();
    press(cell(0, 0), "Escape");
    expect(model.sent.at(-1)).toEqual({ type: "cancel" });
    rows["d-rise"] = someRow("d-rise", { state: "stopped" });
    model.receive({ rows, status: { state: "idle", key: "", text: "", done: 0, total: 0 } });
    get("[aria-label='Compute D-RISE']").click();
    expect(model.sent.at(-1)).toEqual({ type: "compute", method: "d-rise" });
    press(cell(0, 0), "Escape");
    expect(model.saved.at(-1)).toEqual({ selected: null });
  });

  it("marks and names every element that takes the keyboard", async () => {
    const { root } = await show();
    expect(unmarked(root)).toEqual([]);
  });

  it("says where nothing was found, and lets go of everything", async () => {
    const { model, el, root } = await show({ objects: [], shown: [], selected: null, notice: "Nothing was found.", map_data: {} });
    expect(root.querySelector("[role=status]")?.textContent).toContain("Nothing was found.");
    clean();
    expect(el.children.length).toBe(0);
    expect(model.listening).toBe(0);
  });
});

