// Parts of a panel: a titled section, and the button that copies Python.

import { button, element } from "./dom.js";
import { subjectOf } from "./subjects.js";
import { explained } from "./terms.js";

/**
 * @param {string} title
 * @param {HTMLElement[]} content
 * @param {HTMLElement} [aside]
 */
export function section(title, content, aside) {
  const head = element("div", { class: "dx-head" }, [explained(element("span", {}, [title])), ...(aside ? [aside] : [])]);
  return element("div", { class: "dx-section", role: "group", "aria-label": title }, [head, ...content]);
}

/**
 * A part of a panel that only a kernel can answer: a saved page is without it.
 * @template {HTMLElement} Part
 * @param {import("./state.js").Store} store
 * @param {Part} part
 * @returns {Part}
 */
export function needsKernel(store, part) {
  part.hidden = store.saved !== null;
  return part;
}

/**
 * What can be taken away: the picture as a file, the figures, the Python that makes it; and the way back.
 * @param {(() => void) | {png: () => void, svg?: () => void, csv?: () => void}} download one function writes a PNG
 * @param {() => string} code
 * @param {import("./state.js").Store} [store] then what was changed can be undone
 */
export function takeAway(download, code, store) {
  const { png, svg, csv } = typeof download === "function" ? { png: download } : download;
  const copied = element("span", { class: "dx-copied", role: "status" });
  const files = [
    button("download", "Download this view as a PNG file", png, "PNG"),
    ...(svg ? [button("download", `Download this view as an SVG file, with ${store && subjectOf(store).whole ? "" : "boxes and "}texts that can be edited`, svg, "SVG")] : []),
    ...(csv ? [button("download", `Download the ${store ? subjectOf(store).many : "objects"} and their figures as a CSV file`, csv, "CSV")] : []),
  ];
  return element("div", { class: "dx-actions" }, [
    ...files,
    button("code", "Copy the Python code for this", () => copy(code(), copied), "Copy code"),
    ...(store ? wayBack(store) : []),
    copied,
  ]);
}

/** Buttons for undo and reset. @param {import("./state.js").Store} store */
function wayBack(store) {
  const undo = button("undo", "Undo the last change (Ctrl + Z)", () => store.undo());
  const reset = button("renew", "Set everything back as it was at first", () => store.reset());
  const show = () => {
    const { past, moved } = store.changes;
    undo.disabled = !past;
    reset.disabled = !moved;
  };
  let seen = false;
  const stop = store.subscribe(() => {
    // A view that was closed leaves no listener behind.
    if (seen && !undo.isConnected) stop();
    seen ||= undo.isConnected;
    show();
  });
  show();
  return [undo, reset];
}

/**
 * @param {string} text
 * @param {HTMLElement} report
 */
async function copy(text, report) {
  try {
    await navigator.clipboard.writeText(text);
    report.textContent = "Copied";
  } catch {
    report.textContent = "Not allowed here: use to_code()";
  }
  setTimeout(() => (report.textContent = ""), 2500);
}
