// Living widgets in frames: as tall as they are, and light or dark as this page is.

/** Tells a frame whether this page is light or dark. */
function tellTheme(frame) {
  frame.contentWindow?.postMessage({ detxaiNbTheme: document.documentElement.dataset.theme }, "*");
}

document.addEventListener("DOMContentLoaded", () => {
  const frames = [...document.querySelectorAll("iframe.living-frame")];
  if (!frames.length) return;
  for (const frame of frames) frame.addEventListener("load", () => tellTheme(frame));
  window.addEventListener("message", ({ source, data }) => {
    const height = data?.detxaiNbPage?.height;
    const frame = frames.find((one) => one.contentWindow === source);
    if (!frame || !Number.isFinite(height)) return;
    // Less than a pixel of border is no reason to scroll.
    frame.style.height = `${Math.min(Math.max(height, 80), 4000) + 2}px`;
    tellTheme(frame);
  });
  new MutationObserver(() => frames.forEach(tellTheme)).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-theme"],
  });
});
