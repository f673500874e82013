// Arrays on their way: what arrives as bytes is left alone, what arrives as text is decoded, what is lost is asked for once.

import { describe, expect, it } from "vitest";
import { WholeModel, wholeValue } from "../../src/shared/transport.js";
import { widget } from "../../src/shared/view.js";
import { FakeModel, probe } from "./fake_model.js";

const view = (/** @type {number[]} */ ...bytes) => new DataView(Uint8Array.from(bytes).buffer);
const bytesOf = (/** @type {DataView} */ { buffer, byteOffset, byteLength }) => [...new Uint8Array(buffer, byteOffset, byteLength)];
const sealed = (/** @type {unknown} */ data, /** @type {number} */ length) => ({ kind: "a", data, _lengths: [[["data"], length]] });
const text = (/** @type {number[]} */ ...bytes) => btoa(String.fromCharCode(...bytes));

describe("wholeValue", () => {
  it("leaves what arrived as bytes as it is, and what has none", () => {
    for (const value of [sealed(view(1, 200), 2), { kind: "a" }, [1], "text", null, 0]) expect(wholeValue(value)).toBe(value);
  });

  it.each([
    ["base64", text(1, 200, 3)],
    ["an ArrayBuffer", Uint8Array.of(1, 200, 3).buffer],
    ["a part of an array", Uint8Array.of(9, 1, 200, 3, 9).subarray(1, 4)],
  ])("makes a DataView of %s", (_, data) => {
    const value = sealed(data, 3);
    expect(bytesOf(wholeValue(value).data)).toEqual([1, 200, 3]);
    expect(value.data).toBe(data);
  });

  it("puts arrays in their places at any depth, and shares the rest", () => {
    const value = { about: {}, sets: [{ values: text(1) }, { values: view(2) }], _lengths: [[["sets", 0, "values"], 1], [["sets", 1, "values"], 1]] };
    const whole = wholeValue(value);
    expect(whole.sets.map((/** @type {any} */ one) => bytesOf(one.values))).toEqual([[1], [2]]);
    expect(whole.about).toBe(value.about);
    expect(whole.sets[1]).toBe(value.sets[1]);
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["an object without its bytes", {}],
    ["too few bytes", view(1)],
    ["too few bytes as text", text(1)],
    ["an address", "http://127.0.0.1:9/blob/0a1b"],
  ])("knows that %s is not the array", (_, data) => {
    expect(wholeValue(sealed(data, 3))).toBe(undefined);
    expect(wholeValue({ sets: data, _lengths: [[["sets", 0, "values"], 3]] })).toBe(undefined);
  });

  it("takes an empty array for what it is, whatever became of it", () => {
    expect(wholeValue(sealed(undefined, 0)).data.byteLength).toBe(0);
  });
});

describe("WholeModel", () => {
  it("keeps the value before while one is lost, says so once, and goes on when it comes as text", () => {
    const model = new FakeModel({ photo: sealed(view(1), 1), other: sealed(view(2), 1) });
    const whole = new WholeModel(/** @type {any} */ (model));
    /** @type {number[][]} */
    const heard = [];
    const listener = () => void heard.push(bytesOf(whole.get("photo").data));
    whole.on("change:photo", listener);
    whole.on("change:other", () => void heard.push([]));
    expect(whole.get("photo")).toBe(model.get("photo"));
    model.receive({ photo: sealed(undefined, 2), other: sealed({}, 2) });
    expect([bytesOf(whole.get("photo").data), whole.get("other").kind, heard]).toEqual([[1], "a", []]);
    expect(model.sent).toEqual([{ type: "bytes lost" }]);
    model.receive({ photo: sealed(text(3, 4), 2) });
    expect(heard).toEqual([[3, 4]]);
    expect(whole.get("photo")).toBe(whole.get("photo"));
    whole.off("change:photo", listener);
    model.receive({ photo: sealed(view(5), 1) });
    expect([heard.length, model.sent.length]).toEqual([1, 1]);
  });
});

describe("A widget", () => {
  const definition = widget(
    (model) => /** @type {any} */ ({ model, store: { dispose: () => {} } }),
    ({ model }, host) => {
      host.append(bytesOf(model.get("photo").data).join());
      return { dispose: () => host.replaceChildren() };
    },
  );
  const start = (/** @type {FakeModel} */ model) => {
    const el = document.createElement("div");
    const { initialize, render } = definition();
    const given = /** @type {any} */ ({ model, el });
    return { el, ends: [initialize(given), render(given)] };
  };

  it("sends nothing and waits for nothing where bytes arrive", () => {
    const model = new FakeModel({ photo: sealed(view(1, 2), 2) });
    const { el, ends } = start(model);
    expect([el.textContent, model.sent]).toEqual(["1,2", []]);
    for (const end of ends) end();
    expect(el.textContent).toBe("");
  });

  it.each([
    ["lost", undefined],
    ["altered", new DataView(new Uint8Array(128).fill(127).buffer)],
  ])("waits in words where the bytes that it begins with are %s", (_, data) => {
    const model = new FakeModel({ _probe: { ...probe(), data }, photo: sealed(undefined, 2) });
    const { el, ends } = start(model);
    expect(el.textContent).toContain("Waiting for the kernel");
    expect(model.sent).toEqual([{ type: "bytes lost" }]);
    model.receive({ photo: sealed(text(1, 2), 2), _probe: { ...probe(), data: text(...Array.from({ length: 128 }, (_, i) => 128 + i)) } });
    expect([el.textContent, model.sent.length]).toEqual(["1,2", 1]);
    for (const end of ends) end();
    expect(el.textContent).toBe("");
  });

  it("can be closed while it waits", () => {
    const model = new FakeModel({ _probe: { ...probe(), data: null } });
    const { el, ends } = start(model);
    for (const end of ends) end();
    model.receive({ _probe: probe() });
    expect(el.textContent).toBe("");
  });
});
