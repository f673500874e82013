// The buttons that zoom a picture.

import { button, element } from "./dom.js";

/** @param {{zoomIn: () => void, zoomOut: () => void, reset: () => void}} stage */
export function zoomTools(stage) {
  return element("div", { class: "dx-tools", role: "toolbar", "aria-label": "Zoom" }, [
    button("plus", "Zoom in (+)", () => stage.zoomIn()),
    button("minus", "Zoom out (\u2212)", () => stage.zoomOut()),
    button("reset", "Show the whole photograph (0)", () => stage.reset()),
  ]);
}
