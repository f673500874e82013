// A saved page's model: answers in place of a kernel.

import { describe, expect, it } from "vitest";
import { SavedModel } from "../../src/page/model.js";
import { reading } from "../../src/page/buffers.js";

const answer = (/** @type {string} */ method, /** @type {string} */ target, /** @type {Record<string, number>} */ then) => ({ when: { method, target }, then });

function saved() {
  const state = { method: "odam", target: "class", opacity: 0.75, map_key: "a", map_data: { key: "a" }, code: "maps = 1", status: { state: "idle" } };
  const values = ["b", { key: "b" }, "c", { key: "c" }, "maps = 2"];
  return {
    state,
    values,
    answers: [answer("odam", "class", {}), answer("odam", "x1", { map_key: 0, map_data: 1, code: 4 }), answer("cam", "class", { map_key: 2, map_data: 3 })],
  };
}

describe("SavedModel", () => {
  it("gives what Python had published for a choice, and takes it back for another", () => {
    const model = new SavedModel(saved());
    /** @type {string[]} */
    const told = [];
    for (const key of ["map_data", "map_key", "code"]) model.on(`change:${key}`, () => told.push(`${key} ${JSON.stringify(model.get(key))}`));
    model.set("target", "x1");
    expect(told).toEqual([]);
    model.save_changes();
    expect(told).toEqual(['map_data {"key":"b"}', 'code "maps = 2"', 'map_key "b"']);
    model.set("target", "class");
    model.save_changes();
    expect([model.get("map_key"), model.get("code")]).toEqual(["a", "maps = 1"]);
  });

  it("takes the nearest of the choices that are there", () => {
    const model = new SavedModel(saved());
    model.set("target", "x1");
    model.save_changes();
    model.set("method", "cam");
    model.save_changes();
    expect([model.get("method"), model.get("target"), model.get("map_key")]).toEqual(["cam", "class", "c"]);
  });

  it("refuses in words what is not there, and leaves it as it was", () => {
    /** @type {string[]} */
    const words = [];
    const model = new SavedModel(saved(), (text) => words.push(text));
    model.set("method", "d-rise");
    model.save_changes();
    expect(model.get("method")).toBe("odam");
    expect(words.length).toBe(1);
  });

  it("publishes what is said of all other choices where there is something", () => {
    const model = new SavedModel({ ...saved(), otherwise: { map_data: {} } });
    model.set("method", "d-rise");
    model.save_changes();
    expect(model.get("method")).toBe("d-rise");
    expect(model.get("map_data")).toEqual({});
  });

  it("says of the code what it does not know of", () => {
    const model = new SavedModel(saved());
    model.set("opacity", 0.5);
    model.save_changes();
    expect(model.get("code")).toBe("# the code of this page as it was saved; changed on the page since: opacity\nmaps = 1");
    model.set("opacity", 0.75);
    model.save_changes();
    expect(model.get("code")).toBe("maps = 1");
  });

  it("answers traits apart from each other", () => {
    const { state, values, answers } = saved();
    /** @type {typeof answers | any} */
    const apart = [...answers, { when: { other: null }, then: {} }, { when: { other: 1 }, then: { beside: 0 } }];
    const model = new SavedModel({ state: { ...state, other: null, beside: "" }, values, answers: apart });
    model.set("target", "x1");
    model.save_changes();
    model.set("other", 1);
    model.save_changes();
    expect([model.get("map_key"), model.get("beside"), model.get("target")]).toEqual(["b", "b", "x1"]);
    model.set("target", "class");
    model.save_changes();
    expect([model.get("map_key"), model.get("beside")]).toEqual(["a", "b"]);
  });

  it("sends a result again by its key, and leaves all other messages", () => {
    const model = new SavedModel(saved());
    let times = 0;
    model.on("change:map_data", () => (times += 1));
    model.send({ type: "maps", key: "c" });
    model.send({ type: "maps", key: "unknown" });
    model.send({ type: "cancel" });
    expect([times, model.get("map_data").key]).toEqual([1, "c"]);
    const off = () => {};
    model.on("change:code", off);
    model.off("change:code", off);
  });

  it("knows which values are there", () => {
    const model = new SavedModel(saved());
    expect(model.offered.get("method")).toEqual(["odam", "cam"]);
    expect(model.offered.has("opacity")).toBe(false);
  });
});

describe("reading", () => {
  it("puts arrays where they belong", async () => {
    const data = {
      arrays: [{ data: btoa("abc"), packed: false }],
      bundles: { explorer: 0 },
      widgets: { w0: { kind: "explorer", root: { state: { map: [{ values: null }] } }, places: [[["state", "map", 0, "values"], 0]] } },
    };
    const { widgets, bundles } = await reading(JSON.stringify(data));
    const { values } = widgets.w0.root.state.map[0];
    expect(new TextDecoder().decode(values)).toBe("abc");
    expect(bundles.explorer.byteLength).toBe(3);
  });
});
