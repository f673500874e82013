// Pointer and wheel over a picture: a click, a drag that pans, a wheel that zooms where the picture has the focus.

/** @typedef {import("./viewport.js").Viewport} Viewport */

const CLICK_SLACK = 4;

/**
 * @param {HTMLElement} canvas
 * @param {{viewport: Viewport, moved: () => void, pointed: (x: number, y: number) => void, left: () => void,
 *   clicked: (x: number, y: number) => void, focused: () => boolean, refused: () => void}} actions `pointed` and
 *   `clicked` get image coordinates; `refused`: the wheel scrolls the notebook, as the picture has no focus
 */
export function listenToGestures(canvas, { viewport, moved, pointed, left, clicked, focused, refused }) {
  /** @type {{x: number, y: number, moved: boolean} | null} */
  let grip = null;
  /** @param {MouseEvent} event @returns {[number, number]} */
  const screen = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [x, y] = screen(event);
    grip = { x, y, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = screen(event);
    if (grip && (grip.moved || Math.hypot(x - grip.x, y - grip.y) > CLICK_SLACK)) {
      viewport.panBy(x - grip.x, y - grip.y);
      grip = { x, y, moved: true };
      moved();
      return;
    }
    pointed(...viewport.toImage(x, y));
  });
  canvas.addEventListener("pointerup", (event) => {
    const click = grip !== null && !grip.moved;
    grip = null;
    if (click) clicked(...viewport.toImage(...screen(event)));
  });
  canvas.addEventListener("pointercancel", () => (grip = null));
  canvas.addEventListener("pointerleave", left);
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && !focused()) {
        refused();
        return;
      }
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      viewport.zoomBy(Math.exp((-event.deltaY * lines) / 400), screen(event));
      moved();
    },
    { passive: false },
  );
}

/**
 * Tell that a click comes first, for as long as it takes to read.
 * @param {HTMLElement} hint
 */
export function flash(hint) {
  hint.classList.add("dx-shown");
  setTimeout(() => hint.classList.remove("dx-shown"), 1200);
}
