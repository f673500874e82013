// Discrimination: which pixels speak for the clicked object alone, and which neighbour takes the others.

import { colorBar } from "../shared/colorbar.js";
import { HeatLayer } from "../shared/heat.js";
import { STEPS, valueAt } from "../shared/maps.js";
import { fullLayer } from "../shared/png.js";
import { OBJECT_COLUMNS, classLegend, csvOf, objectCells } from "../shared/sheet.js";
import { boxLabel, formatValue, nameOf } from "../shared/text.js";
import { pictureParts, widget } from "../shared/view.js";
import { TakerLayer } from "./layer.js";
import { Discrimination } from "./model.js";
import { discriminationPanel } from "./panel.js";

/** One view of the widget in the page. */
class DiscriminationView {
  #heat = new HeatLayer();
  /** The point whose value is told, in pixels of the photograph. @type {[number | null, number | null]} */
  #at = [null, null];
  #takers = new TakerLayer();

  /**
   * @param {Discrimination} discrimination
   * @param {HTMLElement} host
   */
  constructor(discrimination, host) {
    this.discrimination = discrimination;
    this.store = discrimination.store;
    this.parts = pictureParts(discrimination, {
      scene: () => this.#scene(this.#heat),
      pointed: (x, y) => this.#point(x, y),
      hovered: (index) => this.panel.point(index),
      painted: () => this.#painted(),
    });
    this.bar = colorBar();
    this.panel = discriminationPanel(discrimination, { ...this.parts.list, download: this.parts.downloads(() => this.#sheet(), () => this.#table()) });
    this.root = this.parts.arrange("discrimination", "One object against the others", [this.bar.root], this.panel.root);
    this.parts.begin(host, this.root, { changed: (key) => this.#changed(key), decoded: () => this.parts.stage.fit() });
    this.#refresh();
  }

  dispose() {
    this.parts.dispose();
  }

  /** @param {string} key */
  #changed(key) {
    this.parts.progress.show(this.discrimination.status);
    if (key !== "status") this.#refresh();
    this.parts.stage.invalidate();
  }

  #refresh() {
    const { discrimination, store, parts } = this;
    parts.progress.show(discrimination.status);
    this.panel.show();
    const colored = discrimination.map && store.get("view") !== "neighbours";
    this.bar.show(colored ? discrimination.range : null, discrimination.table(false), discrimination.maps?.unit);
    // Another object's map has another value there.
    this.#point(...this.#at);
    parts.changed();
    parts.label("Photograph");
    parts.say(this.#words());
  }

  #words() {
    const { discrimination, store } = this;
    const { selected, contrast } = discrimination;
    const objects = store.get("objects");
    if (store.get("notice")) return store.get("notice");
    if (selected === null) return "Click an object, or use the arrow keys, to see what sets it apart from the others.";
    const what = boxLabel(objects[selected]);
    if (!contrast) return `${what}.`;
    const percent = (/** @type {number} */ share) => `${Math.round(100 * share)}%`;
    const taken = contrast.facts.taken.filter((t) => t.inside > 0).map((t) => `${nameOf(objects[t.index])} takes ${percent(t.inside)}`);
    const rest = taken.length > 0 ? `; ${taken.join(", ")}` : "; no other object takes any of it";
    return `${what}. ${contrast.title}: ${percent(contrast.facts.kept)} of its box is its own${rest}.`;
  }

  /**
   * @param {HeatLayer} layer
   * @returns {import("../shared/painter.js").Scene | null}
   */
  #scene(layer) {
    const { discrimination, store, parts } = this;
    const photo = parts.photo();
    if (!photo) return null;
    const { width, height } = store.get("photo");
    const { contrast, map, range, selected, tints } = discrimination;
    const tinted = store.get("view") === "neighbours";
    /** @type {CanvasImageSource | null} */
    let heat = null;
    if (contrast && selected !== null && tinted) {
      heat = this.#takers.draw(contrast, tints, selected, store.get("hide_below"));
    } else if (map && range) {
      heat = layer.draw(map, [height, width], range, discrimination.table(true), discrimination.colors);
    }
    return {
      photo,
      size: { width, height },
      heat,
      opacity: store.get("opacity"),
      // Where colours say whose the pixels are, those of the classes would say something else.
      objects: tinted ? store.get("objects").map((/** @type {any} */ object) => ({ ...object, color: undefined })) : store.get("objects"),
      selected,
      hovered: null,
      side: map ? discrimination.side : null,
      boxes: store.get("boxes"),
      tints: tinted ? tints : undefined,
    };
  }

  /**
   * @param {number | null} x
   * @param {number | null} y
   */
  #point(x, y) {
    this.#at = [x, y];
    const { discrimination, store } = this;
    const { width, height } = store.get("photo");
    if (x === null || y === null || x < 0 || y < 0 || x >= width || y >= height) {
      this.bar.point(null);
      return;
    }
    const at = { x: Math.floor(x), y: Math.floor(y) };
    const { map, contrast, selected } = discrimination;
    this.bar.point({ ...at, value: map ? valueAt(map, at.x + 0.5, at.y + 0.5) : null });
    if (!contrast || selected === null || store.get("view") === "map") return;
    const taker = discrimination.takerAt(at.x, at.y);
    const [difference] = contrast.difference.maps;
    const read = valueAt(difference, at.x + 0.5, at.y + 0.5);
    // Sent in steps, a lead of nothing comes back as half a step.
    const lead = Math.abs(read) < (difference.high - difference.low) / STEPS ? 0 : read;
    const whose = taker !== null ? nameOf(store.get("objects")[taker]) : lead > 0 ? nameOf(store.get("objects")[selected]) : "nobody";
    this.bar.say(`${formatValue(lead)} at x ${at.x}, y ${at.y}: most for ${whose}`);
  }

  #painted() {
    const { discrimination, root, store } = this;
    const { contrast, selected } = discrimination;
    root.dataset.shown = contrast && selected !== null ? contrast.key : "";
    root.dataset.view = store.get("view");
    root.dataset.opacity = String(store.get("opacity"));
    const waits = selected !== null && !contrast && discrimination.status.state !== "error";
    root.dataset.ready = String(!waits);
  }

  /** @returns {import("../shared/sheet.js").Sheet | null} */
  #sheet() {
    const { discrimination, store, parts } = this;
    const scene = parts.scene(this.#scene(fullLayer()));
    if (!scene) return null;
    const { selected, choice, map, range, maps, tints } = discrimination;
    const objects = store.get("objects");
    const tinted = store.get("view") === "neighbours";
    const about = maps?.title && !tinted ? `: ${maps.title}` : "";
    const taken = [...tints].map(([index, color]) => ({ color, name: `most for ${nameOf(objects[index])}` }));
    return {
      scene,
      part: parts.stage.viewport.visible,
      words: [selected === null ? `${objects.length} objects` : `${boxLabel(objects[selected])}${about}`, ...(selected === null ? [] : [this.#words()])],
      bar: map && range && !tinted ? { range, table: discrimination.table(false), unit: discrimination.maps?.unit } : null,
      legend: tinted ? taken : classLegend(scene),
      name: [
        store.get("view"),
        ...(choice ? [choice.method, choice.target, choice.layer] : []),
        ...(selected === null ? ["photograph"] : [objects[selected].name, String(selected)]),
      ],
    };
  }

  #table() {
    const { discrimination, store } = this;
    const { contrast, choice, selected } = discrimination;
    const taken = new Map(contrast?.facts.taken.map((one) => [one.index, one]));
    const rows = objectCells(store.get("objects"), discrimination.listed, selected).map((cells, i) => {
      const own = i === selected ? contrast?.facts.kept : taken.get(i)?.inside;
      return [...cells, choice?.method, choice?.target, choice?.layer, own, taken.get(i)?.energy];
    });
    return csvOf([...OBJECT_COLUMNS, "method", "target", "layer", "share_of_box", "share_of_energy"], rows);
  }
}

export default widget(
  (model) => new Discrimination(model),
  (discrimination, host) => new DiscriminationView(discrimination, host),
);
