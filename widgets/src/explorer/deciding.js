// Which part of a prediction decides a joined map at each pixel: a small picture with a legend.

import { element } from "../shared/dom.js";
import { decidingAt } from "../shared/maps.js";

/** @typedef {import("../shared/types.js").HeatMap} HeatMap */

const LONGEST = 120;

export function decidingMap() {
  const canvas = element("canvas", { class: "dx-deciding-map", width: "1", height: "1", role: "img" });
  const legend = element("ul", { class: "dx-deciding-parts" });
  const root = element("div", { class: "dx-deciding", hidden: "" }, [
    canvas,
    element("div", {}, [element("div", { class: "dx-remark" }, ["Which part decides where, and its share of the map:"]), legend]),
  ]);
  /** @type {HeatMap | null} */
  let drawn = null;
  return {
    root,
    /**
     * @param {HeatMap | null} map only a joined one is shown
     * @param {{width: number, height: number}} photo
     */
    show(map, { width, height }) {
      root.hidden = !map?.deciding;
      if (!map?.parts || map === drawn) return;
      drawn = map;
      const scale = LONGEST / Math.max(width, height);
      [canvas.width, canvas.height] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
      const told = map.parts.map(({ title, share }) => `${title} ${Math.round(100 * share)}%`);
      canvas.setAttribute("aria-label", told.join(", "));
      legend.replaceChildren(
        ...map.parts.map(({ color }, i) => {
          const mark = element("span", { class: "dx-deciding-mark", "aria-hidden": "true" });
          mark.style.background = color;
          return element("li", {}, [mark, told[i]]);
        }),
      );
      const context = canvas.getContext("2d");
      if (!context) return;
      context.clearRect(0, 0, canvas.width, canvas.height);
      for (let y = 0; y < canvas.height; y++) {
        for (let x = 0; x < canvas.width; x++) {
          const part = decidingAt(map, ((x + 0.5) * width) / canvas.width, ((y + 0.5) * height) / canvas.height);
          if (part < 0) continue;
          context.fillStyle = map.parts[part].color;
          context.fillRect(x, y, 1, 1);
        }
      }
    },
  };
}
