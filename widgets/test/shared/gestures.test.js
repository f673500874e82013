import { describe, expect, it, vi } from "vitest";
import { listenToGestures } from "../../src/shared/gestures.js";
import { Viewport } from "../../src/shared/viewport.js";

function pictured() {
  const canvas = document.createElement("canvas");
  const viewport = new Viewport({ width: 400, height: 200 });
  const heard = { moved: vi.fn(), pointed: vi.fn(), left: vi.fn(), clicked: vi.fn(), refused: vi.fn() };
  listenToGestures(canvas, { viewport, ...heard });
  /** @param {string} name @param {number} x @param {number} y @param {Record<string, unknown>} [more] */
  const pointer = (name, x, y, more = {}) => {
    const event = new MouseEvent(name, { clientX: x, clientY: y, bubbles: true, cancelable: true, ...more });
    Object.assign(event, { pointerId: more.pointerId ?? 1 });
    canvas.dispatchEvent(event);
    return event;
  };
  /** @param {Record<string, unknown>} more */
  const wheel = (more) => {
    const event = new WheelEvent("wheel", { deltaY: -100, bubbles: true, cancelable: true, ...more });
    canvas.dispatchEvent(event);
    return event;
  };
  return { canvas, viewport, pointer, wheel, ...heard };
}

describe("gestures", () => {
  it("leave a wheel without Ctrl to the notebook, also after a click", () => {
    const { canvas, viewport, pointer, wheel, clicked, refused } = pictured();
    pointer("click", 100, 50, { detail: 1 });
    canvas.focus();
    expect(clicked).toHaveBeenCalledWith(100, 50);
    expect(wheel({}).defaultPrevented).toBe(false);
    expect(refused).toHaveBeenCalledOnce();
    expect(viewport.zoom).toBe(1);
    expect(wheel({ ctrlKey: true }).defaultPrevented).toBe(true);
    expect(viewport.zoom).toBeGreaterThan(1.2);
  });

  it("zoom with a double click, which selects nothing further", () => {
    const { viewport, pointer, clicked } = pictured();
    pointer("click", 100, 50, { detail: 1 });
    pointer("click", 100, 50, { detail: 2 });
    pointer("dblclick", 100, 50);
    expect(clicked).toHaveBeenCalledOnce();
    expect(viewport.zoom).toBe(2);
    expect(viewport.toImage(100, 50)).toEqual([100, 50]);
    pointer("dblclick", 100, 50, { shiftKey: true });
    expect(viewport.zoom).toBe(1);
  });

  it("zoom with two fingers about the point between them, and pan with one", () => {
    const { viewport, pointer, clicked, moved } = pictured();
    pointer("pointerdown", 100, 100, { pointerId: 1 });
    pointer("pointerdown", 200, 100, { pointerId: 2 });
    pointer("pointermove", 300, 100, { pointerId: 2 });
    expect(viewport.zoom).toBe(2);
    expect(moved).toHaveBeenCalledOnce();
    pointer("pointerup", 300, 100, { pointerId: 2 });
    const { x } = viewport;
    pointer("pointermove", 80, 100, { pointerId: 1 });
    expect(viewport.x).toBe(x + 10);
    pointer("pointerup", 80, 100, { pointerId: 1 });
    pointer("click", 80, 100, { detail: 1 });
    expect(clicked).not.toHaveBeenCalled();
  });
});
