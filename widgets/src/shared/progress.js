// Work in the kernel: shown once it takes long enough to notice, with a way to cancel it. Errors in words.

import { button, element, takesKeys } from "./dom.js";

/** @typedef {import("./types.js").Status} Status */

export const PATIENCE = 500;

/** @param {() => void} cancel */
export function progressView(cancel) {
  const text = element("span", { class: "dx-progress-text" });
  const fill = element("span", { class: "dx-progress-fill" });
  const bar = element("div", { class: "dx-progress-bar", role: "progressbar", "aria-label": "Progress" }, [fill]);
  const stop = takesKeys(element("button", { type: "button", class: "dx-button dx-cancel" }, ["Cancel"]));
  stop.addEventListener("click", cancel);
  const busy = element("div", { class: "dx-progress", hidden: "" }, [element("div", {}, [text, bar]), stop]);
  const message = element("span", { class: "dx-error-text" });
  const error = element("div", { class: "dx-error", role: "alert", hidden: "" }, [
    message,
    button("close", "Dismiss this message", () => (error.hidden = true)),
  ]);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  return {
    busy,
    error,
    /** @param {Status} status */
    show(status) {
      const working = status.state === "busy";
      if (!working) {
        clearTimeout(timer);
        timer = undefined;
        busy.hidden = true;
      } else if (timer === undefined) {
        timer = setTimeout(() => (busy.hidden = false), PATIENCE);
      }
      text.textContent = working ? status.text : "";
      const share = status.total > 0 ? status.done / status.total : 0;
      bar.classList.toggle("dx-unknown", share === 0);
      fill.style.width = `${100 * share}%`;
      if (share === 0) bar.removeAttribute("aria-valuenow");
      else bar.setAttribute("aria-valuenow", String(Math.round(100 * share)));
      const failed = status.state === "error";
      if (failed && (error.hidden || message.textContent !== status.text)) message.textContent = status.text;
      error.hidden = !failed;
    },
    dispose: () => clearTimeout(timer),
  };
}
