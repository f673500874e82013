// SanityCheck: an object's maps as the detector loses its weights, and what that says of each method.

import { colorBar } from "../shared/colorbar.js";
import { curveView } from "../shared/curve.js";
import { button, element } from "../shared/dom.js";
import { nextAmong } from "../shared/filter.js";
import { fullScreenButton } from "../shared/tools.js";
import { viewParts, widget } from "../shared/view.js";
import { figure } from "../shared/grid_cell.js";
import { Grid } from "../shared/grid.js";
import { gridLegend, renderGridSheet, svgOfGrid } from "../shared/grid_sheet.js";
import { csvOf, objectStart, startColumns } from "../shared/sheet.js";
import { scoreName, scoreWords } from "../shared/subjects.js";
import { nameOf } from "../shared/text.js";
import { SanityCheck } from "./model.js";
import { sanityPanel } from "./panel.js";

/** One view of the widget in the page. */
class SanityView {
  /** What the curves were drawn from. */
  #drawn = "";

  /**
   * @param {SanityCheck} check
   * @param {HTMLElement} host
   */
  constructor(check, host) {
    this.check = check;
    this.store = check.store;
    this.bar = colorBar();
    this.parts = viewParts(this.store);
    this.curve = curveView((step) => this.store.commit({ step }), String);
    this.grid = new Grid(check, {
      select: ({ method, object }) => this.store.commit({ selected_method: method, step: object }),
      escape: () => check.status.state === "busy" && this.parts.cancel(),
      pointed: (byKey) => this.#pointed(byKey),
      compute: () => {},
      photo: this.parts.photo,
      painted: () => this.#painted(),
    });
    this.panel = sanityPanel(check, {
      run: (sure) => this.store.send(sure ? { type: "run", sure } : { type: "run" }),
      select: (index) => this.store.commit({ selected: index }),
      step: (by) => this.#step(by),
      download: this.parts.downloads(() => this.#sheet(), () => this.#table(), { png: renderGridSheet, svg: svgOfGrid }),
    });
    this.root = this.#arrange();
    this.parts.begin(host, this.root, { changed: (key) => this.#changed(key), decoded: () => this.#decoded() });
    this.#refresh();
  }

  dispose() {
    this.parts.dispose();
    this.curve.dispose();
    this.grid.dispose();
  }

  /** @param {1 | -1} by */
  #step(by) {
    const next = nextAmong(this.check.listed, this.check.chosen, by);
    if (next !== null) this.store.commit({ selected: next });
  }

  #arrange() {
    const { grid, bar, curve, panel } = this;
    const { words, progress, frame } = this.parts;
    const tools = element("div", { class: "dx-tools dx-flat", role: "toolbar", "aria-label": "Zoom of all cells" }, [
      button("plus", "Zoom in (+)", () => grid.zoomIn()),
      button("minus", "Zoom out (\u2212)", () => grid.zoomOut()),
      // A class is in no place.
      ...(this.check.subject.whole ? [] : [button("frame", "Show the object (f)", () => grid.frame())]),
      button("reset", "Show the whole photograph (0)", () => grid.reset()),
      fullScreenButton(() => grid.whole()),
    ]);
    grid.table.setAttribute("aria-describedby", words.id);
    const over = element("div", { class: "dx-over" }, [tools, panel.first, progress.busy]);
    const content = [over, progress.error, grid.root, bar.root, curve.root, words, this.parts.again.root, panel.root];
    return frame("sanity-check", "Sanity check of explanations", content);
  }

  /** Before the first run there is no cell that would be painted. */
  #decoded() {
    this.grid.fit();
    this.grid.invalidate();
  }

  /** @param {string} key */
  #changed(key) {
    this.parts.progress.show(this.check.status);
    if (key === "status") this.#painted();
    else this.#refresh();
  }

  #refresh() {
    const { check, store, parts } = this;
    const { selected } = check;
    parts.progress.show(check.status);
    this.panel.show();
    parts.again.show(store.get("lower_score"));
    this.grid.show();
    const range = selected ? check.range(selected) : null;
    this.bar.show(range, selected ? check.table(selected.method, false) : new Uint32Array(2), selected ? check.maps(selected.method)?.unit : "");
    this.#pointed(false);
    this.#curves();
    parts.say(store.get("notice") || this.#words());
  }

  /** The method in focus first, with the spread over the seeds. */
  #curves() {
    const { check } = this;
    const first = check.selected?.method ?? check.order[0];
    const order = check.order.length > 0 ? [first, ...check.order.filter((m) => m !== first)] : [];
    const curves = order.map((method) => {
      const { median, low, high } = /** @type {import("./model.js").Spread} */ (check.curve(method));
      return { values: median, low, high, title: check.title(method) };
    });
    const drawn = JSON.stringify(curves);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      const said = curves.map(({ title, values }) => `${title} ${values.map(figure).join(", ")}`);
      const last = check.shown.length - 1;
      this.curve.draw(curves, [check.label(0), check.label(last)], `${check.measureTitle} at each step: ${said.join("; ")}.`);
    }
    if (check.selected) this.curve.mark(check.selected.object);
  }

  #words() {
    const { check } = this;
    if (!check.found) return check.labels.empty;
    const { selected } = check;
    const verdicts = check.judged.map(({ title, verdict, words }) => `${title} ${verdict}: ${words}`);
    const { note } = check.found;
    if (!selected) return [note, `${verdicts.join(". ")}.`].join(" ").trim();
    const own = check.judged.find(({ name }) => name === selected.method);
    const value = selected.object === 0 ? "" : `, ${check.measureTitle} ${figure(check.figure(selected))}`;
    return `${check.title(selected.method)}, ${check.label(selected.object)}${value}. It ${own?.verdict}: ${own?.words}.`;
  }

  /** The point has moved. @param {boolean} byKey then its values are said as well */
  #pointed(byKey) {
    const { check, grid } = this;
    const { probe } = grid;
    const { selected } = check;
    this.bar.point(probe ? { ...probe, value: selected ? (grid.cell(selected)?.valueAt(probe) ?? null) : null } : null);
    if (!byKey || !probe || !selected) return;
    const values = check.shown.map((step) => {
      const value = grid.cell({ method: selected.method, object: step })?.valueAt(probe);
      return `${check.label(step)} ${figure(value)}`;
    });
    this.parts.say(`${check.title(selected.method)}, at ${probe.x}, ${probe.y}: ${values.join("; ")}.`);
  }

  #painted() {
    const { check, root, store } = this;
    const { selected } = check;
    root.dataset.shown = check.status.state === "busy" ? "" : (check.found?.key ?? "");
    root.dataset.seeds = check.seeds.join(" ");
    root.dataset.selected = selected ? `${selected.method}#${selected.object}` : "";
    root.dataset.zoom = this.grid.viewport.zoom.toFixed(2);
    root.dataset.opacity = String(store.get("opacity"));
    root.dataset.ready = String(this.parts.photo() !== null && check.status.state !== "busy");
  }

  /** @returns {import("../shared/grid_sheet.js").GridSheet | null} nothing before the first run */
  #sheet() {
    const { check, grid, store } = this;
    const { order, found } = check;
    if (!found) return null;
    const object = store.get("objects")[check.object];
    const words = [
      `${nameOf(object)}, ${scoreName(object)} ${scoreWords(object)}. ${found.mode === "cascading" ? "Cascading" : "Independent"} randomization, maps of seed ${store.get("seed")}. Below the maps: ${check.measureTitle}.`,
      found.note,
    ];
    return { grid, words, legend: gridLegend(grid), name: ["sanity", found.mode, ...order] };
  }

  /** A line for each method, seed and step: how alike every map is to that of the trained network. */
  #table() {
    const { check, store } = this;
    const { found } = check;
    const measures = Object.keys(found?.figures ?? {});
    const object = objectStart(store.get("objects")[check.object], check.object);
    const lines = check.judged.flatMap(({ name, verdict }) =>
      check.seeds.flatMap((seed) =>
        check.shown.slice(1).map((step) => {
          const key = found.keys[name].steps[seed][step - 1];
          return [...object, name, verdict, found.mode, seed, step, check.label(step), ...measures.map((m) => found.figures[m][key])];
        }),
      ),
    );
    const columns = [...startColumns(check.subject.whole), "method", "verdict", "mode", "seed", "step", "stage"];
    return csvOf([...columns, ...measures], lines);
  }
}

export default widget(
  (model) => new SanityCheck(model),
  (check, host) => new SanityView(check, host),
);
