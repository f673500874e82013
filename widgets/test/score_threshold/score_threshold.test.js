import { describe, expect, it } from "vitest";
import widget, { TRAITS } from "../../src/score_threshold/index.js";
import { someState } from "../shared/fake_model.js";
import { clean, cleanAfterEach, control, fire, open, painted, press, unmarked } from "../shared/page.js";

cleanAfterEach();

/** What Python sends of two detections, with scores of 0.914 and 0.5. @param {Record<string, unknown>} [changes] */
function state(changes = {}) {
  const { photo, objects } = someState();
  return { photo, objects, selected: null, score_threshold: 0.3, lowest_score: 0.05, only_class: "", search: "", notice: "", code: "detections = 1", ...changes };
}

/** @param {Record<string, unknown>} [changes] */
const show = (changes) => open(widget, state(changes));

describe("ScoreThreshold", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(state()))).toEqual(new Set(TRAITS));
  });

  it("shows and counts what passes, names as text", async () => {
    const { root, get, all } = await show();
    expect([root.dataset.ready, root.dataset.shown, all("[role=option]").length]).toEqual(["true", "2", 2]);
    expect(get("[role=status]").textContent).toBe("2 of 2 detections have a score of at least 0.30.");
    expect(root.querySelector("img")).toBe(null);
  });

  it("lets boxes vanish while the slider moves, and tells the kernel once at the end", async () => {
    const { model, root, get, all } = await show();
    const slider = control(root, "Min. score");
    expect(slider.min).toBe("0.05");
    for (const value of ["0.4", "0.6"]) {
      slider.value = value;
      fire(slider, "input");
    }
    await painted();
    expect([root.dataset.shown, get(".dx-count").textContent, all("[role=option]").length]).toEqual(["1", "1 of 2", 1]);
    expect([model.saved, slider.getAttribute("aria-valuetext")]).toEqual([[], "0.60"]);
    fire(slider, "change");
    expect(model.saved).toEqual([{ score_threshold: 0.6 }]);
  });

  it("compares scores as Python does, in float32", async () => {
    const score = Math.fround(0.9);
    const { root } = await show({ objects: [{ name: "cup", score, box: [2, 2, 30, 18] }], score_threshold: 0.9 });
    expect(root.dataset.shown).toBe("1");
  });

  it("moves by keys within its range, selects only what passes", async () => {
    const { model, get, root } = await show({ score_threshold: 0.5, selected: 1 });
    const canvas = get("canvas.dx-canvas");
    expect(get("[role=status]").textContent).toContain("Selected: <img src=x onerror=alert(1)> 0.50.");
    press(canvas, "]");
    await painted();
    expect([model.saved, root.dataset.shown]).toEqual([[{ score_threshold: 0.55 }], "1"]);
    expect(get("[role=status]").textContent).not.toContain("Selected");
    for (let i = 0; i < 20; i++) press(canvas, "[");
    expect(model.get("score_threshold")).toBe(0.05);
  });

  it("marks and names every element that takes the keyboard, and lets go of everything", async () => {
    const { root, el, model } = await show();
    expect(unmarked(root)).toEqual([]);
    clean();
    expect([el.children.length, model.listening]).toEqual([0, 0]);
  });
});
