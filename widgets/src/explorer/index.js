// Explorer: click an object of a photograph, or choose a class, and see which pixels made the detector say so.

import { colorBar } from "../shared/colorbar.js";
import { decidingMap } from "./deciding.js";
import { explorerPanel } from "./panel.js";
import { Explorer } from "./model.js";
import { HeatLayer } from "../shared/heat.js";
import { valueAt } from "../shared/maps.js";
import { drawnThings, withMissedCount } from "../shared/missed.js";
import { fullLayer } from "../shared/png.js";
import { CLASS_COLUMNS, OBJECT_COLUMNS, classLegend, csvOf, objectCells } from "../shared/sheet.js";
import { counted } from "../shared/subjects.js";
import { boxLabel, describe, nameOf } from "../shared/text.js";
import { pictureParts, widget } from "../shared/view.js";

/** One view of the widget in the page. */
class ExplorerView {
  #heat = new HeatLayer();
  /** The point whose value is told, in pixels of the photograph. @type {[number | null, number | null]} */
  #at = [null, null];

  /**
   * @param {Explorer} explorer
   * @param {HTMLElement} host
   */
  constructor(explorer, host) {
    this.explorer = explorer;
    this.store = explorer.store;
    this.parts = pictureParts(explorer.picked, {
      scene: () => this.#scene(this.#heat),
      pointed: (x, y) => this.#point(x, y),
      hovered: (index) => this.panel.point(index),
      painted: () => this.#painted(),
    });
    this.bar = colorBar();
    this.deciding = decidingMap();
    this.panel = explorerPanel(explorer, { ...this.parts.list, download: this.parts.downloads(() => this.#sheet(), () => this.#table()) });
    this.root = this.parts.arrange("explorer", explorer.subject.whole ? "Explorer of classes" : "Explorer of detected objects", [this.bar.root, this.deciding.root], this.panel.root);
    this.parts.begin(host, this.root, { changed: (key) => this.#changed(key), decoded: () => this.parts.stage.fit() });
    this.#refresh();
    this.parts.progress.show(explorer.status);
  }

  dispose() {
    this.parts.dispose();
  }

  /** @param {string} key */
  #changed(key) {
    if (this.explorer.chooses(key)) this.parts.progress.show(this.explorer.status);
    if (key !== "status") this.#refresh();
    this.parts.stage.invalidate();
  }

  /** Bring controls, list, colour bar and words up to date. */
  #refresh() {
    const { explorer, store, parts } = this;
    this.panel.show();
    this.bar.show(explorer.map ? explorer.range : null, explorer.table(false), explorer.maps?.unit);
    this.deciding.show(explorer.map, store.get("photo"));
    // Another object's map has another value there.
    this.#point(...this.#at);
    parts.changed();
    parts.label("Photograph");
    parts.say(this.#words());
  }

  #words() {
    const { explorer, store } = this;
    const { selected, missed } = explorer;
    if (missed) return describe(missed, explorer.map, explorer.maps?.title ?? "");
    if (store.get("notice")) return store.get("notice");
    if (selected === null) return explorer.subject.whole ? "Choose a class in the list, or type the name of another, to see its heat map." : "Click an object, or use the arrow keys, to see its heat map.";
    if (explorer.itself) return `${nameOf(store.get("objects")[selected])} is of the very class that the others are explained against: choose another one after \u201cRather than\u201d.`;
    return describe(store.get("objects")[selected], explorer.map, explorer.maps?.title ?? "");
  }

  /**
   * @param {HeatLayer} layer
   * @returns {import("../shared/painter.js").Scene | null}
   */
  #scene(layer) {
    const { explorer, store, parts } = this;
    const photo = parts.photo();
    if (!photo) return null;
    const { width, height } = store.get("photo");
    const { map, range } = explorer;
    const drawn = map && range ? layer.draw(map, [height, width], range, explorer.table(true), explorer.colors) : null;
    return {
      photo,
      size: { width, height },
      heat: drawn,
      opacity: store.get("opacity"),
      ...drawnThings(explorer.things, explorer.missed),
      selected: explorer.thing,
      hovered: null,
      side: map ? explorer.side : null,
      boxes: store.get("boxes"),
    };
  }

  /**
   * @param {number | null} x
   * @param {number | null} y
   */
  #point(x, y) {
    this.#at = [x, y];
    const { width, height } = this.store.get("photo");
    if (x === null || y === null || x < 0 || y < 0 || x >= width || y >= height) {
      this.bar.point(null);
      return;
    }
    const at = { x: Math.floor(x), y: Math.floor(y) };
    const { map } = this.explorer;
    this.bar.point({ ...at, value: map ? valueAt(map, at.x + 0.5, at.y + 0.5) : null });
  }

  #painted() {
    const { explorer, root, store } = this;
    root.dataset.shown = explorer.map ? `${explorer.maps?.key}#${explorer.thing}` : "";
    root.dataset.opacity = String(store.get("opacity"));
    const waits = explorer.thing !== null && !explorer.nothing && !explorer.map && !explorer.itself && explorer.status.state !== "error";
    root.dataset.ready = String(!waits);
  }

  /** @returns {import("../shared/sheet.js").Sheet | null} */
  #sheet() {
    const { explorer, store, parts } = this;
    const scene = parts.scene(this.#scene(fullLayer()));
    if (!scene) return null;
    const { thing, things, missed, map, maps, range } = explorer;
    const misses = store.get("misses").length;
    const found = withMissedCount(counted(explorer.subject, store.get("objects").length), misses);
    const what = missed ? describe(missed, map, maps?.title ?? "") : thing === null ? found : `${boxLabel(things[thing])}${maps ? `: ${maps.title}` : ""}`;
    const choice = explorer.choice ?? {};
    return {
      scene,
      part: parts.stage.viewport.visible,
      words: [what],
      bar: map && range ? { range, table: explorer.table(false), unit: maps?.unit } : null,
      legend: classLegend(scene),
      // How parts are joined names no file of a map that is not joined.
      name: [...Object.entries(choice).filter(([key]) => key !== "miss" && (key !== "combine" || choice.target === "combined")).map(([, value]) => value), ...(thing === null ? ["photograph"] : [...(missed ? ["missed"] : []), things[thing].name, String(missed ? explorer.miss : thing)])],
    };
  }

  #table() {
    const { explorer, store } = this;
    const columns = ["method", "target", "layer", "direction", "against", "combine"];
    const { whole } = explorer.subject;
    const figures = ["status", "low", "high", "peak_x", "peak_y", ...(whole ? [] : ["energy_inside"])];
    const { things, listedThings, thing, place } = explorer;
    const missed = store.get("misses").length > 0;
    const rows = objectCells(things, listedThings, thing).map((cells, i) => {
      const map = things[i].missed || explorer.miss !== null ? (i === thing && place !== null ? explorer.map : null) : explorer.maps?.maps[i];
      const found = map ? [map.status, map.low, map.high, ...map.peak, ...(whole ? [] : [map.inside])] : [];
      const cause = missed ? [things[i].missed, things[i].about] : [];
      return [...cells, ...cause, ...columns.map((name) => explorer.choice?.[name]), ...found];
    });
    const causes = missed ? ["missed", "best_candidate"] : [];
    return csvOf([...(whole ? CLASS_COLUMNS : OBJECT_COLUMNS), ...causes, ...columns, ...figures], rows);
  }
}

export default widget(
  (model) => new Explorer(model),
  (explorer, host) => new ExplorerView(explorer, host),
);
