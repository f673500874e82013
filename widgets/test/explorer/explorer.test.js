import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import widget from "../../src/explorer/index.js";
import { TRAITS } from "../../src/explorer/model.js";
import { decidingAt, decodeMaps } from "../../src/shared/maps.js";
import { PATIENCE } from "../../src/shared/progress.js";
import { point } from "../shared/page.js";
import { FakeModel, someChoice, somePackage, someRequest, someState, someStatus } from "../shared/fake_model.js";

const FIRST = "odam|class|neck|positive";
const GRAD_CAM = { method: "grad-cam" };
/** What Python sends of another choice: its key. @param {string} key @param {Record<string, unknown>} changes */
const requested = (key, changes) => ({ ...changes, request: someRequest(key, someChoice(changes)) });
/** Maps, and the choice they stand for. @param {string} key @param {Record<string, unknown>} changes @param {{signed?: boolean}} [options] */
const packaged = (key, changes, options) => ({ ...somePackage(key, options), choice: someChoice(changes) });
/** @type {Array<() => void>} */
let cleanups = [];

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => {
  for (const cleanup of cleanups) cleanup();
  cleanups = [];
  vi.useRealTimers();
  document.body.replaceChildren();
});

const painted = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** @param {Record<string, unknown>} [changes] */
async function show(changes) {
  const model = new FakeModel(someState(changes));
  const el = document.createElement("div");
  document.body.append(el);
  const definition = widget();
  const given = /** @type {any} */ ({ model, el });
  cleanups.push(definition.initialize(given));
  cleanups.push(definition.render(given));
  await painted();
  const root = /** @type {HTMLElement} */ (el.querySelector(".dx-explorer"));
  const canvas = /** @type {HTMLCanvasElement} */ (el.querySelector("canvas.dx-canvas"));
  const get = (/** @type {string} */ query) => /** @type {HTMLElement} */ (el.querySelector(query));
  return { model, el, root, canvas, get };
}

/**
 * @param {HTMLElement} target
 * @param {string} key
 * @param {Record<string, unknown>} [more]
 */
function press(target, key, more = {}) {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  target.dispatchEvent(event);
  return event;
}

/** @param {HTMLElement} root @param {string} label */
function control(root, label) {
  const found = [...root.querySelectorAll("label")].find((l) => l.textContent === label);
  return /** @type {HTMLInputElement} */ (document.getElementById(found?.htmlFor ?? ""));
}

/** @param {HTMLElement} input @param {string} name */
const fire = (input, name) => input.dispatchEvent(new Event(name, { bubbles: true }));

describe("Explorer", () => {
  it("reads only the traits it lists", () => {
    expect(new Set(Object.keys(someState()))).toEqual(new Set(TRAITS));
  });

  it("is ready once the photograph is painted, and tells what the map shows", async () => {
    const { root, get } = await show();
    expect(root.dataset.ready).toBe("true");
    expect(root.dataset.shown).toBe(`${FIRST}#0`);
    expect(get("[role=status]").textContent).toContain("62% of the map\u2019s energy inside the box");
    expect([...root.querySelectorAll(".dx-bar-ticks span")].map((s) => s.textContent)).toEqual(["0", "2.50", "5.00"]);
  });

  it("takes names as text", async () => {
    const { root } = await show({ status: someStatus(FIRST, { state: "error", text: "<img src=y>" }) });
    expect(root.querySelector("img")).toBe(null);
    expect(root.querySelectorAll("[role=option]")[1].textContent).toContain("<img src=x onerror=alert(1)>");
    expect(root.querySelector("[role=alert]")?.textContent).toContain("<img src=y>");
  });

  it("selects by keys, each with one message, and keeps those keys to itself", async () => {
    const { model, canvas, root } = await show();
    const outside = vi.fn();
    document.body.addEventListener("keydown", outside);
    const event = press(canvas, "ArrowRight");
    expect(model.saved).toEqual([{ selected: 1 }]);
    expect(event.defaultPrevented).toBe(true);
    expect(outside).not.toHaveBeenCalled();
    expect(root.querySelectorAll("[role=option]")[1].getAttribute("aria-selected")).toBe("true");
    press(canvas, "Escape");
    expect(model.get("selected")).toBe(null);
    const foreign = press(canvas, "ArrowRight", { ctrlKey: true });
    expect(foreign.defaultPrevented).toBe(false);
    expect(model.get("selected")).toBe(null);
    document.body.removeEventListener("keydown", outside);
  });

  it("tells the value of the selected object's map at the point, also when another is selected by key", async () => {
    const { get, model } = await show();
    const canvas = get("canvas.dx-canvas");
    const shown = parseFloat(canvas.style.width) / 40;
    point(canvas, 18.5 * shown, 5.5 * shown);
    const before = get(".dx-readout").textContent;
    expect(before).toMatch(/ at x \d+, y \d+/);
    model.receive({ selected: 1 });
    const after = get(".dx-readout").textContent;
    expect(after).toMatch(/ at x \d+, y \d+/);
    expect(after).not.toBe(before);
  });

  it("points the list's active option to the selection", async () => {
    const { get, root } = await show();
    const list = get("[role=listbox]");
    press(list, "End");
    const active = document.getElementById(list.getAttribute("aria-activedescendant") ?? "");
    expect(active).toBe(root.querySelectorAll("[role=option]")[1]);
  });

  it("marks every element that takes the keyboard", async () => {
    const { root } = await show();
    const takers = [...root.querySelectorAll("button, select, input, [tabindex]")];
    expect(takers.length).toBeGreaterThan(12);
    for (const taker of takers) expect(/** @type {HTMLElement} */ (taker).dataset.lmSuppressShortcuts).toBe("true");
    for (const taker of takers) {
      const named = taker.getAttribute("aria-label") || taker.textContent || taker.closest("label");
      const labelled = taker.id && root.querySelector(`label[for="${taker.id}"]`);
      expect(named || labelled, taker.outerHTML).toBeTruthy();
    }
  });

  it("moves a slider without a message until it is let go", async () => {
    const { model, root } = await show();
    const slider = control(root, "Opacity");
    for (const value of ["0.5", "0.4", "0.3"]) {
      slider.value = value;
      fire(slider, "input");
    }
    expect(model.saved).toEqual([]);
    expect(slider.getAttribute("aria-valuetext")).toBe("30%");
    fire(slider, "change");
    expect(model.saved).toEqual([{ opacity: 0.3 }]);
  });

  it("shows maps that it holds at once, without asking for them", async () => {
    const { model, root } = await show();
    const method = control(root, "Method");
    method.value = "grad-cam";
    fire(method, "change");
    expect(model.saved).toEqual([{ method: "grad-cam" }]);
    model.receive(requested("grad-cam|class|neck|", GRAD_CAM));
    model.receive({ map_data: packaged("grad-cam|class|neck|", GRAD_CAM), map_key: "grad-cam|class|neck|" });
    expect(control(root, "Evidence").closest(".dx-row")?.hasAttribute("hidden")).toBe(true);
    method.value = "odam";
    fire(method, "change");
    await painted();
    expect(root.dataset.shown).toBe(`${FIRST}#0`);
    expect(model.sent).toEqual([]);
  });

  it("asks once for maps that the kernel has and it does not", async () => {
    const { model } = await show();
    model.receive({ ...requested("grad-cam|class|neck|", GRAD_CAM), map_key: "grad-cam|class|neck|" });
    model.receive({ status: someStatus("grad-cam|class|neck|") });
    expect(model.sent).toEqual([{ type: "maps", key: "grad-cam|class|neck|" }]);
  });

  it("offers diverging colour maps for signed maps", async () => {
    const key = "odam|class|neck|signed";
    const { model, root } = await show({
      ...requested(key, { direction: "signed" }),
      map_key: key,
      map_data: packaged(key, { direction: "signed" }, { signed: true }),
    });
    const colours = control(root, "Colours");
    expect([...colours.querySelectorAll("option")].map((o) => o.value)).toEqual(["inverse"]);
    expect([...root.querySelectorAll(".dx-bar-ticks span")].map((s) => s.textContent)).toEqual(["\u22125.00", "0", "5.00"]);
    expect(model.saved).toEqual([]);
  });

  it("shows progress after a while, and cancels", async () => {
    const { model, get } = await show();
    const key = "grad-cam|class|neck|";
    model.receive({ ...requested(key, GRAD_CAM), status: someStatus(key, { state: "busy", done: 1, total: 4 }) });
    const strip = get(".dx-progress");
    expect(strip.hidden).toBe(true);
    vi.advanceTimersByTime(PATIENCE + 1);
    expect(strip.hidden).toBe(false);
    expect(get("[role=progressbar]").getAttribute("aria-valuenow")).toBe("25");
    get(".dx-cancel").click();
    expect(model.sent).toEqual([{ type: "cancel" }]);
    model.receive({ ...requested(FIRST, { method: "odam" }), status: someStatus(FIRST) });
    expect(strip.hidden).toBe(true);
  });

  it("tells that it waits for a kernel that does not answer", async () => {
    const { get, model, root } = await show();
    const target = control(root, "Explain");
    target.value = "x1";
    fire(target, "change");
    vi.advanceTimersByTime(PATIENCE + 1);
    expect(get(".dx-progress").hidden).toBe(false);
    expect(get(".dx-progress-text").textContent).toBe("Waiting for the kernel; if it was restarted, run this cell again");
    get(".dx-cancel").click();
    expect(model.sent).toEqual([]);
    expect(model.get("target")).toBe("class");
    expect(get(".dx-progress").hidden).toBe(true);
  });

  it("shows an error in words until the next result, and no map meanwhile", async () => {
    const { model, get, root } = await show();
    model.receive(requested("odam|x1|neck|positive", { target: "x1" }));
    model.receive({ map_key: "", status: someStatus("odam|x1|neck|positive", { state: "error", text: "no head" }) });
    await painted();
    expect(get("[role=alert]").hidden).toBe(false);
    expect(root.dataset.shown).toBe("");
    model.receive(requested(FIRST, { target: "class" }));
    model.receive({ map_key: FIRST, status: someStatus(FIRST) });
    await painted();
    expect(get("[role=alert]").hidden).toBe(true);
    expect(root.dataset.shown).toBe(`${FIRST}#0`);
  });

  it("shows the photograph and a notice where nothing was found", async () => {
    const notice = "Nothing was found; the highest score was 0.210.";
    const { root, get, canvas, model } = await show({ objects: [], selected: null, notice, request: someRequest("", someChoice()), map_key: "", map_data: {} });
    expect(root.dataset.ready).toBe("true");
    expect(get("[role=status]").textContent).toBe(notice);
    press(canvas, "ArrowRight");
    expect(model.saved).toEqual([]);
  });

  it("keeps two views of one widget in step, also under a moving slider", async () => {
    const model = new FakeModel(someState());
    const definition = widget();
    const roots = [1, 2].map(() => document.body.appendChild(document.createElement("div")));
    cleanups.push(definition.initialize(/** @type {any} */ ({ model })));
    for (const el of roots) cleanups.push(definition.render(/** @type {any} */ ({ model, el })));
    await painted();
    const [first, second] = roots.map((root) => control(root, "Hide below"));
    first.value = "0.4";
    fire(first, "input");
    expect(second.value).toBe("0.4");
    press(/** @type {HTMLElement} */ (roots[1].querySelector("canvas.dx-canvas")), "ArrowRight");
    expect(roots[0].querySelectorAll("[role=option]")[1].getAttribute("aria-selected")).toBe("true");
    expect(model.saved).toEqual([{ selected: 1 }]);
  });

  it("lets go of everything", async () => {
    const { model, el } = await show();
    for (const cleanup of cleanups) cleanup();
    cleanups = [];
    expect(el.children.length).toBe(0);
    model.receive({ opacity: 0.1 });
  });
});

const OTHERS = [
  { own: "cup", offered: [{ name: "lid", title: "lid 0.20" }, { name: "jar", title: "jar 0.10" }] },
  { own: "lid", offered: [{ name: "cup", title: "cup 0.30" }] },
];

describe("Explorer of a class rather than another", () => {
  const choices = () => {
    const given = /** @type {any} */ (someState().choices);
    return { ...given, methods: given.methods.map((/** @type {any} */ m) => ({ ...m, contrasts: m.name === "odam" })), targets: [...given.targets, { name: "combined", title: "Class and sides" }] };
  };

  it("offers the other classes of the selected object, as far as method and target have a contrast", async () => {
    const { model, root } = await show({ others: OTHERS, choices: choices() });
    const list = control(root, "Rather than");
    const titles = () => [.../** @type {any} */ (list).options].map((/** @type {HTMLOptionElement} */ o) => o.textContent);
    expect(titles()).toEqual(["any other", "lid 0.20", "jar 0.10"]);
    list.value = "jar";
    fire(list, "change");
    expect(model.saved).toEqual([{ against: "jar" }]);
    model.receive({ selected: 1 });
    expect(titles()).toEqual(["any other", "cup 0.30", "jar"]);
    model.receive({ target: "x1" });
    expect(/** @type {HTMLElement} */ (list.closest(".dx-row")).hidden).toBe(true);
    model.receive({ target: "class", method: "grad-cam" });
    expect(/** @type {HTMLElement} */ (list.closest(".dx-row")).hidden).toBe(true);
  });

  it("waits for nothing where the object is of the other class itself, and says so", async () => {
    const sent = { ...somePackage(FIRST), rows: [0], choice: someChoice() };
    sent.grids = sent.grids.slice(0, 1);
    const { root, get } = await show({ others: OTHERS, choices: choices(), selected: 1, against: "lid", map_data: sent });
    expect(root.dataset.ready).toBe("true");
    expect(get("[role=status]").textContent).toContain("of the very class that the others are explained against");
  });

  it("says the unit of what is explained, and which part of a joined map decides where", async () => {
    const parts = [{ title: "Class", color: "#0072b2", share: 0.02 }, { title: "Top side", color: "#009e73", share: 0.98 }];
    const sent = { ...somePackage(FIRST), unit: "probability or strides", choice: someChoice() };
    sent.grids = sent.grids.map((grid) => ({ ...grid, deciding: btoa(String.fromCharCode(0, 1, 255, 1, 1, 0)), parts }));
    const { el, get } = await show({ map_data: sent, choices: choices(), target: "combined" });
    expect(get(".dx-bar-unit").textContent).toBe("probability or strides");
    expect(get(".dx-deciding").hidden).toBe(false);
    expect([...el.querySelectorAll(".dx-deciding-parts li")].map((li) => li.textContent)).toEqual(["Class 2%", "Top side 98%"]);
    expect([...decodeMaps(sent).maps[0].deciding ?? []]).toEqual([0, 1, -1, 1, 1, 0]);
    expect(decidingAt(decodeMaps(sent).maps[0], 39, 1)).toBe(-1);
    expect(decidingAt(decodeMaps(sent).maps[0], 1, 1)).toBe(0);
  });

  it("lists what was missed after what was found, and shows the map of the best candidate of the one that is chosen", async () => {
    const miss = { name: "<b>lid</b>", score: 0.2, box: [1, 1, 9, 9], color: "#b4b8be", missed: "background", why: "background: a box, but no class", about: "IoU 0.60, score 0.20" };
    const misses = [
      { ...miss, candidate: { name: "cup", score: 0.21, box: [2, 2, 9, 9] }, explained: true },
      { ...miss, missed: "proposal", about: "", candidate: null, explained: false },
    ];
    const { model, canvas, root, el, get } = await show({ misses });
    const found = /** @type {unknown[]} */ (model.get("objects")).length;
    const options = () => [...el.querySelectorAll("[role=option]")];
    expect(options().map((one) => one.classList.contains("dx-missed"))).toEqual([...Array(found).fill(false), true, true]);
    expect(options()[found].textContent).toBe("<b>lid</b>background0.20");
    expect(el.querySelector("b")).toBe(null);
    for (let i = 0; i < found; i++) press(canvas, "ArrowRight");
    expect([model.get("selected"), model.get("miss")]).toEqual([null, 0]);
    expect(root.querySelectorAll("[aria-selected=true]").length).toBe(1);
    await painted();
    expect([root.dataset.ready, root.dataset.shown]).toEqual(["false", ""]);
    const choice = someChoice({ miss: 0 });
    model.receive({ request: someRequest("miss 0|odam", choice), map_data: { ...somePackage("miss 0|odam"), choice }, map_key: "miss 0|odam", status: someStatus("miss 0|odam") });
    await painted();
    expect([root.dataset.ready, root.dataset.shown]).toEqual(["true", `miss 0|odam#${found}`]);
    expect(get("[role=status]").textContent).toContain("<b>lid</b>, missed, background: a box, but no class. Best candidate (white box): IoU 0.60, score 0.20.");
    press(canvas, "ArrowRight");
    model.receive({ request: someRequest("", someChoice({ miss: 1 })) });
    await painted();
    expect([model.get("miss"), root.dataset.ready, root.dataset.shown]).toEqual([1, "true", ""]);
    expect(get("[role=status]").textContent).toContain("No prediction comes near enough to be explained.");
    press(canvas, "ArrowRight");
    expect([model.get("selected"), model.get("miss")]).toEqual([0, null]);
  });
});
