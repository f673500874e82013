// Arrays of a saved page: compressed, in base64 once each, and the places where they belong.

import { fromBase64 } from "../shared/base64.js";

/** @typedef {{data: string, packed: boolean}} Packed base64; `packed`: compressed by zlib */

/** @param {Packed} array @returns {Promise<DataView>} */
export async function bytes({ data, packed }) {
  const made = fromBase64(data);
  if (!packed) return new DataView(made.buffer);
  const plain = new Blob([made]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new DataView(await new Response(plain).arrayBuffer());
}

/**
 * The data of a page with its arrays in their places, as DataViews, as a kernel would send them.
 * @param {string} text JSON
 * @returns {Promise<{bundles: Record<string, DataView>, widgets: Record<string, {kind: string, root: any}>}>}
 */
export async function reading(text) {
  const data = JSON.parse(text);
  const arrays = await Promise.all(data.arrays.map(bytes));
  for (const { root, places } of Object.values(data.widgets)) {
    for (const [path, number] of places) {
      let at = root;
      for (const step of path.slice(0, -1)) at = at[step];
      at[path[path.length - 1]] = arrays[number];
    }
  }
  const bundles = Object.fromEntries(Object.entries(data.bundles).map(([kind, number]) => [kind, arrays[number]]));
  return { bundles, widgets: data.widgets };
}
