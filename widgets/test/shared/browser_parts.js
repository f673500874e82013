// What jsdom lacks of a browser: canvases that remember what was drawn, image decoding, observed sizes.

import { vi } from "vitest";

// No test is about time, whatever else the machine does.
vi.setConfig({ testTimeout: 60_000 });

/** Stands for a 2D context: every call is kept as [name, ...arguments]. */
class FakeContext {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {unknown[][]} */
    this.calls = [];
    /** @type {Record<string, unknown>} */
    this.state = {};
    return new Proxy(this, {
      get: (target, name) => {
        if (name in target) return /** @type {any} */ (target)[name];
        if (typeof name === "string" && name in target.state) return target.state[name];
        return (/** @type {unknown[]} */ ...args) => {
          target.calls.push([name, ...args]);
          return { width: 50 };
        };
      },
      set: (target, name, value) => {
        target.state[String(name)] = value;
        return true;
      },
    });
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  getImageData(x, y, width, height) {
    return new FakeImageData(width, height);
  }
}

/** @type {WeakMap<HTMLCanvasElement, FakeContext>} */
const contexts = new WeakMap();

Object.assign(HTMLCanvasElement.prototype, {
  getContext() {
    const canvas = /** @type {HTMLCanvasElement} */ (/** @type {unknown} */ (this));
    const context = contexts.get(canvas) ?? new FakeContext(canvas);
    contexts.set(canvas, context);
    return context;
  },
  setPointerCapture() {},
});
Object.defineProperty(HTMLElement.prototype, "clientWidth", { get: () => 400, configurable: true });

class FakeImageData {
  /**
   * @param {number} width
   * @param {number} height
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.data = new Uint8ClampedArray(4 * width * height);
  }
}

Object.assign(globalThis, {
  ImageData: FakeImageData,
  ResizeObserver: class {
    observe() {}
    disconnect() {}
  },
  createImageBitmap: async () => ({ width: 40, height: 20 }),
  PointerEvent: globalThis.PointerEvent ?? MouseEvent,
});
