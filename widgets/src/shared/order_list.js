// Things that are put into an order, the best first: dragged, or moved by keys and buttons.

import { element, focusedBy, takesKeys } from "./dom.js";
import { listenToKeys } from "./keyboard.js";

/** @typedef {{key: string, name: string, content: HTMLElement}} Thing */

const NUMBERS = ["1st", "2nd", "3rd"];
/** @param {number} place from 0 */
const nth = (place) => NUMBERS[place] ?? `${place + 1}th`;

/** @param {string} sign @param {string} label @param {() => void} action */
function arrow(sign, label, action) {
  // Not in the order of the Tab key: the arrow keys of the thing itself do the same.
  const made = takesKeys(element("button", { type: "button", class: "dx-button", title: label, "aria-label": label, tabindex: "-1" }, [sign]));
  made.addEventListener("click", action);
  return made;
}

/**
 * @param {string} label what is ordered, and how
 * @param {readonly Thing[]} things in the order to begin with
 * @param {{ends: [string, string], moved: (words: string) => void}} options `ends`: what the first and the last place
 *   mean; `moved` is told in words what was moved where
 */
export function orderList(label, things, { ends, moved }) {
  const root = element("ol", { class: "dx-order", "aria-label": label });
  const rows = things.map((thing) => rowOf(thing));
  let frozen = false;
  /** @type {{row: Row, id: number} | null} */
  let held = null;
  root.append(...rows.map(({ item }) => item));
  number();

  /** @typedef {{key: string, name: string, item: HTMLLIElement, card: HTMLElement, place: HTMLElement, earlier: HTMLButtonElement, later: HTMLButtonElement}} Row */

  /** @param {Thing} thing @returns {Row} */
  function rowOf({ key, name, content }) {
    const place = element("span", { class: "dx-order-place" });
    const earlier = arrow("\u2190", `${name}: one place earlier`, () => by(row, -1));
    const later = arrow("\u2192", `${name}: one place later`, () => by(row, 1));
    const bar = element("div", { class: "dx-order-bar" }, [earlier, place, later]);
    const card = takesKeys(element("div", { class: "dx-order-card", tabindex: "0", role: "group" }, [bar, content]));
    const row = { key, name, item: element("li", {}, [card]), card, place, earlier, later };
    listenToKeys(card, {
      ArrowLeft: () => by(row, -1),
      ArrowUp: () => by(row, -1),
      ArrowRight: () => by(row, 1),
      ArrowDown: () => by(row, 1),
      Home: () => put(row, 0),
      End: () => put(row, rows.length - 1),
      ...Object.fromEntries(things.map((_, i) => [String(i + 1), () => put(row, i)])),
    });
    card.addEventListener("pointerdown", (event) => {
      const target = /** @type {Element} */ (event.target);
      // A finger scrolls the page, but for the bar above the thing.
      if (frozen || event.button !== 0 || target.closest("button") || (event.pointerType === "touch" && !target.closest(".dx-order-bar"))) return;
      event.preventDefault();
      card.focus({ preventScroll: true });
      held = { row, id: event.pointerId };
      root.setPointerCapture(event.pointerId);
      card.classList.add("dx-held");
    });
    return row;
  }

  root.addEventListener("pointermove", (event) => {
    if (!held || held.id !== event.pointerId) return;
    const over = rows.find(({ item }) => {
      const box = item.getBoundingClientRect();
      return event.clientX >= box.left && event.clientX < box.right && event.clientY >= box.top && event.clientY < box.bottom;
    });
    if (over && over !== held.row) put(held.row, rows.indexOf(over));
  });
  for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
    root.addEventListener(name, (event) => {
      if (!held || held.id !== event.pointerId) return;
      held.row.card.classList.remove("dx-held");
      held = null;
    });
  }

  /** @param {Row} row @param {number} step */
  function by(row, step) {
    put(row, Math.min(rows.length - 1, Math.max(0, rows.indexOf(row) + step)));
  }

  /** @param {Row} row @param {number} place */
  function put(row, place) {
    const now = rows.indexOf(row);
    if (frozen || now === place) return;
    const focused = focusedBy(root) === row.card || row.item.contains(focusedBy(root));
    rows.splice(now, 1);
    rows.splice(place, 0, row);
    // The others stay in the page, and with them the focus where it is one of theirs.
    if (place === rows.length - 1) root.append(row.item);
    else root.insertBefore(row.item, rows[place + 1].item);
    if (focused) row.card.focus({ preventScroll: true });
    number();
    moved(`${row.name} is ${nth(place)} of ${rows.length}`);
  }

  function number() {
    rows.forEach((row, i) => {
      const meaning = i === 0 ? ends[0] : i === rows.length - 1 ? ends[1] : "";
      row.place.textContent = meaning ? `${i + 1} \u00b7 ${meaning}` : String(i + 1);
      row.card.setAttribute("aria-label", `${row.name}, ${nth(i)} of ${rows.length}${meaning ? `, ${meaning}` : ""}`);
      row.earlier.disabled = frozen || i === 0;
      row.later.disabled = frozen || i === rows.length - 1;
    });
  }

  return {
    root,
    /** The keys, the best first. */
    get order() {
      return rows.map(({ key }) => key);
    },
    /** Show an order. @param {readonly string[]} order the keys, the best first */
    put(order) {
      rows.sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
      root.append(...rows.map(({ item }) => item));
      number();
    },
    /** Nothing can be moved any more. */
    freeze() {
      frozen = true;
      root.classList.add("dx-frozen");
      number();
    },
  };
}
