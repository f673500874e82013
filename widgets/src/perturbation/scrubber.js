// The slider through the pictures, and the button that plays them.

import { explained } from "../shared/terms.js";
import { button, element, icon, takesKeys, uniqueId } from "../shared/dom.js";

/** Time for each picture while they are played. */
export const PACE = 450;

/**
 * @param {{moved: (step: number) => void, released: (step: number) => void, last: () => number, step: () => number}} actions
 */
export function scrubber({ moved, released, last, step }) {
  const id = uniqueId("step");
  const input = takesKeys(element("input", { id, type: "range", min: "0", step: "1", class: "dx-slider" }));
  const output = element("span", { class: "dx-step", "aria-hidden": "true" });
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let playing;
  const play = button("compute", "Play the pictures", () => (playing === undefined ? start() : stop()));
  const root = element("div", { class: "dx-scrubber" }, [
    play,
    explained(element("label", { for: id, class: "dx-label" }, ["Picture"])),
    input,
    output,
  ]);
  input.addEventListener("input", () => {
    stop();
    moved(input.valueAsNumber);
  });
  input.addEventListener("change", () => released(input.valueAsNumber));

  function face() {
    const running = playing !== undefined;
    play.replaceChildren(icon(running ? "pause" : "compute"));
    play.title = running ? "Stop playing" : "Play the pictures";
    play.setAttribute("aria-label", play.title);
  }

  function start() {
    if (step() >= last()) moved(0);
    playing = setInterval(() => {
      if (step() < last()) moved(step() + 1);
      if (step() >= last()) {
        stop();
        released(step());
      }
    }, PACE);
    face();
  }

  function stop() {
    if (playing === undefined) return;
    clearInterval(playing);
    playing = undefined;
    face();
  }

  return {
    root,
    input,
    /**
     * @param {string} short beside the slider
     * @param {string} words for those who do not see it
     */
    show(short, words) {
      input.max = String(last());
      input.value = String(step());
      input.style.setProperty("--dx-fill", `${(100 * step()) / Math.max(1, last())}%`);
      input.setAttribute("aria-valuetext", words);
      output.textContent = short;
      root.hidden = last() === 0;
    },
    dispose: stop,
  };
}
