import { describe, expect, it } from "vitest";
import widget from "../../src/nms_explorer/index.js";
import { TRAITS } from "../../src/nms_explorer/model.js";
import { pairWords } from "../../src/nms_explorer/words.js";
import { NmsExplorer } from "../../src/nms_explorer/model.js";
import { FakeModel, someRequest, someState, someStatus } from "../shared/fake_model.js";
import { clean, cleanAfterEach, control, fire, open, painted, press, unmarked } from "../shared/page.js";

cleanAfterEach();

const NAME = "<img src=x onerror=alert(1)>";

/** Bytes that begin at an odd place, as the kernel sends them. @param {number[]} values */
function floats(values) {
  const bytes = new Uint8Array(1 + 4 * values.length);
  bytes.set(new Uint8Array(Float32Array.from(values).buffer), 1);
  return new DataView(bytes.buffer, 1);
}

/** Three predictions of one class: two of one object, one beside it. @param {Record<string, unknown>} [changes] */
function state(changes = {}) {
  const { photo, palettes } = someState();
  const key = "neck|3";
  const box = (/** @type {number} */ left) => [left, 2, left + 10, 12];
  return {
    photo,
    palettes,
    objects: [0.9, 0.8, 0.7].map((score, number) => ({ number, name: NAME, score: Math.fround(score), box: box([2, 3, 14][number]), color: "#123456" })),
    choices: {
      rules: ["nms", "soft-nms", "odam-nms"].map((name) => ({ name, title: name.toUpperCase() })),
      layers: ["neck"],
      colormaps: ["gray", "inverse"],
      colors: { kept: "#56b4e9", removed: "#e69f00", present: "#2fd08c" },
      labels: [0, 0, 0],
      distances: new DataView(new ArrayBuffer(0)),
    },
    selected: null,
    partner: null,
    rule: "odam-nms",
    score_threshold: 0.3,
    iou_threshold: 0.5,
    t_low: 0.2,
    t_high: 0.8,
    decay: "gaussian",
    sigma: 0.5,
    final_score: 0.05,
    low_iou: 0.1,
    high_iou: 0.9,
    distance: 1,
    lowest_score: 0.1,
    layer: "neck",
    shown: ["kept", "removed", "present"],
    truth: { objects: [{ name: NAME, box: box(2) }, { name: NAME, box: box(14) }], of: [[[0, 1]], [[0, 0.8]], [[1, 1]]], ignored: [] },
    remark: "",
    opacity: 0.6,
    colormap: "gray",
    only_class: "",
    search: "",
    request: someRequest(key, { layer: "neck" }),
    map_key: key,
    map_data: { key, title: "maps", choice: { layer: "neck" }, grid: [2, 3], peaks: [1, 2, 0], maps: new DataView(new ArrayBuffer(19), 1), correlation: floats([0.9, 0.1, 0.85]) },
    status: someStatus(key),
    notice: "",
    lower_score: null,
    code: "kept = 1",
    ...changes,
  };
}

/** @param {Record<string, unknown>} [changes] */
const show = (changes) => open(widget, state(changes));

describe("NmsExplorer", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(state()))).toEqual(new Set(TRAITS));
  });

  it("shows and counts what is kept, names as text", async () => {
    const { root, get, all } = await show();
    expect([root.dataset.ready, root.dataset.numbers, root.dataset.counts]).toEqual(["true", "0,2", "2,0,0,0,0"]);
    expect(get("[role=status]").textContent).toBe("ODAM-NMS keeps 2 of 3 predictions: 2 objects found, 0 lost, 0 double.");
    expect(all("[role=option]").map((one) => one.dataset.fate)).toEqual(["kept", "removed", "kept"]);
    expect(root.querySelector("img")).toBe(null);
  });

  it("lets boxes vanish while a slider moves, and tells the kernel once at the end", async () => {
    const { model, root, all } = await show();
    const slider = control(root, "Min. score");
    expect(slider.min).toBe("0.1");
    for (const value of ["0.75", "0.85"]) {
      slider.value = value;
      fire(slider, "input");
    }
    await painted();
    expect([root.dataset.numbers, all("[role=option]").filter((one) => !one.hidden).length]).toEqual(["0", 1]);
    expect([model.saved, model.sent]).toEqual([[], []]);
    fire(slider, "change");
    expect(model.saved).toEqual([{ score_threshold: 0.85 }]);
  });

  it("stops a threshold at the one that it must not cross", async () => {
    const { model, root } = await show();
    const slider = control(root, "T_low");
    slider.value = "0.95";
    fire(slider, "input");
    expect(slider.value).toBe("0.8");
    fire(slider, "change");
    expect(model.get("t_low")).toBe(0.8);
  });

  it("says what decided of the selected one, and of the one it is compared with", async () => {
    const { model, root, get } = await show({ selected: 1 });
    expect(get(".dx-why").textContent).toBe(`#1 ${NAME} is removed because of #0 ${NAME}: IoU 0.82 \u2265 0.50 and the correlation 0.90 > T_low 0.20.`);
    press(get("canvas.dx-canvas"), ".");
    await painted();
    expect(model.get("partner")).toBe(2);
    expect(get(".dx-why").textContent).toContain(`They are duplicates by the rule (IoU 0.00 < 0.50 and the correlation 0.85 > T_high 0.80), but #1 ${NAME} was removed itself (by #0 ${NAME}) and removes nothing`);
    press(get("canvas.dx-canvas"), "ArrowLeft");
    expect([model.get("selected"), model.get("partner")]).toEqual([0, null]);
    expect(root.querySelector("img")).toBe(null);
  });

  it("has a word for every pair and rule", () => {
    const model = new FakeModel(state({ score_threshold: 0.75 }));
    const nms = new NmsExplorer(/** @type {any} */ (model));
    expect(pairWords(nms, 0, 2)).toBe(`#2 ${NAME} takes no part: its score 0.70 < 0.75.`);
    model.receive({ score_threshold: 0.3, rule: "soft-nms" });
    expect(pairWords(nms, 1, 0)).toContain(`#0 ${NAME} multiplies the score of #1 ${NAME} by 0.26: IoU 0.82. All that is kept lowers it from 0.80 to 0.21`);
    model.receive({ rule: "nms", iou_threshold: 0.9 });
    expect(pairWords(nms, 0, 1)).toBe(`#0 ${NAME} does not remove #1 ${NAME}: IoU 0.82 \u2264 0.90.`);
    model.receive({ choices: { ...state().choices, labels: [0, 1, 0] }, objects: [...state().objects] });
    expect(pairWords(nms, 0, 1)).toContain("of different classes");
  });

  it("decides without maps where it can, and says that they are lacking where it cannot", async () => {
    const lacking = { map_key: "", map_data: {}, status: { ...someStatus("neck|3"), state: "busy" } };
    const { model, root, get } = await show(lacking);
    expect([root.dataset.ready, root.dataset.numbers]).toEqual(["false", ""]);
    expect(get("[role=status]").textContent).toBe("ODAM-NMS compares heat maps, which are not there yet.");
    model.receive({ rule: "nms" });
    await painted();
    expect([root.dataset.ready, root.dataset.numbers]).toEqual(["true", "0,2"]);
  });

  it("marks and names every element that takes the keyboard, and lets go of everything", async () => {
    const { root, el, model } = await show({ selected: 1 });
    expect(unmarked(root)).toEqual([]);
    clean();
    expect([el.children.length, model.listening]).toEqual([0, 0]);
  });
});
