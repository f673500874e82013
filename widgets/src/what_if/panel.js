// The controls of the WhatIf: objects with their answers, region, fill, steps, heat map, what to take away.

import { plain, segmentControl, selectControl, sliderControl } from "../shared/controls.js";
import { button, element, takesKeys, uniqueId } from "../shared/dom.js";
import { countWords, filterControls } from "../shared/filter.js";
import { listBox } from "../shared/listbox.js";
import { withMissedCount } from "../shared/missed.js";
import { needsKernel, section, takeAway } from "../shared/panel.js";
import { explained } from "../shared/terms.js";
import { answerList } from "./answers.js";
import { percent } from "./words.js";

/** @typedef {import("./model.js").WhatIf} WhatIf */

const TOOLS = [
  { name: "select", title: "Select" },
  { name: "brush", title: "Brush" },
  { name: "box", title: "Box" },
  { name: "lasso", title: "Lasso" },
];
const MOST_LETTERS = "500";

/**
 * @param {WhatIf} whatIf
 * @param {import("../shared/listbox.js").ListActions & {download: {png: () => void, svg: () => void, csv: () => void}}} actions
 */
export function whatIfPanel(whatIf, { download, ...pick }) {
  const { store } = whatIf;
  const answers = answerList(whatIf, pick);
  const filter = filterControls(store);
  const region = regionSection(whatIf);
  const fill = fillSection(whatIf);
  const steps = stepsSection(whatIf);
  const method = selectControl("Method", (name) => store.commit({ method: name }));
  const opacity = sliderControl(
    "Opacity",
    (value) => store.setLive("opacity", value),
    (value) => store.commit({ opacity: value }),
  );
  const signed = () => whatIf.maps?.signed ?? false;
  const colors = selectControl("Colours", (name) => store.commit({ [signed() ? "signed_colormap" : "colormap"]: name }));
  const maps = section("Heat map", [method.row, opacity.row, colors.row]);
  const count = element("span", { class: "dx-count" });
  const root = element("div", { class: "dx-panel" }, [
    needsKernel(store, section("Region", region.content)),
    needsKernel(store, section("Fill", fill.content)),
    section(whatIf.subject.title, [filter.root, answers.list], count),
    section("Steps", steps.content),
    maps,
    takeAway(download, () => store.get("code")),
  ]);

  return {
    root,
    /** Mark the object that is pointed at in the picture. @param {number | null} index */
    point: (index) => answers.point(index),
    /** Show the state of the traits. */
    show() {
      const { methods, colormaps, signed_colormaps: diverging } = store.get("choices");
      const { objects, listed, listedThings } = whatIf;
      answers.show(listedThings);
      filter.show(objects, listed);
      const counts = withMissedCount(countWords(objects, listed), listedThings.length - listed.length);
      count.textContent = whatIf.answer ? `${counts}: before, now` : counts;
      region.show();
      fill.show();
      steps.show();
      maps.hidden = methods.length === 0;
      method.show(methods, store.get("method"));
      opacity.show(store.get("opacity"));
      colors.show(plain(signed() ? diverging : colormaps), store.get(signed() ? "signed_colormap" : "colormap"));
    },
  };
}

/** @param {WhatIf} whatIf */
function regionSection(whatIf) {
  const { store, subject } = whatIf;
  const tool = segmentControl("Tool", TOOLS, (name) => store.commit({ tool: name }));
  tool.row.classList.add("dx-tool");
  const radius = sliderControl(
    "Brush",
    (value) => store.setLive("radius", value),
    (value) => store.commit({ radius: value }),
    (value) => `${Math.round(value)} px`,
  );
  radius.input.min = "1";
  radius.input.step = "1";
  const share = sliderControl(
    "Hottest",
    (value) => {
      store.setLive("share", value);
      show();
    },
    (value) => store.commit({ share: value }),
    percent,
  );
  share.input.min = "0.01";
  share.input.max = "0.5";
  const hottest = button("compute", "Take the hottest pixels (H)", () => whatIf.takeHottest(), "Take the hottest");
  const box = button("frame", `Draw a box in the middle of the ${subject.whole ? "picture" : "object"} (B)`, () => whatIf.takeBox(), "Box");
  const adding = takesKeys(element("input", { type: "checkbox" }));
  adding.addEventListener("change", () => (whatIf.adding = adding.checked));
  const add = element("label", { class: "dx-check dx-adding", title: "What is drawn next is added to the region; so it is with Shift held down" }, [adding, element("span", {}, ["Add to the region"])]);

  function show() {
    const { width, height } = store.get("photo");
    tool.show(store.get("tool"));
    radius.input.max = String(Math.max(8, Math.round(Math.min(width, height) / 3), Math.ceil(store.get("radius"))));
    radius.show(store.get("radius"));
    radius.row.hidden = store.get("tool") !== "brush";
    share.show(store.get("share"));
    const able = whatIf.map !== null;
    const words = `Take the hottest ${percent(store.get("share"))}`;
    const caption = hottest.lastElementChild;
    if (caption) caption.textContent = words;
    hottest.disabled = !able;
    const why = store.get("method") === "" ? "There is no heat map: the detector is a black box, and no maps were handed in" : "The selected object has no heat map yet";
    hottest.title = able ? `${words} of the pixels of the selected ${subject.one}\u2019s map (H)` : why;
    hottest.setAttribute("aria-label", hottest.title);
    share.row.hidden = store.get("method") === "";
    hottest.hidden = store.get("method") === "";
  }
  return { content: [tool.row, radius.row, share.row, element("div", { class: "dx-actions" }, [hottest, box]), add], show };
}

/** @param {WhatIf} whatIf */
function fillSection(whatIf) {
  const { store } = whatIf;
  const fill = selectControl("Fill with", (name) => store.commit({ fill: name }));
  const again = button("renew", "Draw again: other noise, or pixels from another place", () => store.commit({ seed: store.get("seed") + 1 }), "Draw again");
  const reasons = element("ul", { class: "dx-reasons dx-remark" });
  let said = "";
  return {
    content: [fill.row, again, reasons],
    show() {
      const { fills } = store.get("choices");
      fill.show(fills, store.get("fill"));
      again.hidden = !["noise", "moved"].includes(store.get("fill"));
      const missing = fills.filter((/** @type {{missing: string}} */ one) => one.missing);
      const text = JSON.stringify(missing);
      if (text === said) return;
      said = text;
      reasons.hidden = missing.length === 0;
      reasons.replaceChildren(...missing.map((/** @type {{title: string, missing: string}} */ one) => element("li", {}, [`${one.title}: ${one.missing}`])));
    },
  };
}

/** @param {WhatIf} whatIf */
function stepsSection(whatIf) {
  const { store } = whatIf;
  const undo = button("undo", "Go back one step (Ctrl + Z)", () => whatIf.undo(), "Undo");
  const redo = button("redo", "Go forth one step (Ctrl + Shift + Z)", () => whatIf.redo(), "Redo");
  const go = (/** @type {number} */ row) => store.commit({ step: row === 0 ? null : row - 1 });
  const shownRow = () => (store.get("step") === null ? 0 : store.get("step") + 1);
  const list = listBox(
    {
      label: "Steps",
      select: go,
      step: (by) => {
        const row = shownRow() + by;
        if (row >= 0 && row <= store.get("steps").length) go(row);
      },
      hover: () => {},
    },
    (/** @type {{title: string, note: string}} */ { title, note }) => ({
      said: note ? `${title}, note: ${note}` : title,
      content: [element("span", { class: "dx-lines" }, [element("span", { class: "dx-step", title }, [title]), ...(note ? [element("span", { class: "dx-verdict", title: note }, [note])] : [])])],
    }),
  );
  list.list.classList.add("dx-steps");
  const id = uniqueId("note");
  const note = takesKeys(element("input", { type: "text", id, class: "dx-note", maxlength: MOST_LETTERS, placeholder: "what this step shows" }));
  const noteRow = element("div", { class: "dx-row" }, [explained(element("label", { for: id, class: "dx-label" }, ["Note"]), note), note]);
  note.addEventListener("change", () => store.send({ type: "note", text: note.value, step: store.get("step") }));
  const other = selectControl("Compare", (name) => store.commit({ other: name === "" ? null : Number(name) }));
  let filled = "";
  /** @type {unknown} */
  let noted = null;

  return {
    content: [needsKernel(store, element("div", { class: "dx-actions" }, [undo, redo])), list.list, noteRow, other.row],
    show() {
      const steps = store.get("steps");
      const step = store.get("step");
      const { back, forth } = store.get("ways");
      undo.disabled = !back;
      redo.disabled = !forth;
      const items = [{ title: "Unchanged picture", note: "" }, ...steps.map((/** @type {{title: string, note: string}} */ one, /** @type {number} */ i) => ({ ...one, title: `${i + 1}. ${one.title}` }))];
      const now = JSON.stringify(items);
      if (now !== filled) list.fill(items);
      filled = now;
      list.list.hidden = steps.length === 0;
      list.show(shownRow());
      noteRow.hidden = step === null || store.saved !== null;
      // What the person is writing stays.
      const known = `${step} ${steps[step ?? -1]?.note ?? ""}`;
      if (known !== noted) note.value = steps[step ?? -1]?.note ?? "";
      noted = known;
      const others = steps.flatMap((/** @type {{title: string}} */ one, /** @type {number} */ i) => (i === step ? [] : [{ name: String(i), title: `${i + 1}. ${one.title}` }]));
      const chosen = store.get("other");
      other.show(step === null || others.length === 0 ? [] : [{ name: "", title: "with no other step" }, ...others], chosen === null || chosen === step ? "" : String(chosen));
    },
  };
}
