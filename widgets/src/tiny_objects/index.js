// TinyObjects: every object's maps against its size, and one click from the dot to the picture.

import { neighbour } from "../shared/boxes.js";
import { colorBar } from "../shared/colorbar.js";
import { selectControl } from "../shared/controls.js";
import { button, element } from "../shared/dom.js";
import { needsKernel } from "../shared/panel.js";
import { progressView } from "../shared/progress.js";
import { Stage } from "../shared/stage.js";
import { fullScreenButton } from "../shared/tools.js";
import { viewParts, widget } from "../shared/view.js";
import { Grid } from "../shared/grid.js";
import { renderGridSheet, svgOfGrid } from "../shared/grid_sheet.js";
import { csvOf, objectStart } from "../shared/sheet.js";
import { ANNOTATED, Crops, NEIGHBOUR } from "./crops.js";
import { TinyObjects } from "./model.js";
import { pairList, summaryTables, tinyPanel } from "./panel.js";
import { colorOf } from "./paint.js";
import { PAPER, Scatter } from "./scatter.js";
import { chosenWords, objectWords } from "./words.js";

/** One view of the widget in the page. */
class TinyView {
  /** @type {Crops | null} */
  #crops = null;
  /** @type {Grid | null} */
  #grid = null;
  /** The whole photograph. @type {Stage | null} */
  #stage = null;
  /** Of which maps the cells show the objects. */
  #framed = "";
  start = button("compute", "Run what is chosen", () => this.store.send({ type: "run" }), "Run");
  note = element("span", { class: "dx-remark", role: "status" });
  head = element("div", { class: "dx-head" });
  overview = element("div", { class: "dx-overview" });
  cells = element("div", { class: "dx-cells" });
  pictures = element("div", { class: "dx-pictures" });
  detail = element("div", { class: "dx-detail", role: "group", "aria-label": "Selected object" });

  /**
   * @param {TinyObjects} tiny
   * @param {HTMLElement} host
   */
  constructor(tiny, host) {
    this.tiny = tiny;
    this.store = tiny.store;
    this.parts = viewParts(this.store);
    this.seeing = progressView(() => this.store.send({ type: "leave" }));
    this.bar = colorBar();
    this.scatter = new Scatter(tiny, {
      select: (index) => tiny.select(index),
      escape: () => this.#escape(),
      say: (text) => this.parts.say(text),
      painted: () => this.#painted(),
    });
    this.measure = selectControl("Measure", (value) => this.store.commit({ measure: value }));
    this.pairs = pairList(tiny);
    this.summary = summaryTables(tiny);
    this.panel = tinyPanel(tiny, {
      download: this.parts.downloads(() => this.#sheet(), () => this.#table(), { png: renderGridSheet, svg: svgOfGrid }),
    });
    this.root = this.#arrange();
    this.parts.begin(host, this.root, { changed: (key) => this.#changed(key), decoded: () => this.#decoded() });
    this.scatter.fit();
    this.theme = new MutationObserver(() => this.scatter.invalidate());
    this.theme.observe(this.root, { attributes: true, attributeFilter: ["data-theme"] });
    this.#refresh();
  }

  dispose() {
    this.theme.disconnect();
    this.parts.dispose();
    this.seeing.dispose();
    this.scatter.dispose();
    this.#drop();
  }

  #arrange() {
    const { scatter, bar, panel, pairs, summary, seeing } = this;
    const { words, progress, frame } = this.parts;
    const over = element("div", { class: "dx-over" }, [needsKernel(this.store, this.start), this.note, progress.busy]);
    const plot = element("div", { class: "dx-figure" }, [this.measure.row, scatter.root]);
    const lines = element("p", { class: "dx-remark dx-lines" }, [
      element("span", { class: "dx-box-line" }, ["detected"]),
      element("span", { class: "dx-box-line dx-annotated" }, ["annotated"]),
      element("span", { class: "dx-box-line dx-beside" }, ["annotated, nearest neighbour"]),
    ]);
    const tools = element("div", { class: "dx-tools dx-flat", role: "toolbar", "aria-label": "Zoom of all crops" }, [
      button("plus", "Zoom in (+)", () => this.#grid?.zoomIn()),
      button("minus", "Zoom out (\u2212)", () => this.#grid?.zoomOut()),
      button("frame", "Show the object (f)", () => this.#grid?.frame()),
      button("reset", "Show the whole photograph (0)", () => this.#grid?.reset()),
      fullScreenButton(() => this.#grid?.whole()),
    ]);
    const near = element("div", {}, [element("div", { class: "dx-over" }, [tools, lines]), this.cells, bar.root]);
    this.pictures.append(this.overview, near);
    this.detail.append(this.head, element("div", { class: "dx-over" }, [seeing.busy]), seeing.error, this.pictures);
    const content = [
      over,
      progress.error,
      element("div", { class: "dx-columns" }, [plot, pairs.root]),
      summary.root,
      this.detail,
      words,
      panel.root,
    ];
    return frame("tiny-objects", "Maps of tiny objects", content);
  }

  /** @param {string} key */
  #changed(key) {
    if (key === "status") {
      this.parts.progress.show(this.tiny.status);
      this.#painted();
    } else if (key === "view_status") {
      this.seeing.show(this.tiny.viewStatus);
      this.#painted();
    } else this.#refresh(key);
  }

  /** @param {string} [key] the trait that changed, none for all */
  #refresh(key) {
    const { tiny, store } = this;
    this.parts.progress.show(tiny.status);
    this.seeing.show(tiny.viewStatus);
    this.start.disabled = store.get("wanted") === "";
    this.note.textContent = this.#note();
    this.measure.show(store.get("choices").measures, tiny.measure);
    if (key === undefined || ["table", "measure", "selected", "selected_pair", "notice"].includes(key)) this.scatter.show();
    this.pairs.show();
    this.summary.show();
    this.panel.show();
    this.#pictures();
    this.parts.say(store.get("notice") || chosenWords(tiny));
    this.#painted();
  }

  #note() {
    const { found } = this.tiny;
    if (!found) return "";
    if (found.note) return found.note;
    const objects = `${this.tiny.objects.count} ${this.tiny.objects.count === 1 ? "object" : "objects"}`;
    const images = `${found.done} ${found.done === 1 ? "image" : "images"}`;
    return found.ended ? `${objects} in ${images}` : `${objects} so far`;
  }

  /** The selected object in its photograph, and from near. */
  #pictures() {
    const { tiny, store } = this;
    const { chosen, arrived } = tiny;
    this.detail.hidden = chosen.length === 0;
    if (chosen.length === 0) {
      this.#drop();
      return;
    }
    this.head.textContent = chosen.map((index) => objectWords(tiny, index)).join(" \u2014 ");
    this.pictures.classList.toggle("dx-old", !arrived);
    const { numbers, image } = store.get("map_data");
    this.pictures.hidden = !numbers;
    if (!numbers || store.get("photo").image !== image) return;
    if (!this.#grid || this.#crops?.photo !== store.get("photo")) this.#open();
    const { key } = store.get("map_data");
    this.#grid?.show();
    if (arrived && this.#framed !== key) this.#frame(key);
    this.#colors();
    this.#stage?.invalidate();
    if (this.#stage) this.#label(this.#stage);
  }

  /** Cells and overview of a photograph of its own size. */
  #open() {
    const { store, tiny } = this;
    this.#drop();
    const crops = new Crops(tiny);
    const photo = this.parts.photo;
    const grid = new Grid(crops, {
      select: (place) => {
        crops.focus = place;
        grid.show();
        this.#colors();
      },
      escape: () => this.#escape(),
      pointed: (byKey) => this.#pointed(byKey),
      compute: () => {},
      photo,
      painted: () => this.#painted(),
    });
    const { width, height, image } = store.get("photo");
    const here = () => tiny.inImage(image);
    const objects = () => here().map((index) => tiny.thing(index));
    const selected = () => {
      const at = here().indexOf(tiny.chosen[0]);
      return at < 0 ? null : at;
    };
    /** @type {import("../shared/stage.js").StageActions} */
    const actions = {
      objects,
      selected,
      scene: () => this.#whole(objects(), selected()),
      select: (at) => tiny.select(at === null ? null : (here()[at] ?? null)),
      step: (by) => tiny.select(here()[neighbour(selected(), by, here().length) ?? 0]),
      escape: () => this.#escape(),
      pointed: () => {},
      painted: () => {},
    };
    const stage = new Stage({ width, height }, actions);
    this.#crops = crops;
    this.#grid = grid;
    this.#stage = stage;
    this.cells.replaceChildren(grid.root);
    this.overview.replaceChildren(stage.root);
    grid.show();
    grid.fit();
    stage.fit();
  }

  #drop() {
    this.#grid?.dispose();
    this.#stage?.dispose();
    this.#grid = this.#crops = this.#stage = null;
    this.#framed = "";
    this.cells.replaceChildren();
    this.overview.replaceChildren();
  }

  /** The photograph is there: everything over it is painted. */
  #decoded() {
    this.#pictures();
    this.#grid?.fit();
    this.#grid?.invalidate();
    this.#stage?.fit();
    this.#painted();
  }

  /** @param {string} key */
  #frame(key) {
    if (!this.#grid || !this.#crops) return;
    this.#framed = key;
    this.#grid.viewport.show(this.#crops.frameBox());
    this.#grid.invalidate();
    const [first] = this.tiny.chosen;
    this.#stage?.viewport.reveal(this.tiny.thing(first).box);
  }

  /** @param {import("../shared/types.js").DetectedObject[]} objects @param {number | null} selected */
  #whole(objects, selected) {
    const photo = this.parts.photo();
    const { width, height } = this.store.get("photo");
    return photo === null
      ? null
      : { photo, size: { width, height }, heat: null, opacity: 0, objects, selected, hovered: null, side: null, boxes: "all" };
  }

  /** @param {Stage} stage */
  #label(stage) {
    const { file } = this.tiny.thing(this.tiny.chosen[0]);
    const count = this.tiny.inImage(this.store.get("photo").image).length;
    stage.canvas.setAttribute("aria-label", `The whole of ${file} with ${count} found objects. Arrow keys select, plus and minus zoom.`);
  }

  /** The colours of the cell in focus. */
  #colors() {
    const crops = this.#crops;
    const place = crops?.selected;
    if (!crops || !place) return;
    const colored = place.object === 0 ? { ...place, object: 1 } : place;
    const range = crops.range(colored);
    this.bar.show(range, range ? crops.table("", false) : new Uint32Array(2));
    this.#pointed(false);
  }

  /** The point has moved. @param {boolean} byKey then its values are said as well */
  #pointed(byKey) {
    const grid = this.#grid;
    const crops = this.#crops;
    const place = crops?.selected;
    if (!grid || !crops || !place) return;
    const { probe } = grid;
    this.bar.point(probe ? { ...probe, value: grid.cell(place)?.valueAt(probe) ?? null } : null);
    if (!byKey || !probe) return;
    const values = crops.shown.slice(1).map((column) => {
      const value = grid.cell({ method: place.method, object: column })?.valueAt(probe);
      return `${crops.label(column)} ${value === null || value === undefined ? "\u2013" : value.toPrecision(3)}`;
    });
    this.parts.say(`At ${probe.x}, ${probe.y}: ${values.join("; ")}.`);
  }

  #escape() {
    if (this.tiny.status.state === "busy") this.parts.cancel();
    else if (this.tiny.viewStatus.state === "busy") this.store.send({ type: "leave" });
    else this.tiny.select(null);
  }

  #painted() {
    const { tiny, root, store } = this;
    root.dataset.shown = tiny.found?.key ?? "";
    root.dataset.done = String(tiny.found?.done ?? 0);
    root.dataset.objects = String(tiny.objects.count);
    root.dataset.running = String(tiny.status.state === "busy");
    root.dataset.chosen = tiny.chosen.join(" ");
    const seen = tiny.arrived && this.parts.photo() !== null && store.get("photo").image === store.get("map_data").image;
    root.dataset.seen = seen ? tiny.chosen.join(" ") : "";
    root.dataset.measure = tiny.measure;
    root.dataset.ready = String(tiny.status.state !== "busy" && tiny.viewStatus.state !== "busy" && (seen || tiny.chosen.length === 0));
  }

  /** @returns {import("../shared/grid_sheet.js").GridSheet} */
  #sheet() {
    const { tiny, scatter } = this;
    const grid = tiny.chosen.length > 0 ? this.#grid : null;
    const chosen = tiny.chosen.map((index) => `${tiny.thing(index).name}-${index}`);
    const methods = tiny.methods.map((method) => ({ name: method.title, color: colorOf(method, PAPER.text) }));
    const boxes = [
      { name: "annotated box", color: ANNOTATED },
      { name: "annotated, nearest neighbour", color: NEIGHBOUR },
    ];
    return {
      grid,
      words: [`${tiny.measureTitle} against the size of the object. ${this.#note()}`],
      legend: [...methods, ...(grid ? boxes : [])],
      above: { canvas: scatter.render(), ...scatter.size },
      name: ["tiny-objects", tiny.measure, ...chosen],
    };
  }

  /** A line for each object and method. */
  #table() {
    const { tiny } = this;
    const measures = /** @type {string[]} */ (tiny.found ? tiny.store.get("table").objects.measures : []);
    const lines = [...Array(tiny.objects.count).keys()].flatMap((index) => {
      const thing = tiny.thing(index);
      return tiny.methods.map(({ name }, method) => [
        ...objectStart(thing, index),
        thing.file,
        thing.share,
        thing.tiny,
        thing.neighbour < 0 ? null : thing.distance,
        name,
        ...measures.map((measure) => tiny.figure(method, measure, index)),
      ]);
    });
    const columns = ["number", "name", "score", "x1", "y1", "x2", "y2", "file", "share_of_input", "tiny", "distance", "method"];
    return csvOf([...columns, ...measures], lines);
  }
}

export default widget(
  (model) => new TinyObjects(model),
  (tiny, host) => new TinyView(tiny, host),
);
