// Survey: one seat of a user study. Python keeps the answers and says what is shown; here it is shown and answered.

import { pageWords, textField, wordButton } from "../shared/asked.js";
import { Asking } from "../shared/asking.js";
import { element, focusedBy } from "../shared/dom.js";
import { Store } from "../shared/state.js";
import { followTheme } from "../shared/theme.js";
import { widget } from "../shared/view.js";
import { endingPage } from "./ending.js";
import { questionPage } from "./question.js";

export const TRAITS = ["about", "code", "ending", "handed", "heard", "notice", "page", "progress", "question", "results", "seat"];

const LATE =
  "No answer from the kernel so far. It may be busy with another cell. If it was restarted, run the cell of this widget again: it goes on after the last saved answer.";

/** What all views of a widget share: its traits. */
class Survey {
  /** @param {import("@anywidget/types").AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
  }
}

/** One view of the widget in the page. */
class SurveyView {
  /** By what the page that is shown is known again. */
  #shown = "";
  /** @type {{root: HTMLElement, freeze: (on: boolean) => void, refresh?: () => void} | null} */
  #page = null;

  /**
   * @param {Survey} survey
   * @param {HTMLElement} host
   */
  constructor(survey, host) {
    const { store } = survey;
    this.store = store;
    this.asking = new Asking(store, () => this.#waited());
    this.title = element("div", { class: "dx-title" });
    this.place = element("span", { class: "dx-count" });
    this.fill = element("span", { class: "dx-steps-fill" });
    this.bar = element("div", { class: "dx-steps", "aria-hidden": "true" }, [this.fill]);
    this.error = element("p", { class: "dx-error", role: "alert", hidden: "" });
    this.said = element("p", { class: "dx-said", role: "status", "aria-live": "polite" });
    this.body = element("div", { class: "dx-page" });
    const head = element("div", { class: "dx-top" }, [this.title, this.place]);
    this.root = element("div", { class: "dx-root dx-survey", role: "group", "aria-label": "User study", "data-ready": "false" }, [head, this.bar, this.body, this.said, this.error]);
    host.append(this.root);
    const stop = followTheme(this.root);
    const off = store.subscribe((key) => (key === "heard" ? this.asking.hear() : this.#refresh()));
    this.dispose = () => {
      this.asking.dispose();
      stop();
      off();
      this.root.remove();
    };
    this.#refresh();
  }

  #refresh() {
    const { store, root } = this;
    const page = store.get("page");
    const { done, of } = store.get("progress");
    this.title.textContent = store.get("about").title;
    const seat = store.get("seat");
    this.place.textContent = [of ? `${done} of ${of} answered` : "", seat && `seat ${seat.slice(0, 4)}-${seat.slice(4)}`].filter(Boolean).join(" \u00b7 ");
    this.fill.style.width = of ? `${(100 * done) / of}%` : "0";
    this.bar.hidden = !of;
    // The question is known by its item; what is typed or ordered in it stays when something else changes.
    const shown = page === "question" ? `question ${store.get("question").item ?? ""}` : page;
    if (shown !== this.#shown) this.#open(shown, page);
    this.#page?.refresh?.();
    this.#waited();
    root.dataset.page = page;
    root.dataset.done = String(done);
  }

  /** @param {string} shown @param {string} page */
  #open(shown, page) {
    const first = this.#shown === "";
    this.#shown = shown;
    this.said.textContent = "";
    const ask = (/** @type {any} */ message) => this.asking.ask(message);
    const say = (/** @type {string} */ text) => (this.said.textContent = text);
    const pages = /** @type {Record<string, () => {root: HTMLElement, freeze: (on: boolean) => void, refresh?: () => void}>} */ ({
      seat: () => seatPage(ask),
      consent: () => consentPage(this.store, ask),
      declined: () => declinedPage(ask),
      question: () => questionPage(this.store, ask, say),
      done: () => endingPage(this.store, ask),
    });
    const focused = this.root.contains(focusedBy(this.root));
    this.#page = pages[page]();
    this.body.replaceChildren(this.#page.root);
    // Whoever goes through it by keys goes on at the next page's words.
    const words = /** @type {HTMLElement | null} */ (this.body.querySelector(".dx-question-words"));
    if (!first && focused && words) words.focus({ preventScroll: true });
  }

  #waited() {
    const { asking, store, root } = this;
    this.#page?.freeze(asking.waiting);
    const text = asking.late ? LATE : asking.waiting ? "" : store.get("notice");
    this.error.textContent = text;
    this.error.hidden = text === "";
    root.dataset.ready = String(!asking.waiting);
  }
}

/** @param {(message: any) => void} ask */
function seatPage(ask) {
  const field = textField("Code of your seat", "", { placeholder: "XXXX-XXXX", maxlength: "20", autocapitalize: "characters" });
  const send = () => field.input.value.trim() && ask({ type: "sit", code: field.input.value });
  const go = wordButton("Begin", send, "dx-primary");
  field.input.addEventListener("keydown", (event) => event.key === "Enter" && send());
  return {
    root: element("div", {}, [
      pageWords("Type the code on your slip. It stands for you in this study and says nothing about you."),
      element("div", { class: "dx-actions" }, [field.root, go]),
    ]),
    freeze: (/** @type {boolean} */ on) => void (go.disabled = on),
  };
}

/** @param {Store} store @param {(message: any) => void} ask */
function consentPage(store, ask) {
  const agree = wordButton("I agree and take part", () => ask({ type: "consent", agreed: true }), "dx-primary");
  const decline = wordButton("I do not take part", () => ask({ type: "consent", agreed: false }));
  return {
    root: element("div", {}, [pageWords(store.get("about").consent), element("div", { class: "dx-actions" }, [agree, decline])]),
    freeze: (/** @type {boolean} */ on) => void (agree.disabled = decline.disabled = on),
  };
}

/** @param {(message: any) => void} ask */
function declinedPage(ask) {
  const back = wordButton("Back", () => ask({ type: "back" }));
  return {
    root: element("div", {}, [pageWords("You do not take part. Nothing was kept."), element("div", { class: "dx-actions" }, [back])]),
    freeze: (/** @type {boolean} */ on) => void (back.disabled = on),
  };
}

export default widget(
  (model) => new Survey(model),
  (survey, host) => new SurveyView(survey, host),
);
