// The grid as one picture: what the cells show now, with the names of methods and objects.

/** @typedef {import("./grid.js").Grid} Grid */

const SIDE = 150;
const HEAD = 28;
const GAP = 8;

/**
 * As the screen shows it, at the screen's resolution.
 * @param {Grid} grid
 * @returns {HTMLCanvasElement}
 */
export function renderGrid(grid) {
  const { comparison, viewport } = grid;
  const { order, shown } = comparison;
  const { width, height } = viewport.screen;
  const ratio = window.devicePixelRatio || 1;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(ratio * (SIDE + shown.length * (width + GAP)));
  canvas.height = Math.round(ratio * (HEAD + order.length * (height + GAP)));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = '600 13px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
  context.textBaseline = "middle";
  context.fillStyle = "#1c1f24";
  const left = (/** @type {number} */ column) => SIDE + column * (width + GAP);
  shown.forEach((object, column) => {
    context.fillText(comparison.label(object), left(column), HEAD / 2, width);
  });
  order.forEach((method, row) => {
    const top = HEAD + row * (height + GAP);
    context.fillText(comparison.title(method), GAP, top + 12, SIDE - 2 * GAP);
    shown.forEach((object, column) => {
      const cell = grid.cell({ method, object });
      if (cell) context.drawImage(cell.canvas, left(column), top, width, height);
    });
  });
  return canvas;
}
