import { describe, expect, it } from "vitest";
import { OneResultModel } from "../../src/shared/one_result_model.js";
import { ResultCache } from "../../src/shared/result_cache.js";
import { FakeModel, someRequest, someStatus } from "./fake_model.js";

/** @param {number} limit @param {Record<string, unknown>} [changes] */
function make(limit, changes = {}) {
  const model = new FakeModel({
    objects: [{}, {}],
    selected: 0,
    method: "a",
    request: someRequest("key of a", { method: "a", selected: 0 }),
    map_key: "key of a",
    map_data: { key: "key of a", choice: { method: "a", selected: 0 } },
    status: someStatus("key of a"),
    ...changes,
  });
  const traits = ["objects", "selected", "method", "request", "map_key", "map_data", "status"];
  const options = { cache: new ResultCache(limit), decode: (/** @type {any} */ sent) => ({ key: sent.key }) };
  return { model, shared: new OneResultModel(/** @type {any} */ (model), traits, options) };
}

describe("OneResultModel", () => {
  it("knows a key only from Python, and waits for one it does not know", () => {
    const { model, shared } = make(2);
    expect([shared.wanted, shared.result?.key]).toEqual(["key of a", "key of a"]);
    shared.store.commit({ method: "b" });
    expect([shared.wanted, shared.result]).toEqual([null, null]);
    expect(shared.status).toMatchObject({ state: "busy", text: "Waiting for the kernel; if it was restarted, run this cell again" });
    model.receive({ request: someRequest("anything", { method: "b", selected: 0 }), status: someStatus("anything", { state: "busy" }) });
    expect([shared.wanted, shared.status.state]).toEqual(["anything", "busy"]);
    model.receive({ map_data: { key: "anything", choice: { method: "b", selected: 0 } }, map_key: "anything", status: someStatus("anything") });
    expect([shared.result?.key, shared.choice]).toEqual(["anything", { method: "b", selected: 0 }]);
  });

  it("shows a result that it holds at once, and requests one that it has dropped", () => {
    const { model, shared } = make(1);
    const choice = { method: "a", selected: 1 };
    model.receive({ selected: 1, request: someRequest("second", choice), map_data: { key: "second", choice }, map_key: "second" });
    expect(shared.result?.key).toBe("second");
    model.receive({ selected: 0, request: someRequest("key of a", { ...choice, selected: 0 }), map_key: "key of a" });
    expect(model.sent).toEqual([{ type: "maps", key: "key of a" }]);
    shared.store.commit({ selected: 1 });
    expect(shared.result?.key).toBe("second");
  });

  it("has nothing to wait for where nothing is selected", () => {
    const { shared } = make(2);
    shared.store.commit({ selected: null });
    expect([shared.wanted, shared.status.state, shared.selected]).toEqual(["", "idle", null]);
  });
});
