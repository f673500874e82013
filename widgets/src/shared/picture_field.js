// A picture in which a point or a box is set, by the pointer or by keys, and in which others' points and boxes are shown.

import { element, takesKeys } from "./dom.js";

/**
 * What lies in a picture, in its pixels: a point (x, y), a box (x1, y1, x2, y2), a circle (x, y, radius) or corners.
 * `tone`: whose it is.
 * @typedef {{form: "point" | "box" | "circle" | "polygon", at: number[] | number[][], tone: "own" | "truth" | "other"}} Mark
 */

const SPACE = "http://www.w3.org/2000/svg";
/** A box that is smaller than this on the screen is taken for a slip. */
const SLACK = 3;
/** Keys move by this share of the shorter side. */
const STEP = 1 / 40;
/** Where a box begins that is set by a key: this share of each side, around the middle. */
const FIRST = 0.3;

/** @param {number} value */
const rounded = (value) => Math.round(10 * value) / 10;

/** @param {number[]} value */
const words = (value) =>
  value.length === 2 ? `Point at ${value.map(Math.round).join(", ")}` : `Box from ${value.slice(0, 2).map(Math.round).join(", ")} to ${value.slice(2).map(Math.round).join(", ")}`;

/**
 * @param {{source: string, width: number, height: number}} picture `source`: an address of the page's own
 * @param {{set?: "point" | "box", label: string, changed?: (value: number[] | null, words: string) => void}} options
 *   `set`: what a person sets in it; nothing by default
 */
export function pictureField({ source, width, height }, { set, label, changed = () => {} }) {
  const image = element("img", { src: source, alt: "", draggable: "false" });
  const layer = document.createElementNS(SPACE, "svg");
  layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
  layer.setAttribute("preserveAspectRatio", "none");
  layer.setAttribute("aria-hidden", "true");
  const root = element("div", { class: "dx-field" }, [image]);
  root.append(layer);
  root.style.setProperty("--dx-aspect", `${width} / ${height}`);
  /** @type {number[] | null} */
  let value = null;
  /** @type {Mark[]} */
  let marks = [];
  /** @type {{id: number, from: number[]} | null} */
  let hand = null;
  let frozen = !set;

  if (set) {
    takesKeys(root);
    root.tabIndex = 0;
    root.setAttribute("role", "application");
    const how =
      set === "box"
        ? "Drag to draw the box. Enter sets one in the middle, arrow keys move it, Shift and arrow keys change its size, Delete removes it."
        : "Click to set the point. Enter sets it in the middle, arrow keys move it, Delete removes it.";
    root.setAttribute("aria-label", `${label}. ${how}`);
    root.classList.add("dx-settable");
    root.addEventListener("keydown", keyed);
    root.addEventListener("pointerdown", (event) => {
      if (frozen || event.button !== 0 || hand) return;
      event.preventDefault();
      root.focus({ preventScroll: true });
      root.setPointerCapture(event.pointerId);
      hand = { id: event.pointerId, from: place(event) };
      if (set === "point") put(hand.from);
    });
    root.addEventListener("pointermove", (event) => {
      if (hand?.id === event.pointerId) follow(event);
    });
    root.addEventListener("pointerup", (event) => {
      if (hand?.id !== event.pointerId) return;
      follow(event);
      hand = null;
    });
    root.addEventListener("pointercancel", (event) => {
      if (hand?.id === event.pointerId) hand = null;
    });
  } else {
    root.setAttribute("role", "img");
    root.setAttribute("aria-label", label);
  }

  /** @param {PointerEvent} event @returns {number[]} */
  function place(event) {
    const box = image.getBoundingClientRect();
    const share = (/** @type {number} */ at, /** @type {number} */ from, /** @type {number} */ size) => Math.min(1, Math.max(0, (at - from) / Math.max(size, 1)));
    return [rounded(share(event.clientX, box.left, box.width) * width), rounded(share(event.clientY, box.top, box.height) * height)];
  }

  /** @param {PointerEvent} event */
  function follow(event) {
    if (!hand) return;
    const to = place(event);
    if (set === "point") return put(to);
    const scale = image.getBoundingClientRect().width / width || 1;
    const [x, y] = hand.from;
    if (Math.min(Math.abs(to[0] - x), Math.abs(to[1] - y)) * scale < SLACK) return;
    put([Math.min(x, to[0]), Math.min(y, to[1]), Math.max(x, to[0]), Math.max(y, to[1])]);
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    if (frozen || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = Math.max(1, Math.round(Math.min(width, height) * STEP));
    const way = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key];
    if (way && value) put(event.shiftKey && set === "box" ? resized(value, way) : moved(value, way));
    else if (event.key === "Enter" || event.key === " ") {
      const part = (/** @type {number} */ share) => [rounded(width * share), rounded(height * share)];
      if (!value) put(set === "point" ? part(0.5) : [...part(0.5 - FIRST / 2), ...part(0.5 + FIRST / 2)]);
    } else if ((event.key === "Delete" || event.key === "Backspace") && value) put(null);
    else if (!way) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Moved as far as the picture reaches. @param {number[]} at @param {number[]} way */
  function moved(at, [dx, dy]) {
    const [right, bottom] = at.length === 4 ? [at[2], at[3]] : at;
    const x = Math.min(width - right, Math.max(-at[0], dx));
    const y = Math.min(height - bottom, Math.max(-at[1], dy));
    return at.map((side, i) => rounded(side + (i % 2 ? y : x)));
  }

  /** @param {number[]} at @param {number[]} way */
  function resized([x1, y1, x2, y2], [dx, dy]) {
    return [x1, y1, rounded(Math.min(width, Math.max(x1 + 1, x2 + dx))), rounded(Math.min(height, Math.max(y1 + 1, y2 + dy)))];
  }

  /** @param {number[] | null} next */
  function put(next) {
    value = next;
    paint();
    changed(value, value ? words(value) : "Nothing is set");
  }

  /** @param {Mark} mark */
  function shapes({ form, at, tone }) {
    const outline = () => {
      if (form === "point") return `M${at[0]} ${at[1]}h0`;
      if (form === "box") {
        const [x1, y1, x2, y2] = /** @type {number[]} */ (at);
        return `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
      }
      if (form === "circle") {
        const [x, y, r] = /** @type {number[]} */ (at);
        return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
      }
      return `M${/** @type {number[][]} */ (at).map((corner) => corner.join(" ")).join("L")}Z`;
    };
    // A dark edge below the colour, so that it is seen on any picture.
    return ["edge", tone].map((kind) => {
      const path = document.createElementNS(SPACE, "path");
      path.setAttribute("d", outline());
      path.setAttribute("class", `dx-mark dx-mark-${kind}${form === "point" ? " dx-mark-point" : ""}`);
      return path;
    });
  }

  function paint() {
    /** @type {Mark[]} */
    const own = value ? [{ form: value.length === 2 ? "point" : "box", at: value, tone: "own" }] : [];
    layer.replaceChildren(...[...marks, ...own].flatMap(shapes));
  }

  return {
    root,
    image,
    /** What is set, null before. */
    get value() {
      return value;
    },
    /** @param {number[] | null} next */
    show(next) {
      value = next;
      paint();
    },
    /** What else lies in the picture. @param {Mark[]} others */
    mark(others) {
      marks = others;
      paint();
    },
    /** What is set can be changed no more. */
    freeze() {
      frozen = true;
      root.classList.remove("dx-settable");
    },
  };
}
