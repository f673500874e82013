// Which part of the photograph is on screen: fit, zoom, pan. Pure arithmetic.

/** @typedef {import("./types.js").Size} Size */
/** @typedef {import("./types.js").View} View */

export const MOST_ZOOM = 16;

/** Least share of its width that a picture's place is high, so that of a panorama more than a strip is seen when zoomed. */
const LEAST_HIGH = 0.32;

/**
 * The place of a picture: as wide as there is room for, as high as the photograph then is, within limits. What the
 * photograph does not fill at first is filled when it is zoomed.
 * @param {Size} image
 * @param {number} room pixels across
 * @param {number} tallest pixels
 * @returns {Size}
 */
export function placeFor(image, room, tallest) {
  const high = (room * image.height) / image.width;
  const least = Math.min(room * LEAST_HIGH, tallest);
  return { width: Math.max(1, Math.round(room)), height: Math.max(1, Math.round(Math.min(Math.max(high, least), tallest))) };
}

export class Viewport {
  /**
   * @param {Size} image pixels of the photograph
   * @param {number} [most] how far it can be zoomed
   */
  constructor(image, most = MOST_ZOOM) {
    this.image = image;
    this.most = most;
    /** @type {Size} */
    this.screen = { width: image.width, height: image.height };
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
  }

  /** Screen pixels per image pixel. */
  get scale() {
    const fit = Math.min(this.screen.width / this.image.width, this.screen.height / this.image.height);
    return fit * this.zoom;
  }

  /** @returns {View} */
  get view() {
    return { scale: this.scale, x: this.x, y: this.y };
  }

  /** @param {Size} screen */
  resize(screen) {
    this.screen = screen;
    this.#clamp();
  }

  /**
   * @param {number} x screen
   * @param {number} y screen
   * @returns {[number, number]} continuous image coordinates
   */
  toImage(x, y) {
    return [this.x + x / this.scale, this.y + y / this.scale];
  }

  /**
   * Zoom by a factor, keeping the image point under a screen point where it is (by default the middle).
   * @param {number} factor
   * @param {[number, number]} [about]
   */
  zoomBy(factor, about = [this.screen.width / 2, this.screen.height / 2]) {
    const [x, y] = this.toImage(...about);
    this.zoom = Math.min(this.most, Math.max(1, this.zoom * factor));
    this.x = x - about[0] / this.scale;
    this.y = y - about[1] / this.scale;
    this.#clamp();
  }

  /**
   * Move the photograph by screen pixels.
   * @param {number} dx
   * @param {number} dy
   */
  panBy(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.#clamp();
  }

  /**
   * Pan as little as needed to bring a box on screen.
   * @param {readonly number[]} box xyxy
   */
  reveal([x1, y1, x2, y2]) {
    const width = this.screen.width / this.scale;
    const height = this.screen.height / this.scale;
    if (x1 < this.x || x2 > this.x + width) this.x = (x1 + x2 - width) / 2;
    if (y1 < this.y || y2 > this.y + height) this.y = (y1 + y2 - height) / 2;
    this.#clamp();
  }

  /**
   * Show a box as large as it fits, with half its size of surroundings on every side.
   * @param {readonly number[]} box xyxy
   */
  show([x1, y1, x2, y2]) {
    this.zoom = 1;
    const across = this.screen.width / (2 * Math.max(x2 - x1, 1));
    const down = this.screen.height / (2 * Math.max(y2 - y1, 1));
    this.zoom = Math.min(this.most, Math.max(1, Math.min(across, down) / this.scale));
    this.x = (x1 + x2 - this.screen.width / this.scale) / 2;
    this.y = (y1 + y2 - this.screen.height / this.scale) / 2;
    this.#clamp();
  }

  reset() {
    this.zoom = 1;
    this.#clamp();
  }

  /** The part of the photograph on screen, in whole pixels. */
  get visible() {
    const x = Math.max(0, Math.floor(this.x));
    const y = Math.max(0, Math.floor(this.y));
    const right = Math.min(this.image.width, Math.ceil(this.x + this.screen.width / this.scale));
    const bottom = Math.min(this.image.height, Math.ceil(this.y + this.screen.height / this.scale));
    return { x, y, width: Math.max(1, right - x), height: Math.max(1, bottom - y) };
  }

  /** No edge of the photograph comes inside, unless all of that side is seen: then it is in the middle. */
  #clamp() {
    const { scale } = this;
    const kept = (/** @type {number} */ at, /** @type {number} */ whole, /** @type {number} */ shown) => {
      const room = whole - shown / scale;
      return room > 0 ? Math.min(Math.max(at, 0), room) : room / 2;
    };
    this.x = kept(this.x, this.image.width, this.screen.width);
    this.y = kept(this.y, this.image.height, this.screen.height);
  }
}
