// WhatIf: paint over a part of the picture and see what the detector says then.

import { HeatLayer } from "../shared/heat.js";
import { segmentControl } from "../shared/controls.js";
import { element } from "../shared/dom.js";
import { listenToKeys } from "../shared/keyboard.js";
import { section } from "../shared/panel.js";
import { fullLayer } from "../shared/png.js";
import { drawnThings, withMissedCount } from "../shared/missed.js";
import { csvOf, objectStart, renderSheet, startColumns } from "../shared/sheet.js";
import { counted } from "../shared/subjects.js";
import { boxLabel, missedWords, nameOf } from "../shared/text.js";
import { pictureParts, widget } from "../shared/view.js";
import { answerFacts } from "./answers.js";
import { listenToDrawing, listenToRegionKeys } from "./drawing.js";
import { WhatIf } from "./model.js";
import { ChangedPhoto, Patches, boxesNow, paintBrush, paintOutline, paintShapes } from "./paint.js";
import { pairView } from "./pair.js";
import { whatIfPanel } from "./panel.js";
import { answerWords } from "./words.js";

/** @typedef {import("./model.js").Answer} Answer */

const VIEWS = [
  { name: "before", title: "Before" },
  { name: "now", title: "Now" },
];

/** One view of the widget in the page. */
class WhatIfView {
  #heat = new HeatLayer();
  #changed = new ChangedPhoto();
  #pair = [new ChangedPhoto(), new ChangedPhoto()];
  /** Where the pointer is. @type {[number, number] | null} */
  #at = null;
  /** What is not shown yet of the traits' changes. @type {"" | "facts" | "all"} */
  #stale = "";

  /**
   * @param {WhatIf} whatIf
   * @param {HTMLElement} host
   */
  constructor(whatIf, host) {
    this.whatIf = whatIf;
    this.store = whatIf.store;
    this.parts = pictureParts(whatIf.picked, {
      scene: () => this.#scene(this.#heat),
      painted: () => this.#painted(),
      hovered: (index) => this.panel?.point(index),
      pointed: (x, y) => {
        this.#at = x === null || y === null ? null : [x, y];
        if (this.store.get("tool") === "brush") this.parts?.stage.invalidate();
      },
    });
    const { parts, store } = this;
    this.patches = new Patches(
      () => this.#decoded(),
      (text) => parts.say(text),
    );
    const download = parts.downloads(() => this.#sheet(), () => this.#table(), (made) => this.#png(made));
    this.panel = whatIfPanel(whatIf, { ...parts.list, download });
    this.view = segmentControl("Show", VIEWS, (name) => store.commit({ view: name }));
    this.facts = answerFacts(whatIf);
    this.pair = pairView(whatIf, (answer) => this.#sceneOf(answer, this.#pair[answer === whatIf.answer ? 1 : 0]));
    this.compared = section("Two steps", [this.pair.root]);
    this.root = parts.arrange("what-if", "What the detector says when a part of the picture is changed", [this.view.row], this.panel.root);
    this.root.querySelector(".dx-figure")?.append(element("div", { class: "dx-below" }, [section("Answer", [this.facts.root]), this.compared]));
    this.hand = listenToDrawing(whatIf, parts.stage, () => parts.stage.invalidate());
    const own = {
      ",": () => parts.list.step(-1),
      ".": () => parts.list.step(1),
      v: () => store.commit({ view: store.get("view") === "now" ? "before" : "now" }),
    };
    if (store.saved) listenToKeys(parts.stage.canvas, own);
    else listenToRegionKeys(whatIf, parts.stage, { ...own, Enter: () => whatIf.shapes.length > 0 && whatIf.ask(whatIf.shapes), Escape: () => this.#escape() });
    parts.begin(host, this.root, {
      changed: (key) => this.#heard(key),
      decoded: () => {
        parts.stage.fit();
        this.pair.paint();
      },
      ...(store.saved ? {} : { undo: () => whatIf.undo(), redo: () => whatIf.redo() }),
    });
    this.#refresh();
  }

  dispose() {
    this.parts.dispose();
    this.pair.dispose();
    this.whatIf.dispose();
  }

  /** Leave what is being drawn, or what is under way; else the stage deselects. */
  #escape() {
    if (this.hand.drop()) return true;
    if (!this.whatIf.drawn) return false;
    this.whatIf.cancel();
    return true;
  }

  #decoded() {
    this.parts.stage.invalidate();
    this.pair.paint();
  }

  /** @param {string} key */
  #heard(key) {
    this.parts.progress.show(this.whatIf.status);
    if (key !== "drawn") {
      // One message brings many traits: all is shown once for them together. The facts say whether equal areas are being
      // computed, nothing else follows from the status.
      if (!this.#stale) queueMicrotask(() => this.#catchUp());
      this.#stale = this.#stale === "all" || key !== "status" ? "all" : "facts";
    }
    this.parts.stage.invalidate();
  }

  #catchUp() {
    const stale = this.#stale;
    this.#stale = "";
    if (!this.root.isConnected) return;
    if (stale === "all") this.#refresh();
    else this.facts.show();
  }

  #refresh() {
    const { whatIf, store, parts } = this;
    parts.progress.show(whatIf.status);
    this.panel.show();
    this.view.show(whatIf.answer ? store.get("view") : "before");
    this.view.row.hidden = whatIf.answer === null;
    this.facts.show();
    this.compared.hidden = !this.pair.on;
    this.pair.show();
    parts.changed();
    parts.stage.canvas.style.touchAction = store.get("tool") === "select" ? "" : "none";
    parts.stage.canvas.classList.toggle("dx-drawing", store.get("tool") !== "select");
    const what = whatIf.subject.whole ? "" : ` with ${withMissedCount(counted(whatIf.subject, whatIf.objects.length), store.get("misses").length)}`;
    const keys = store.saved ? "Arrow keys choose, V changes the picture, plus and minus zoom." : "Arrow keys move the region, square brackets change its size; H takes the hottest pixels, B draws a box, comma and full stop choose, V changes the picture, plus and minus zoom.";
    parts.stage.canvas.setAttribute("aria-label", `${whatIf.answer && store.get("view") === "now" ? "Changed picture" : "Picture"}${what}. ${keys}`);
    parts.say(this.#words());
    parts.stage.invalidate();
  }

  #words() {
    const { whatIf, store } = this;
    if (store.get("notice") && !whatIf.answer) return store.get("notice");
    const { missed } = whatIf;
    return answerWords(whatIf) || (missed && missedWords(missed)) || (store.saved ? "Choose a step to see what the detector said then." : "Paint over a part of the picture and see what the detector says then.");
  }

  /** The answer's picture with its boxes. @param {Answer} answer @param {ChangedPhoto} changed @returns {import("../shared/painter.js").Scene | null} */
  #sceneOf(answer, changed) {
    const { whatIf, store, parts } = this;
    const photo = parts.photo();
    const patch = this.patches.of(answer);
    if (!photo || !patch) return null;
    const { width, height } = store.get("photo");
    const size = { width, height };
    return {
      ...{ photo: changed.draw(photo, size, answer, patch), size, heat: null, opacity: 0, hovered: null, side: null, boxes: "all" },
      ...boxesNow(whatIf, answer),
      over: (context, view, unit) => paintOutline(context, view, unit, answer),
    };
  }

  /**
   * @param {HeatLayer} layer
   * @param {boolean} [file] then without brush and what is under the hand
   * @returns {import("../shared/painter.js").Scene | null}
   */
  #scene(layer, file = false) {
    const { whatIf, store, parts } = this;
    const { answer, map, range } = whatIf;
    const photo = parts.photo();
    if (!photo) return null;
    const now = answer && store.get("view") === "now" ? this.#sceneOf(answer, this.#changed) : null;
    const { width, height } = store.get("photo");
    const heat = !now && map && range ? layer.draw(map, [height, width], range, whatIf.table(true), whatIf.coloring.signature(range)) : null;
    const base = now ?? { photo, size: { width, height }, heat, opacity: store.get("opacity"), ...drawnThings(whatIf.things, whatIf.missed), selected: whatIf.thing, hovered: null, side: null, boxes: "all" };
    return { ...base, over: (context, view, unit) => this.#over(context, view, unit, file) };
  }

  /**
   * The region, what is under way, and the brush.
   * @param {CanvasRenderingContext2D} context
   * @param {import("../shared/types.js").View} view
   * @param {number} unit
   * @param {boolean} file
   */
  #over(context, view, unit, file) {
    const { whatIf, store } = this;
    const { answer, drawn } = whatIf;
    const shape = file ? null : this.hand?.shape;
    const fresh = !file && drawn && (shape === null || this.hand.added);
    if (fresh) paintShapes(context, view, unit, drawn, answer);
    else if (answer && (!shape || this.hand.added)) paintOutline(context, view, unit, answer);
    if (shape) paintShapes(context, view, unit, [shape], answer);
    else if (!file && this.#at && store.get("tool") === "brush") paintBrush(context, view, unit, this.#at, store.get("radius"));
  }

  #painted() {
    const { whatIf, store, root } = this;
    const { answer, elsewhere } = whatIf;
    root.dataset.step = store.get("step") === null ? "" : String(store.get("step"));
    root.dataset.answer = answer ? String(answer.number) : "";
    root.dataset.elsewhere = elsewhere ? "known" : "";
    root.dataset.shown = whatIf.map ? `${whatIf.maps?.key}#${whatIf.thing}` : "";
    const patched = !answer || store.get("view") !== "now" || this.patches.of(answer) !== null;
    root.dataset.ready = String(patched && !whatIf.waiting && whatIf.drawn === null);
  }

  /** @returns {import("../shared/sheet.js").Sheet | null} */
  #sheet() {
    const { whatIf, store, parts } = this;
    const { answer, map, range, thing, things, missed } = whatIf;
    const scene = parts.scene(this.#scene(fullLayer(), true));
    if (!scene) return null;
    const step = store.get("step");
    const note = step === null ? "" : (store.get("steps")[step]?.note ?? "");
    const count = withMissedCount(counted(whatIf.subject, whatIf.objects.length), store.get("misses").length);
    const title = missed ? missedWords(missed) : thing === null ? count : `${boxLabel(things[thing])}${map ? `: ${whatIf.maps?.title}` : ""}`;
    return {
      scene,
      part: parts.stage.viewport.visible,
      words: answer ? [answerWords(whatIf, true), note].filter(Boolean) : [title],
      bar: scene.heat && map && range ? { range, table: whatIf.table(false), unit: whatIf.maps?.unit } : null,
      legend: [],
      name: ["what-if", ...(answer ? [answer.region, store.get("fill")] : []), ...(thing === null ? [] : [...(missed ? ["missed"] : []), things[thing].name, String(missed ? whatIf.miss : thing)])],
    };
  }

  /** The picture, and two steps below it where they are compared. @param {import("../shared/sheet.js").Sheet} made */
  #png(made) {
    const picture = renderSheet(made);
    if (!this.pair.on) return picture;
    const pair = this.pair.render();
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(picture.width, pair.width);
    canvas.height = picture.height + pair.height;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0);
    context.drawImage(pair, 0, picture.height);
    return canvas;
  }

  #table() {
    const { whatIf, store } = this;
    const { answer, elsewhere, about } = whatIf;
    const step = store.get("step");
    const columns = ["selected", "step", "region", "fill", "score_now", "lost", "lost_elsewhere_in_object", "lost_on_background", "class_now", "its_score", "iou_of_boxes", "still_reported", "about", "note"];
    const missed = store.get("misses").length > 0;
    const rows = whatIf.things.map((object, i) => {
      const row = answer?.rows[i];
      const figures = row ? [row.now, row.before - row.now, elsewhere?.object.lost[i], elsewhere?.background.lost[i], row.label, row.label_score, row.iou, row.kept] : Array(8).fill(null);
      return [...objectStart(object, i), i === whatIf.thing, step === null ? null : step + 1, answer?.region, answer?.fill, ...figures, i === about, step === null ? null : store.get("steps")[step]?.note, ...(missed ? [object.missed, object.about] : [])];
    });
    return csvOf([...startColumns(whatIf.subject.whole), ...columns, ...(missed ? ["missed", "best_candidate"] : [])], rows);
  }
}

export default widget(
  (model) => new WhatIf(model),
  (whatIf, host) => new WhatIfView(whatIf, host),
);
