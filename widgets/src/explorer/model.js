// What all views of one Explorer share: its traits, the maps computed so far, and which of them are shown.

import { MapCache, colorRange, decodeMaps, mapKey } from "../shared/maps.js";
import { colorTable, decodePalettes } from "../shared/palette.js";
import { Store } from "../shared/state.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("../shared/types.js").MapSet} MapSet */

/** Every trait that this front end reads or sets. */
export const TRAITS = [
  "photo",
  "objects",
  "choices",
  "palettes",
  "selected",
  "method",
  "target",
  "layer",
  "direction",
  "opacity",
  "threshold",
  "colormap",
  "signed_colormap",
  "scale",
  "boxes",
  "map_key",
  "map_data",
  "status",
  "notice",
  "code",
];

/** What changes only the picture, not the controls. */
export const MAP_TRAITS = ["method", "target", "layer", "direction", "map_key", "map_data", "status"];

/** What all views of one widget share: the traits and the maps computed so far. */
export class Explorer {
  /** @type {MapSet | null} */
  #shown = null;
  #asked = "";

  /** @param {AnyModel} model */
  constructor(model) {
    this.cache = new MapCache();
    this.store = new Store(model, TRAITS);
    this.palettes = decodePalettes(this.store.get("palettes"));
    this.#choose();
    // Subscribed first, so that views find the maps already chosen.
    this.store.subscribe((key) => {
      if (MAP_TRAITS.includes(key)) this.#choose();
    });
  }

  /** The maps to show, or null where there are none. */
  get maps() {
    return this.#shown;
  }

  /** The selected object's index, or null. */
  get selected() {
    const selected = this.store.get("selected");
    return selected !== null && selected < this.store.get("objects").length ? selected : null;
  }

  /** The selected object's map, or null. */
  get map() {
    const selected = this.selected;
    return selected === null ? null : (this.#shown?.maps[selected] ?? null);
  }

  /**
   * What the kernel does, as far as it is known here: it may still be busy with a cell, or gone.
   * @returns {import("../shared/types.js").Status}
   */
  get status() {
    const { store, cache, wanted } = this;
    const status = store.get("status");
    if (status.key === wanted) return status;
    const settled = store.get("objects").length === 0 || cache.has(wanted);
    const text = settled ? "" : "Waiting for the kernel";
    return { state: settled ? "idle" : "busy", key: wanted, text, done: 0, total: 0 };
  }

  /** Give up what is under way: in the kernel, or, where that has not even heard of it, the choice itself. */
  cancel() {
    const { store } = this;
    if (!this.#shown || store.get("status").key === this.wanted) {
      store.send({ type: "cancel" });
      return;
    }
    const [method, target, layer, direction] = this.#shown.key.split("|");
    store.commit({ method, target, layer, ...(direction ? { direction } : {}) });
  }

  /** The side of the box that the shown maps explain, or null. */
  get side() {
    const target = this.#shown?.key.split("|")[1] ?? "";
    return ["x1", "y1", "x2", "y2"].includes(target) ? target : null;
  }

  /** The key of what is chosen. */
  get wanted() {
    const { store } = this;
    const direction = this.directions.length > 0 ? store.get("direction") : "";
    return mapKey(store.get("method"), store.get("target"), store.get("layer"), direction);
  }

  /** The method's directions, none for most methods. @returns {string[]} */
  get directions() {
    const methods = this.store.get("choices").methods;
    return methods.find((/** @type {{name: string}} */ m) => m.name === this.store.get("method"))?.directions ?? [];
  }

  /** @returns {import("../shared/types.js").Range | null} */
  get range() {
    const selected = this.selected;
    if (!this.#shown || selected === null) return null;
    return colorRange(this.#shown, selected, this.store.get("scale") === "shared");
  }

  /** @param {boolean} fade */
  table(fade) {
    const signed = this.#shown?.signed ?? false;
    const palette = this.palettes.get(this.store.get(signed ? "signed_colormap" : "colormap"));
    return colorTable(/** @type {Uint8Array} */ (palette), { signed, threshold: this.store.get("threshold"), fade });
  }

  /** Names everything that the colours depend on. */
  get colors() {
    const { low, high } = this.range ?? { low: 0, high: 0 };
    const { store } = this;
    return [store.get("colormap"), store.get("signed_colormap"), store.get("threshold"), low, high].join();
  }

  /** Show what is computed at once; ask the kernel to send again what is computed but no longer held here. */
  #choose() {
    const { store, cache } = this;
    const sent = store.get("map_data");
    if (sent.key && !cache.has(sent.key)) cache.add(decodeMaps(sent));
    const { wanted } = this;
    const ready = store.get("map_key");
    if (ready && !cache.has(ready) && this.#asked !== ready) {
      this.#asked = ready;
      store.send({ type: "maps", key: ready });
    }
    if (cache.has(ready)) this.#asked = "";
    if (cache.has(wanted)) this.#shown = cache.get(wanted);
    else if (cache.has(ready)) this.#shown = cache.get(ready);
    else if (this.status.state === "error") this.#shown = null;
  }
}
