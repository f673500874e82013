// What the views of all widgets do alike: the photograph, words, work and errors; selection on a stage; the life of a view.

import { button, element, uniqueId } from "./dom.js";
import { nextAmong } from "./filter.js";
import { downloadFile, downloadPng } from "./png.js";
import { larger } from "./painter.js";
import { progressView } from "./progress.js";
import { renderSheet, svgOf } from "./sheet.js";
import { Stage } from "./stage.js";
import { counted, overlayOf, subjectOf } from "./subjects.js";
import { fileName, formatValue } from "./text.js";
import { retold } from "./terms.js";
import { followTheme } from "./theme.js";
import { zoomTools } from "./tools.js";
import { WholeModel } from "./transport.js";

/** @typedef {import("@anywidget/types").AnyModel} AnyModel */
/** @typedef {import("./stage.js").StageActions} StageActions */
/** @typedef {import("./state.js").Store} Store */

/**
 * The parts of any view.
 * @param {Store} store
 * @param {() => void} [cancel] gives up the work under way; by default the kernel is asked to
 */
export function viewParts(store, cancel = () => store.send({ type: "cancel" })) {
  const words = element("p", { class: "dx-words", role: "status", "aria-live": "polite", id: uniqueId("words") });
  const progress = progressView(cancel);
  /** @type {CanvasImageSource | null} */
  let photo = null;
  let partly = false;
  let said = "";
  /** @type {Array<() => void>} */
  const undo = [];
  const fail = (/** @type {string} */ text) => progress.show({ state: "error", key: "", text, done: 0, total: 0 });

  /** A widget over many photographs may begin without one. @param {() => void} decoded */
  async function decode(decoded) {
    const sent = store.get("photo");
    // All pixels of the same photograph take the place of fewer without a gap.
    if (!(sent.whole && partly)) photo = null;
    partly = sent.whole === false;
    if (!sent.data) return;
    try {
      const made = await createImageBitmap(new Blob([sent.data], { type: sent.type }));
      // A newer one is decoded by a call of its own.
      if (store.get("photo") !== sent) return;
      photo = made;
      if (partly) larger.set(made, () => larger.delete(made) && store.send({ type: "photo" }));
      decoded();
    } catch (error) {
      fail(`The photograph cannot be shown: ${error}`);
    }
  }

  return {
    words,
    progress,
    cancel,
    again: againButton(store),
    /** The decoded photograph, null before. */
    photo: () => photo,
    /** Words for those who do not see the picture; the same ones are not said twice. @param {string} text */
    say(text) {
      if (text !== said) words.textContent = said = text;
    },
    /**
     * The root of the page's part.
     * @param {string} kind
     * @param {string} label
     * @param {HTMLElement[]} content
     */
    frame: (kind, label, content) => {
      const root = element("div", { class: `dx-root dx-${kind}`, "data-ready": "false", role: "group", "aria-label": label }, content);
      retold(root, subjectOf(store));
      return root;
    },
    /**
     * Put the root into the page, follow its theme and the traits, and decode the photograph, also a later one.
     * @param {HTMLElement} host
     * @param {HTMLElement} root
     * @param {{changed: (key: string) => void, decoded: () => void, undo?: () => void, redo?: () => void}} actions
     *   `undo`, `redo`: what Ctrl + Z and Ctrl + Shift + Z (or Ctrl + Y) do; by default the first takes back traits
     */
    begin(host, root, { changed, decoded, undo: back = () => store.undo(), redo }) {
      host.append(root);
      root.addEventListener("keydown", (event) => {
        const text = event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement && ["search", "text"].includes(event.target.type);
        const key = event.key.toLowerCase();
        const forth = (key === "z" && event.shiftKey) || (key === "y" && !event.shiftKey);
        if (!(forth ? redo : key === "z") || !(event.ctrlKey || event.metaKey) || event.altKey || text) return;
        event.preventDefault();
        event.stopPropagation();
        if (forth) redo?.();
        else back();
      });
      const follow = (/** @type {string} */ key) => {
        if (key === "photo") decode(decoded);
        changed(key);
      };
      undo.push(followTheme(root), store.subscribe(follow), () => root.remove());
      decode(decoded);
    },
    /**
     * Hand a picture with its caption, and a table, to the browser as files.
     * @template {{name: string[]}} Sheet
     * @param {() => Sheet | null} sheet
     * @param {() => string} table CSV
     * @param {{png: (made: Sheet) => HTMLCanvasElement, svg: (made: Sheet) => string}} how it is drawn
     */
    downloads(sheet, table, how) {
      const write = (/** @type {(made: Sheet, name: string) => unknown} */ give) => async () => {
        try {
          const made = sheet();
          if (made) await give(made, fileName(made.name));
        } catch (error) {
          fail(`The file was not saved: ${error}`);
        }
      };
      const text = (/** @type {string} */ content, /** @type {string} */ type) => new Blob([content], { type });
      return {
        png: write((made, name) => downloadPng(how.png(made), name)),
        svg: write((made, name) => downloadFile(text(how.svg(made), "image/svg+xml"), `${name}.svg`)),
        // The mark in front tells spreadsheets that it is UTF-8.
        csv: write((_, name) => downloadFile(text(`\ufeff${table()}`, "text/csv"), `${name}.csv`)),
      };
    },
    dispose() {
      for (const end of undo) end();
      progress.dispose();
    },
  };
}

/** Where nothing was found, the way out is one click away. @param {Store} store */
function againButton(store) {
  const root = button("compute", "Detect again with a lower score threshold", () => store.send({ type: "detect" }), "Detect again");
  root.hidden = true;
  return {
    root,
    /** @param {number | null} lower a threshold with which something is found, null where there is no need */
    show(lower) {
      root.hidden = lower === null;
      const words = `Detect with a score of at least ${lower === null ? "" : formatValue(lower)}`;
      root.title = words;
      root.setAttribute("aria-label", words);
      const caption = root.lastElementChild;
      if (caption) caption.textContent = words;
    },
  };
}

/**
 * The parts of a view with one picture, in which objects are selected.
 * @param {{store: Store, selected: number | null, status: import("./types.js").Status, cancel?: () => void,
 *   objects?: readonly import("./types.js").DetectedObject[], listed?: number[], along?: Record<string, unknown>,
 *   lower?: number | null, choose?: (index: number | null) => Record<string, unknown>}} shared `objects`: those there are, by
 *   default all; `along`: traits that are set with each selection; `listed`: numbers of those that pass the filters, by default all; `lower`: a threshold with which
 *   something is found where nothing was; `choose`: the traits that select an object, by default its index
 * @param {Pick<StageActions, "scene" | "painted"> & Partial<Pick<StageActions, "pointed" | "hovered">>} actions
 */
export function pictureParts(shared, { scene, painted, pointed = () => {}, hovered = () => {} }) {
  const { store } = shared;
  const parts = viewParts(store, shared.cancel && (() => shared.cancel?.()));
  const { words, progress } = parts;
  const subject = subjectOf(store);
  const objects = () => shared.objects ?? store.get("objects");

  const numbers = () => shared.listed ?? [...objects().keys()];

  /** @param {number | null} index */
  function select(index) {
    if (index === null || objects()[index]) store.commit({ ...shared.along, ...(shared.choose?.(index) ?? { selected: index }) });
  }

  /** @param {1 | -1} by */
  function step(by) {
    const next = nextAmong(numbers(), shared.selected, by);
    if (next === null) return;
    if (!subject.whole) stage.viewport.reveal(objects()[next].box);
    select(next);
  }

  function escape() {
    if (shared.status.state === "busy") parts.cancel();
    else select(null);
  }

  const { width, height } = store.get("photo");
  const selected = () => shared.selected;
  /** Which objects are listed, worked out once for each state of the traits. @type {Set<number> | null} */
  let listed = null;
  const isListed = (/** @type {number} */ index) => (listed ??= new Set(numbers())).has(index);
  /** Without the boxes of objects that are not listed. @param {import("./painter.js").Scene | null} drawn */
  const filtered = (drawn) => {
    if (drawn && subject.whole) return { ...drawn, ...overlayOf(objects(), drawn.size) };
    const hidden = objects().flatMap((/** @type {unknown} */ _, /** @type {number} */ i) => (isListed(i) ? [] : [i]));
    return drawn && hidden.length > 0 ? { ...drawn, hidden: new Set([...(drawn.hidden ?? []), ...hidden]) } : drawn;
  };
  /** @type {{x: number | null, y: number | null}} */
  let at = { x: null, y: null };
  const stage = new Stage({ width, height }, {
    objects,
    selected,
    scene: () => filtered(scene()),
    select,
    step,
    escape,
    painted,
    shown: isListed,
    places: !subject.whole,
    hovered: (index) => hovered(index),
    pointed: (x, y) => {
      at = { x, y };
      pointed(x, y);
    },
  });
  stage.canvas.setAttribute("aria-describedby", words.id);
  stage.root.append(zoomTools(stage), progress.busy);

  return {
    ...parts,
    stage,
    /**
     * As `downloads`, of the one picture.
     * @param {() => import("./sheet.js").Sheet | null} sheet
     * @param {() => string} table
     * @param {(made: import("./sheet.js").Sheet) => HTMLCanvasElement} [png] where there is more to see than the picture
     */
    downloads: (sheet, table, png = renderSheet) => parts.downloads(sheet, table, { png, svg: svgOf }),
    scene: filtered,
    /** Traits have changed: what is said of the point under the pointer may be another object's. */
    changed() {
      listed = null;
      pointed(at.x, at.y);
      parts.again.show(shared.lower ?? null);
    },
    /** What the panel's list of objects does. */
    list: { select, step, hover: (/** @type {number | null} */ index) => subject.whole || stage.hover(index) },
    /**
     * Picture, what belongs below it, and the panel beside it.
     * @param {string} kind
     * @param {string} label
     * @param {HTMLElement[]} below
     * @param {HTMLElement} panel
     */
    arrange(kind, label, below, panel) {
      const figure = element("div", { class: "dx-figure" }, [stage.root, ...below, progress.error, words, parts.again.root]);
      return parts.frame(kind, label, [element("div", { class: "dx-columns" }, [figure, panel])]);
    },
    /** Say what the picture is. @param {string} what */
    label(what) {
      const all = objects();
      const found = numbers().filter((i) => !all[i]?.missed).length;
      const missed = numbers().length - found;
      const count = subject.whole ? `its map for one of ${counted(subject, found)}` : `${found} detected ${found === 1 ? "object" : "objects"}`;
      const also = missed > 0 ? ` and ${missed} missed` : "";
      stage.canvas.setAttribute("aria-label", `${what} with ${count}${also}. Arrow keys select, plus and minus zoom.`);
    },
    dispose() {
      parts.dispose();
      stage.dispose();
    },
  };
}

/** What stands where a widget is to come whose arrays the host has lost: Python sends them again, as text. */
const ON_ITS_WAY = "Waiting for the kernel to send this widget once more; if nothing comes, run its cell again";

/**
 * The module that anywidget loads: views of one model share what `share` makes of it.
 * @template {{store: Store}} Shared
 * @param {(model: AnyModel) => Shared} share
 * @param {(shared: Shared, host: HTMLElement) => {dispose: () => void}} view
 */
export function widget(share, view) {
  return () => {
    /** @type {WholeModel | null} */
    let whole = null;
    /** @type {Shared | null} */
    let shared = null;
    /** @param {AnyModel} model @param {(shared: Shared) => void} act */
    const begin = (model, act) => {
      const arriving = (whole ??= new WholeModel(model));
      return arriving.whenWhole(() => act((shared ??= share(/** @type {AnyModel} */ (/** @type {unknown} */ (arriving))))));
    };
    return {
      /** @param {{model: AnyModel}} props */
      initialize({ model }) {
        [whole, shared] = [null, null];
        const stop = begin(model, () => {});
        return () => {
          stop();
          shared?.store.dispose();
        };
      },
      /** @param {{model: AnyModel, el: HTMLElement}} props */
      render({ model, el }) {
        const words = element("p", { role: "status" }, [ON_ITS_WAY]);
        /** @type {{dispose: () => void} | null} */
        let made = null;
        const stop = begin(model, (ready) => {
          words.remove();
          made = view(ready, el);
        });
        if (!made) el.append(words);
        return () => {
          stop();
          words.remove();
          made?.dispose();
        };
      },
    };
  };
}
