// The buttons that zoom a picture, and full screen.

import { button, element } from "./dom.js";

/** @param {{zoomIn: () => void, zoomOut: () => void, reset: () => void, whole: () => void}} stage */
export function zoomTools(stage) {
  return element("div", { class: "dx-tools", role: "toolbar", "aria-label": "Zoom" }, [
    button("plus", "Zoom in (+)", () => stage.zoomIn()),
    button("minus", "Zoom out (\u2212)", () => stage.zoomOut()),
    button("reset", "Show the whole photograph (0)", () => stage.reset()),
    fullScreenButton(() => stage.whole()),
  ]);
}

/** @param {() => void} whole */
export function fullScreenButton(whole) {
  const made = button("full", "Full screen (Shift + F)", whole);
  // A host that allows none, such as a frame without that permission, gets no button.
  made.hidden = !document.fullscreenEnabled;
  return made;
}

/**
 * Take a widget to full screen, or back.
 * @param {Element} inside any element of the widget
 * @param {() => void} refused the browser allows none here
 */
export async function fullScreen(inside, refused) {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await inside.closest(".dx-root")?.requestFullscreen();
  } catch {
    refused();
  }
}
