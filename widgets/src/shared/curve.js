// Curves over steps, with a mark at the one that is shown; a click shows another.

import { element } from "./dom.js";

/** @typedef {readonly (number | null)[]} Values */
/** `low` and `high`: the spread around it, drawn as an area. @typedef {{values: Values, title: string, low?: Values, high?: Values}} Curve */

const WIDEST = 720;
const HEIGHT = 132;
const LEFT = 40;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 20;
const SPACE = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
function shape(tag, attributes, text) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text) made.textContent = text;
  return made;
}

/**
 * Points "x,y" of a polyline; a null ends one line and begins the next.
 * @param {Values} values
 * @param {(step: number) => number} across
 * @param {(value: number) => number} up
 * @returns {string[]}
 */
export function lines(values, across, up) {
  /** @type {string[][]} */
  const found = [[]];
  values.forEach((value, i) => {
    if (value === null) found.push([]);
    else found[found.length - 1].push(`${across(i).toFixed(1)},${up(value).toFixed(1)}`);
  });
  return found.filter((line) => line.length > 0).map((line) => line.join(" "));
}

/**
 * Outlines of the area between two curves, one for each stretch where both are known.
 * @param {Values} low
 * @param {Values} high
 * @param {(step: number) => number} across
 * @param {(value: number) => number} up
 * @returns {string[]}
 */
export function bands(low, high, across, up) {
  const known = low.map((value, i) => (high[i] === null ? null : value));
  const above = high.map((value, i) => (low[i] === null ? null : value));
  const below = lines(known, across, up);
  return lines(above, across, up).map((line, i) => `${line} ${below[i].split(" ").reverse().join(" ")}`);
}

/**
 * @param {(step: number) => void} chosen
 * @param {(value: number) => string} [say] a value at the axis
 */
export function curveView(chosen, say = (value) => `${100 * value}%`) {
  const svg = shape("svg", { class: "dx-curve", role: "img", height: HEIGHT });
  const legend = element("div", { class: "dx-curve-legend", "aria-hidden": "true" });
  const root = element("div", { class: "dx-curve-box", hidden: "" }, []);
  root.append(svg, legend);
  const mark = shape("line", { class: "dx-curve-mark", y1: TOP, y2: HEIGHT - BOTTOM });
  const dot = shape("circle", { class: "dx-curve-dot", r: 4.5 });
  let width = WIDEST;
  let last = 1;
  let shown = 0;
  let ends = ["", ""];
  /** @type {readonly Curve[]} */
  let drawn = [];
  let high = 1;
  let low = 0;
  /** @type {Values} */
  let first = [];
  const across = (/** @type {number} */ step) => LEFT + ((width - LEFT - RIGHT) * step) / Math.max(last, 1);
  const up = (/** @type {number} */ value) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (value - low)) / (high - low);
  let held = false;
  const choose = (/** @type {PointerEvent} */ event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const step = Math.round(((x - LEFT) / (width - LEFT - RIGHT)) * last);
    chosen(Math.min(Math.max(step, 0), last));
  };
  svg.addEventListener("pointerdown", (event) => {
    held = true;
    choose(/** @type {PointerEvent} */ (event));
  });
  svg.addEventListener("pointermove", (event) => held && choose(/** @type {PointerEvent} */ (event)));
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) svg.addEventListener(end, () => (held = false));

  /** Axes, curves and mark, at the width there is. */
  function paint() {
    width = Math.min(WIDEST, root.clientWidth || WIDEST);
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.setAttribute("width", String(width));
    const axes = [-1, -0.5, 0, 0.5, 1].filter((value) => value >= low).flatMap((value) => [
      shape("line", { class: "dx-curve-axis", x1: LEFT, x2: width - RIGHT, y1: up(value), y2: up(value) }),
      shape("text", { class: "dx-curve-text", x: LEFT - 6, y: up(value) + 4, "text-anchor": "end" }, say(value)),
    ]);
    const words = [
      shape("text", { class: "dx-curve-text", x: LEFT, y: HEIGHT - 4 }, ends[0]),
      shape("text", { class: "dx-curve-text", x: width - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, ends[1]),
    ];
    const found = drawn.flatMap(({ values }, i) =>
      lines(values, across, up).map((points) => shape("polyline", { class: `dx-curve-line dx-curve-${i}`, points })),
    );
    const around = drawn.flatMap((curve, i) =>
      bands(curve.low ?? [], curve.high ?? [], across, up).map((points) =>
        shape("polygon", { class: `dx-curve-band dx-curve-${i}`, points }),
      ),
    );
    svg.replaceChildren(...around, ...axes, ...words, ...found.reverse(), mark, dot);
    show(shown);
  }

  /** @param {number} step */
  function show(step) {
    shown = step;
    mark.setAttribute("x1", String(across(step)));
    mark.setAttribute("x2", String(across(step)));
    const value = first[step] ?? null;
    dot.toggleAttribute("hidden", value === null);
    dot.setAttribute("cx", String(across(step)));
    dot.setAttribute("cy", String(up(value ?? 0)));
  }

  const observer = new ResizeObserver(() => drawn.length > 0 && paint());
  observer.observe(root);

  return {
    root,
    svg,
    dispose: () => observer.disconnect(),
    /**
     * @param {readonly Curve[]} curves the first is the one that is marked
     * @param {[string, string]} below what is said below both ends of the axis
     * @param {string} words what the curves show
     */
    draw(curves, below, words) {
      root.hidden = curves.length === 0;
      drawn = curves;
      ends = below;
      if (curves.length === 0) return;
      first = curves[0].values;
      last = first.length - 1;
      const all = curves.flatMap((c) => [...c.values, ...(c.low ?? []), ...(c.high ?? [])].filter((v) => v !== null));
      high = Math.max(1, ...all);
      low = Math.min(0, ...all);
      svg.setAttribute("aria-label", words);
      paint();
      legend.replaceChildren(
        ...curves.map(({ title }, i) =>
          element("span", { class: "dx-curve-name" }, [element("span", { class: `dx-curve-key dx-curve-key-${i}` }), title]),
        ),
      );
    },
    /** Mark the picture that is shown. */
    mark: show,
  };
}
