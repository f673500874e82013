// Named figures, one below the other.

import { element } from "./dom.js";
import { meaning } from "./terms.js";

/**
 * Rows of a description list.
 * @param {readonly {name: string, value: string, title?: string, best?: boolean}[]} facts `title`: shown on hover
 * @returns {HTMLElement[]}
 */
export function factRows(facts) {
  return facts.map(({ name, value, title, best }) =>
    element("div", { class: "dx-fact" }, [
      element("dt", { title: title || meaning(name) || name }, [name]),
      element("dd", best ? { class: "dx-best", title: "The best in this column" } : {}, [value]),
    ]),
  );
}
