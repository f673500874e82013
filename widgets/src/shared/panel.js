// Parts of a panel: a titled section, and the button that copies Python.

import { button, element } from "./dom.js";

/**
 * @param {string} title
 * @param {HTMLElement[]} content
 * @param {HTMLElement} [aside]
 */
export function section(title, content, aside) {
  const head = element("div", { class: "dx-head" }, [element("span", {}, [title]), ...(aside ? [aside] : [])]);
  return element("div", { class: "dx-section", role: "group", "aria-label": title }, [head, ...content]);
}

/**
 * What can be taken away: the picture as a file, the Python that makes it.
 * @param {() => void} download
 * @param {() => string} code
 */
export function takeAway(download, code) {
  const copied = element("span", { class: "dx-copied", role: "status" });
  return element("div", { class: "dx-actions" }, [
    button("download", "Download this view as a PNG file", download, "PNG"),
    button("code", "Copy the Python code for this", () => copy(code(), copied), "Copy code"),
    copied,
  ]);
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
