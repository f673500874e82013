import { describe, expect, it } from "vitest";
import { listedObjects, nextAmong } from "../../src/shared/filter.js";
import { Store } from "../../src/shared/state.js";
import { brokenLines, csvOf } from "../../src/shared/sheet.js";
import { FakeModel } from "./fake_model.js";

const KEYS = ["min_score", "only_class", "search", "opacity"];
const object = (/** @type {string} */ name, /** @type {number} */ score) => ({ name, score, box: /** @type {[number, number, number, number]} */ ([0, 0, 1, 1]) });
const OBJECTS = [object("Cup", 0.9), object("lid", Math.fround(0.8)), object("cup 3", 0.5), object("lid", 0.4)];

/** @param {Record<string, unknown>} changes */
function kept(changes) {
  const model = new FakeModel({ min_score: 0, only_class: "", search: "", opacity: 1, ...changes });
  return { model, store: new Store(/** @type {any} */ (model), KEYS) };
}

describe("the objects that are listed", () => {
  it("pass by score in float32, class, name and number", () => {
    const listed = (/** @type {Record<string, unknown>} */ changes) => listedObjects(kept(changes).store, OBJECTS);
    expect(listed({})).toEqual([0, 1, 2, 3]);
    expect(listed({ min_score: 0.8 })).toEqual([0, 1]);
    expect(listed({ only_class: "lid" })).toEqual([1, 3]);
    expect(listed({ search: " CUP" })).toEqual([0, 2]);
    expect(listed({ search: "3" })).toEqual([2, 3]);
    expect(listed({ search: "#3" })).toEqual([3]);
    expect(listed({ search: "lid", min_score: 0.9 })).toEqual([]);
  });

  it("are gone through in a ring, from anywhere", () => {
    expect(nextAmong([], 3, 1)).toBe(null);
    expect([nextAmong([1, 4], null, 1), nextAmong([1, 4], null, -1)]).toEqual([1, 4]);
    expect([nextAmong([1, 4], 2, 1), nextAmong([1, 4], 2, -1)]).toEqual([4, 1]);
    expect([nextAmong([1, 4], 4, 1), nextAmong([1, 4], 1, -1)]).toEqual([1, 4]);
  });
});

describe("the way back", () => {
  it("undoes step by step, with one message each, and sets everything back in one", () => {
    const { model, store } = kept({});
    expect(store.changes).toEqual({ past: false, moved: false });
    store.commit({ opacity: 0.5 });
    store.commit({ opacity: 0.5 });
    store.commit({ opacity: 0.2, search: "x" });
    store.undo();
    expect([model.get("opacity"), model.get("search")]).toEqual([0.5, ""]);
    expect(model.saved.length).toBe(3);
    store.reset();
    expect(model.get("opacity")).toBe(1);
    expect(store.changes).toEqual({ past: true, moved: false });
    store.undo();
    store.undo();
    store.undo();
    expect(model.get("opacity")).toBe(1);
    expect(store.changes).toEqual({ past: false, moved: false });
  });
});

describe("what is taken away", () => {
  it("is CSV that spreadsheets read, and words in lines", () => {
    expect(csvOf(["a", "b"], [['x "y", z', null], [1.5, true]])).toBe('a,b\r\n"x ""y"", z",\r\n1.5,true\r\n');
    expect(brokenLines("aa bb cccccc d", 5, (text) => text.length)).toEqual(["aa bb", "cccccc", "d"]);
  });
});
