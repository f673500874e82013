// Two steps side by side: their pictures, and the scores of every object.

import { element } from "../shared/dom.js";
import { paintScene } from "../shared/painter.js";
import { nameOf } from "../shared/text.js";
import { score } from "./words.js";

/** @typedef {import("./model.js").WhatIf} WhatIf */
/** @typedef {import("./model.js").Answer} Answer */

/** The score of an object that is no longer reported; a narrow page strikes it through. @param {import("./model.js").Row} row */
function goneCell(row) {
  const number = element("span", {}, [score(row.now)]);
  return element("td", { class: "dx-gone", title: "no longer reported" }, [element("span", { class: "dx-gone-word" }, ["gone "]), number]);
}

/**
 * @param {WhatIf} whatIf
 * @param {(answer: Answer) => import("../shared/painter.js").Scene | null} scene
 */
export function pairView(whatIf, scene) {
  const { store } = whatIf;
  const sides = [0, 1].map(() => {
    const canvas = element("canvas", { class: "dx-side", role: "img" });
    const title = element("figcaption", { class: "dx-side-title" });
    const root = element("figure", { class: "dx-pair-side" }, [canvas, title]);
    return { root, canvas, title };
  });
  const table = element("table", { class: "dx-scores" });
  const struck = element("p", { class: "dx-remark dx-struck", "aria-hidden": "true" }, ["Struck through: no longer reported."]);
  const root = element("div", { class: "dx-pair" }, [element("div", { class: "dx-sides" }, sides.map(({ root: side }) => side)), table, struck]);

  /** The two answers, the one that is shown last. @returns {[Answer, number][]} */
  function both() {
    const { answer, other } = whatIf;
    return answer && other ? [[other, store.get("other")], [answer, store.get("step")]] : [];
  }

  function paint() {
    const { width, height } = store.get("photo");
    both().forEach(([answer], i) => {
      const made = scene(answer);
      const { canvas } = sides[i];
      const room = canvas.clientWidth;
      const context = canvas.getContext("2d");
      if (!made || !context || room === 0) return;
      const unit = window.devicePixelRatio || 1;
      canvas.style.height = `${Math.round((room * height) / width)}px`;
      canvas.width = Math.round(room * unit);
      canvas.height = Math.round((unit * room * height) / width);
      paintScene(context, { ...made, unnamed: true }, { scale: room / width, x: 0, y: 0 }, unit);
    });
  }
  const observer = new ResizeObserver(() => paint());
  observer.observe(root);

  return {
    root,
    paint,
    /** Whether two steps are compared. */
    get on() {
      return both().length > 0;
    },
    /** Both pictures in one, for a file. */
    render() {
      const [left, right] = sides.map(({ canvas }) => canvas);
      const made = document.createElement("canvas");
      made.width = left.width + right.width + 8;
      made.height = Math.max(left.height, right.height) + 26;
      const context = /** @type {CanvasRenderingContext2D} */ (made.getContext("2d"));
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, made.width, made.height);
      context.fillStyle = "#1c1f24";
      context.font = "13px system-ui, sans-serif";
      sides.forEach(({ canvas, title }, i) => {
        const x = i * (left.width + 8);
        context.drawImage(canvas, x, 0);
        context.fillText(title.textContent ?? "", x + 2, canvas.height + 17, canvas.width - 4);
      });
      return made;
    },
    show() {
      const pair = both();
      const steps = store.get("steps");
      pair.forEach(([, step], i) => {
        const { title, note } = steps[step] ?? { title: "", note: "" };
        sides[i].title.textContent = `${step + 1}. ${title}${note ? ` \u2014 ${note}` : ""}`;
        sides[i].canvas.setAttribute("aria-label", `Step ${step + 1}: ${title}`);
      });
      if (pair.length === 0) {
        table.replaceChildren();
        return;
      }
      const head = ["", "before", ...pair.map(([, step]) => `step ${step + 1}`)];
      const rows = whatIf.objects.map((object, i) => {
        const cells = pair.map(([answer]) => answer.rows[i]);
        return element("tr", {}, [
          element("th", { scope: "row", title: nameOf(object) }, [nameOf(object)]),
          element("td", {}, [score(cells[0]?.before ?? object.score)]),
          ...cells.map((row) => (row && !row.kept ? goneCell(row) : element("td", {}, [row ? score(row.now) : ""]))),
        ]);
      });
      table.replaceChildren(
        element("thead", {}, [element("tr", {}, head.map((text) => element("th", { scope: "col" }, [text])))]),
        element("tbody", {}, rows),
      );
      struck.hidden = !pair.some(([answer]) => answer.rows.some((row) => !row.kept));
      paint();
    },
    dispose: () => observer.disconnect(),
  };
}
