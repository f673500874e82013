// What a test does with a widget in a page.

import { afterEach } from "vitest";
import { FakeModel } from "./fake_model.js";

/** @type {Array<() => void>} */
let cleanups = [];

/** Take everything away now; it also happens after each test. */
export function clean() {
  for (const cleanup of cleanups) cleanup();
  cleanups = [];
}

/** Call this once in a file of tests. */
export function cleanAfterEach() {
  afterEach(() => {
    clean();
    document.body.replaceChildren();
  });
}

export const painted = () => new Promise((resolve) => requestAnimationFrame(resolve));

/**
 * Show a widget over a model.
 * @param {any} widget what the bundle exports
 * @param {Record<string, unknown>} state
 */
export async function open(widget, state) {
  const model = new FakeModel(state);
  const el = document.createElement("div");
  document.body.append(el);
  const definition = widget();
  const given = /** @type {any} */ ({ model, el });
  cleanups.push(definition.initialize(given), definition.render(given));
  await painted();
  const root = /** @type {HTMLElement} */ (el.querySelector(".dx-root"));
  const all = (/** @type {string} */ query) => /** @type {HTMLElement[]} */ ([...el.querySelectorAll(query)]);
  const get = (/** @type {string} */ query) => all(query)[0];
  return { model, el, root, all, get };
}

/**
 * @param {HTMLElement} target
 * @param {string} key
 * @param {Record<string, unknown>} [more]
 */
export function press(target, key, more = {}) {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  target.dispatchEvent(event);
  return event;
}

/** @param {HTMLElement} root @param {string} label */
export function control(root, label) {
  const found = [...root.querySelectorAll("label")].find((l) => l.textContent === label);
  return /** @type {HTMLInputElement} */ (document.getElementById(found?.htmlFor ?? ""));
}

/** @param {HTMLElement} input @param {string} name */
export const fire = (input, name) => input.dispatchEvent(new Event(name, { bubbles: true }));

/**
 * Move the pointer over an element.
 * @param {HTMLElement} target
 * @param {number} x
 * @param {number} y
 */
export const point = (target, x, y) =>
  target.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y, bubbles: true }));

/** Elements that take the keyboard without saying so, or without a name. @param {HTMLElement} root */
export function unmarked(root) {
  const takers = /** @type {HTMLElement[]} */ ([...root.querySelectorAll("button, select, input, [tabindex]")]);
  return takers
    .filter((taker) => {
      const named = taker.getAttribute("aria-label") || taker.textContent || taker.closest("label");
      const labelled = taker.id && root.querySelector(`label[for="${taker.id}"]`);
      return taker.dataset.lmSuppressShortcuts !== "true" || !(named || labelled);
    })
    .map((taker) => taker.outerHTML);
}
