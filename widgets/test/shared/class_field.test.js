import { afterEach, describe, expect, it } from "vitest";
import { classField, completions } from "../../src/shared/class_field.js";
import { Store } from "../../src/shared/state.js";
import { FakeModel } from "./fake_model.js";

const NAMES = ["crane", "tabby cat", "catamaran", "bobcat", "<b>cat</b>", "cat", "crane"];

afterEach(() => document.body.replaceChildren());

/** @param {Record<string, unknown>} [choices] */
function field(choices = { subject: "class", classes: NAMES }) {
  const model = new FakeModel({ choices, class_answer: { typed: "", text: "", near: [] } });
  const made = classField(new Store(/** @type {any} */ (model), ["choices", "class_answer"]));
  document.body.append(made.root);
  const input = /** @type {HTMLInputElement} */ (made.root.querySelector("input"));
  const options = () => [...made.root.querySelectorAll("[role=option]")];
  const type = (/** @type {string} */ text) => {
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const press = (/** @type {string} */ key) => {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    input.dispatchEvent(event);
    return event;
  };
  return { ...made, model, input, options, type, press };
}

describe("completions", () => {
  it("are the name itself, then names that begin so, then those of which a word does, then the others", () => {
    expect(completions(NAMES, "CAT").map((n) => NAMES[n])).toEqual(["cat", "catamaran", "tabby cat", "<b>cat</b>", "bobcat"]);
    expect(completions(NAMES, " ")).toEqual([]);
    expect(completions(Array.from({ length: 1000 }, (_, i) => `class ${i}`), "class")).toHaveLength(8);
  });
});

describe("the field for a class", () => {
  it("is a combobox with a name, and hidden where a detector finds objects", () => {
    const { root, input } = field();
    expect(root.hidden).toBe(false);
    expect(input.getAttribute("role")).toBe("combobox");
    expect(root.querySelector(`label[for="${input.id}"]`)?.textContent).toBe("Another class");
    expect(input.dataset.lmSuppressShortcuts).toBe("true");
    expect(field({ subject: "object" }).root.hidden).toBe(true);
  });

  it("offers names as text, moves through them with the arrow keys, and Enter asks for one", () => {
    const { input, options, type, press, model } = field();
    type("cat");
    expect(options().map((o) => o.textContent)).toEqual(["cat", "catamaran", "tabby cat", "<b>cat</b>", "bobcat"]);
    expect(input.getAttribute("aria-expanded")).toBe("true");
    press("ArrowDown");
    press("ArrowDown");
    expect(input.getAttribute("aria-activedescendant")).toBe(options()[1].id);
    expect(options()[1].getAttribute("aria-selected")).toBe("true");
    expect(press("Enter").defaultPrevented).toBe(true);
    expect(model.sent).toEqual([{ type: "class", name: 2 }]);
    expect(options()).toHaveLength(0);
  });

  it("tells classes of one name apart, takes a name as it is typed, and closes with Escape", () => {
    const { options, type, press, model } = field();
    type("crane");
    expect(options().map((o) => o.textContent)).toEqual(["crane (0)", "crane (6)"]);
    press("Escape");
    expect(options()).toHaveLength(0);
    press("Enter");
    type(" mug ");
    press("Enter");
    type("");
    press("Enter");
    expect(model.sent).toEqual([
      { type: "class", name: 0 },
      { type: "class", name: "mug" },
    ]);
  });

  it("says what is wrong with a name, offers the nearest, and is empty again once a class is listed", () => {
    const { root, input, model, show, type, press } = field();
    type("catt");
    press("Enter");
    model.receive({ class_answer: { typed: "catt", text: "this classifier has no class 'catt'; did you mean 'cat'?", near: ["cat"] } });
    show();
    expect(root.querySelector("[role=status]")?.textContent).toContain("This classifier has no class 'catt'; did you mean 'cat'?");
    expect(input.value).toBe("catt");
    /** @type {HTMLButtonElement} */ (root.querySelector(".dx-near button")).click();
    expect(model.sent.pop()).toEqual({ type: "class", name: "cat" });
    model.receive({ class_answer: { typed: "cat", text: "", near: [] } });
    show();
    expect(input.value).toBe("");
    expect(root.querySelector(".dx-answer")?.textContent).toBe("");
  });
});
