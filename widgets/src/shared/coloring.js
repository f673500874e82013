// How maps are coloured now: by the traits `colormap`, `signed_colormap` and `threshold` of a widget.

import { colorTable, decodePalettes } from "./palette.js";

/** @typedef {import("./types.js").Range} Range */

export class Coloring {
  #palettes;

  /** @param {import("./state.js").Store} store with the trait `palettes` */
  constructor(store) {
    this.store = store;
    this.#palettes = decodePalettes(store.get("palettes"));
  }

  /**
   * The colour table for maps of that kind.
   * @param {boolean} signed
   * @param {boolean} fade false for a colour bar
   */
  table(signed, fade) {
    const { store } = this;
    const palette = /** @type {Uint8Array} */ (this.#palettes.get(store.get(signed ? "signed_colormap" : "colormap")));
    return colorTable(palette, { signed, threshold: store.get("hide_below"), fade });
  }

  /** A text that changes with everything that the colours of a map depend on. @param {Range | null} range */
  signature(range) {
    const { low, high } = range ?? { low: 0, high: 0 };
    const { store } = this;
    return [store.get("colormap"), store.get("signed_colormap"), store.get("hide_below"), low, high].join();
  }
}
