// The panel: what is run, how it looks, what to take away; the touching pairs; the means of tiny and larger objects.

import { checkList } from "../shared/checklist.js";
import { plain, segmentControl, selectControl, sliderControl, upperControl } from "../shared/controls.js";
import { element } from "../shared/dom.js";
import { listBox } from "../shared/listbox.js";
import { needsKernel, section, takeAway } from "../shared/panel.js";
import { markPicture } from "./scatter.js";
import { worth } from "./words.js";

/** @typedef {import("./model.js").TinyObjects} TinyObjects */
/** @typedef {import("./model.js").Summary} Summary */

const BOXES = [
  { name: "all", title: "All" },
  { name: "selected", title: "Own" },
];
const IMAGES = [1, 5, 20, 50, 100, 500];
const MOST_PAIRS = 200;

/**
 * @param {TinyObjects} tiny
 * @param {{download: {png: () => void, svg: () => void, csv: () => void}}} actions
 */
export function tinyPanel(tiny, { download }) {
  const { store } = tiny;
  const choose = (/** @type {string} */ key) => (/** @type {string} */ value) => store.commit({ [key]: value });
  const slide = (/** @type {string} */ label, /** @type {string} */ key) =>
    sliderControl(
      label,
      (value) => store.setLive(key, value),
      (value) => store.commit({ [key]: value }),
    );
  const methods = checkList("Methods compared", (chosen) => {
    // More than the kernel takes are refused here: the one ticked last goes.
    if (chosen.length <= store.get("choices").most_methods) store.commit({ methods: chosen });
    else show();
  });
  const most = element("p", { class: "dx-remark" });
  const limit = selectControl("Images", (value) => store.commit({ limit: value === "" ? null : Number(value) }));
  const stale = element("p", { class: "dx-remark" });
  const colors = selectControl("Colours", choose("colormap"));
  const opacity = slide("Opacity", "opacity");
  const hideBelow = slide("Hide below", "hide_below");
  const upper = upperControl(store);
  const boxes = segmentControl("Boxes", BOXES, choose("boxes"));
  const root = element("div", { class: "dx-panel dx-wide" }, [
    needsKernel(store, section("Methods", [methods.root, most])),
    needsKernel(store, section("Run", [limit.row, stale])),
    section("Display of the maps", [colors.row, opacity.row, upper.row, hideBelow.row, boxes.row]),
    takeAway(download, () => store.get("code"), store),
  ]);

  /** Show the state of the traits. */
  function show() {
    const choices = store.get("choices");
    methods.show(
      choices.methods.map((/** @type {any} */ m) => ({ name: m.name, title: m.title })),
      store.get("methods"),
    );
    most.textContent = `Up to ${choices.most_methods} at a time; black-box methods take longest.`;
    const now = store.get("limit");
    const offered = [...new Set([...IMAGES, ...(now === null ? [] : [now])])].filter((n) => n < choices.images || n === now);
    limit.show(
      [
        ...offered.sort((a, b) => a - b).map((n) => ({ name: String(n), title: n === 1 ? "the first" : `the first ${n}` })),
        { name: "", title: choices.images === 1 ? "the one there is" : `all ${choices.images}` },
      ],
      now === null ? "" : String(now),
    );
    stale.textContent = tiny.stale ? "What is shown is another run: run this one to see it." : "";
    colors.show(plain(choices.colormaps), store.get("colormap"));
    opacity.show(store.get("opacity"));
    hideBelow.show(store.get("hide_below"));
      upper.show();
    boxes.show(store.get("boxes"));
  }

  return { root, show };
}

/**
 * The touching pairs, those with the most similar maps first.
 * @param {TinyObjects} tiny
 */
export function pairList(tiny) {
  /** @type {number[]} */
  let pairs = [];
  /** @type {unknown} */
  let filled = null;
  const at = () => (tiny.pair === null ? null : pairs.indexOf(tiny.pair));
  const select = (/** @type {number} */ row) => row >= 0 && row < pairs.length && tiny.selectPair(pairs[row]);
  const step = (/** @type {1 | -1} */ by) => {
    const from = at();
    select(from === null || from < 0 ? (by > 0 ? 0 : pairs.length - 1) : (from + by + pairs.length) % pairs.length);
  };
  const list = listBox({ label: "Touching pairs", select, step, hover: () => {} }, (/** @type {number} */ pair) => {
    const [first, second] = tiny.couple(pair).map((index) => tiny.thing(index));
    const numbers = tiny.methods.map((one, method) => {
      const cosine = tiny.pairFigure(method, "cosine", pair);
      return element("span", { class: "dx-number dx-marked" }, [markPicture(one), cosine === null ? "\u2013" : cosine.toFixed(2)]);
    });
    const said = tiny.methods.map(({ title }, method) => `${title} ${tiny.pairFigure(method, "cosine", pair)?.toFixed(2) ?? "no value"}`);
    return {
      said: `${first.name} ${first.score.toFixed(2)} and ${second.score.toFixed(2)}, ${first.file}, cosine of their maps: ${said.join(", ")}`,
      content: [
        element("span", { class: "dx-couple" }, [
          element("span", { class: "dx-name", title: first.name }, [first.name]),
          element("span", { class: "dx-name dx-remark", title: first.file }, [first.file]),
        ]),
        element("span", { class: "dx-likeness" }, numbers),
      ],
    };
  });
  const count = element("span", { class: "dx-count" });
  const remark = element("p", { class: "dx-remark" });
  const root = section("Touching pairs", [list.list, remark], count);

  return {
    root,
    show() {
      const table = store();
      if (filled !== table) {
        filled = table;
        pairs = tiny.bySimilarity.slice(0, MOST_PAIRS);
        list.fill(pairs);
        count.textContent = String(tiny.pairs.count);
        remark.textContent = said(tiny);
      }
      const row = at();
      list.show(row === null || row < 0 ? null : row);
    },
  };

  function store() {
    return tiny.store.get("table");
  }
}

/** @param {TinyObjects} tiny */
function said(tiny) {
  const { count } = tiny.pairs;
  if (count === 0) return tiny.found?.ended ? "No two found objects of one class touch." : "";
  const cut = count > MOST_PAIRS ? ` The ${MOST_PAIRS} most alike of ${count}.` : "";
  return `Two objects of one class, and the cosine of their maps: 1 for equal maps.${cut}`;
}

/**
 * The means of tiny objects, of larger ones and of pairs, method by method.
 * @param {TinyObjects} tiny
 */
export function summaryTables(tiny) {
  const root = element("div", { class: "dx-wide dx-summaries" });
  let drawn = "";

  /**
   * @param {string} title
   * @param {number} count
   * @param {[string, string, (own: Summary) => string][]} columns head, what it means, value
   */
  function table(title, count, columns) {
    const head = columns.map(([name, meaning]) => element("th", { scope: "col", title: meaning }, [name]));
    const lines = tiny.methods.map(({ name, title: method }, i) =>
      element("tr", {}, [
        element("th", { scope: "row" }, [element("span", { class: "dx-marked" }, [markPicture(tiny.methods[i]), method])]),
        ...columns.map(([, , value]) => element("td", {}, [value(tiny.found.summary[name])])),
      ]),
    );
    const made = element("table", { class: "dx-summary" }, [
      element("thead", {}, [element("tr", {}, [element("td", {}, []), ...head])]),
      element("tbody", {}, lines),
    ]);
    return section(title, [made], element("span", { class: "dx-count" }, [String(count)]));
  }

  /** @param {"tiny" | "larger"} group @returns {[string, string, (own: Summary) => string][]} */
  const means = (group) => [
    ["PG", "Pointing game: share of the maps with their maximum in the object\u2019s box", (own) => share(own[group].pointing)],
    ["EBPG", "Energy pointing game: mean share of the energy in the object\u2019s box", (own) => share(own[group].energy)],
    ["Size", "Median of the pixels with half of the energy over those of the box", (own) => worth("reach", own[group].reach)],
    ["Beside", "Mean share of the energy in the nearest neighbour\u2019s box", (own) => share(own[group].beside)],
  ];

  return {
    root,
    show() {
      const now = JSON.stringify([tiny.methods, tiny.found?.summary ?? null]);
      if (now === drawn) return;
      drawn = now;
      root.hidden = tiny.objects.count === 0;
      if (root.hidden) {
        root.replaceChildren();
        return;
      }
      const [first] = tiny.methods.map(({ name }) => /** @type {Summary} */ (tiny.found.summary[name]));
      const small = `Tiny (up to ${100 * tiny.store.get("choices").at_most}% of the input)`;
      const pairs = /** @type {[string, string, (own: Summary) => string][]} */ ([
        ["Cosine", "Mean cosine of the two maps of a pair", (own) => (own.pairs.cosine === null ? "\u2013" : own.pairs.cosine.toFixed(2))],
        ["Told apart", "Share of the pairs whose maps each have more energy in the own box than in the other\u2019s", (own) => share(own.pairs.told_apart)],
      ]);
      root.replaceChildren(
        ...(first.tiny.count > 0 ? [table(small, first.tiny.count, means("tiny"))] : []),
        ...(first.larger.count > 0 ? [table("Larger", first.larger.count, means("larger"))] : []),
        ...(first.pairs.count > 0 ? [table("Touching pairs", first.pairs.count, pairs)] : []),
      );
    },
  };
}

/** @param {number | null} value */
const share = (value) => (value === null ? "\u2013" : worth("energy", value));
