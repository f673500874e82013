// A saved page: starts its widgets over models that hold what was saved. No kernel, no request.

import { reading } from "./buffers.js";
import { framed } from "./framed.js";
import { SavedModel } from "./model.js";
import { lightOrDark } from "./theme.js";

/** Each bundle once, however many widgets need it. @type {Map<string, Promise<any>>} */
const bundles = new Map();

/** @param {string} name @param {DataView} text */
function bundle(name, text) {
  const known = bundles.get(name);
  if (known) return known;
  const address = URL.createObjectURL(new Blob([/** @type {any} */ (text)], { type: "text/javascript" }));
  const loading = import(address).finally(() => URL.revokeObjectURL(address));
  bundles.set(name, loading);
  return loading;
}

/** @param {HTMLElement} place @param {string} text */
function say(place, text) {
  const words = place.parentElement?.querySelector(".dxp-said");
  if (words) words.textContent = text;
}

/** @param {HTMLElement} place @param {unknown} error */
function broken(place, error) {
  say(place, `This part of the page cannot be shown: ${error}`);
  console.error(error);
}

/** @param {HTMLElement} place @param {any} data */
async function start(place, data) {
  const { kind, root } = data.widgets[place.dataset.widget ?? ""];
  const model = new SavedModel(root, (text) => say(place, text));
  const module = await bundle(kind, data.bundles[kind]);
  const made = module.default();
  await made.initialize?.({ model });
  await made.render({ model, el: place });
  // What was refused is settled by the next thing that is done.
  for (const kind of ["pointerdown", "keydown"]) place.addEventListener(kind, () => say(place, ""), true);
}

framed(document, lightOrDark(document));
const places = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-widget]")]);
try {
  const data = await reading(document.querySelector("script#dxp-data")?.textContent ?? "{}");
  for (const place of places) start(place, data).catch((error) => broken(place, error));
} catch (error) {
  for (const place of places) broken(place, error);
}
