import { describe, expect, it, vi } from "vitest";
import widget from "../../src/perturbation/index.js";
import { Perturbation, TRAITS } from "../../src/perturbation/model.js";
import { changePixels } from "../../src/perturbation/picture.js";
import { PACE } from "../../src/perturbation/scrubber.js";
import { lines } from "../../src/shared/curve.js";
import { FakeModel, someRequest, someStatus } from "../shared/fake_model.js";
import { KEY, perturbationState, someWalk, walkChoice } from "./fake_model.js";
import { clean, cleanAfterEach, control, fire, open, painted, press, unmarked } from "../shared/page.js";

cleanAfterEach();
/** @param {Record<string, unknown>} [changes] */
const show = (changes) => open(widget, perturbationState(changes));
/** @param {Record<string, unknown>} [changes] */
const walkOf = (changes) =>
  /** @type {import("../../src/perturbation/model.js").Walk} */ (
    new Perturbation(/** @type {any} */ (new FakeModel(perturbationState({ map_data: someWalk(changes) })))).walk
  );

describe("Perturbation", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(perturbationState()))).toEqual(new Set(TRAITS));
  });

  it("changes the pixels that the detector saw changed", () => {
    const photo = Uint8ClampedArray.from({ length: 24 }, (_, i) => 100 + i);
    const out = new Uint8ClampedArray(24);
    const reds = (/** @type {any} */ walk, /** @type {number} */ step) => {
      changePixels(walk, step, photo, out);
      return [0, 4, 8, 12, 16, 20].map((i) => out[i]);
    };
    const walk = walkOf();
    expect(reds(walk, 0)).toEqual([100, 104, 108, 112, 116, 120]);
    expect(reds(walk, 1)).toEqual([7, 7, 7, 112, 116, 120]);
    expect(reds(walk, 2)).toEqual([7, 7, 7, 7, 116, 120]);
    expect([...out.subarray(0, 4)]).toEqual([7, 8, 9, 103]);
    const random = new DataView(Uint8Array.from({ length: 18 }, (_, i) => i).buffer);
    const insertion = walkOf({ deleting: false, filling: random });
    expect(reds(insertion, 0)).toEqual([0, 3, 6, 9, 12, 15]);
    expect(reds(insertion, 1)).toEqual([100, 104, 108, 9, 12, 15]);
  });

  it("breaks a curve where it is undefined", () => {
    const same = (/** @type {number} */ v) => v;
    expect(lines([1, null, 0.5, 0.25], same, same)).toEqual(["0.0,1.0", "2.0,0.5 3.0,0.3"]);
    expect(lines([null, null], same, same)).toEqual([]);
  });

  it("scrubs without a message until the slider is let go", async () => {
    const { model, root, get } = await show();
    const slider = control(root, "Picture");
    expect([slider.max, slider.value]).toEqual(["2", "0"]);
    slider.value = "1";
    fire(slider, "input");
    await painted();
    expect(model.saved).toEqual([]);
    expect(root.dataset.shown).toBe(`${KEY}@1`);
    expect(get("[role=status]").textContent).toBe(
      "cup, Deletion by ODAM, 3 pixels deleted: score 0.46 of 0.91, its box overlaps by 80%; 2 objects found with a score of at least 0.3.",
    );
    expect(slider.getAttribute("aria-valuetext")).toContain("3 pixels deleted");
    fire(slider, "change");
    expect(model.saved).toEqual([{ step: 1 }]);
    slider.value = "2";
    fire(slider, "input");
    expect(get("[role=status]").textContent).toContain("no longer found; 0 objects found with a score of at least 0.3.");
    expect(root.querySelector("img")).toBe(null);
  });

  it("draws the curve of the object and of the others, with a mark", async () => {
    const { get, all } = await show({ step: 1 });
    expect(get("svg.dx-curve").getAttribute("aria-label")).toBe(
      "Deletion by ODAM: score over original score is 100% in picture 0, 50% in picture 1, 0% in picture 2; area below the curve 50%.",
    );
    expect(all("polyline.dx-curve-0").length).toBe(1);
    expect(all("polyline.dx-curve-1").length).toBe(2);
    expect(get(".dx-curve-mark").getAttribute("x1")).toBe(String(40 + (400 - 50) / 2));
    expect(all(".dx-facts dd").map((e) => e.textContent)).toEqual(["50.0%", "4", "25.0%"]);
  });

  it("chooses mode, order, pixels and filling, and waits for the kernel meanwhile", async () => {
    const { model, root } = await show();
    /** @type {HTMLElement} */ (root.querySelector('input[value="insertion"]')).click();
    const area = control(root, "Pixels");
    area.value = "image";
    fire(area, "change");
    expect(model.saved).toEqual([{ mode: "insertion" }, { area: "image" }]);
    await painted();
    expect(root.dataset.ready).toBe("false");
    const key = "odam|class|neck|#0#insertion#image#";
    const choice = walkChoice({ mode: "insertion", area: "image" });
    model.receive({ request: someRequest(key, choice), map_data: someWalk({ key, choice, deleting: false }), map_key: key, status: someStatus(key) });
    await painted();
    expect(root.dataset.shown).toBe(`${key}@0`);
    model.receive({ mode: "deletion", area: "box" });
    await painted();
    expect(root.dataset.shown).toBe(`${KEY}@0`);
    expect(model.sent).toEqual([]);
  });

  it("plays the pictures and stops at the last, with one message", async () => {
    const { model, root, get } = await show();
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    get("[aria-label='Play the pictures']").click();
    expect(get("[aria-label='Stop playing']")).toBeTruthy();
    vi.advanceTimersByTime(PACE * 5);
    vi.useRealTimers();
    await painted();
    expect(root.dataset.shown).toBe(`${KEY}@2`);
    expect(model.saved).toEqual([{ step: 2 }]);
    expect(get("[aria-label='Play the pictures']")).toBeTruthy();
  });

  it("asks for what the kernel has and it does not hold; shows errors as text", async () => {
    const { model, root, get } = await show({ map_data: {} });
    expect(model.sent).toEqual([{ type: "maps", key: KEY }]);
    model.receive({ map_key: "", status: someStatus(KEY, { state: "error", text: "<img src=y>" }) });
    await painted();
    expect(get("[role=alert]").hidden).toBe(false);
    expect(root.querySelector("img")).toBe(null);
  });

  it("steps through objects by keys, says where nothing was found", async () => {
    const { model, get } = await show();
    press(get("canvas.dx-canvas"), "ArrowRight");
    expect(model.saved).toEqual([{ selected: 1 }]);
    const empty = await show({ objects: [], selected: null, notice: "Nothing was found.", map_key: "", map_data: {} });
    expect(empty.get("[role=status]").textContent).toBe("Nothing was found.");
    expect(empty.get(".dx-scrubber").hidden).toBe(true);
  });

  it("marks and names every element that takes the keyboard, and lets go of everything", async () => {
    const { root, el, model } = await show();
    expect(unmarked(root)).toEqual([]);
    clean();
    expect(el.children.length).toBe(0);
    expect(model.listening).toBe(0);
  });
});
