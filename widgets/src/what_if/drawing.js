// Drawing on the picture: a stroke, a box or a lasso by the pointer; the region by keys.

import { rounded } from "./shapes.js";

/** @typedef {import("./model.js").WhatIf} WhatIf */
/** @typedef {import("./shapes.js").Shape} Shape */
/** @typedef {import("../shared/stage.js").Stage} Stage */

/** A box or lasso that is smaller than this on the screen is taken for a slip. */
const SLACK = 3;

/**
 * Draw with the tool that is chosen; the stage behind it then neither pans nor selects.
 * @param {WhatIf} whatIf
 * @param {Stage} stage
 * @param {() => void} changed what is being drawn has changed
 */
export function listenToDrawing(whatIf, stage, changed) {
  const { store } = whatIf;
  const { canvas, viewport } = stage;
  /** @type {{id: number, points: number[][], added: boolean, tool: string} | null} */
  let hand = null;
  const drawing = () => store.get("tool") !== "select";
  const inside = (/** @type {Event} */ event) => event.target === canvas;

  /** @param {PointerEvent} event @returns {number[]} */
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return viewport.toImage(event.clientX - box.left, event.clientY - box.top).map(rounded);
  };

  /** What is drawn so far; null for a slip. @returns {Shape | null} */
  function shape() {
    if (!hand) return null;
    const { points, tool } = hand;
    if (tool === "brush") return { kind: "stroke", points, radius: store.get("radius") };
    const [across, down] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const box = [Math.min(...across), Math.min(...down), Math.max(...across), Math.max(...down)];
    if (Math.min(box[2] - box[0], box[3] - box[1]) * viewport.scale < SLACK) return null;
    if (tool === "lasso") return points.length < 3 ? null : { kind: "lasso", points };
    const [first, last] = [points[0], points[points.length - 1]];
    return {
      kind: "box",
      box: [Math.min(first[0], last[0]), Math.min(first[1], last[1]), Math.max(first[0], last[0]), Math.max(first[1], last[1])],
    };
  }

  const root = stage.root;
  root.addEventListener(
    "pointerdown",
    (event) => {
      if (!inside(event) || !drawing() || event.button !== 0 || hand) return;
      event.stopPropagation();
      canvas.focus({ preventScroll: true });
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      hand = { id: event.pointerId, points: [place(event)], added: event.shiftKey, tool: store.get("tool") };
      changed();
    },
    true,
  );
  root.addEventListener(
    "pointermove",
    (event) => {
      if (!hand || hand.id !== event.pointerId) return;
      event.stopPropagation();
      const all = event.getCoalescedEvents?.() ?? [];
      for (const one of all.length > 0 ? all : [event]) {
        const point = place(one);
        const [x, y] = hand.points[hand.points.length - 1];
        // Closer ones change nothing that is seen.
        const least = hand.tool === "brush" ? Math.max(1 / viewport.scale, store.get("radius") / 6) : 1.5 / viewport.scale;
        if (hand.tool === "box") hand.points[1] = point;
        else if (Math.hypot(point[0] - x, point[1] - y) >= least) hand.points.push(point);
      }
      changed();
    },
    true,
  );
  root.addEventListener(
    "pointerup",
    (event) => {
      if (!hand || hand.id !== event.pointerId) return;
      const made = shape();
      const { added } = hand;
      hand = null;
      if (made) whatIf.draw(made, added);
      changed();
    },
    true,
  );
  root.addEventListener(
    "pointercancel",
    (event) => {
      if (!hand || hand.id !== event.pointerId) return;
      hand = null;
      changed();
    },
    true,
  );
  for (const name of ["click", "dblclick"]) {
    root.addEventListener(name, (event) => inside(event) && drawing() && event.stopPropagation(), true);
  }
  return {
    /** What is being drawn, or null. */
    get shape() {
      return shape();
    },
    /** Whether it is added to the region. */
    get added() {
      return (hand?.added ?? false) || whatIf.adding;
    },
    /** Leave what is being drawn. */
    drop() {
      const had = hand !== null;
      hand = null;
      if (had) changed();
      return had;
    },
  };
}

/**
 * Keys that move and change the region, before the stage takes them.
 * @param {WhatIf} whatIf
 * @param {Stage} stage
 * @param {Record<string, () => boolean | void>} more actions by key; one that gives false leaves the key alone
 */
export function listenToRegionKeys(whatIf, stage, more) {
  const { viewport } = stage;
  const step = (/** @type {number} */ x, /** @type {number} */ y) => () => {
    const by = Math.max(1, Math.round(whatIf.pace / viewport.zoom));
    return whatIf.move(x * by, y * by);
  };
  /** @type {Record<string, () => boolean | void>} */
  const actions = {
    ArrowLeft: step(-1, 0),
    ArrowRight: step(1, 0),
    ArrowUp: step(0, -1),
    ArrowDown: step(0, 1),
    "]": () => whatIf.grow(1),
    "[": () => whatIf.grow(-1),
    h: () => whatIf.takeHottest(),
    b: () => whatIf.takeBox(),
    ...more,
  };
  stage.root.addEventListener(
    "keydown",
    (event) => {
      if (event.target !== stage.canvas || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      const act = actions[event.key];
      if (!act || act() === false) return;
      event.preventDefault();
      event.stopPropagation();
    },
    true,
  );
}
