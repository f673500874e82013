// A page inside another one says how tall it is, and takes over whether that one is light or dark.

import { afterEach, describe, expect, it, vi } from "vitest";
import { framed } from "../../src/page/framed.js";
import { lightOrDark } from "../../src/page/theme.js";

/** @type {() => void} */
let resized = () => {};
vi.stubGlobal("ResizeObserver", class {
  /** @param {() => void} told */
  constructor(told) {
    resized = told;
  }
  observe() {}
});

/** Makes this window one inside another, whose messages are kept. */
function around() {
  /** @type {any[]} */
  const told = [];
  const parent = { postMessage: (/** @type {any} */ data) => told.push(data) };
  vi.spyOn(window, "parent", "get").mockReturnValue(/** @type {any} */ (parent));
  return { parent, told };
}

const say = (/** @type {any} */ source, /** @type {any} */ data) => {
  const event = new MessageEvent("message", { data });
  Object.defineProperty(event, "source", { value: source });
  window.dispatchEvent(event);
};

afterEach(() => {
  vi.restoreAllMocks();
  document.documentElement.removeAttribute("framed");
});

describe("framed", () => {
  it("does nothing on a page of its own", () => {
    const choose = vi.fn();
    framed(document, choose);
    say(window, { detxaiNbTheme: "dark" });
    expect(document.documentElement.hasAttribute("framed")).toBe(false);
    expect(choose).not.toHaveBeenCalled();
  });

  it("tells its height whenever it changes", () => {
    const { told } = around();
    vi.spyOn(document.body, "getBoundingClientRect").mockReturnValue(/** @type {any} */ ({ height: 500.4 }));
    framed(document, () => {});
    resized();
    expect(told).toEqual([{ detxaiNbPage: { height: 501 } }]);
    expect(document.documentElement.hasAttribute("framed")).toBe(true);
  });

  it("is light or dark as the page around it says, and nobody else", () => {
    const { parent } = around();
    framed(document, lightOrDark(document));
    const theme = () => document.documentElement.getAttribute("theme");
    say(parent, { detxaiNbTheme: "dark" });
    expect(theme()).toBe("dark");
    say(window, { detxaiNbTheme: "light" });
    say(parent, { detxaiNbTheme: "<b>" });
    say(parent, null);
    expect(theme()).toBe("dark");
    say(parent, { detxaiNbTheme: "light" });
    expect(theme()).toBe("light");
  });
});
