// Small helpers that make elements. Text always goes in as text, never as markup.

let count = 0;

/** An id that no other widget of the page has. @param {string} name */
export function uniqueId(name) {
  count += 1;
  return `dx-${name}-${count}-${Math.random().toString(36).slice(2, 8)}`;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} [attributes]
 * @param {Array<Node | string>} [children]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * Mark an element that takes the keyboard: JupyterLab then leaves its keys alone. It has to be on each such element,
 * on the widget's root it does nothing.
 * @template {HTMLElement} T
 * @param {T} made
 * @returns {T}
 */
export function takesKeys(made) {
  made.dataset.lmSuppressShortcuts = "true";
  return made;
}

/**
 * What has the keyboard, as an element sees it: of what lies in a shadow root, as in marimo, the document names the host only.
 * @param {Node} near
 */
export function focusedBy(near) {
  const root = near.getRootNode();
  return (root instanceof ShadowRoot ? root : document).activeElement;
}

/** Line icons on a grid of 16. */
const ICONS = {
  plus: "M8 3.5v9M3.5 8h9",
  minus: "M3.5 8h9",
  reset: "M3 6V3h3M13 6V3h-3M3 10v3h3M13 10v3h-3",
  download: "M8 2.5v7.5M4.8 7l3.2 3.2L11.2 7M3 13.2h10",
  code: "M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5",
  close: "M4 4l8 8M12 4l-8 8",
  compute: "M5 3.5v9l7.5-4.5z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  frame: "M3 6V3h3M13 6V3h-3M3 10v3h3M13 10v3h-3M6.5 6.5h3v3h-3z",
  full: "M9.5 3H13v3.5M13 3 9 7M6.5 13H3V9.5M3 13l4-4",
  undo: "M5.5 3 2.8 5.7l2.7 2.7M3 5.7h6.3a3.6 3.6 0 0 1 0 7.2H6",
  redo: "M10.5 3l2.7 2.7-2.7 2.7M13 5.7H6.7a3.6 3.6 0 0 0 0 7.2H10",
  renew: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "dx-icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * @param {keyof typeof ICONS} picture
 * @param {string} label what it does, also shown on hover
 * @param {() => void} action
 * @param {string} [caption] visible text beside the icon
 */
export function button(picture, label, action, caption) {
  const made = takesKeys(element("button", { type: "button", class: "dx-button", title: label, "aria-label": label }));
  made.append(icon(picture));
  if (caption) made.append(element("span", {}, [caption]));
  made.addEventListener("click", action);
  return made;
}
