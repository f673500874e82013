import { describe, expect, it } from "vitest";
import widget from "../../src/discrimination/index.js";
import { tintPixels } from "../../src/discrimination/layer.js";
import { Discrimination, TRAITS } from "../../src/discrimination/model.js";
import { contrastChoice, discriminationState, someContrast } from "./fake_model.js";
import { FakeModel, someRequest, someStatus } from "../shared/fake_model.js";
import { clean, cleanAfterEach, control, fire, open, painted, point, press, unmarked } from "../shared/page.js";

cleanAfterEach();
const FIRST = "odam|class|neck|#0";
/** @param {Record<string, unknown>} [changes] */
const show = (changes) => open(widget, discriminationState(changes));

describe("Discrimination", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(discriminationState()))).toEqual(new Set(TRAITS));
  });

  it("tells whose pixels the box holds, and the index of both maps", async () => {
    const { root, all, get } = await show();
    expect(root.dataset.ready).toBe("true");
    expect(root.dataset.shown).toBe(FIRST);
    expect(all(".dx-taker").map((e) => e.textContent)).toEqual(["its own50%", "<img src=x onerror=alert(1)>25%", "nobody\u2019s25%"]);
    expect(get(".dx-index").textContent).toBe("MapDifferenceObject discrimination (box)0.400\u2013");
    expect(get("[role=status]").textContent).toContain("50% of its box is its own; <img src=x onerror=alert(1)> takes 25%.");
    expect(root.querySelector("img")).toBe(null);
  });

  it("selects a neighbour by its button, and waits for the kernel meanwhile", async () => {
    const { model, root, get } = await show();
    get("button.dx-taker").click();
    await painted();
    expect(model.saved).toEqual([{ selected: 1 }]);
    expect(root.dataset.shown).toBe("");
    expect(root.dataset.ready).toBe("false");
    const key = "odam|class|neck|#1";
    model.receive({ request: someRequest(key, contrastChoice(1)), map_data: someContrast(1), map_key: key, status: someStatus(key) });
    await painted();
    expect(root.dataset.shown).toBe(key);
    model.receive({ selected: 0 });
    await painted();
    expect(root.dataset.shown).toBe(FIRST);
    expect(model.sent).toEqual([]);
  });

  it("asks for what the kernel has and it does not hold", async () => {
    const { model } = await show({ map_data: {} });
    expect(model.sent).toEqual([{ type: "maps", key: FIRST }]);
  });

  it("reads the lead and whose it is under the pointer", async () => {
    const { get } = await show();
    const canvas = get("canvas.dx-canvas");
    const scale = parseFloat(canvas.style.width) / 40;
    const at = (/** @type {number} */ x, /** @type {number} */ y) => {
      point(canvas, x * scale, y * scale);
      return get(".dx-readout").textContent;
    };
    expect(at(5.5, 3.5)).toBe("0.975 at x 5, y 3: most for cup");
    expect(at(35.5, 3.5)).toBe("\u22121.00 at x 35, y 3: most for <img src=x onerror=alert(1)>");
    expect(at(20.5, 15.5)).toContain("most for nobody");
  });

  it("shows the difference, the neighbours or the object's own map", async () => {
    const { root, model, get, all } = await show();
    const ticks = () => all(".dx-bar-ticks span").map((s) => s.textContent);
    expect(ticks()).toEqual(["\u22121.00", "0", "1.00"]);
    const view = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (root.querySelector(`input[value="${name}"]`)).click();
    view("map");
    expect(ticks()).toEqual(["0", "2.50", "5.00"]);
    view("neighbours");
    await painted();
    expect(root.dataset.view).toBe("neighbours");
    expect(get(".dx-bar").classList.contains("dx-empty")).toBe(true);
    expect(model.saved).toEqual([{ view: "map" }, { view: "neighbours" }]);
  });

  it("tints by who leads, as strongly as the lead is", () => {
    const model = new Discrimination(/** @type {any} */ (new FakeModel(discriminationState())));
    const found = /** @type {import("../../src/discrimination/model.js").Contrast} */ (model.contrast);
    const pixels = tintPixels(found, model.tints, 0, 0);
    const rgba = (/** @type {number} */ i) => [...pixels.subarray(4 * i, 4 * i + 4)];
    expect(rgba(0)).toEqual([0x56, 0xb4, 0xe9, 255]);
    expect(rgba(3)).toEqual([0xd5, 0x5e, 0x00, 255]);
    expect(rgba(5)[3]).toBe(0);
    expect(tintPixels(found, model.tints, 0, 0.6)[4 * 1 + 3]).toBe(0);
  });

  it("steps by keys, and says where nothing was found", async () => {
    const { model, get } = await show();
    press(get("canvas.dx-canvas"), "ArrowRight");
    expect(model.saved).toEqual([{ selected: 1 }]);
    const empty = await show({ objects: [], selected: null, notice: "Nothing was found.", map_key: "", map_data: {} });
    expect(empty.get("[role=status]").textContent).toBe("Nothing was found.");
    expect(empty.root.dataset.ready).toBe("true");
  });

  it("hides the layer key of a method that looks at none, and shows errors as text", async () => {
    const { model, root, get } = await show();
    const method = control(root, "Method");
    method.value = "d-rise";
    fire(method, "change");
    const key = "d-rise|class||#0";
    model.receive({ request: someRequest(key, contrastChoice(0, { method: "d-rise" })) });
    model.receive({ map_key: "", status: someStatus(key, { state: "error", text: "<img src=y>" }) });
    await painted();
    expect(get("[role=alert]").hidden).toBe(false);
    expect(root.querySelector("img")).toBe(null);
    expect(root.dataset.ready).toBe("true");
  });

  it("marks and names every element that takes the keyboard, and lets go of everything", async () => {
    const { root, el, model } = await show();
    expect(unmarked(root)).toEqual([]);
    clean();
    expect(el.children.length).toBe(0);
    expect(model.listening).toBe(0);
  });
});
