// The panel: what is checked and how, which part of it is shown, how it looks, what to take away.

import { checkList } from "../shared/checklist.js";
import { plain, segmentControl, selectControl, sliderControl, upperControl } from "../shared/controls.js";
import { button, element } from "../shared/dom.js";
import { classField } from "../shared/class_field.js";
import { countWords, filterControls } from "../shared/filter.js";
import { objectList } from "../shared/listbox.js";
import { needsKernel, section, takeAway } from "../shared/panel.js";

/** @typedef {import("./model.js").SanityCheck} SanityCheck */

const MODES = [
  { name: "cascading", title: "Cascading" },
  { name: "independent", title: "Independent" },
];
const BOXES = [
  { name: "all", title: "All" },
  { name: "selected", title: "Own" },
];
const MOST_SEEDS = 5;

/**
 * @param {SanityCheck} check
 * @param {{run: (sure: boolean) => void, select: (index: number) => void, step: (step: 1 | -1) => void, download: {png: () => void, svg: () => void, csv: () => void}}} actions
 */
export function sanityPanel(check, { run, select, step, download }) {
  const { store, subject } = check;
  const choose = (/** @type {string} */ key) => (/** @type {string} */ value) => store.commit({ [key]: value });
  const slide = (/** @type {string} */ label, /** @type {string} */ key) =>
    sliderControl(
      label,
      (value) => store.setLive(key, value),
      (value) => store.commit({ [key]: value }),
    );
  const typed = classField(store);
  const objects = objectList({ label: subject.found, select, step, hover: () => {} });
  const filter = filterControls(store);
  const count = element("span", { class: "dx-count" });
  const methods = checkList("Methods checked", (chosen) => {
    // More than the kernel takes are refused here: the one ticked last goes.
    const fits = chosen.length <= store.get("choices").most_methods;
    if (fits) store.commit({ methods: chosen });
    else show();
  });
  const most = element("p", { class: "dx-remark" });
  const mode = segmentControl("Randomize", MODES, choose("mode"));
  const layers = selectControl("Stages", choose("layers"));
  const seeds = selectControl("Seeds", (value) => store.commit({ seeds: JSON.parse(value) }));
  const start = button("compute", "Run the check that is chosen", () => run(false), "Run");
  const asked = element("p", { class: "dx-remark", role: "alert" });
  const sure = button("compute", "Run the long check", () => run(true), "Run it");
  const leave = button("close", "Do not run the long check", () => store.commit({ question: "" }), "Not now");
  const question = element("div", { class: "dx-question", hidden: "" }, [asked, element("div", { class: "dx-actions" }, [sure, leave])]);
  const stale = element("p", { class: "dx-remark" });
  const measure = selectControl("Measure", choose("measure"));
  const seed = selectControl("Maps of seed", (value) => store.commit({ seed: Number(value) }));
  const colors = selectControl("Colours", choose("colormap"));
  const signed = selectControl("Signed", choose("signed_colormap"));
  const opacity = slide("Opacity", "opacity");
  const hideBelow = slide("Hide below", "hide_below");
  const upper = upperControl(store);
  const boxes = segmentControl("Boxes", BOXES, choose("boxes"));
  // Before the first check the button is also where its maps will be.
  const first = button("compute", "Start the check that is chosen", () => run(false), "Run");
  const root = element("div", { class: "dx-panel dx-wide" }, [
    needsKernel(store, section(subject.whole ? subject.title : "Object", [filter.root, objects.list, typed.root], count)),
    needsKernel(store, section("Methods", [methods.root, most])),
    needsKernel(store, section("Check", [mode.row, layers.row, seeds.row, element("div", { class: "dx-actions" }, [start]), question, stale])),
    section("Shown", [measure.row, seed.row]),
    section("Display", [colors.row, signed.row, opacity.row, upper.row, hideBelow.row, boxes.row]),
    takeAway(download, () => store.get("code"), store),
  ]);
  /** @type {unknown} */
  let filled = null;

  /** Show the state of the traits. */
  function show() {
    const choices = store.get("choices");
    const found = store.get("objects");
    const { listed } = check;
    const filling = JSON.stringify([found, listed]);
    if (filled !== filling) {
      filled = filling;
      objects.fill(found, listed);
      count.textContent = countWords(found, listed);
    }
    filter.show(found, listed);
    typed.show();
    objects.show(check.chosen);
    methods.show(
      choices.methods.map((/** @type {any} */ m) => ({ name: m.name, title: m.title })),
      store.get("methods"),
    );
    most.textContent = `Up to ${choices.most_methods} at a time; edges are always checked too, as a control that must fail.`;
    mode.show(store.get("mode"));
    layers.show(choices.presets, store.get("layers"));
    const now = JSON.stringify(store.get("seeds"));
    const offered = [1, 3, MOST_SEEDS].map((n) => JSON.stringify([...Array(n).keys()]));
    const all = offered.includes(now) ? offered : [...offered, now];
    seeds.show(
      all.map((name) => ({ name, title: JSON.parse(name).join(", ") })),
      now,
    );
    start.disabled = first.disabled = store.get("wanted") === "";
    first.hidden = check.found !== null || store.saved !== null;
    question.hidden = store.get("question") === "";
    asked.textContent = store.get("question");
    stale.textContent = check.stale ? "What is shown above is another check: run this one to see it." : (check.found?.note ?? "");
    measure.show(choices.measures, store.get("measure"));
    seed.show(plain(check.seeds.map(String)), String(store.get("seed")));
    colors.show(plain(choices.colormaps), store.get("colormap"));
    signed.show(check.order.some((m) => check.maps(m)?.signed) ? plain(choices.signed_colormaps) : [], store.get("signed_colormap"));
    opacity.show(store.get("opacity"));
    hideBelow.show(store.get("hide_below"));
    upper.show();
    boxes.show(store.get("boxes"));
    boxes.row.hidden = subject.whole;
  }

  return { root, first, show };
}
