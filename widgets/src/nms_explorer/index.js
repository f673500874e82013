// NmsExplorer: move the thresholds of a suppression and see which boxes of a crowd it keeps.

import { HeatLayer } from "../shared/heat.js";
import { element } from "../shared/dom.js";
import { listenToKeys } from "../shared/keyboard.js";
import { section } from "../shared/panel.js";
import { fullLayer } from "../shared/png.js";
import { OBJECT_COLUMNS, csvOf, objectCells, renderSheet } from "../shared/sheet.js";
import { pictureParts, widget } from "../shared/view.js";
import { NmsExplorer } from "./model.js";
import { colorOf, pairView } from "./pair.js";
import { nmsPanel } from "./panel.js";
import { Plane } from "./plane.js";
import { countWords, fateWords, pairWords } from "./words.js";

/** How far a key moves the score threshold. */
const KEY_STEP = 0.05;

/** One view of the widget in the page. */
class NmsExplorerView {
  #heat = new HeatLayer();
  /** The pair that is pointed at in the plane. @type {[number, number] | null} */
  #pointed = null;

  /**
   * @param {NmsExplorer} nms
   * @param {HTMLElement} host
   */
  constructor(nms, host) {
    this.nms = nms;
    this.store = nms.store;
    this.parts = pictureParts(nms, {
      scene: () => this.#scene(this.#heat),
      painted: () => this.#painted(),
      hovered: (index) => {
        this.panel.point(index);
        this.#showPair();
      },
    });
    const { parts } = this;
    const save = parts.downloads(() => this.#sheet(), () => this.#table(), (made) => this.#png(made));
    this.panel = nmsPanel(nms, { ...parts.list, download: save });
    this.pair = pairView(nms, () => parts.photo());
    this.plane = new Plane(nms, {
      point: (pair, byKey) => {
        this.#pointed = pair;
        this.#showPair();
        if (pair && byKey) parts.say(pairWords(nms, ...pair));
        parts.stage.invalidate();
      },
      escape: () => this.store.commit({ selected: null, partner: null }),
    });
    this.root = parts.arrange("nms-explorer", "Which predictions suppression keeps", [], this.panel.root);
    const below = element("div", { class: "dx-wide dx-below" }, [section("Two predictions", [this.pair.root]), section("IoU against correlation", [this.plane.root])]);
    this.root.querySelector(".dx-figure")?.append(below);
    this.theme = new MutationObserver(() => this.plane.invalidate());
    this.theme.observe(this.root, { attributes: true, attributeFilter: ["data-theme"] });
    listenToKeys(this.root, {
      "[": () => nms.moveScore(-KEY_STEP),
      "]": () => nms.moveScore(KEY_STEP),
      ",": () => nms.stepPartner(-1),
      ".": () => nms.stepPartner(1),
    });
    parts.begin(host, this.root, { changed: (key) => this.#changed(key), decoded: () => this.#decoded() });
    this.#refresh();
  }

  dispose() {
    this.parts.dispose();
    this.theme.disconnect();
    this.plane.dispose();
    this.pair.dispose();
  }

  /** @param {string} key */
  #changed(key) {
    this.parts.progress.show(this.nms.status);
    if (key !== "status") this.#refresh();
    this.parts.stage.invalidate();
  }

  #decoded() {
    this.parts.stage.fit();
    this.#showPair();
  }

  #refresh() {
    const { nms, store, parts } = this;
    parts.progress.show(nms.status);
    if (this.#pointed?.some((i) => i >= nms.objects.length)) this.#pointed = null;
    this.panel.show();
    this.plane.show();
    this.#showPair();
    parts.changed();
    parts.label("Photograph");
    const { selected } = nms;
    const chosen = selected === null ? "" : ` ${fateWords(nms, selected)}`;
    const said = nms.objects.length === 0 ? "" : countWords(nms, this.#title) + chosen;
    parts.say([store.get("notice"), said].filter(Boolean).join(" "));
    parts.stage.invalidate();
  }

  get #title() {
    const { rules } = this.store.get("choices");
    return rules.find((/** @type {{name: string}} */ { name }) => name === this.store.get("rule"))?.title ?? "";
  }

  /** The pair that is looked at: pointed at in the plane, or the selected one with the one pointed at, else with its partner. @returns {[number, number] | null} */
  get #shownPair() {
    const { nms, parts } = this;
    if (this.#pointed) return this.#pointed;
    const { selected } = nms;
    if (selected === null) return null;
    const { hovered } = parts.stage;
    const other = hovered !== null && hovered !== selected && hovered < nms.objects.length ? hovered : nms.partner;
    return other === null ? null : nms.inOrder(selected, other);
  }

  #showPair() {
    const pair = this.#shownPair;
    this.pair.show(pair);
    this.plane.look(pair);
  }

  /**
   * @param {HeatLayer} layer
   * @returns {import("../shared/painter.js").Scene | null}
   */
  #scene(layer) {
    const { nms, store, parts } = this;
    const photo = parts.photo();
    if (!photo) return null;
    const { width, height } = store.get("photo");
    const { selected } = nms;
    const shown = store.get("shown");
    const { colors } = store.get("choices");
    /** @type {Map<number, string>} */
    const tints = new Map();
    const dashed = new Set();
    const objects = nms.objects.map((object, i) => {
      const fate = nms.fate(i);
      if (fate === "kept") tints.set(i, colors.kept);
      else if (fate === "removed") dashed.add(i);
      return { ...object, color: colorOf(nms, i) };
    });
    if (shown.includes("present")) {
      for (const { name, box } of store.get("truth").objects ?? []) {
        objects.push({ name, score: 1, box, color: colors.present });
      }
    }
    const map = selected !== null && shown.includes("map") ? (nms.result?.map(selected) ?? null) : null;
    const range = { low: 0, high: map?.high ?? 0 };
    const heat = map && range.high > 0 ? layer.draw(map, [height, width], range, nms.table(true), `${store.get("colormap")} ${range.high}`) : null;
    const pair = this.#shownPair;
    for (const index of pair ?? []) tints.set(index, colorOf(nms, index));
    return { photo, size: { width, height }, heat, opacity: store.get("opacity"), objects, selected: this.#pointed?.[1] ?? selected, hovered: null, side: null, boxes: "all", tints, dashed };
  }

  #painted() {
    const { nms, root } = this;
    const { decision, counts } = nms;
    root.dataset.kept = decision ? String(decision.kept.length) : "";
    root.dataset.numbers = decision ? decision.kept.join() : "";
    root.dataset.counts = counts ? [counts.found, counts.lost, counts.suppressed, counts.double, counts.elsewhere].join() : "";
    const waits = !decision && nms.status.state === "busy";
    root.dataset.ready = String(!waits);
  }

  /** @returns {import("../shared/sheet.js").Sheet | null} */
  #sheet() {
    const { nms, store, parts } = this;
    const scene = parts.scene(this.#scene(fullLayer()));
    if (!scene) return null;
    const { colors } = store.get("choices");
    const names = { kept: "kept", removed: "removed", present: "really there" };
    const legend = Object.entries(names).filter(([name]) => store.get("shown").includes(name) && (name !== "present" || store.get("truth").objects));
    const pair = this.#shownPair;
    return {
      scene,
      part: parts.stage.viewport.visible,
      words: [countWords(nms, this.#title), ...(pair ? [pairWords(nms, ...pair)] : [])],
      bar: scene.heat ? { range: { low: 0, high: nms.result?.map(nms.selected ?? 0).high ?? 0 }, table: nms.table(false) } : null,
      legend: legend.map(([name, title]) => ({ color: colors[name], name: title })),
      name: ["suppression", store.get("rule")],
    };
  }

  /** The picture, and the plane below it. @param {import("../shared/sheet.js").Sheet} made */
  #png(made) {
    const picture = renderSheet(made);
    const plane = this.plane.render();
    if (!plane) return picture;
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(picture.width, plane.width);
    canvas.height = picture.height + plane.height;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0);
    context.drawImage(plane, 0, picture.height);
    return canvas;
  }

  #table() {
    const { nms, store } = this;
    const { decision, owners } = nms;
    const rows = objectCells(nms.objects, nms.listed, nms.selected).map((cells, i) => {
      const by = decision?.by[i] ?? -1;
      const score = decision && nms.fate(i) ? decision.scores[i] : null;
      return [...cells, store.get("rule"), nms.fate(i) ?? "below the min. score", by < 0 ? null : by, score, owners && owners[i] >= 0 ? owners[i] : null];
    });
    return csvOf([...OBJECT_COLUMNS, "rule", "fate", "by", "final_score", "object"], rows);
  }
}

export default widget(
  (model) => new NmsExplorer(model),
  (nms, host) => new NmsExplorerView(nms, host),
);
