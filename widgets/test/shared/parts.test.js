import { describe, expect, it } from "vitest";
import { ClickCycle, boxesAt, neighbour } from "../../src/shared/boxes.js";
import { sideOf } from "../../src/shared/painter.js";
import { colorTable, colorize } from "../../src/shared/palette.js";
import { Store } from "../../src/shared/state.js";
import { describe as inWords, fileName, formatValue, placeInBox } from "../../src/shared/text.js";
import { Viewport } from "../../src/shared/viewport.js";
import { FakeModel, someMaps, someState } from "./fake_model.js";

const grey = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
/** @param {Uint32Array} table @param {number} i */
const rgba = (table, i) => [...new Uint8Array(table.buffer, 4 * i, 4)];
const object = (/** @type {[number, number, number, number]} */ box) => ({ name: "n", score: 0.5, box });

describe("boxes", () => {
  const objects = [object([0, 0, 100, 100]), object([10, 10, 20, 20]), object([10, 10, 50, 50])];

  it("finds the smallest first, with a margin", () => {
    expect(boxesAt(objects, 15, 15)).toEqual([1, 2, 0]);
    expect(boxesAt(objects, 21, 15)).toEqual([2, 0]);
    expect(boxesAt(objects, 21, 15, 2)).toEqual([1, 2, 0]);
    expect(boxesAt(objects, 200, 15)).toEqual([]);
  });

  it("finds a turned box by its own corners, and its sides as they lie before it is turned", () => {
    /** @type {import("../../src/shared/types.js").DetectedObject} */
    const turned = { name: "a", score: 1, box: [0, 0, 20, 20], polygon: [[10, 0], [20, 10], [10, 20], [0, 10]] };
    expect(boxesAt([turned], 10, 10)).toEqual([0]);
    expect(boxesAt([turned], 2, 2)).toEqual([]);
    expect(boxesAt([turned], 2, 2, 5)).toEqual([0]);
    expect(boxesAt([{ ...turned, box: [0, 0, 15, 15], polygon: undefined }, turned], 10, 10)).toEqual([1, 0]);
    expect(sideOf(turned, "y1")).toEqual({ left: 10, top: 0, right: 20, bottom: 10 });
    expect(sideOf(turned, "x1")).toEqual({ left: 0, top: 10, right: 10, bottom: 0 });
    expect(sideOf({ ...turned, polygon: undefined }, "x2")).toEqual({ left: 20, top: 0, right: 20, bottom: 20 });
  });

  it("goes round on repeated clicks and starts anew elsewhere", () => {
    const cycle = new ClickCycle();
    expect(cycle.pick([1, 2, 0], null)).toBe(1);
    expect(cycle.pick([1, 2, 0], 1)).toBe(2);
    expect(cycle.pick([1, 2, 0], 2)).toBe(0);
    expect(cycle.pick([1, 2, 0], 0)).toBe(1);
    expect(cycle.pick([2, 0], 1)).toBe(2);
    expect(cycle.pick([2, 0], 1)).toBe(2); // something else was selected in between
    expect(cycle.pick([], 2)).toBe(null);
  });

  it("steps in a ring", () => {
    expect([neighbour(null, 1, 3), neighbour(null, -1, 3), neighbour(2, 1, 3), neighbour(0, -1, 3)]).toEqual([0, 2, 0, 2]);
    expect(neighbour(null, 1, 0)).toBe(null);
  });
});

describe("palette", () => {
  it("fades in above the threshold", () => {
    const table = colorTable(grey, { signed: false, threshold: 0.5, fade: true });
    expect(rgba(table, 0)).toEqual([0, 0, 0, 0]);
    expect(rgba(table, 511)[3]).toBe(0);
    expect(rgba(table, 1023)).toEqual([255, 255, 255, 255]);
    const plain = colorTable(grey, { signed: false, threshold: 0, fade: true });
    expect(rgba(plain, 128)[3]).toBeCloseTo(127.7, -1);
  });

  it("measures the strength of signed maps from the middle", () => {
    const table = colorTable(grey, { signed: true, threshold: 0.5, fade: true });
    expect([0, 300, 511, 700, 1023].map((i) => rgba(table, i)[3])).toEqual([255, 0, 0, 0, 255]);
  });

  it("colours values over their range and nothing where there is no range", () => {
    const table = colorTable(grey, { signed: false, threshold: 0, fade: false });
    const out = new Uint32Array(4);
    colorize(Float32Array.of(-1, 2, 3, 9), { low: 2, high: 4 }, table, out);
    expect([0, 1, 2, 3].map((i) => rgba(out, i)[0])).toEqual([0, 0, 128, 255]);
    colorize(Float32Array.of(2, 2, 2, 2), { low: 2, high: 2 }, table, out);
    expect([...out]).toEqual([0, 0, 0, 0]);
  });
});

describe("viewport", () => {
  it("keeps the point under the pointer while it zooms", () => {
    const viewport = new Viewport({ width: 400, height: 200 });
    viewport.resize({ width: 800, height: 400 });
    const before = viewport.toImage(600, 100);
    viewport.zoomBy(3, [600, 100]);
    const after = viewport.toImage(600, 100);
    expect(after[0]).toBeCloseTo(before[0], 9);
    expect(after[1]).toBeCloseTo(before[1], 9);
  });

  it("never leaves the photograph, and resets", () => {
    const viewport = new Viewport({ width: 400, height: 200 });
    viewport.panBy(-500, 30);
    expect([viewport.x, viewport.y]).toEqual([0, 0]);
    viewport.zoomBy(2);
    viewport.panBy(-1e5, 1e5);
    expect([viewport.x, viewport.y]).toEqual([200, 0]);
    expect(viewport.visible).toEqual({ x: 200, y: 0, width: 200, height: 100 });
    viewport.zoomBy(1e9);
    expect(viewport.zoom).toBe(16);
    viewport.reset();
    expect(viewport.visible).toEqual({ x: 0, y: 0, width: 400, height: 200 });
  });

  it("brings a box on screen", () => {
    const viewport = new Viewport({ width: 400, height: 200 });
    viewport.zoomBy(4, [0, 0]);
    viewport.reveal([300, 100, 320, 120]);
    expect([viewport.x, viewport.y]).toEqual([260, 85]);
  });
});

describe("text", () => {
  it("formats numbers to three digits", () => {
    expect([0, 0.42, 1234.5, 0.00012, -2, 1e6].map(formatValue)).toEqual([
      "0",
      "0.420",
      "1235",
      "1.20e\u22124",
      "\u22122.00",
      "1.00e+6",
    ]);
  });

  it("says where in the box", () => {
    expect(placeInBox([0, 0, 30, 30], [15, 15])).toBe("in the middle of the box");
    expect(placeInBox([0, 0, 30, 30], [2, 28])).toBe("in the lower left of the box");
    expect(placeInBox([0, 0, 30, 30], [15, 0])).toBe("in the upper part of the box");
    expect(placeInBox([0, 0, 30, 30], [31, 0])).toBe("outside the box");
  });

  it("tells what a map shows", () => {
    const [map] = someMaps("k").maps;
    const cup = { name: "cup", score: 0.914, box: /** @type {[number, number, number, number]} */ ([2, 2, 30, 18]) };
    expect(inWords(cup, map, "ODAM of the class score")).toBe(
      "cup, score 0.91, box 2, 2 to 30, 18. ODAM of the class score: strongest evidence at 18, 5, in the upper part of " +
        "the box; 62% of the map\u2019s energy inside the box.",
    );
    expect(inWords(cup, { ...map, status: "no positive evidence" }, "ODAM")).toContain("ODAM: no positive evidence.");
    const signed = { ...someMaps("k", { signed: true }).maps[0], peak: /** @type {[number, number]} */ ([6, 5]) };
    expect(inWords(cup, signed, "ODAM")).toContain("strongest evidence, against it, at 6, 5");
    expect(inWords(cup, signed, "ODAM")).toContain("62% of the positive evidence inside the box");
    expect(inWords(cup, null, "")).toBe("cup, score 0.91, box 2, 2 to 30, 18.");
  });

  it("makes file names that every system takes", () => {
    expect(fileName(["grad-cam++", "class", "", "a/b: <c>"])).toBe("grad-campp-class-a-b-c");
  });
});

describe("store", () => {
  it("sends nothing for live values, and one message for a commit", () => {
    const model = new FakeModel(someState());
    const store = new Store(/** @type {any} */ (model), ["opacity", "hide_below"]);
    /** @type {string[]} */
    const heard = [];
    store.subscribe((key) => heard.push(key));
    store.setLive("opacity", 0.1);
    store.setLive("opacity", 0.2);
    expect(store.get("opacity")).toBe(0.2);
    expect(model.get("opacity")).toBe(0.6);
    expect(model.saved).toEqual([]);
    store.commit({ opacity: 0.2 });
    expect(model.saved).toEqual([{ opacity: 0.2 }]);
    store.commit({ opacity: 0.2 });
    expect(model.saved.length).toBe(1);
    expect(heard.every((key) => key === "opacity")).toBe(true);
  });

  it("lets Python's value win over a live one, refuses unknown keys, and lets go of the model", () => {
    const model = new FakeModel(someState());
    const store = new Store(/** @type {any} */ (model), ["opacity"]);
    store.setLive("opacity", 0.1);
    model.receive({ opacity: 0.9 });
    expect(store.get("opacity")).toBe(0.9);
    expect(() => store.get("hide_below")).toThrow('"hide_below" is not a trait');
    store.dispose();
    expect(model.listening).toBe(0);
  });
});
