import { describe, expect, it } from "vitest";
import { Viewport, placeFor } from "../../src/shared/viewport.js";

describe("a picture's place", () => {
  it("is as wide as there is room, whatever the photograph", () => {
    expect(placeFor({ width: 400, height: 300 }, 700, 640)).toEqual({ width: 700, height: 525 });
    expect(placeFor({ width: 300, height: 1200 }, 700, 640)).toEqual({ width: 700, height: 640 });
    expect(placeFor({ width: 4000, height: 400 }, 700, 640)).toEqual({ width: 700, height: 224 });
    expect(placeFor({ width: 1, height: 9000 }, 0.2, 640)).toEqual({ width: 1, height: 640 });
  });

  it("holds a portrait in its middle, and is filled when that is zoomed", () => {
    const viewport = new Viewport({ width: 300, height: 1200 });
    viewport.resize({ width: 700, height: 600 });
    expect(viewport.view).toEqual({ scale: 0.5, x: -550, y: 0 });
    expect(viewport.toImage(350, 300)).toEqual([150, 600]);
    expect(viewport.visible).toEqual({ x: 0, y: 0, width: 300, height: 1200 });
    viewport.zoomBy(2);
    expect(viewport.view).toEqual({ scale: 1, x: -200, y: 300 });
    viewport.zoomBy(4);
    expect(viewport.view).toEqual({ scale: 4, x: 62.5, y: 525 });
    expect(viewport.visible).toEqual({ x: 62, y: 525, width: 176, height: 150 });
    viewport.panBy(-9999, 0);
    expect(viewport.x).toBe(125);
  });
});
