// The changed photograph, made here from the walk: pixel by pixel what the detector saw.

/** @typedef {import("./model.js").Walk} Walk */

/**
 * RGBA of picture `step`. In a deletion the pixels changed so far have the filling, in an insertion the others have it.
 * @param {Walk} walk
 * @param {number} step
 * @param {Uint8ClampedArray} photo RGBA of the walk's samples
 * @param {Uint8ClampedArray} out as long as `photo`
 */
export function changePixels(walk, step, photo, out) {
  const { changes, filling, deleting } = walk;
  const flat = filling.length === 3;
  out.set(photo);
  for (let i = 0; i < changes.length; i++) {
    if (changes[i] <= step !== deleting) continue;
    const from = flat ? 0 : 3 * i;
    out[4 * i] = filling[from];
    out[4 * i + 1] = filling[from + 1];
    out[4 * i + 2] = filling[from + 2];
  }
}

/** Makes the pictures of the walks of one photograph. */
export class ChangedPicture {
  #painted = "";
  /** @type {{size: string, pixels: Uint8ClampedArray} | null} */
  #photo = null;
  canvas = document.createElement("canvas");

  /**
   * @param {CanvasImageSource} photo
   * @param {Walk} walk
   * @param {number} step
   */
  draw(photo, walk, step) {
    const wanted = `${walk.key} ${step}`;
    if (wanted === this.#painted) return this.canvas;
    const { rows, columns } = walk;
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { willReadFrequently: true }));
    const size = `${rows}x${columns}`;
    if (this.#photo?.size !== size) {
      this.canvas.width = columns;
      this.canvas.height = rows;
      context.drawImage(photo, 0, 0, columns, rows);
      this.#photo = { size, pixels: context.getImageData(0, 0, columns, rows).data };
    }
    this.#painted = wanted;
    const made = new ImageData(columns, rows);
    changePixels(walk, step, this.#photo.pixels, made.data);
    context.putImageData(made, 0, 0);
    return this.canvas;
  }
}
