// Two predictions beside each other: their maps, their figures and the rule's word on them.

import { element } from "../shared/dom.js";
import { factRows } from "../shared/facts.js";
import { HeatLayer } from "../shared/heat.js";
import { paintScene } from "../shared/painter.js";
import { boxLabel, formatValue } from "../shared/text.js";
import { figuresOf, pairWords } from "./words.js";

/** @typedef {import("./model.js").NmsExplorer} NmsExplorer */

/** Width and height of a picture. */
const SHAPE = 4 / 3;

/**
 * @param {NmsExplorer} nms
 * @param {() => CanvasImageSource | null} photo
 */
export function pairView(nms, photo) {
  const sides = [0, 1].map(() => {
    const canvas = element("canvas", { class: "dx-pair-map", role: "img" });
    const title = element("figcaption", {});
    return { canvas, title, heat: new HeatLayer(), root: element("figure", { class: "dx-pair-side" }, [canvas, title]) };
  });
  const why = element("p", { class: "dx-why" });
  const facts = element("dl", { class: "dx-facts" });
  const none = element("p", { class: "dx-remark" });
  const maps = element("div", { class: "dx-pair-maps" }, sides.map(({ root }) => root));
  const root = element("div", { class: "dx-pair" }, [none, why, maps, facts]);
  /** @type {[number, number] | null} */
  let shown = null;
  let frame = 0;

  function paint() {
    cancelAnimationFrame(frame);
    frame = 0;
    const picture = photo();
    if (!shown || !picture) return;
    const { width, height } = nms.store.get("photo");
    const view = around(shown.map((i) => nms.objects[i].box), { width, height });
    const ratio = window.devicePixelRatio || 1;
    sides.forEach(({ canvas, heat }, side) => {
      const index = /** @type {[number, number]} */ (shown)[side];
      const across = canvas.clientWidth;
      const context = canvas.getContext("2d");
      if (across === 0 || !context) return;
      canvas.width = Math.round(across * ratio);
      canvas.height = Math.round((across * ratio) / SHAPE);
      const map = nms.result?.map(index) ?? null;
      const range = { low: 0, high: map?.high ?? 0 };
      const drawn = map && range.high > 0 ? heat.draw(map, [height, width], range, nms.table(true), `${nms.store.get("colormap")} ${range.high}`) : null;
      const objects = /** @type {[number, number]} */ (shown).map((i) => ({ ...nms.objects[i], color: colorOf(nms, i) }));
      const scene = { photo: picture, size: { width, height }, heat: drawn, opacity: nms.store.get("opacity"), objects, selected: side, hovered: null, side: null, boxes: "all", unnamed: true };
      paintScene(context, scene, { ...view, scale: across / view.across }, ratio);
    });
  }

  return {
    root,
    dispose: () => cancelAnimationFrame(frame),
    /** @param {[number, number] | null} pair the one that goes first in the rule first */
    show(pair) {
      shown = pair;
      for (const one of [why, maps, facts]) one.hidden = pair === null;
      none.hidden = pair !== null;
      none.textContent = nms.selected === null ? "Select a prediction to compare it with the one that removed it, or with its nearest." : "There is no other prediction of its class.";
      if (!pair) return;
      const { iou, correlation, distance } = figuresOf(nms, ...pair);
      why.textContent = pairWords(nms, ...pair);
      sides.forEach(({ canvas, title }, side) => {
        const object = nms.objects[pair[side]];
        const fate = nms.fate(pair[side]);
        title.textContent = `${boxLabel(object)}${fate ? `, ${fate}` : ""}`;
        canvas.setAttribute("aria-label", `Heat map of ${boxLabel(object)}`);
      });
      facts.replaceChildren(
        ...factRows([
          { name: "IoU", value: iou.toFixed(3) },
          ...(correlation === null ? [] : [{ name: "Correlation", value: correlation.toFixed(3) }]),
          ...(distance === null ? [] : [{ name: "Distance", value: formatValue(distance) }]),
        ]),
      );
      if (!frame) frame = requestAnimationFrame(paint);
    },
  };
}

/** What became of a prediction, as a colour. @param {NmsExplorer} nms @param {number} index */
export const colorOf = (nms, index) => nms.store.get("choices").colors[nms.fate(index) ?? "removed"];

/**
 * The part of the photograph around some boxes: its corner, and how wide it is.
 * @param {readonly (readonly number[])[]} boxes
 * @param {{width: number, height: number}} size
 */
function around(boxes, { width, height }) {
  const [left, top] = [0, 1].map((side) => Math.min(...boxes.map((box) => box[side])));
  const [right, bottom] = [2, 3].map((side) => Math.max(...boxes.map((box) => box[side])));
  const across = Math.min(Math.max(1.6 * (right - left), 1.6 * SHAPE * (bottom - top), 16), Math.max(width, SHAPE * height));
  const down = across / SHAPE;
  const kept = (/** @type {number} */ middle, /** @type {number} */ part, /** @type {number} */ whole) =>
    part >= whole ? (whole - part) / 2 : Math.min(Math.max(middle - part / 2, 0), whole - part);
  return { x: kept((left + right) / 2, across, width), y: kept((top + bottom) / 2, down, height), across };
}
