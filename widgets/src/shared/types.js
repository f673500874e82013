// Shapes of what travels between Python and the browser. Types only: nothing here runs.

/**
 * One detected object. `box` is xyxy in pixels of the photograph; `number` the one by which it goes everywhere, which
 * is its index in Python; `color` that of its class; `polygon` the corners of an oriented box, clockwise,
 * around which `box` is the upright one; `label` the number of a class of the whole image, which only those of
 * a classifier have. Of one that was missed: `missed` is the cause, `why` the same in words; `candidate` the prediction
 * that comes nearest to it, `about` what is known of that, and `explained` whether there is a map of it.
 * @typedef {{name: string, score: number, box: [number, number, number, number], number?: number, color?: string,
 *   polygon?: readonly (readonly [number, number])[],
 *   label?: number, missed?: string, why?: string, about?: string, candidate?: DetectedObject | null, explained?: boolean}} DetectedObject
 */

/**
 * One heat map on its own grid, as sent. `offset` counts elements of the package's values; `low` and `high` are the raw
 * values that 0 and 65535 stand for; `stride` is (x, y) in input pixels; `corner` (x, y) is where a grid begins that
 * covers a part of the input only, outside of which the map is 0, and null for one over the whole input, which begins at
 * `shift` (x, y), by default at the input's own corner; `peak` (x, y) is in pixels of the photograph; `inside` is the
 * share of the map's energy inside the object's box, null where there is no energy; `deciding` says of a joined map which
 * of the `parts` each cell is taken from, int8 in base64, -1 for none.
 * @typedef {{deciding?: string, parts?: DecidingPart[], shape: [number, number], offset: number, low: number, high: number, stride: [number, number],
 *   corner: [number, number] | null, shift?: [number, number], status: string, peak: [number, number], inside: number | null}} GridMeta
 */

/**
 * The maps of all objects of one photograph, made by one computation.
 * `scale` and `shift` (x, y) take pixels of the photograph to pixels of the model's input.
 * `seen` (xyxy, pixels of the photograph) is the cut of it that the model sees, where that is not all; maps are 0 outside.
 * `unit` is that of what is explained, in words.
 * @typedef {{key: string, title: string, signed: boolean, unit?: string, size: [number, number], scale: [number, number],
 *   shift: [number, number], seen?: [number, number, number, number], grids: GridMeta[], values: DataView}} MapPackage
 */

/**
 * A decoded map: raw values `low + q * (high - low) / 65535` on a grid of `width` x `height` cells. `shift` leads to the
 * grid's own corner; a `partial` map is 0 beyond its grid.
 * @typedef {{quanta: Uint16Array, width: number, height: number, low: number, high: number, scale: [number, number],
 *   shift: [number, number], stride: [number, number], partial: boolean, status: string, peak: [number, number],
 *   inside: number | null, seen?: [number, number, number, number], deciding?: Int8Array, parts?: DecidingPart[]}} HeatMap
 */

/** A part of a prediction, and its share of a joined map. @typedef {{title: string, color: string, share: number}} DecidingPart */

/**
 * `unfinished`: its method still improves them.
 * @typedef {{key: string, title: string, signed: boolean, unit?: string, size: [number, number], maps: HeatMap[], unfinished?: boolean}} MapSet
 */

/**
 * The values at the ends of a colour bar; `cutLow` and `cutHigh`: some lie beyond, and have the colour of that end.
 * @typedef {{low: number, high: number, cutLow?: boolean, cutHigh?: boolean}} Range
 */

/** @typedef {{width: number, height: number}} Size */

/** `scale` screen pixels per image pixel; `x`, `y`: the image point at the screen's top left corner.
 * @typedef {{scale: number, x: number, y: number}} View */

/**
 * What the kernel does or did last; `key` names the computation, empty before the first. Of a widget that is asked
 * questions: `what` is computed, where that are not the maps, and the number of the question that was `heard` last.
 * @typedef {{state: "idle" | "busy" | "error", key: string, text: string, done: number, total: number, what?: string,
 *   heard?: number}} Status
 */

/**
 * One method in the grid: `state` is "ok", "waiting", "busy", "stopped", "asked" or "error"; `metrics` and the method's own
 * `figures` have one value for each object, null where there is none; `mean` is over the objects shown.
 * @typedef {{key: string, state: string, text: string, remark: string, figures: Record<string, (number | string | null | undefined)[]>,
 *   metrics: Record<string, (number | null)[]>, mean: Record<string, number | null>, has?: number[]}} Row `has`: the objects
 *   that there are maps of, where these are not all
 */
/** @typedef {{name: string, title: string, higher: boolean, unit: string, source: string}} Metric */
/** A cell of a grid; what its columns are the widget knows. @typedef {{method: string, object: number}} Place */

export {};
