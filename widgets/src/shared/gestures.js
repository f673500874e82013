// Pointer, touch and wheel over a picture: a click, a double click, a drag that pans, two fingers or Ctrl and wheel that zoom.

/** @typedef {import("./viewport.js").Viewport} Viewport */

const CLICK_SLACK = 4;
const DOUBLE_ZOOM = 2;

/** What to hold down so that the wheel zooms: the key's name on this machine. */
export const WHEEL_KEY = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "") ? "\u2318" : "Ctrl";

/**
 * A wheel alone scrolls the notebook, whatever has the focus; with Ctrl or Command (and so with two fingers on a
 * trackpad, which browsers report as Ctrl and wheel) it zooms. In full screen there is nothing to scroll, so it zooms.
 * @param {HTMLElement} canvas
 * @param {{viewport: Viewport, moved: () => void, pointed: (x: number, y: number) => void, left: () => void,
 *   clicked: (x: number, y: number) => void, refused: () => void}} actions `pointed` and
 *   `clicked` get image coordinates; `refused`: the wheel scrolls the notebook
 */
export function listenToGestures(canvas, { viewport, moved, pointed, left, clicked, refused }) {
  /** Where each finger, or the mouse, was last. @type {Map<number, [number, number]>} */
  const grips = new Map();
  /** Whether the gesture is more than a click. */
  let dragged = false;
  /** @param {MouseEvent} event @returns {[number, number]} */
  const screen = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  /** Two fingers: the point between them stays, their distance zooms. @param {number} id @param {[number, number]} to */
  function pinch(id, to) {
    const from = /** @type {[number, number]} */ (grips.get(id));
    const other = /** @type {[number, number]} */ ([...grips].find(([key]) => key !== id)?.[1]);
    const span = (/** @type {[number, number]} */ at) => Math.max(1, Math.hypot(at[0] - other[0], at[1] - other[1]));
    viewport.panBy((to[0] - from[0]) / 2, (to[1] - from[1]) / 2);
    viewport.zoomBy(span(to) / span(from), [(to[0] + other[0]) / 2, (to[1] + other[1]) / 2]);
    dragged = true;
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || grips.size === 2) return;
    if (grips.size === 0) dragged = false;
    grips.set(event.pointerId, screen(event));
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const to = screen(event);
    const from = grips.get(event.pointerId);
    if (!from) {
      pointed(...viewport.toImage(...to));
      return;
    }
    if (grips.size === 2) pinch(event.pointerId, to);
    else if (dragged || Math.hypot(to[0] - from[0], to[1] - from[1]) > CLICK_SLACK) {
      viewport.panBy(to[0] - from[0], to[1] - from[1]);
      dragged = true;
    } else return;
    grips.set(event.pointerId, to);
    moved();
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
    canvas.addEventListener(end, (event) => grips.delete(event.pointerId));
  }
  canvas.addEventListener("click", (event) => {
    // The second click of a double click zooms, it selects nothing.
    if (!dragged && event.detail < 2) clicked(...viewport.toImage(...screen(event)));
  });
  canvas.addEventListener("dblclick", (event) => {
    event.preventDefault();
    if (event.shiftKey) viewport.zoomBy(1 / DOUBLE_ZOOM, screen(event));
    else viewport.zoomBy(DOUBLE_ZOOM, screen(event));
    moved();
  });
  canvas.addEventListener("pointerleave", left);
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && !document.fullscreenElement) {
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

/** The hint that is shown where the wheel scrolls the notebook. */
export const WHEEL_HINT = `${WHEEL_KEY} + scroll zooms`;

/** @type {WeakMap<HTMLElement, ReturnType<typeof setTimeout>>} */
const flashing = new WeakMap();

/**
 * Show a hint for as long as it takes to read.
 * @param {HTMLElement} hint
 */
export function flash(hint) {
  clearTimeout(flashing.get(hint));
  hint.classList.add("dx-shown");
  flashing.set(
    hint,
    setTimeout(() => hint.classList.remove("dx-shown"), 1200),
  );
}
