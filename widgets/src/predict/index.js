// Predict: a question that is answered and locked before the truth shows.

import { pageWords, wordButton } from "../shared/asked.js";
import { Asking } from "../shared/asking.js";
import { element } from "../shared/dom.js";
import { Store } from "../shared/state.js";
import { followTheme } from "../shared/theme.js";
import { widget } from "../shared/view.js";
import { answerPart } from "./answer.js";

export const TRAITS = ["about", "answer", "can_reveal", "code", "heard", "notice", "outcome", "picture", "stage"];

const LATE = "No answer from the kernel so far. It may still compute, or be busy with another cell.";

/** What all views of a widget share: its traits. */
class Predict {
  /** @param {import("@anywidget/types").AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
  }
}

/** One view of the widget in the page. */
class PredictView {
  /** @type {ReturnType<typeof answerPart> | null} */
  #part = null;

  /**
   * @param {Predict} predict
   * @param {HTMLElement} host
   */
  constructor(predict, host) {
    const { store } = predict;
    this.store = store;
    this.asking = new Asking(store, () => this.#waited());
    this.lock = wordButton("Lock my answer", () => this.#lock(), "dx-primary");
    this.reveal = wordButton("Reveal", () => this.asking.ask({ type: "reveal" }), "dx-primary");
    this.again = wordButton("Try again", () => this.asking.ask({ type: "again" }));
    this.state = element("span", { class: "dx-count" });
    this.said = element("p", { class: "dx-said", role: "status", "aria-live": "polite" });
    this.error = element("p", { class: "dx-error", role: "alert", hidden: "" });
    this.outcome = element("div", { class: "dx-outcome", role: "status" });
    this.body = element("div", {});
    const { question, exercise } = store.get("about");
    const head = pageWords(question);
    if (exercise) head.prepend(element("span", { class: "dx-id" }, [exercise]), " ");
    const actions = element("div", { class: "dx-actions" }, [this.lock, this.reveal, this.again, this.state]);
    this.root = element("div", { class: "dx-root dx-predict", role: "group", "aria-label": "Prediction", "data-ready": "false" }, [head, this.body, actions, this.outcome, this.said, this.error]);
    host.append(this.root);
    const stop = followTheme(this.root);
    const off = store.subscribe((key) => (key === "heard" ? this.asking.hear() : this.#refresh()));
    this.dispose = () => {
      this.asking.dispose();
      stop();
      off();
      this.root.remove();
    };
    this.#open();
    this.#refresh();
  }

  /** What is answered with; a new one for a new try. */
  #open() {
    this.#part = answerPart(this.store, (text) => {
      this.said.textContent = text;
      this.#waited();
    });
    this.body.replaceChildren(this.#part.root);
  }

  #lock() {
    const answer = this.#part?.answer();
    if (answer !== null && answer !== undefined) this.asking.ask({ type: "lock", answer });
  }

  #refresh() {
    const { store, root } = this;
    const stage = store.get("stage");
    if (stage === "asking" && root.dataset.stage !== "asking" && root.dataset.stage) this.#open();
    root.dataset.stage = stage;
    const { words, right, hints, others_words: others } = store.get("outcome");
    this.#part?.show();
    // Locking and revealing are Python's: a saved page shows how far it had come.
    const saved = store.saved !== null;
    this.lock.hidden = stage !== "asking" || saved;
    this.reveal.hidden = stage !== "locked" || !store.get("can_reveal") || saved;
    this.again.hidden = !store.get("outcome").again || saved;
    this.state.textContent = stage !== "locked" ? "" : store.get("can_reveal") ? "Locked" : "Locked. The truth comes from a cell below.";
    this.outcome.className = `dx-outcome${right === true ? " dx-right" : right === false ? " dx-wrong" : ""}`;
    const hinted = (hints ?? []).map((/** @type {string} */ hint) => `Hint: ${hint}`);
    const lines = stage === "revealed" ? [words, ...hinted, others].filter(Boolean) : [];
    this.outcome.replaceChildren(...lines.map((line) => element("p", { class: "dx-plain" }, [line])));
    this.outcome.hidden = lines.length === 0;
    if (stage !== "asking") this.said.textContent = "";
    this.#waited();
  }

  #waited() {
    const { asking, store, root } = this;
    this.lock.disabled = asking.waiting || (this.#part?.answer() ?? null) === null;
    this.reveal.disabled = this.again.disabled = asking.waiting;
    const text = asking.late ? LATE : asking.waiting ? "" : store.get("notice");
    this.error.textContent = text;
    this.error.hidden = text === "";
    root.dataset.ready = String(!asking.waiting);
  }
}

export default widget(
  (model) => new Predict(model),
  (predict, host) => new PredictView(predict, host),
);
