// From raw values to colours: a table of 1024 RGBA entries for a colour map, a threshold and a kind of map.

/** @typedef {import("./types.js").Range} Range */

const ENTRIES = 1024;

/** Evidence fades in over this share of the range, so that the photograph stays visible where there is none. */
export const FADE = 0.25;

/**
 * The colour tables as sent: 256 RGB entries a map, in the order of the names.
 * @param {{names: string[], data: DataView}} sent
 * @returns {Map<string, Uint8Array>}
 */
export function decodePalettes(sent) {
  const { buffer, byteOffset } = sent.data;
  return new Map(sent.names.map((name, i) => [name, new Uint8Array(buffer, byteOffset + i * 768, 768)]));
}

/**
 * Opacity of a strength of evidence in 0..1, before the user's opacity: 0 below the threshold, fading in above.
 * @param {number} strength
 * @param {number} threshold
 */
export function fadeIn(strength, threshold) {
  return strength < threshold ? 0 : Math.min(1, strength / FADE);
}

/**
 * @param {Uint8Array} palette 256 RGB entries
 * @param {{signed: boolean, threshold: number, fade: boolean}} options `signed`: strength is the distance from the
 *   middle; `fade` false leaves everything above the threshold opaque, as on a colour bar
 * @returns {Uint32Array} RGBA in the byte order of ImageData
 */
export function colorTable(palette, { signed, threshold, fade }) {
  const table = new Uint32Array(ENTRIES);
  const bytes = new Uint8Array(table.buffer);
  for (let i = 0; i < ENTRIES; i++) {
    const t = i / (ENTRIES - 1);
    const strength = signed ? Math.abs(2 * t - 1) : t;
    const entry = Math.min(255, Math.floor(t * 256)) * 3;
    bytes.set(palette.subarray(entry, entry + 3), i * 4);
    bytes[i * 4 + 3] = Math.round(255 * (fade ? fadeIn(strength, threshold) : Number(strength >= threshold)));
  }
  return table;
}

/**
 * @param {Float32Array} values
 * @param {Range} range a constant range gives transparent pixels: there is nothing to tell apart
 * @param {Uint32Array} table
 * @param {Uint32Array} out as long as `values`
 */
export function colorize(values, range, table, out) {
  const span = range.high - range.low;
  if (!(span > 0)) {
    out.fill(0);
    return;
  }
  const factor = (ENTRIES - 1) / span;
  const shift = 0.5 - range.low * factor;
  for (let i = 0; i < values.length; i++) {
    const index = Math.floor(values[i] * factor + shift);
    out[i] = table[index < 0 ? 0 : index >= ENTRIES ? ENTRIES - 1 : index];
  }
}
