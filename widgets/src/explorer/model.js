// What all views of one Explorer share: its traits, the maps computed so far, and which of them are shown.

import { Coloring } from "../shared/coloring.js";
import { MOST_BYTES, bytesOfMaps, colorRange, decodeMaps } from "../shared/maps.js";
import { ModelWithMisses } from "../shared/missed.js";
import { WAITING } from "../shared/one_result_model.js";
import { ResultCache } from "../shared/result_cache.js";
import { subjectOf } from "../shared/subjects.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("../shared/types.js").MapSet} MapSet */

/** Every trait that this front end reads or sets. */
export const TRAITS = [
  "photo",
  "objects",
  "choices",
  "palettes",
  "selected",
  "misses",
  "miss",
  "min_score",
  "only_class",
  "search",
  "method",
  "target",
  "layer",
  "direction",
  "against",
  "combine",
  "others",
  "opacity",
  "hide_below",
  "percentile",
  "colormap",
  "signed_colormap",
  "scale",
  "boxes",
  "request",
  "map_key",
  "map_data",
  "status",
  "notice",
  "lower_score",
  "class_answer",
  "code",
];

/**
 * Each map in the place of its class, where only some are explained; of a detector all maps.
 * @param {import("../shared/types.js").MapPackage & {rows?: number[]}} sent
 */
export function mapsInPlace(sent) {
  const found = decodeMaps(sent);
  if (!sent.rows) return found;
  /** @type {MapSet["maps"]} */
  const maps = [];
  sent.rows.forEach((row, i) => (maps[row] = found.maps[i]));
  return { ...found, maps };
}

/** @extends {ModelWithMisses<MapSet>} */
export class Explorer extends ModelWithMisses {
  /** @param {AnyModel} model */
  constructor(model) {
    super(model, TRAITS, { cache: new ResultCache(MOST_BYTES, bytesOfMaps), decode: mapsInPlace, lingers: true });
    this.subject = subjectOf(this.store);
    this.coloring = new Coloring(this.store);
  }

  /** What the kernel does: also where the class that was chosen is not explained yet. @returns {import("../shared/types.js").Status} */
  get status() {
    const status = super.status;
    if (status.state !== "idle" || this.thing === null || this.nothing || !this.maps || this.map || this.itself || this.store.saved) return status;
    return { ...status, state: "busy", text: WAITING };
  }

  /** As for every widget of one result; nothing is to come where every object is of the other class itself. */
  get wanted() {
    const { key, choice } = this.store.get("request");
    return key === "" && this.itself && choice.against === this.store.get("against") ? "" : super.wanted;
  }

  /** The maps to show, or null. */
  get maps() {
    return this.result;
  }

  /** The map of the selected object or of the chosen miss, or null. */
  get map() {
    const { place, maps } = this;
    return place === null || this.itself ? null : (maps?.maps[place] ?? null);
  }

  /** Give up what is under way: in the kernel, or, where that has not even heard of it, the choice itself. */
  cancel() {
    const { store, choice } = this;
    if (!choice || store.get("status").key === this.wanted) store.send({ type: "cancel" });
    else store.commit(choice);
  }

  /** The side of the box that the shown maps explain, or null. */
  get side() {
    const target = this.choice?.target;
    return ["x1", "y1", "x2", "y2"].includes(target) ? target : null;
  }

  /** The class that the chosen maps explain each object's own against, "" for none. @returns {string} */
  get against() {
    const { store } = this;
    const method = store.get("choices").methods.find((/** @type {{name: string}} */ m) => m.name === store.get("method"));
    return store.get("target") === "class" && method?.contrasts ? store.get("against") : "";
  }

  /** Whether the selected object is of the very class that the others are explained against: it has no map. */
  get itself() {
    const { selected, against } = this;
    return against !== "" && selected !== null && this.store.get("others")[selected]?.own === against;
  }

  /** What the selected object's class can be explained against; the chosen class is always among them. @returns {import("../shared/controls.js").Choice[]} */
  get others() {
    const { store, selected } = this;
    const method = store.get("choices").methods.find((/** @type {{name: string}} */ m) => m.name === store.get("method"));
    if (store.get("target") !== "class" || !method?.contrasts) return [];
    const others = store.get("others")[selected ?? 0]?.offered ?? [];
    const now = store.get("against");
    const further = now && !others.some((/** @type {{name: string}} */ o) => o.name === now) ? [{ name: now, title: now }] : [];
    return others.length + further.length > 0 ? [{ name: "", title: "any other" }, ...others, ...further] : [];
  }

  /** The method's directions, none for most methods. @returns {string[]} */
  get directions() {
    const methods = this.store.get("choices").methods;
    return methods.find((/** @type {{name: string}} */ m) => m.name === this.store.get("method"))?.directions ?? [];
  }

  /** @returns {import("../shared/types.js").Range | null} */
  get range() {
    const { place, maps } = this;
    if (!maps || place === null || !maps.maps[place]) return null;
    const [shared, percentile] = [this.store.get("scale") === "shared", this.store.get("percentile")];
    // Classes without a map have no part in a scale over all.
    return shared ? colorRange({ ...maps, maps: maps.maps.filter(Boolean) }, 0, true, percentile) : colorRange(maps, place, false, percentile);
  }

  /** @param {boolean} fade */
  table(fade) {
    return this.coloring.table(this.maps?.signed ?? false, fade);
  }

  /** Names everything that the colours depend on. */
  get colors() {
    return this.coloring.signature(this.range);
  }
}
