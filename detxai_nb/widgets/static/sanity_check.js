// src/shared/dom.js
var count = 0;
function uniqueId(name) {
  count += 1;
  return `dx-${name}-${count}-${Math.random().toString(36).slice(2, 8)}`;
}
function element(tag, attributes = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
function takesKeys(made) {
  made.dataset.lmSuppressShortcuts = "true";
  return made;
}
function focusedBy(near) {
  const root = near.getRootNode();
  return (root instanceof ShadowRoot ? root : document).activeElement;
}
var ICONS = {
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
  renew: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3"
};
function icon(name) {
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
function button(picture, label, action, caption) {
  const made = takesKeys(element("button", { type: "button", class: "dx-button", title: label, "aria-label": label }));
  made.append(icon(picture));
  if (caption) made.append(element("span", {}, [caption]));
  made.addEventListener("click", action);
  return made;
}

// src/shared/base64.js
function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// src/shared/maps.js
var STEPS = 65535;
function decodeMaps(sent) {
  const bytes = sent.values;
  const all = new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const maps = sent.grids.map((grid) => {
    const [height, width] = grid.shape;
    const [left, top] = grid.corner ?? grid.shift ?? [0, 0];
    return {
      quanta: all.subarray(grid.offset, grid.offset + width * height),
      width,
      height,
      low: grid.low,
      high: grid.high,
      scale: sent.scale,
      shift: (
        /** @type {[number, number]} */
        [sent.shift[0] - left, sent.shift[1] - top]
      ),
      stride: grid.stride,
      partial: grid.corner !== null,
      ...sent.seen ? { seen: sent.seen } : {},
      status: grid.status,
      peak: grid.peak,
      inside: grid.inside,
      ...grid.deciding ? { deciding: new Int8Array(fromBase64(grid.deciding).buffer), parts: grid.parts } : {}
    };
  });
  return { key: sent.key, title: sent.title, signed: sent.signed, unit: sent.unit ?? "", size: sent.size, maps };
}
function neighbours(map, axis, at2) {
  const cells = axis ? map.height : map.width;
  const position = (at2 * map.scale[axis] + map.shift[axis]) / map.stride[axis];
  const u = Math.min(Math.max(position - 0.5, 0), cells - 1);
  const first = Math.min(Math.floor(u), Math.max(cells - 2, 0));
  const cut = map.seen !== void 0 && (at2 < map.seen[axis] || at2 > map.seen[axis + 2]);
  const beyond = cut || map.partial && (position < 0 || position > cells);
  return { first, second: Math.min(first + 1, cells - 1), part: u - first, beyond };
}
function valueAt(map, x, y) {
  const across = neighbours(map, 0, x);
  const down = neighbours(map, 1, y);
  if (across.beyond || down.beyond) return 0;
  const along = (row) => {
    const a = map.quanta[row * map.width + across.first];
    const b = map.quanta[row * map.width + across.second];
    return a + (b - a) * across.part;
  };
  const top = along(down.first);
  const quantum = top + (along(down.second) - top) * down.part;
  return map.low + quantum * (map.high - map.low) / STEPS;
}
function placeMap(map, size, columns, rows2) {
  const out = new Float32Array(columns * rows2);
  const [height, width] = size;
  const step = (map.high - map.low) / STEPS;
  const across = Array.from({ length: columns }, (_, i) => neighbours(map, 0, (i + 0.5) * width / columns));
  const firsts = Int32Array.from(across, (n) => n.first);
  const seconds = Int32Array.from(across, (n) => n.second);
  const parts = Float64Array.from(across, (n) => n.part);
  const line = new Float64Array(map.width);
  for (let j = 0; j < rows2; j++) {
    const down = neighbours(map, 1, (j + 0.5) * height / rows2);
    if (down.beyond) continue;
    const a = down.first * map.width;
    const b = down.second * map.width;
    for (let i = 0; i < map.width; i++) {
      line[i] = map.low + step * (map.quanta[a + i] + (map.quanta[b + i] - map.quanta[a + i]) * down.part);
    }
    for (let i = 0; i < columns; i++) {
      if (across[i].beyond) continue;
      const left = line[firsts[i]];
      out[j * columns + i] = left + (line[seconds[i]] - left) * parts[i];
    }
  }
  return out;
}
var sorted = /* @__PURE__ */ new WeakMap();
function evidence(maps, signed, { low, high }) {
  const known = sorted.get(maps[0]) ?? [];
  sorted.set(maps[0], known);
  const same = known.find((one) => one.maps.length === maps.length && one.maps.every((map, i) => map === maps[i]));
  if (same) return same.values;
  const all = new Float64Array(maps.reduce((sum, map) => sum + map.quanta.length, 0));
  const nothing = (signed ? 0 : low) + (high - low) / STEPS / 2;
  let at2 = 0;
  for (const map of maps) {
    const step = (map.high - map.low) / STEPS;
    for (const quantum of map.quanta) {
      const value = map.low + quantum * step;
      const size = signed ? Math.abs(value) : value;
      if (size > nothing) all[at2++] = size;
    }
  }
  const values = all.slice(0, at2).sort();
  known.push({ maps, values });
  return values;
}
function percentileOf(values, percentile) {
  const place = (values.length - 1) * percentile / 100;
  const first = Math.floor(place);
  const next = Math.min(first + 1, values.length - 1);
  return values.length > 0 ? values[first] + (values[next] - values[first]) * (place - first) : void 0;
}
function colorRange(set, index, shared, percentile = 100) {
  const maps = shared ? set.maps : [set.maps[index]];
  const low = Math.min(...maps.map((m) => m.low));
  const high = Math.max(...maps.map((m) => m.high));
  const reach = set.signed ? Math.max(Math.abs(low), Math.abs(high)) : high;
  const upper = percentile < 100 ? percentileOf(evidence(maps, set.signed, { low, high }), percentile) : reach;
  const top = Math.min(upper ?? reach, reach);
  return { low: set.signed ? -top : low, high: top, cutLow: set.signed && low < -top, cutHigh: high > top };
}
var MOST_BYTES = 64 * 2 ** 20;

// src/shared/subjects.js
var OBJECTS = { one: "object", many: "objects", title: "Objects", found: "Detected objects", whole: false };
var CLASSES = { one: "class", many: "classes", title: "Classes", found: "Classes and their probabilities", whole: true };
function subjectOf(store) {
  const trait = choicesTrait(store);
  return trait && store.get(trait).subject === CLASSES.one ? CLASSES : OBJECTS;
}
var choicesTrait = (store) => store.keys.has("choices") ? "choices" : null;
var kindOf = (object) => object.label === void 0 ? OBJECTS : CLASSES;
var oneOf = ({ one }) => `${/^[aeiou]/.test(one) ? "an" : "a"} ${one}`;
function scoreWords(object) {
  const { score } = object;
  if (!kindOf(object).whole || score >= 0.01 || score === 0) return score.toFixed(2);
  return score >= 1e-4 ? score.toFixed(4) : score.toExponential(1);
}
var scoreName = (object) => kindOf(object).whole ? "probability" : "score";
function overlayOf(objects, { width, height }) {
  if (objects.length === 0 || !kindOf(objects[0]).whole) return {};
  const [x1, y1, x2, y2] = objects[0].box;
  const all = x1 <= 0.5 && y1 <= 0.5 && x2 >= width - 0.5 && y2 >= height - 0.5;
  const none = { selected: null, hovered: null, side: null, hidden: void 0 };
  if (all) return { ...none, objects: [] };
  return { ...none, objects: [{ name: "", score: 0, box: objects[0].box }], boxes: "all", dashed: /* @__PURE__ */ new Set([0]) };
}

// src/shared/text.js
function formatValue(value) {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size < 1e-3 || size >= 1e5 ? value.toExponential(2) : value.toPrecision(3);
  return (size >= 1e3 && size < 1e5 ? String(Math.round(value)) : text).replace("-", "−");
}
function boxLabel(object) {
  if (object.missed) return `${nameOf(object)}, missed (${object.missed})`;
  return `${nameOf(object)} ${scoreWords(object)}`;
}
var nameOf = ({ name, number }) => number === void 0 ? name : `#${number} ${name}`;
function fileName(parts) {
  return parts.join("-").toLowerCase().replace(/\+/g, "p").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
}

// src/shared/colorbar.js
var SAMPLES = 256;
function rangeWords({ low, high, cutLow, cutHigh }) {
  const middle = formatValue((low + high) / 2);
  return [`${cutLow ? "≤ " : ""}${formatValue(low)}`, middle, `${cutHigh ? "≥ " : ""}${formatValue(high)}`];
}
function colorBar() {
  const canvas = element("canvas", { class: "dx-bar-colors", width: String(SAMPLES), height: "1", "aria-hidden": "true" });
  const mark = element("span", { class: "dx-bar-mark", hidden: "" });
  const ticks = [0, 1, 2].map(() => element("span", {}));
  const readout = element("span", { class: "dx-readout" });
  const unit = element("div", { class: "dx-bar-unit" });
  const root = element("div", { class: "dx-bar" }, [
    element("div", { class: "dx-bar-box" }, [canvas, mark]),
    element("div", { class: "dx-bar-ticks" }, ticks),
    unit,
    readout
  ]);
  let range = { low: 0, high: 0 };
  return {
    root,
    /**
     * @param {Range | null} shown null hides the bar: there is no map
     * @param {Uint32Array} table
     * @param {string} [words] the unit of what is explained
     */
    show(shown, table, words = "") {
      root.classList.toggle("dx-empty", shown === null);
      unit.textContent = shown ? words : "";
      if (!shown) return;
      range = shown;
      rangeWords(shown).forEach((words2, i) => ticks[i].textContent = words2);
      const pixels = new ImageData(SAMPLES, 1);
      const colors = new Uint32Array(pixels.data.buffer);
      for (let i = 0; i < SAMPLES; i++) colors[i] = table[Math.round(i * (table.length - 1) / (SAMPLES - 1))];
      canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    },
    /** Say something else of the point. @param {string} text */
    say(text) {
      readout.textContent = text;
    },
    /** @param {{value: number | null, x: number, y: number} | null} point null where the pointer is elsewhere */
    point(point) {
      const value = point?.value ?? null;
      mark.hidden = value === null || !(range.high > range.low);
      if (!point) {
        readout.textContent = "";
        return;
      }
      const where = `x ${point.x}, y ${point.y}`;
      readout.textContent = value === null ? where : `${formatValue(value)} at ${where}`;
      if (value === null || mark.hidden) return;
      const at2 = (value - range.low) / (range.high - range.low);
      mark.style.left = `${100 * Math.min(1, Math.max(0, at2))}%`;
    }
  };
}

// src/shared/curve.js
var WIDEST = 720;
var HEIGHT = 132;
var LEFT = 40;
var RIGHT = 10;
var TOP = 8;
var BOTTOM = 20;
var SPACE = "http://www.w3.org/2000/svg";
function shape(tag, attributes, text) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text) made.textContent = text;
  return made;
}
function lines(values, across, up) {
  const found = [[]];
  values.forEach((value, i) => {
    if (value === null) found.push([]);
    else found[found.length - 1].push(`${across(i).toFixed(1)},${up(value).toFixed(1)}`);
  });
  return found.filter((line) => line.length > 0).map((line) => line.join(" "));
}
function bands(low, high, across, up) {
  const known = low.map((value, i) => high[i] === null ? null : value);
  const above = high.map((value, i) => low[i] === null ? null : value);
  const below = lines(known, across, up);
  return lines(above, across, up).map((line, i) => `${line} ${below[i].split(" ").reverse().join(" ")}`);
}
function curveView(chosen, say = (value) => `${100 * value}%`) {
  const svg = shape("svg", { class: "dx-curve", role: "img", height: HEIGHT });
  const legend = element("div", { class: "dx-curve-legend", "aria-hidden": "true" });
  const root = element("div", { class: "dx-curve-box", hidden: "" }, []);
  root.append(svg, legend);
  const mark = shape("line", { class: "dx-curve-mark", y1: TOP, y2: HEIGHT - BOTTOM });
  const dot = shape("circle", { class: "dx-curve-dot", r: 4.5 });
  let width = WIDEST;
  let last = 1;
  let shown = 0;
  let ends = ["", ""];
  let drawn = [];
  let high = 1;
  let low = 0;
  let first = [];
  const across = (step) => LEFT + (width - LEFT - RIGHT) * step / Math.max(last, 1);
  const up = (value) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low);
  let held = false;
  const choose = (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * width;
    const step = Math.round((x - LEFT) / (width - LEFT - RIGHT) * last);
    chosen(Math.min(Math.max(step, 0), last));
  };
  svg.addEventListener("pointerdown", (event) => {
    held = true;
    choose(
      /** @type {PointerEvent} */
      event
    );
  });
  svg.addEventListener("pointermove", (event) => held && choose(
    /** @type {PointerEvent} */
    event
  ));
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) svg.addEventListener(end, () => held = false);
  function paint() {
    width = Math.min(WIDEST, root.clientWidth || WIDEST);
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.setAttribute("width", String(width));
    const axes = [-1, -0.5, 0, 0.5, 1].filter((value) => value >= low).flatMap((value) => [
      shape("line", { class: "dx-curve-axis", x1: LEFT, x2: width - RIGHT, y1: up(value), y2: up(value) }),
      shape("text", { class: "dx-curve-text", x: LEFT - 6, y: up(value) + 4, "text-anchor": "end" }, say(value))
    ]);
    const words = [
      shape("text", { class: "dx-curve-text", x: LEFT, y: HEIGHT - 4 }, ends[0]),
      shape("text", { class: "dx-curve-text", x: width - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, ends[1])
    ];
    const found = drawn.flatMap(
      ({ values }, i) => lines(values, across, up).map((points) => shape("polyline", { class: `dx-curve-line dx-curve-${i}`, points }))
    );
    const around = drawn.flatMap(
      (curve, i) => bands(curve.low ?? [], curve.high ?? [], across, up).map(
        (points) => shape("polygon", { class: `dx-curve-band dx-curve-${i}`, points })
      )
    );
    svg.replaceChildren(...around, ...axes, ...words, ...found.reverse(), mark, dot);
    show(shown);
  }
  function show(step) {
    shown = step;
    mark.setAttribute("x1", String(across(step)));
    mark.setAttribute("x2", String(across(step)));
    const value = first[step] ?? null;
    dot.toggleAttribute("hidden", value === null);
    dot.setAttribute("cx", String(across(step)));
    dot.setAttribute("cy", String(up(value ?? 0)));
  }
  const observer = new ResizeObserver(() => drawn.length > 0 && paint());
  observer.observe(root);
  return {
    root,
    svg,
    dispose: () => observer.disconnect(),
    /**
     * @param {readonly Curve[]} curves the first is the one that is marked
     * @param {[string, string]} below what is said below both ends of the axis
     * @param {string} words what the curves show
     */
    draw(curves, below, words) {
      root.hidden = curves.length === 0;
      drawn = curves;
      ends = below;
      if (curves.length === 0) return;
      first = curves[0].values;
      last = first.length - 1;
      const all = curves.flatMap((c) => [...c.values, ...c.low ?? [], ...c.high ?? []].filter((v) => v !== null));
      high = Math.max(1, ...all);
      low = Math.min(0, ...all);
      svg.setAttribute("aria-label", words);
      paint();
      legend.replaceChildren(
        ...curves.map(
          ({ title }, i) => element("span", { class: "dx-curve-name" }, [element("span", { class: `dx-curve-key dx-curve-key-${i}` }), title])
        )
      );
    },
    /** Mark the picture that is shown. */
    mark: show
  };
}

// src/shared/terms.js
var TERMS = {
  Method: "How the heat map is computed from the detector: each method answers another question.",
  Explain: "Which output is explained: the score of the class, or the position of one side of the box.",
  "Rather than": "Another class of the same object, the most probable first: the map then says why its class and not that one, by the difference of the two classes' logits.",
  Join: "How the maps of class and sides become one. Maximum, as in the papers: their units differ, so the part with the largest numbers decides nearly everywhere. Normalized: each map is scaled to 0 to 1 first.",
  Evidence: "Positive: what raises the explained output. Negative: what lowers it. Signed: both, around zero. Absolute: either, without its sign.",
  Layer: "The layer of the network whose activations the map shows. Deeper layers are coarser.",
  Opacity: "How much of the photograph the strongest evidence covers; weaker evidence is fainter.",
  "Hide below": "Evidence weaker than this share of the range of colours is not drawn. It changes the picture only.",
  "Upper limit": "Values from this percentile of the map's evidence on have the last colour, so that a few extreme cells do not take the whole range.",
  Scale: "Whether the colours of each map run over its own range, or over one range so that maps can be compared.",
  Boxes: "Which boxes are drawn: all that are listed, or the selected one and the one under the pointer.",
  Colours: "The colour map. All are perceptually uniform or safe for people with colour blindness.",
  Signed: "The colour map of maps with positive and negative values; its middle is zero.",
  "Min. score": "Objects with a lower score are neither listed nor drawn. The score is the detector's confidence, 0 to 1.",
  Class: "Only objects of this class are listed and drawn.",
  "Order by": "The method whose map says which pixels are changed first: those with the most evidence.",
  Mode: "Deletion takes the most important pixels away, insertion starts without any and brings them back. A good map makes the score fall early, or rise early.",
  Randomize: "Cascading: the weights from the output down to each stage are random. Independent: only those of one stage at a time.",
  "Maps of seed": "Which of the random weights the maps and figures above belong to.",
  Images: "How many images of the data set the next run goes through.",
  on: "The object whose figures order the methods, or the mean of those shown.",
  Pixels: "How many pixels are changed in all: as many as the object's box has, or all of the image.",
  Filling: "What deleted pixels are replaced by.",
  Picture: "How far the change has come: each picture changes some more pixels.",
  View: "Difference: the object's evidence less the strongest of the others. Neighbours: whose evidence leads at each pixel. Own map: the object's map alone.",
  Measure: "The figure that is drawn.",
  Stages: "Which parts of the network lose their weights, one after the other.",
  Seeds: "The random numbers that replace the weights; several show how much depends on chance.",
  "Best first by": "The metric that orders the methods.",
  Metrics: "Figures that judge a map; what each means is said in the documentation under Metrics.",
  "Area under curve": "Mean of score over original score along the pictures. Deletion: lower is better; insertion: higher is better.",
  "Against the others": "What share of the box speaks most for the object itself, and what share for each neighbour; and the object discrimination index.",
  "Another class": "Any class of the classifier: type a part of its name, choose with the arrow keys, Enter lists and explains it.",
  Rule: "How predictions of one object are reduced to one. All rules go by falling score and compare predictions of one class only.",
  IoU: "The overlap of two boxes from which on they are taken for one object: shared area over the area of both together.",
  T_low: "Overlapping boxes are different objects if the correlation of their heat maps is not above this.",
  T_high: "Boxes that overlap less than the threshold are one object if the correlation of their heat maps is above this.",
  Decay: "By how much an overlap lowers a score. Gaussian: smoothly with the IoU. Linear: by 1 less IoU from a threshold on.",
  Sigma: "The width of the Gaussian: the smaller, the more an overlap lowers a score.",
  "Final score": "A prediction whose score has been lowered below this is removed.",
  "Low IoU": "Boxes that overlap less than this are different objects, whatever their feature vectors.",
  "High IoU": "Boxes that overlap more than this are one object, whatever their feature vectors.",
  Distance: "In between, two predictions are one object if their feature vectors are no further apart than this.",
  Suppression: "What is decided for each pair of predictions of one class, the one with the higher score first.",
  "Boxes drawn": "Kept by the rule, removed by it, or annotated as really there; and the heat map of the selected prediction.",
  "Two predictions": "The selected prediction beside the one that removed it, else its nearest; point at another box, or press , and . to change it.",
  "IoU against correlation": "Each point is a pair of predictions of one class. Those in the shaded part are taken for duplicates.",
  Tool: "What a drag on the picture does: select objects and move the picture, or draw. With Shift, what is drawn is added to the region.",
  Brush: "The radius of the brush, in pixels of the picture.",
  Hottest: "The share of all pixels that is taken where the selected map is highest; pixels without evidence never count.",
  Region: "The pixels that are changed. With the picture in focus, arrow keys move them, ] and [ let them grow and shrink.",
  "Fill with": "What the region is filled with. Whatever that is, some score falls: compare with equal areas elsewhere.",
  Note: "A text of your own for this step.",
  Compare: "Another step, whose picture and scores are shown beside those of this one.",
  Steps: "Each answer is a step. Going back loses none: choose any of them in the list.",
  Show: "The unchanged picture with the heat map, or the filled one with the boxes that are found now; broken lines are boxes from before.",
  Answer: "What became of the object that was selected when the question was asked.",
  "Two steps": "The step that is compared with, and the one that is shown.",
  "Touching pairs": "Two objects of one class whose boxes touch. If their maps are alike, the method does not tell them apart."
};
var OF_CLASSES = {
  Method: "How the heat map is computed from the classifier: each method answers another question.",
  Explain: "Which output is explained: the score of the class.",
  Scale: "Whether the colours of each class's map run over its own range, or over one range so that maps can be compared.",
  "Min. probability": "Classes with a lower probability are not listed.",
  Pixels: "All pixels are changed in the end, in few pictures or in many.",
  "Area under curve": "Mean of probability over original probability along the pictures. Deletion: lower is better; insertion: higher is better.",
  Mode: "Deletion takes the most important pixels away, insertion starts without any and brings them back. A good map makes the probability fall early, or rise early.",
  on: "The class whose figures order the methods, or the mean of those shown.",
  Classes: "What the classifier says of the whole picture, the most probable first; classes that were asked for by name come last."
};
var meaning = (term) => TERMS[term] ?? "";
function retold(root, subject) {
  if (!subject.whole) return;
  for (const label of root.querySelectorAll("label, .dx-label, .dx-head > span")) {
    const text = OF_CLASSES[label.textContent ?? ""];
    if (!text) continue;
    label.title = text;
    label.classList.add("dx-term");
    const control = label instanceof HTMLLabelElement && label.htmlFor ? root.querySelector(`#${label.htmlFor}`) : label.parentElement?.querySelector("input");
    control?.setAttribute("aria-description", text);
  }
}
function explained(label, control) {
  const text = meaning(label.textContent ?? "");
  if (text) {
    label.title = text;
    label.classList.add("dx-term");
    control?.setAttribute("aria-description", text);
  }
  return label;
}

// src/shared/controls.js
function selectControl(label, chosen) {
  const id = uniqueId("select");
  const list = takesKeys(element("select", { id, class: "dx-select" }));
  const row = element("div", { class: "dx-row" }, [explained(element("label", { for: id, class: "dx-label" }, [label]), list), list]);
  list.addEventListener("change", () => chosen(list.value));
  let offered = "";
  return {
    row,
    input: list,
    /**
     * @param {readonly Choice[]} choices
     * @param {string} value
     */
    show(choices, value) {
      const wanted = JSON.stringify(choices);
      if (wanted !== offered) {
        list.replaceChildren(...choices.map(optionOf));
        offered = wanted;
      }
      list.value = value;
      list.title = choices.find((c) => c.name === value)?.about ?? "";
      row.hidden = choices.length === 0;
    }
  };
}
function optionOf({ name, title, about, missing }) {
  const hint = missing || about;
  const made = element("option", { value: name, ...hint ? { title: hint } : {} }, [title]);
  made.disabled = Boolean(missing);
  return made;
}
var plain = (names) => names.map((name) => ({ name, title: name }));
function sliderControl(label, moved, released, say = (value) => `${Math.round(value * 100)}%`) {
  const id = uniqueId("slider");
  const input = takesKeys(
    element("input", { id, type: "range", min: "0", max: "1", step: "0.01", class: "dx-slider" })
  );
  const output = element("span", { class: "dx-number", "aria-hidden": "true" });
  const row = element("div", { class: "dx-row" }, [
    explained(element("label", { for: id, class: "dx-label" }, [label]), input),
    element("div", { class: "dx-slide" }, [input, output])
  ]);
  input.addEventListener("input", () => moved(input.valueAsNumber));
  input.addEventListener("change", () => released(input.valueAsNumber));
  return {
    row,
    input,
    /** @param {number} value */
    show(value) {
      const words = say(value);
      input.value = String(value);
      input.setAttribute("aria-valuetext", words);
      output.textContent = words;
    }
  };
}
var LEAST_PERCENTILE = 50;
function upperControl(store) {
  const made = sliderControl(
    "Upper limit",
    (value) => store.setLive("percentile", value),
    (value) => store.commit({ percentile: value }),
    (value) => value === 100 ? "max." : `${Number(value.toPrecision(4))}%`
  );
  made.input.max = "100";
  made.input.step = "0.5";
  return {
    row: made.row,
    show() {
      const now = store.get("percentile");
      made.input.min = String(Math.min(LEAST_PERCENTILE, Math.floor(now)));
      made.show(now);
    }
  };
}
function segmentControl(label, choices, chosen) {
  const group = uniqueId("group");
  const inputs = choices.map((choice) => {
    const input = takesKeys(element("input", { type: "radio", name: group, value: choice.name }));
    input.addEventListener("change", () => chosen(choice.name));
    return input;
  });
  const parts = choices.map(
    (choice, i) => element("label", { class: "dx-segment" }, [inputs[i], element("span", {}, [choice.title])])
  );
  const row = element("div", { class: "dx-row", role: "radiogroup", "aria-labelledby": `${group}-label` }, [
    explained(element("span", { class: "dx-label", id: `${group}-label` }, [label]), inputs[0]),
    element("div", { class: "dx-segments" }, parts)
  ]);
  return {
    row,
    inputs,
    /** @param {string} value */
    show(value) {
      for (const input of inputs) input.checked = input.value === value;
    }
  };
}

// src/shared/filter.js
var MANY = 7;
var scoreTrait = (store) => store.keys.has("min_score") ? "min_score" : null;
function listedObjects(store, objects) {
  const trait = scoreTrait(store);
  const least = trait ? Math.fround(store.get(trait)) : 0;
  const only = store.get("only_class");
  const words = store.get("search").trim().toLowerCase();
  const number = words.replace(/^#/, "");
  const passes = ({ name, score }, i) => score >= least && (only === "" || name === only) && (number === "" || name.toLowerCase().includes(words) || number === String(i));
  return objects.flatMap((object, i) => passes(object, i) ? [i] : []);
}
function nextAmong(among, from, by) {
  if (among.length === 0) return null;
  const rest = from === null ? [] : among.filter((i) => by > 0 ? i > from : i < from);
  return by > 0 ? rest[0] ?? among[0] : rest[rest.length - 1] ?? among[among.length - 1];
}
function filterControls(store) {
  const trait = scoreTrait(store);
  const subject = subjectOf(store);
  const id = uniqueId("search");
  const search = takesKeys(element("input", { id, type: "search", class: "dx-select", maxlength: "200", placeholder: subject.whole ? "part of a name" : "name or #number", "aria-label": `Search ${subject.many}` }));
  search.addEventListener("input", () => store.commit({ search: search.value }));
  search.addEventListener("keydown", (event) => event.stopPropagation());
  const only = selectControl("Class", (value) => store.commit({ only_class: value }));
  const score = sliderControl(
    subject.whole ? "Min. probability" : "Min. score",
    (value) => trait && store.setLive(trait, value),
    (value) => trait && store.commit({ [trait]: value }),
    (value) => value.toFixed(2)
  );
  const clear = button("close", `Show all ${subject.many} again`, () => store.commit({ search: "", only_class: "", ...trait ? { [trait]: 0 } : {} }), "Show all");
  const nothing = element("p", { class: "dx-remark" }, [`No ${subject.one} passes these filters.`]);
  const empty = element("div", { class: "dx-actions", hidden: "" }, [nothing, clear]);
  const root = element("div", { class: "dx-filter" }, [search, only.row, ...trait ? [score.row] : [], empty]);
  return {
    root,
    /** @param {readonly DetectedObject[]} objects @param {readonly number[]} listed */
    show(objects, listed) {
      root.hidden = objects.length < MANY && listed.length === objects.length;
      if (search.value !== store.get("search")) search.value = store.get("search");
      const counts = /* @__PURE__ */ new Map();
      for (const { name } of objects) counts.set(name, (counts.get(name) ?? 0) + 1);
      const classes = [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
      const offered = classes.map(([name, count2]) => ({ name, title: `${name} (${count2})` }));
      only.show(classes.length > 1 && !subject.whole ? [{ name: "", title: `All ${classes.length} classes` }, ...offered] : [], store.get("only_class"));
      if (trait) score.show(store.get(trait));
      empty.hidden = listed.length > 0 || objects.length === 0;
    }
  };
}
var countWords = (objects, listed) => listed.length === objects.length ? String(objects.length) : `${listed.length} of ${objects.length}`;

// src/shared/tools.js
function fullScreenButton(whole) {
  const made = button("full", "Full screen (Shift + F)", whole);
  made.hidden = !document.fullscreenEnabled;
  return made;
}
async function fullScreen(inside, refused) {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await inside.closest(".dx-root")?.requestFullscreen();
  } catch {
    refused();
  }
}

// src/shared/palette.js
var ENTRIES = 1024;
var FADE = 0.25;
function decodePalettes(sent) {
  const { buffer, byteOffset } = sent.data;
  return new Map(sent.names.map((name, i) => [name, new Uint8Array(buffer, byteOffset + i * 768, 768)]));
}
function fadeIn(strength, threshold) {
  return strength < threshold ? 0 : Math.min(1, strength / FADE);
}
function colorTable(palette, { signed, threshold, fade }) {
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
function colorize(values, range, table, out) {
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

// src/shared/heat.js
var MOST_SAMPLES = 15e5;
var HeatLayer = class {
  /** @type {HeatMap | null} */
  #map = null;
  /** @type {Float32Array} */
  #values = new Float32Array(0);
  #colors = "";
  constructor(most = MOST_SAMPLES) {
    this.most = most;
    this.canvas = document.createElement("canvas");
  }
  /**
   * @param {HeatMap} map
   * @param {[number, number]} size height and width of the photograph
   * @param {Range} range
   * @param {Uint32Array} table
   * @param {string} colors names range and table: painted again only where it differs
   * @returns {HTMLCanvasElement}
   */
  draw(map, size, range, table, colors) {
    if (map === this.#map && colors === this.#colors) return this.canvas;
    if (map !== this.#map) {
      const factor = Math.min(1, Math.sqrt(this.most / (size[0] * size[1])));
      this.canvas.width = Math.max(1, Math.round(size[1] * factor));
      this.canvas.height = Math.max(1, Math.round(size[0] * factor));
      this.#values = placeMap(map, size, this.canvas.width, this.canvas.height);
    }
    const pixels = new ImageData(this.canvas.width, this.canvas.height);
    colorize(this.#values, range, table, new Uint32Array(pixels.data.buffer));
    const context = (
      /** @type {CanvasRenderingContext2D} */
      this.canvas.getContext("2d")
    );
    context.putImageData(pixels, 0, 0);
    this.#map = map;
    this.#colors = colors;
    return this.canvas;
  }
};

// src/shared/boxes.js
function cornersOf({ box: [x1, y1, x2, y2], polygon }) {
  return polygon ?? [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
}
function neighbour(selected, step, count2) {
  if (count2 === 0) return null;
  if (selected === null) return step > 0 ? 0 : count2 - 1;
  return (selected + step + count2) % count2;
}

// src/shared/painter.js
var LIGHT = "#ffffff";
var HALO = "rgba(0, 0, 0, 0.55)";
var CHIP = "rgba(17, 20, 24, 0.86)";
var SIDE = "#ffb000";
var CROWD = 20;
var SQUARES = 6;
var larger = /* @__PURE__ */ new WeakMap();
function paintScene(context, scene, view, unit) {
  const { width, height } = context.canvas;
  const scale = view.scale * unit;
  const target = (
    /** @type {const} */
    [
      -view.x * scale,
      -view.y * scale,
      scene.size.width * scale,
      scene.size.height * scale
    ]
  );
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 1;
  context.clearRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.imageSmoothingEnabled = view.scale < SQUARES;
  context.drawImage(scene.photo, ...target);
  const sent = (
    /** @type {{width?: number}} */
    scene.photo.width
  );
  if (typeof sent === "number" && sent < scene.size.width && scale > sent / scene.size.width) larger.get(scene.photo)?.();
  if (scene.heat) {
    context.imageSmoothingEnabled = true;
    context.globalAlpha = scene.opacity;
    context.drawImage(scene.heat, ...target);
    context.globalAlpha = 1;
  }
  scene.over?.(context, view, unit);
  paintBoxes(context, scene, view, unit);
}
function drawnBoxes(scene) {
  const { objects, tints } = scene;
  const last = [scene.hovered, scene.selected].filter((i) => i !== null);
  const all = objects.map((_, i) => i).filter((i) => scene.boxes === "all" && !last.includes(i) && !scene.hidden?.has(i));
  const rest = tints ? [...all.filter((i) => !tints.has(i)), ...all.filter((i) => tints.has(i))] : all;
  const labels = [...new Set(last)];
  const alpha = rest.length > CROWD ? 0.7 : 0.85;
  const color = (i) => tints?.get(i) ?? objects[i].color ?? LIGHT;
  const pen = (index) => ({ index, color: color(index), dashed: scene.dashed?.has(index) ?? false });
  const boxes = [
    ...rest.map((i) => ({ line: tints?.has(i) ? 2 : 1.5, alpha, ...pen(i) })),
    ...labels.map((i) => ({ line: i === scene.selected ? 2.5 : 2, alpha: 1, ...pen(i) }))
  ];
  const named = scene.allNamed ? [...rest, ...labels] : labels;
  return { boxes, named: scene.unnamed ? [] : named };
}
function paintBoxes(context, scene, view, unit) {
  const { objects } = scene;
  const { boxes, named } = drawnBoxes(scene);
  for (const { index, ...pen } of boxes) paintBox(context, objects[index], view, unit, pen);
  if (scene.selected !== null && scene.side) paintSide(context, scene.objects[scene.selected], scene.side, view, unit);
  for (const i of named) paintChip(context, objects[i], view, unit);
}
function paintBox(context, object, view, unit, { line, alpha, color, dashed }) {
  const scale = view.scale * unit;
  const [x1, y1, x2, y2] = object.box;
  const stroke = () => {
    if (!object.polygon) return context.strokeRect((x1 - view.x) * scale, (y1 - view.y) * scale, (x2 - x1) * scale, (y2 - y1) * scale);
    context.beginPath();
    for (const [x, y] of object.polygon) context.lineTo((x - view.x) * scale, (y - view.y) * scale);
    context.closePath();
    return context.stroke();
  };
  context.lineJoin = "round";
  context.globalAlpha = alpha;
  context.setLineDash(dashed ? [6 * unit, 4 * unit] : []);
  context.strokeStyle = HALO;
  context.lineWidth = (line + 2) * unit;
  stroke();
  context.strokeStyle = color;
  context.lineWidth = line * unit;
  stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}
function sideOf(object, side) {
  const corners = cornersOf(object);
  const first = ["y1", "x2", "y2", "x1"].indexOf(side);
  const [[left, top], [right, bottom]] = [corners[first], corners[(first + 1) % 4]];
  return { left, right, top, bottom };
}
function paintSide(context, object, side, view, unit) {
  const scale = view.scale * unit;
  const { left, right, top, bottom } = sideOf(object, side);
  context.lineCap = "round";
  for (
    const [color, width] of
    /** @type {const} */
    [
      [HALO, 7],
      [SIDE, 4.5]
    ]
  ) {
    context.strokeStyle = color;
    context.lineWidth = width * unit;
    context.beginPath();
    context.moveTo((left - view.x) * scale, (top - view.y) * scale);
    context.lineTo((right - view.x) * scale, (bottom - view.y) * scale);
    context.stroke();
  }
}
function paintChip(context, object, view, unit) {
  const scale = view.scale * unit;
  const text = boxLabel(object);
  context.font = `600 ${12 * unit}px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif`;
  context.textBaseline = "middle";
  const width = context.measureText(text).width + 12 * unit;
  const height = 20 * unit;
  const left = (object.box[0] - view.x) * scale;
  const top = (object.box[1] - view.y) * scale;
  const gap = 5 * unit;
  const x = Math.min(Math.max(left - unit, gap), Math.max(gap, context.canvas.width - width - gap));
  const y = Math.max(top - height - gap < 0 ? top + gap : top - height - gap, gap);
  context.fillStyle = CHIP;
  context.beginPath();
  context.roundRect(x, y, width, height, 4 * unit);
  context.fill();
  if (object.color) {
    context.fillStyle = object.color;
    context.fillRect(x, y + 3 * unit, 3 * unit, height - 6 * unit);
  }
  context.fillStyle = LIGHT;
  context.fillText(text, x + 6 * unit, y + height / 2 + 0.5 * unit);
}

// src/shared/png.js
async function downloadPng(canvas, name) {
  downloadFile(await pngOf(canvas), `${name}.png`);
}
async function pngOf(canvas) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  if (!blob) throw new Error("the browser could not make a PNG of this picture; it may be too large");
  return blob;
}
function downloadFile(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
}

// src/shared/progress.js
var PATIENCE = 500;
function progressView(cancel) {
  const text = element("span", { class: "dx-progress-text" });
  const fill = element("span", { class: "dx-progress-fill" });
  const bar = element("div", { class: "dx-progress-bar", role: "progressbar", "aria-label": "Progress" }, [fill]);
  const stop = takesKeys(element("button", { type: "button", class: "dx-button dx-cancel" }, ["Cancel"]));
  stop.addEventListener("click", cancel);
  const busy = element("div", { class: "dx-progress", hidden: "" }, [element("div", {}, [text, bar]), stop]);
  const message = element("span", { class: "dx-error-text" });
  const error = element("div", { class: "dx-error", role: "alert", hidden: "" }, [
    message,
    button("close", "Dismiss this message", () => error.hidden = true)
  ]);
  let timer;
  return {
    busy,
    error,
    /** @param {Status} status */
    show(status) {
      const working = status.state === "busy";
      if (!working) {
        clearTimeout(timer);
        timer = void 0;
        busy.hidden = true;
      } else if (timer === void 0) {
        timer = setTimeout(() => busy.hidden = false, PATIENCE);
      }
      text.textContent = working ? status.text : "";
      const share = status.total > 0 ? status.done / status.total : 0;
      bar.classList.toggle("dx-unknown", share === 0);
      fill.style.width = `${100 * share}%`;
      if (share === 0) bar.removeAttribute("aria-valuenow");
      else bar.setAttribute("aria-valuenow", String(Math.round(100 * share)));
      const failed = status.state === "error";
      if (failed && (error.hidden || message.textContent !== status.text)) message.textContent = status.text;
      error.hidden = !failed;
    },
    dispose: () => clearTimeout(timer)
  };
}

// src/shared/sheet.js
var FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
var INK = "#1c1f24";
var MUTED = "#5b6270";
function classLegend(scene) {
  const classes = /* @__PURE__ */ new Map();
  const drawn = [...new Set(drawnBoxes(scene).boxes.map(({ index }) => index))].sort((a, b) => a - b);
  for (const index of drawn) {
    const { name, color, missed } = scene.objects[index];
    if (color) classes.set(missed ? "missed" : name, color);
  }
  return [...classes].map(([name, color]) => ({ name, color }));
}
function brokenLines(text, width, measure) {
  const lines2 = [];
  for (const word of text.split(" ")) {
    const longer = lines2.length > 0 ? `${lines2[lines2.length - 1]} ${word}` : word;
    if (lines2.length > 0 && measure(longer) <= width) lines2[lines2.length - 1] = longer;
    else lines2.push(word);
  }
  return lines2;
}
function measuring() {
  const context = (
    /** @type {CanvasRenderingContext2D} */
    document.createElement("canvas").getContext("2d")
  );
  return (text, size) => {
    context.font = `${size}px ${FONT}`;
    return context.measureText(text).width;
  };
}
function barPicture(table) {
  const canvas = document.createElement("canvas");
  canvas.width = 256;
  canvas.height = 1;
  const pixels = new ImageData(256, 1);
  const colors = new Uint32Array(pixels.data.buffer);
  for (let i = 0; i < 256; i++) colors[i] = table[Math.round(i * (table.length - 1) / 255)];
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  return canvas;
}
var svgText = (text) => text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "�");
var at = (value) => String(Math.round(100 * value) / 100);
var textLine = (words, x, y, size, color) => `<text x="${at(x)}" y="${at(y)}" font-size="${at(size)}" fill="${color}">${svgText(words)}</text>`;
function overlayLines(scene, part, unit, measure) {
  const place = ([x1, y1, x2, y2] = [0, 0, 0, 0]) => `x="${at(x1 - part.x)}" y="${at(y1 - part.y)}" width="${at(x2 - x1)}" height="${at(y2 - y1)}"`;
  const still = { ...scene, hovered: null };
  const { boxes, named } = drawnBoxes(still);
  const lines2 = boxes.map(({ index, color, line, alpha, dashed }) => {
    const { box, polygon } = still.objects[index];
    const corners = polygon?.map(([x, y]) => `${at(x - part.x)},${at(y - part.y)}`).join(" ");
    const outline = corners ? `polygon points="${corners}"` : `rect ${place(box)}`;
    const dash = dashed ? ` stroke-dasharray="${at(6 * unit)} ${at(4 * unit)}"` : "";
    return `<g fill="none" stroke-opacity="${alpha}"${dash}><${outline} stroke="#000000" stroke-opacity="0.55" stroke-width="${at((line + 2) * unit)}"/><${outline} stroke="${color}" stroke-width="${at(line * unit)}"/></g>`;
  });
  if (still.selected !== null && still.side) {
    const { left, right, top, bottom } = sideOf(still.objects[still.selected], still.side);
    lines2.push(`<line x1="${at(left - part.x)}" y1="${at(top - part.y)}" x2="${at(right - part.x)}" y2="${at(bottom - part.y)}" stroke="${SIDE}" stroke-width="${at(4.5 * unit)}"/>`);
  }
  for (const index of named) {
    const object = still.objects[index];
    const label = boxLabel(object);
    const [x, y] = [Math.max(2, object.box[0] - part.x), Math.max(2, object.box[1] - part.y - 22 * unit)];
    lines2.push(`<rect x="${at(x)}" y="${at(y)}" width="${at(measure(label, 12 * unit) + 12 * unit)}" height="${at(20 * unit)}" rx="${at(4 * unit)}" fill="#111418" fill-opacity="0.86"/>`);
    lines2.push(textLine(label, x + 6 * unit, y + 14 * unit, 12 * unit, "#ffffff"));
  }
  return lines2;
}
function shortened(text, width, measure) {
  if (measure(text) <= width) return text;
  let kept = [...text];
  while (kept.length > 0 && measure(`${kept.join("")}…`) > width) kept = kept.slice(0, -1);
  return `${kept.join("")}…`;
}
var FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;
function csvOf(columns, rows2) {
  const cell = (value) => {
    const plain2 = value === null || value === void 0 ? "" : String(value);
    const text = typeof value === "string" && FORMULA.test(value) ? `'${plain2}` : plain2;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows2].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
function startColumns(whole) {
  return whole ? ["class_number", "class", "probability"] : ["number", "name", "score", "x1", "y1", "x2", "y2"];
}
var OBJECT_COLUMNS = [...startColumns(false), "listed", "selected"];
var CLASS_COLUMNS = [...startColumns(true), "listed", "selected"];
var objectStart = ({ name, score, box, number, label, missed }, i) => label === void 0 ? [number ?? (missed ? "" : i), name, score, ...box] : [label, name, score];

// src/shared/gestures.js
var CLICK_SLACK = 4;
var DOUBLE_ZOOM = 2;
var WHEEL_KEY = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "") ? "⌘" : "Ctrl";
function listenToGestures(canvas, { viewport, moved, pointed, left, clicked, refused }) {
  const grips = /* @__PURE__ */ new Map();
  let dragged = false;
  const screen = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  function pinch(id, to) {
    const from = (
      /** @type {[number, number]} */
      grips.get(id)
    );
    const other = (
      /** @type {[number, number]} */
      [...grips].find(([key]) => key !== id)?.[1]
    );
    const span = (at2) => Math.max(1, Math.hypot(at2[0] - other[0], at2[1] - other[1]));
    viewport.panBy((to[0] - from[0]) / 2, (to[1] - from[1]) / 2);
    viewport.zoomBy(span(to) / span(from), [(to[0] + other[0]) / 2, (to[1] + other[1]) / 2]);
    dragged = true;
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || grips.size === 2) return;
    if (grips.size === 0) dragged = false;
    grips.set(event.pointerId, screen(event));
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const to = screen(event);
    const from = grips.get(event.pointerId);
    if (!from) {
      pointed(...viewport.toImage(...to));
      return;
    }
    if (grips.size === 2) pinch(event.pointerId, to);
    else if (dragged || Math.hypot(to[0] - from[0], to[1] - from[1]) > CLICK_SLACK) {
      viewport.panBy(to[0] - from[0], to[1] - from[1]);
      dragged = true;
    } else return;
    grips.set(event.pointerId, to);
    moved();
  });
  for (
    const end of
    /** @type {const} */
    ["pointerup", "pointercancel"]
  ) {
    canvas.addEventListener(end, (event) => grips.delete(event.pointerId));
  }
  canvas.addEventListener("click", (event) => {
    if (!dragged && event.detail < 2) clicked(...viewport.toImage(...screen(event)));
  });
  canvas.addEventListener("dblclick", (event) => {
    event.preventDefault();
    if (event.shiftKey) viewport.zoomBy(1 / DOUBLE_ZOOM, screen(event));
    else viewport.zoomBy(DOUBLE_ZOOM, screen(event));
    moved();
  });
  canvas.addEventListener("pointerleave", left);
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && !document.fullscreenElement) {
        refused();
        return;
      }
      event.preventDefault();
      const lines2 = event.deltaMode === 1 ? 16 : 1;
      viewport.zoomBy(Math.exp(-event.deltaY * lines2 / 400), screen(event));
      moved();
    },
    { passive: false }
  );
}
var WHEEL_HINT = `${WHEEL_KEY} + scroll zooms`;
var flashing = /* @__PURE__ */ new WeakMap();
function flash(hint) {
  clearTimeout(flashing.get(hint));
  hint.classList.add("dx-shown");
  flashing.set(
    hint,
    setTimeout(() => hint.classList.remove("dx-shown"), 1200)
  );
}

// src/shared/keyboard.js
function keyName(event) {
  const shift = event.shiftKey && event.key.length > 1 ? "Shift+" : "";
  return shift + event.key;
}
function listenToKeys(target, actions) {
  target.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[keyName(event)];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });
}

// src/shared/viewport.js
var MOST_ZOOM = 16;
var LEAST_HIGH = 0.32;
function placeFor(image, room, tallest) {
  const high = room * image.height / image.width;
  const least = Math.min(room * LEAST_HIGH, tallest);
  return { width: Math.max(1, Math.round(room)), height: Math.max(1, Math.round(Math.min(Math.max(high, least), tallest))) };
}
var Viewport = class {
  /**
   * @param {Size} image pixels of the photograph
   * @param {number} [most] how far it can be zoomed
   */
  constructor(image, most = MOST_ZOOM) {
    this.image = image;
    this.most = most;
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
    const kept = (at2, whole, shown) => {
      const room = whole - shown / scale;
      return room > 0 ? Math.min(Math.max(at2, 0), room) : room / 2;
    };
    this.x = kept(this.x, this.image.width, this.screen.width);
    this.y = kept(this.y, this.image.height, this.screen.height);
  }
};

// src/shared/theme.js
function currentTheme() {
  const { body, documentElement: root } = document;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false" ? "dark" : "light";
  if (body.dataset.vscodeThemeKind) return body.dataset.vscodeThemeKind.includes("light") ? "light" : "dark";
  if (body.dataset.theme === "dark" || body.dataset.theme === "light") return body.dataset.theme;
  if (root.getAttribute("theme")) return root.getAttribute("theme") === "dark" ? "dark" : "light";
  return window.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
function followTheme(target) {
  const apply = () => target.dataset.theme = currentTheme();
  const observer = new MutationObserver(apply);
  const attributeFilter = ["data-jp-theme-light", "data-vscode-theme-kind", "data-theme", "theme"];
  observer.observe(document.body, { attributes: true, attributeFilter });
  observer.observe(document.documentElement, { attributes: true, attributeFilter });
  apply();
  return () => observer.disconnect();
}

// src/shared/transport.js
var PROBE = "_probe";
var LENGTHS = "_lengths";
function viewOf(found, length) {
  if (found instanceof DataView) return found.byteLength === length ? found : null;
  if (length === 0) return new DataView(new ArrayBuffer(0));
  let view = null;
  if (ArrayBuffer.isView(found)) view = new DataView(found.buffer, found.byteOffset, found.byteLength);
  if (found instanceof ArrayBuffer) view = new DataView(found);
  try {
    if (typeof found === "string") view = new DataView(fromBase64(found).buffer);
  } catch {
  }
  return view?.byteLength === length ? view : null;
}
function put(at2, [step, ...rest], view) {
  const copy2 = Array.isArray(at2) ? [...at2] : { ...at2 };
  copy2[step] = rest.length > 0 ? put(copy2[step], rest, view) : view;
  return copy2;
}
function wholeValue(value) {
  let made = value;
  for (
    const [path, length] of
    /** @type {[Path, number][]} */
    value?.[LENGTHS] ?? []
  ) {
    const found = path.reduce((at2, step) => at2?.[step], value);
    const view = viewOf(found, length);
    if (!view) return void 0;
    if (view !== found) made = put(made, path, view);
  }
  return made;
}
var WholeModel = class {
  #model;
  /** @type {WeakMap<object, any>} */
  #known = /* @__PURE__ */ new WeakMap();
  /** The last whole value of each trait with arrays. @type {Map<string, unknown>} */
  #last = /* @__PURE__ */ new Map();
  /** By name and listener what is registered in its place. @type {Map<string, Map<Function, () => void>>} */
  #guards = /* @__PURE__ */ new Map();
  #told = false;
  /** @param {AnyModel} model */
  constructor(model) {
    this.#model = model;
  }
  /** On a saved page, which has no kernel: what can be chosen there. */
  get offered() {
    return (
      /** @type {{offered?: unknown}} */
      this.#model.offered
    );
  }
  /** @param {string} key @returns {any} */
  get(key) {
    const raw = this.#model.get(key);
    return this.#arrived(key, raw) ? this.#whole(raw) : this.#last.get(key);
  }
  /** @param {string} key @param {unknown} value */
  set(key, value) {
    this.#model.set(key, value);
  }
  save_changes() {
    this.#model.save_changes();
  }
  /** @param {any} message */
  send(message) {
    this.#model.send(message);
  }
  /** @param {string} name @param {() => void} listener */
  on(name, listener) {
    const key = name.startsWith("change:") ? name.slice("change:".length) : null;
    const guard = () => {
      if (key === null || this.#arrived(key, this.#model.get(key))) listener();
    };
    if (key !== null) this.#arrived(key, this.#model.get(key));
    this.#guards.set(name, (this.#guards.get(name) ?? /* @__PURE__ */ new Map()).set(listener, guard));
    this.#model.on(name, guard);
  }
  /** @param {string} name @param {() => void} listener */
  off(name, listener) {
    const guard = this.#guards.get(name)?.get(listener);
    if (!guard) return;
    this.#guards.get(name)?.delete(listener);
    this.#model.off(name, guard);
  }
  /**
   * Act once the state that the host begins with is whole: at once where its arrays arrived.
   * @param {() => void} act
   * @returns {() => void} gives it up
   */
  whenWhole(act) {
    if (this.#probed()) {
      act();
      return () => {
      };
    }
    const look = () => {
      if (!this.#probed()) return;
      stop();
      act();
    };
    const stop = () => this.#model.off(`change:${PROBE}`, look);
    this.#model.on(`change:${PROBE}`, look);
    return stop;
  }
  /** Saved pages have no probe, since no host lies in between. */
  #probed() {
    const raw = this.#model.get(PROBE);
    if (!raw) return true;
    const probe = this.#whole(raw);
    if (!probe) return false;
    for (let i = 0; i < probe.data.byteLength; i++) {
      if (probe.data.getUint8(i) === 128 + i) continue;
      this.#tell();
      return false;
    }
    return true;
  }
  /** Whether a trait's value is whole; it is then the last one. @param {string} key @param {any} raw */
  #arrived(key, raw) {
    if (!raw?.[LENGTHS]) return true;
    const value = this.#whole(raw);
    if (value !== void 0) this.#last.set(key, value);
    return value !== void 0;
  }
  /** @param {any} raw @returns {any} undefined where arrays of it are lost */
  #whole(raw) {
    if (!raw?.[LENGTHS]) return raw;
    if (!this.#known.has(raw)) this.#known.set(raw, wholeValue(raw));
    const value = this.#known.get(raw);
    if (value === void 0) this.#tell();
    return value;
  }
  #tell() {
    if (this.#told) return;
    this.#told = true;
    this.#model.send({ type: "bytes lost" });
  }
};

// src/shared/view.js
function viewParts(store, cancel = () => store.send({ type: "cancel" })) {
  const words = element("p", { class: "dx-words", role: "status", "aria-live": "polite", id: uniqueId("words") });
  const progress = progressView(cancel);
  let photo = null;
  let partly = false;
  let said = "";
  const undo = [];
  const fail = (text) => progress.show({ state: "error", key: "", text, done: 0, total: 0 });
  async function decode(decoded) {
    const sent = store.get("photo");
    if (!(sent.whole && partly)) photo = null;
    partly = sent.whole === false;
    if (!sent.data) return;
    try {
      const made = await createImageBitmap(new Blob([sent.data], { type: sent.type }));
      if (store.get("photo") !== sent) return;
      photo = made;
      if (partly) larger.set(made, () => larger.delete(made) && store.send({ type: "photo" }));
      decoded();
    } catch (error) {
      fail(`The photograph cannot be shown: ${error}`);
    }
  }
  return {
    words,
    progress,
    cancel,
    again: againButton(store),
    /** The decoded photograph, null before. */
    photo: () => photo,
    /** Words for those who do not see the picture; the same ones are not said twice. @param {string} text */
    say(text) {
      if (text !== said) words.textContent = said = text;
    },
    /**
     * The root of the page's part.
     * @param {string} kind
     * @param {string} label
     * @param {HTMLElement[]} content
     */
    frame: (kind, label, content) => {
      const root = element("div", { class: `dx-root dx-${kind}`, "data-ready": "false", role: "group", "aria-label": label }, content);
      retold(root, subjectOf(store));
      return root;
    },
    /**
     * Put the root into the page, follow its theme and the traits, and decode the photograph, also a later one.
     * @param {HTMLElement} host
     * @param {HTMLElement} root
     * @param {{changed: (key: string) => void, decoded: () => void, undo?: () => void, redo?: () => void}} actions
     *   `undo`, `redo`: what Ctrl + Z and Ctrl + Shift + Z (or Ctrl + Y) do; by default the first takes back traits
     */
    begin(host, root, { changed, decoded, undo: back = () => store.undo(), redo }) {
      host.append(root);
      root.addEventListener("keydown", (event) => {
        const text = event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement && ["search", "text"].includes(event.target.type);
        const key = event.key.toLowerCase();
        const forth = key === "z" && event.shiftKey || key === "y" && !event.shiftKey;
        if (!(forth ? redo : key === "z") || !(event.ctrlKey || event.metaKey) || event.altKey || text) return;
        event.preventDefault();
        event.stopPropagation();
        if (forth) redo?.();
        else back();
      });
      const follow = (key) => {
        if (key === "photo") decode(decoded);
        changed(key);
      };
      undo.push(followTheme(root), store.subscribe(follow), () => root.remove());
      decode(decoded);
    },
    /**
     * Hand a picture with its caption, and a table, to the browser as files.
     * @template {{name: string[]}} Sheet
     * @param {() => Sheet | null} sheet
     * @param {() => string} table CSV
     * @param {{png: (made: Sheet) => HTMLCanvasElement, svg: (made: Sheet) => string}} how it is drawn
     */
    downloads(sheet, table, how) {
      const write = (give) => async () => {
        try {
          const made = sheet();
          if (made) await give(made, fileName(made.name));
        } catch (error) {
          fail(`The file was not saved: ${error}`);
        }
      };
      const text = (content, type) => new Blob([content], { type });
      return {
        png: write((made, name) => downloadPng(how.png(made), name)),
        svg: write((made, name) => downloadFile(text(how.svg(made), "image/svg+xml"), `${name}.svg`)),
        // The mark in front tells spreadsheets that it is UTF-8.
        csv: write((_, name) => downloadFile(text(`\uFEFF${table()}`, "text/csv"), `${name}.csv`))
      };
    },
    dispose() {
      for (const end of undo) end();
      progress.dispose();
    }
  };
}
function againButton(store) {
  const root = button("compute", "Detect again with a lower score threshold", () => store.send({ type: "detect" }), "Detect again");
  root.hidden = true;
  return {
    root,
    /** @param {number | null} lower a threshold with which something is found, null where there is no need */
    show(lower) {
      root.hidden = lower === null;
      const words = `Detect with a score of at least ${lower === null ? "" : formatValue(lower)}`;
      root.title = words;
      root.setAttribute("aria-label", words);
      const caption = root.lastElementChild;
      if (caption) caption.textContent = words;
    }
  };
}
var ON_ITS_WAY = "Waiting for the kernel to send this widget once more; if nothing comes, run its cell again";
function widget(share, view) {
  return () => {
    let whole = null;
    let shared = null;
    const begin = (model, act) => {
      const arriving = whole ??= new WholeModel(model);
      return arriving.whenWhole(() => act(shared ??= share(
        /** @type {AnyModel} */
        /** @type {unknown} */
        arriving
      )));
    };
    return {
      /** @param {{model: AnyModel}} props */
      initialize({ model }) {
        [whole, shared] = [null, null];
        const stop = begin(model, () => {
        });
        return () => {
          stop();
          shared?.store.dispose();
        };
      },
      /** @param {{model: AnyModel, el: HTMLElement}} props */
      render({ model, el }) {
        const words = element("p", { role: "status" }, [ON_ITS_WAY]);
        let made = null;
        const stop = begin(model, (ready) => {
          words.remove();
          made = view(ready, el);
        });
        if (!made) el.append(words);
        return () => {
          stop();
          words.remove();
          made?.dispose();
        };
      }
    };
  };
}

// src/shared/facts.js
function factRows(facts) {
  return facts.map(
    ({ name, value, title, best }) => element("div", { class: "dx-fact" }, [
      element("dt", { title: title || meaning(name) || name }, [name]),
      element("dd", best ? { class: "dx-best", title: "The best in this column" } : {}, [value])
    ])
  );
}

// src/shared/grid_cell.js
var MOST_SAMPLES2 = 3e5;
var STATES = { waiting: "Waiting", busy: "Computing", stopped: "Not computed", asked: "Not computed", error: "Failed" };
var figure = (value) => value === null || value === void 0 ? "–" : typeof value === "string" ? value : formatValue(value);
var Cell = class {
  #heat = new HeatLayer(MOST_SAMPLES2);
  #shown = "";
  /** The figures below it, a name and a value each. @type {[string, string][]} */
  said = [];
  /**
   * @param {Shared} comparison
   * @param {Place} place
   * @param {Viewport} viewport shared by all cells
   * @param {{select: (place: Place) => void, pointed: (x: number | null, y: number | null) => void,
   *   moved: () => void, photo: () => CanvasImageSource | null}} actions
   */
  constructor(comparison, place, viewport, actions) {
    this.comparison = comparison;
    this.place = place;
    this.viewport = viewport;
    this.photo = actions.photo;
    this.canvas = element("canvas", { class: "dx-canvas", "aria-hidden": "true" });
    this.mark = element("span", { class: "dx-probe", hidden: "" });
    this.state = element("span", { class: "dx-state", hidden: "" });
    this.hint = element("span", { class: "dx-hint", "aria-hidden": "true" }, [WHEEL_HINT]);
    this.picture = element("div", { class: "dx-picture" }, [this.canvas, this.mark, this.state, this.hint]);
    this.readout = element("div", { class: "dx-value" });
    this.figures = element("dl", { class: "dx-figures" });
    this.root = takesKeys(
      element("div", { class: "dx-cell", role: "gridcell", tabindex: "-1" }, [this.picture, this.readout, this.figures])
    );
    this.root.addEventListener("focus", () => actions.select(place));
    listenToGestures(this.canvas, {
      viewport,
      moved: actions.moved,
      pointed: actions.pointed,
      left: () => actions.pointed(null, null),
      clicked: () => this.root.focus({ preventScroll: true }),
      refused: () => flash(this.hint)
    });
  }
  /** Bring words and numbers up to date. @param {boolean} selected */
  show(selected) {
    const { comparison, place, root } = this;
    const row = comparison.row(place.method);
    root.setAttribute("aria-selected", String(selected));
    root.dataset.label = comparison.label(place.object);
    const wait = (
      /** @type {Record<string, string>} */
      STATES[row.state] ?? ""
    );
    const map = comparison.map(place);
    const chip = map ? map.status === "ok" ? "" : map.status : wait;
    this.state.hidden = chip === "";
    this.state.textContent = chip;
    const said = comparison.metrics.map((metric) => ({
      title: metric.title,
      value: row.metrics[metric.name]?.[place.object],
      best: comparison.isBest(metric, place),
      about: `${metric.title}: ${metric.higher ? "higher" : "lower"} is better. ${metric.source}`
    }));
    const own = Object.entries(row.figures).map(([title, values]) => ({ title, value: values[place.object], best: false, about: "" }));
    const lines2 = row.state === "ok" || map ? [...said, ...own].filter(({ value }) => value !== void 0) : [];
    const all = JSON.stringify([lines2, chip]);
    if (all === this.#shown) return;
    this.#shown = all;
    const named = lines2.map(({ title, value, best }) => (
      /** @type {[string, string]} */
      [title, `${figure(value)}${best ? " (best)" : ""}`]
    ));
    this.said = [...chip ? [
      /** @type {[string, string]} */
      [chip, ""]
    ] : [], ...named];
    this.figures.replaceChildren(
      ...factRows(lines2.map(({ title, value, best, about }) => ({ name: title, value: figure(value), best, title: about })))
    );
    const words = lines2.map(({ title, value, best }) => `${title} ${figure(value)}${best ? ", the best" : ""}`);
    const status = chip ? [chip] : [];
    root.setAttribute("aria-label", [comparison.title(place.method), comparison.label(place.object), ...status, ...words].join("; "));
  }
  /**
   * The value at a point of the photograph, or null.
   * @param {{x: number, y: number} | null} probe whole pixels
   */
  valueAt(probe) {
    const map = this.comparison.map(this.place);
    return probe && map ? valueAt(map, probe.x + 0.5, probe.y + 0.5) : null;
  }
  /** Mark the point that all cells show, and its value here. @param {{x: number, y: number} | null} probe */
  probe(probe) {
    const { mark, readout, viewport } = this;
    mark.hidden = probe === null;
    readout.textContent = figure(this.valueAt(probe)).replace("–", probe ? "–" : " ");
    if (!probe) return;
    const { x, y, scale } = viewport.view;
    mark.style.transform = `translate(${(probe.x + 0.5 - x) * scale}px, ${(probe.y + 0.5 - y) * scale}px)`;
  }
  /** Give the canvas the size that all cells have. */
  fit() {
    const { width, height } = this.viewport.screen;
    const ratio = window.devicePixelRatio || 1;
    this.picture.style.width = this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
  }
  paint() {
    const { canvas, viewport } = this;
    const context = canvas.getContext("2d");
    const scene = this.scene();
    if (!context || !scene) return;
    canvas.classList.toggle("dx-zoomed", viewport.zoom > 1);
    paintScene(context, scene, viewport.view, canvas.width / viewport.screen.width);
  }
  /** What is painted; null before the photograph is there. @returns {Scene | null} */
  scene() {
    const { comparison, place } = this;
    const { store } = comparison;
    const photo = this.photo();
    if (!photo) return null;
    const { width, height } = store.get("photo");
    const map = comparison.map(place);
    const range = comparison.range(place);
    const table = () => comparison.table(place.method, true);
    const drawn = map && range ? this.#heat.draw(map, [height, width], range, table(), comparison.colors(place)) : null;
    return {
      photo,
      size: { width, height },
      heat: drawn,
      opacity: store.get("opacity"),
      hovered: null,
      side: map ? comparison.side : null,
      unnamed: true,
      ...comparison.scene(place)
    };
  }
};

// src/shared/grid.js
var TALLEST = 320;
var ZOOM_STEP = 1.3;
var PAN_STEP = 40;
var Grid = class {
  /** @type {Map<string, Cell>} */
  #cells = /* @__PURE__ */ new Map();
  #arranged = "";
  #frame = 0;
  /** @type {{x: number, y: number} | null} */
  probe = null;
  /**
   * @param {Shared} comparison
   * @param {{select: (place: Place) => void, escape: () => void, pointed: (byKey: boolean) => void,
   *   compute: (method: string) => void, photo: () => CanvasImageSource | null, painted: () => void}} actions
   */
  constructor(comparison, actions) {
    this.comparison = comparison;
    this.actions = actions;
    const { width, height } = comparison.store.get("photo");
    this.viewport = new Viewport({ width, height }, comparison.mostZoom);
    this.table = element("div", { class: "dx-grid", role: "grid", "aria-label": comparison.labels.grid });
    this.root = element("div", { class: "dx-grid-box" }, [this.table]);
    this.#listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.root);
  }
  dispose() {
    cancelAnimationFrame(this.#frame);
    this.observer.disconnect();
  }
  /** @param {Place} place */
  cell({ method, object }) {
    return this.#cells.get(`${method}|${object}`);
  }
  /** Bring the grid up to date with the traits. */
  show() {
    const { comparison } = this;
    const { order, shown, selected } = comparison;
    this.#arrange(order, shown);
    this.heads();
    const first = selected ?? (order.length > 0 && shown.length > 0 ? { method: order[0], object: shown[0] } : null);
    for (const cell of this.#cells.values()) {
      const { method, object } = cell.place;
      cell.show(selected?.method === method && selected.object === object);
      cell.root.tabIndex = first?.method === method && first.object === object ? 0 : -1;
    }
    this.#probed(false);
    this.invalidate();
  }
  /** Bring what is said of each method up to date. */
  heads() {
    for (const method of this.comparison.order) this.#head(method);
  }
  /** Give every cell the room there is across, whatever the photograph's proportions. */
  fit() {
    const room = [...this.#cells.values()][0]?.root.clientWidth ?? 0;
    if (room === 0) return;
    this.viewport.resize(placeFor(this.viewport.image, Math.max(40, room - 8), TALLEST));
    for (const cell of this.#cells.values()) cell.fit();
    this.paint();
  }
  /** Paint with the next frame. */
  invalidate() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => this.paint());
  }
  paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    for (const cell of this.#cells.values()) cell.paint();
    this.#probed(false);
    this.actions.painted();
  }
  /** @param {number} factor */
  zoom(factor) {
    this.viewport.zoomBy(factor);
    this.invalidate();
  }
  zoomIn() {
    this.zoom(ZOOM_STEP);
  }
  zoomOut() {
    this.zoom(1 / ZOOM_STEP);
  }
  reset() {
    this.viewport.reset();
    this.invalidate();
  }
  /** Take the widget to full screen, or back. */
  whole() {
    fullScreen(this.root, () => {
    });
  }
  /** Show the selected object as large as it fits, with some of what is around it. */
  frame() {
    const { comparison } = this;
    if (!comparison.selected) return;
    this.viewport.show(comparison.frameBox(comparison.selected));
    this.invalidate();
  }
  /**
   * Rows, columns and cells; those that stay keep what they have painted, and the focus.
   * @param {string[]} order
   * @param {number[]} shown
   */
  #arrange(order, shown) {
    const { comparison, table } = this;
    const arranged = JSON.stringify([order, shown, shown.map((i) => comparison.label(i))]);
    if (arranged === this.#arranged) return;
    this.#arranged = arranged;
    const focused = focusedBy(table);
    const cells = new Map(order.flatMap((method) => shown.map((object) => [`${method}|${object}`, { method, object }])));
    for (const key of [...this.#cells.keys()]) if (!cells.has(key)) this.#cells.delete(key);
    for (const [key, place] of cells) if (!this.#cells.has(key)) this.#cells.set(key, this.#make(place));
    const heads = shown.map((i) => {
      const label = comparison.label(i);
      return element("div", { class: "dx-object", role: "columnheader", title: label }, [label]);
    });
    const corner = element("div", { role: "columnheader", "aria-label": "Method" });
    const lines2 = order.map((method) => {
      const head = element("div", { class: "dx-method", role: "rowheader" });
      head.dataset.method = method;
      const found = shown.map((object) => (
        /** @type {Cell} */
        this.cell({ method, object }).root
      ));
      return element("div", { class: "dx-line", role: "row" }, [head, ...found]);
    });
    table.style.setProperty("--dx-columns", String(Math.max(1, shown.length)));
    table.hidden = order.length === 0 || shown.length === 0;
    table.replaceChildren(element("div", { class: "dx-line dx-top", role: "row" }, [corner, ...heads]), ...lines2);
    if (focused instanceof HTMLElement && table.contains(focused)) focused.focus({ preventScroll: true });
    this.fit();
  }
  /** @param {Place} place */
  #make(place) {
    const { comparison, viewport, actions } = this;
    return new Cell(comparison, place, viewport, {
      select: actions.select,
      pointed: (x, y) => this.#point(x, y),
      moved: () => this.invalidate(),
      photo: actions.photo
    });
  }
  /** What is said of a method as a whole: its name, what it took, its means, what went wrong. @param {string} method */
  #head(method) {
    const { comparison, table, actions } = this;
    const head = [...table.querySelectorAll(".dx-method")].find((e) => (
      /** @type {HTMLElement} */
      e.dataset.method === method
    ));
    if (!head) return;
    const row = comparison.row(method);
    const { done, total } = comparison.status;
    const share = row.state === "busy" && total > 0 ? Math.round(100 * done / total) : 0;
    const said = JSON.stringify([row, share, comparison.metrics, comparison.shown.length]);
    if (
      /** @type {HTMLElement} */
      head.dataset.said === said
    ) return;
    head.dataset.said = said;
    const parts = [element("strong", {}, [comparison.title(method)])];
    if (row.remark) parts.push(element("span", { class: "dx-remark" }, [row.remark]));
    if (row.state === "busy") parts.push(...this.#work(share, row.text));
    if (row.state === "asked") parts.push(element("span", { class: "dx-question", role: "status" }, [row.text]));
    if (row.state === "error") parts.push(element("span", { class: "dx-wrong" }, [row.text]));
    if (!comparison.store.saved && ["error", "stopped", "asked"].includes(row.state)) {
      const title = comparison.title(method);
      parts.push(button("compute", `Compute ${title}`, () => actions.compute(method), "Compute"));
    }
    if (row.state === "ok" && comparison.shown.length > 1 && comparison.metrics.length > 0) {
      const means = factRows(comparison.metrics.map((m) => ({ name: m.title, value: figure(row.mean[m.name]) })));
      const about = `Mean of ${comparison.shown.length} ${comparison.subject?.many ?? "objects"}`;
      parts.push(element("span", { class: "dx-remark" }, [about]), element("dl", { class: "dx-figures" }, means));
    }
    head.replaceChildren(...parts);
  }
  /**
   * A bar in the method's own row, as the strip above the grid may be out of sight.
   * @param {number} share percent
   * @param {string} text how far it is
   */
  #work(share, text) {
    const fill = element("span", { class: "dx-progress-fill" });
    fill.style.width = `${share}%`;
    const bar = element("span", { class: `dx-progress-bar${share === 0 ? " dx-unknown" : ""}`, "aria-hidden": "true" }, [fill]);
    const said = element("span", { class: "dx-remark" }, [share === 0 ? "Computing" : `Computing, ${share}%`]);
    return [said, bar, ...text ? [element("span", { class: "dx-remark" }, [text])] : []];
  }
  /**
   * @param {number | null} x
   * @param {number | null} y
   */
  #point(x, y) {
    const { width, height } = this.viewport.image;
    const outside = x === null || y === null || x < 0 || y < 0 || x >= width || y >= height;
    this.probe = outside ? null : { x: Math.floor(x), y: Math.floor(y) };
    this.#probed(true);
  }
  /** @param {boolean} told whether the point is new @param {boolean} [byKey] */
  #probed(told, byKey = false) {
    for (const cell of this.#cells.values()) cell.probe(this.probe);
    if (told) this.actions.pointed(byKey);
  }
  /** Move the point by a share of what is on screen; the first time it comes to the strongest evidence. @param {number} dx @param {number} dy */
  #nudge(dx, dy) {
    const selected = this.comparison.selected;
    if (!selected) return;
    const { width, height } = this.viewport.image;
    const peak = this.comparison.map(selected)?.peak ?? [width / 2, height / 2];
    const step = Math.max(1, Math.round(this.viewport.visible.width / 40));
    const at2 = this.probe ?? { x: Math.floor(peak[0]), y: Math.floor(peak[1]) };
    const moved = this.probe ? { x: at2.x + dx * step, y: at2.y + dy * step } : at2;
    this.probe = {
      x: Math.min(Math.max(moved.x, 0), width - 1),
      y: Math.min(Math.max(moved.y, 0), height - 1)
    };
    this.#probed(true, true);
  }
  /** @param {-1 | 0 | 1} down @param {-1 | 0 | 1} right */
  #step(down, right) {
    const { order, shown, selected } = this.comparison;
    if (order.length === 0 || shown.length === 0) return;
    const from = selected ?? { method: order[0], object: shown[0] };
    const row = neighbour(order.indexOf(from.method), down, order.length) ?? 0;
    const column = neighbour(shown.indexOf(from.object), right, shown.length) ?? 0;
    this.#go(row, column);
  }
  /** @param {number} row @param {number} column */
  #go(row, column) {
    const { order, shown } = this.comparison;
    this.cell({ method: order[row], object: shown[column] })?.root.focus();
  }
  #listen() {
    const pan = (dx, dy) => () => {
      this.viewport.panBy(dx, dy);
      this.invalidate();
    };
    const row = () => Math.max(0, this.comparison.order.indexOf(this.comparison.selected?.method ?? ""));
    listenToKeys(this.table, {
      ArrowRight: () => this.#step(0, 1),
      ArrowLeft: () => this.#step(0, -1),
      ArrowDown: () => this.#step(1, 0),
      ArrowUp: () => this.#step(-1, 0),
      Home: () => this.#go(row(), 0),
      End: () => this.#go(row(), this.comparison.shown.length - 1),
      "Shift+ArrowRight": pan(-PAN_STEP, 0),
      "Shift+ArrowLeft": pan(PAN_STEP, 0),
      "Shift+ArrowDown": pan(0, -PAN_STEP),
      "Shift+ArrowUp": pan(0, PAN_STEP),
      w: () => this.#nudge(0, -1),
      a: () => this.#nudge(-1, 0),
      s: () => this.#nudge(0, 1),
      d: () => this.#nudge(1, 0),
      f: () => this.frame(),
      "+": () => this.zoomIn(),
      "=": () => this.zoomIn(),
      "-": () => this.zoomOut(),
      0: () => this.reset(),
      F: () => this.whole(),
      Escape: () => this.actions.escape()
    });
  }
};

// src/shared/grid_sheet.js
var SIDE2 = 170;
var HEAD = 26;
var GAP = 10;
var EDGE = 8;
var SHARPNESS = 2;
function gridLayout({ grid, words, legend, above }, measure) {
  const items = [];
  const columns = grid?.comparison.shown ?? [];
  const cellWidth = grid?.viewport.screen.width ?? 0;
  const width = Math.max(480, above?.width ?? 0, SIDE2 + columns.length * (cellWidth + GAP));
  let top = 0;
  if (above) {
    items.push({ kind: "picture", x: 0, y: 0, width: above.width, height: above.height, canvas: above.canvas });
    top = above.height + GAP;
  }
  if (grid && columns.length > 0) top = rows(grid, top, items, measure);
  const line = (text) => {
    items.push({ kind: "text", x: EDGE, y: top + 13, text, size: 12, color: INK });
    top += 17;
  };
  for (const text of words.filter(Boolean)) brokenLines(text, width - 2 * EDGE, (t) => measure(t, 12)).forEach(line);
  let x = EDGE;
  for (const { color, name } of legend) {
    const across = measure(name, 12) + 30;
    if (x > EDGE && x + across > width) {
      x = EDGE;
      top += 17;
    }
    items.push({ kind: "box", x, y: top + 3, width: 11, height: 11, color });
    items.push({ kind: "text", x: x + 16, y: top + 13, text: name, size: 12, color: INK });
    x += across;
  }
  if (legend.length > 0) top += 17;
  return { width: Math.ceil(width), height: Math.ceil(top + EDGE), items };
}
function rows(grid, top, items, measure) {
  const { comparison, viewport } = grid;
  const { order, shown } = comparison;
  const { width, height } = viewport.screen;
  const left = (column) => SIDE2 + column * (width + GAP);
  const fit = (text, room, size) => shortened(text, room, (t) => measure(t, size));
  shown.forEach((object, column) => {
    items.push({ kind: "text", x: left(column), y: top + 17, text: fit(comparison.label(object), width, 13), size: 13, color: INK, bold: true });
  });
  let y = top + HEAD;
  for (const method of order) {
    let side = y + 12;
    items.push({ kind: "text", x: EDGE, y: side, text: fit(comparison.title(method), SIDE2 - 2 * EDGE, 13), size: 13, color: INK, bold: true });
    const row = comparison.row(method);
    for (const text of [row.remark, row.text].filter(Boolean)) {
      for (const part of brokenLines(text, SIDE2 - 2 * EDGE, (t) => measure(t, 11))) {
        side += 14;
        items.push({ kind: "text", x: EDGE, y: side, text: part, size: 11, color: MUTED });
      }
    }
    let low = side + 6;
    shown.forEach((object, column) => {
      const cell = grid.cell({ method, object });
      if (!cell) return;
      const x = left(column);
      items.push({ kind: "cell", x, y, width, height, cell });
      let below = y + height + 4;
      const range = comparison.range(cell.place);
      if (range) {
        items.push({ kind: "bar", x, y: below, width, height: 7, table: comparison.table(method, false) });
        const [first, , last] = rangeWords(range);
        items.push({ kind: "text", x, y: below + 18, text: first, size: 10, color: MUTED });
        items.push({ kind: "text", x: x + width - measure(last, 10), y: below + 18, text: last, size: 10, color: MUTED });
        below += 24;
      }
      for (const [title, value] of cell.said) {
        const across = measure(value, 11);
        items.push({ kind: "text", x, y: below + 10, text: fit(title, width - across - 6, 11), size: 11, color: MUTED });
        if (value) items.push({ kind: "text", x: x + width - across, y: below + 10, text: value, size: 11, color: INK });
        below += 14;
      }
      low = Math.max(low, below);
    });
    y = low + GAP;
  }
  return y;
}
function renderGridSheet(sheet) {
  const { width, height, items } = gridLayout(sheet, measuring());
  const sharpness = Math.max(SHARPNESS, window.devicePixelRatio || 1);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(sharpness * width);
  canvas.height = Math.round(sharpness * height);
  const context = (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d")
  );
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(sharpness, 0, 0, sharpness, 0, 0);
  for (const item of items) {
    if (item.kind === "text") {
      context.font = `${item.bold ? "600 " : ""}${item.size}px ${FONT}`;
      context.fillStyle = item.color;
      context.fillText(item.text, item.x, item.y);
    } else if (item.kind === "box") {
      context.fillStyle = item.color;
      context.fillRect(item.x, item.y, item.width, item.height);
    } else {
      const picture = item.kind === "cell" ? cellPicture(item.cell, item, sharpness, true) : item.kind === "bar" ? barPicture(item.table) : item.canvas;
      context.drawImage(picture, item.x, item.y, item.width, item.height);
    }
  }
  return canvas;
}
function cellPicture(cell, { width, height }, sharpness, boxes) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(sharpness * width);
  canvas.height = Math.round(sharpness * height);
  const context = (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d")
  );
  const scene = cell.scene();
  if (!scene) return canvas;
  const drawn = boxes ? scene : { ...scene, objects: [], selected: null, side: null, tints: void 0, dashed: void 0 };
  paintScene(context, drawn, cell.viewport.view, sharpness);
  return canvas;
}
function svgOfGrid(sheet) {
  const measure = measuring();
  const { width, height, items } = gridLayout(sheet, measure);
  const place = (at2) => `x="${at2.x}" y="${at2.y}" width="${at2.width}" height="${at2.height}"`;
  const href = (canvas) => `preserveAspectRatio="none" href="${canvas.toDataURL("image/png")}"`;
  const lines2 = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${svgText(FONT)}">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`
  ];
  for (const item of items) {
    if (item.kind === "text") {
      const weight = item.bold ? ' font-weight="600"' : "";
      lines2.push(`<text x="${item.x}" y="${item.y}" font-size="${item.size}" fill="${item.color}"${weight}>${svgText(item.text)}</text>`);
    } else if (item.kind === "box") lines2.push(`<rect ${place(item)} fill="${item.color}"/>`);
    else if (item.kind === "bar") lines2.push(`<image ${place(item)} ${href(barPicture(item.table))}/>`);
    else if (item.kind === "picture") lines2.push(`<image ${place(item)} ${href(item.canvas)}/>`);
    else {
      const { x, y, scale } = item.cell.viewport.view;
      const part = { x, y, width: item.width / scale, height: item.height / scale };
      const scene = item.cell.scene();
      lines2.push(
        `<svg ${place(item)} viewBox="0 0 ${part.width} ${part.height}">`,
        `<image width="${part.width}" height="${part.height}" ${href(cellPicture(item.cell, item, SHARPNESS, false))}/>`,
        ...scene ? overlayLines(scene, part, 1 / scale, measure) : [],
        "</svg>"
      );
    }
  }
  return [...lines2, "</svg>", ""].join("\n");
}
function gridLegend(grid) {
  const classes = /* @__PURE__ */ new Map();
  for (const method of grid.comparison.order.slice(0, 1)) {
    for (const object of grid.comparison.shown) {
      const scene = grid.cell({ method, object })?.scene();
      for (const { name, color } of scene ? classLegend(scene) : []) classes.set(name, color);
    }
  }
  return [...classes].map(([name, color]) => ({ name, color }));
}

// src/shared/coloring.js
var Coloring = class {
  #palettes;
  /** @param {import("./state.js").Store} store with the trait `palettes` */
  constructor(store) {
    this.store = store;
    this.#palettes = decodePalettes(store.get("palettes"));
  }
  /**
   * The colour table for maps of that kind.
   * @param {boolean} signed
   * @param {boolean} fade false for a colour bar
   */
  table(signed, fade) {
    const { store } = this;
    const palette = (
      /** @type {Uint8Array} */
      this.#palettes.get(store.get(signed ? "signed_colormap" : "colormap"))
    );
    return colorTable(palette, { signed, threshold: store.get("hide_below"), fade });
  }
  /** A text that changes with everything that the colours of a map depend on. @param {Range | null} range */
  signature(range) {
    const { low, high } = range ?? { low: 0, high: 0 };
    const { store } = this;
    return [store.get("colormap"), store.get("signed_colormap"), store.get("hide_below"), low, high].join();
  }
};

// src/shared/state.js
var MOST_STEPS = 100;
var Store = class {
  /** @type {Map<string, unknown>} */
  #live = /* @__PURE__ */ new Map();
  /** @type {Set<(key: string) => void>} */
  #listeners = /* @__PURE__ */ new Set();
  /** @type {Array<() => void>} */
  #undo = [];
  /** What each commit replaced, the last one last. @type {Record<string, unknown>[]} */
  #past = [];
  /** Every value as it was before the person first changed it. @type {Map<string, unknown>} */
  #first = /* @__PURE__ */ new Map();
  /**
   * @param {AnyModel} model
   * @param {readonly string[]} keys every trait that is read or written; others are refused
   */
  constructor(model, keys) {
    this.model = model;
    this.keys = new Set(keys);
    for (const key of keys) {
      const changed = () => {
        this.#live.delete(key);
        this.notify(key);
      };
      model.on(`change:${key}`, changed);
      this.#undo.push(() => model.off(`change:${key}`, changed));
    }
  }
  /** @param {string} key */
  #known(key) {
    if (!this.keys.has(key)) throw new Error(`"${key}" is not a trait of this widget`);
  }
  /**
   * @param {string} key
   * @returns {any}
   */
  get(key) {
    this.#known(key);
    return this.#live.has(key) ? this.#live.get(key) : this.model.get(key);
  }
  /**
   * Show a value without telling the kernel.
   * @param {string} key
   * @param {unknown} value
   */
  setLive(key, value) {
    this.#known(key);
    this.#live.set(key, value);
    this.notify(key);
  }
  /**
   * Set traits and tell the kernel, in one message; nothing is sent where nothing changes.
   * @param {Record<string, unknown>} values
   */
  commit(values) {
    const before = {};
    for (const [key, value] of Object.entries(values)) {
      this.#known(key);
      if (this.model.get(key) !== value) before[key] = this.model.get(key);
    }
    if (Object.keys(before).length > 0) {
      this.#past.push(before);
      if (this.#past.length > MOST_STEPS) this.#past.shift();
      for (const [key, value] of Object.entries(before)) if (!this.#first.has(key)) this.#first.set(key, value);
    }
    this.#set(values);
  }
  /** Whether there is anything to undo, and anything to set back. */
  get changes() {
    const moved = [...this.#first].some(([key, value]) => this.model.get(key) !== value);
    return { past: this.#past.length > 0, moved };
  }
  /** Take back what the person did last. */
  undo() {
    const before = this.#past.pop();
    if (before) this.#set(before);
  }
  /** Everything as it was before the person changed it; that is one step, which can be undone. */
  reset() {
    this.commit(Object.fromEntries(this.#first));
  }
  /** @param {Record<string, unknown>} values */
  #set(values) {
    let changed = false;
    for (const [key, value] of Object.entries(values)) {
      this.#live.delete(key);
      if (this.model.get(key) !== value) {
        this.model.set(key, value);
        changed = true;
      }
    }
    if (changed) this.model.save_changes();
  }
  /**
   * On a saved page, which has no kernel: by trait the values that can still be chosen, of those traits that only a kernel
   * answers; null where there is a kernel.
   * @returns {Map<string, unknown[]> | null}
   */
  get saved() {
    return (
      /** @type {{offered?: Map<string, unknown[]>}} */
      this.model.offered ?? null
    );
  }
  /** Whether there is nothing to choose: a saved page has one value of the trait, or none. @param {string} key */
  settled(key) {
    return this.saved !== null && (this.saved.get(key)?.length ?? 0) < 2;
  }
  /**
   * Ask the kernel for something that is no trait.
   * @param {{type: string, [key: string]: unknown}} message
   */
  send(message) {
    this.model.send(message);
  }
  /**
   * @param {(key: string) => void} listener called with the key that changed
   * @returns {() => void} ends the subscription
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  /** @param {string} key */
  notify(key) {
    for (const listener of [...this.#listeners]) listener(key);
  }
  dispose() {
    for (const undo of this.#undo) undo();
    this.#undo = [];
    this.#listeners.clear();
  }
};

// src/sanity_check/model.js
var TRAITS = [
  "photo",
  "objects",
  "choices",
  "palettes",
  "min_score",
  "lower_score",
  "class_answer",
  "only_class",
  "search",
  "selected",
  "methods",
  "mode",
  "layers",
  "seeds",
  "measure",
  "selected_method",
  "step",
  "seed",
  "opacity",
  "hide_below",
  "percentile",
  "colormap",
  "signed_colormap",
  "boxes",
  "wanted",
  "question",
  "map_data",
  "status",
  "notice",
  "code"
];
var SanityCheck = class {
  labels = { grid: "Methods and steps", empty: "" };
  /** The grid shows no figures of metrics. @type {Metric[]} */
  metrics = [];
  /** @type {null} */
  side = null;
  /** @type {Map<string, MapSet>} */
  #maps = /* @__PURE__ */ new Map();
  /** @param {AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
    this.coloring = new Coloring(this.store);
    this.subject = subjectOf(this.store);
    this.labels.empty = `Choose ${oneOf(this.subject)} and methods below, then run the check.`;
    this.#take();
    this.store.subscribe((key) => {
      if (key === "map_data") this.#take();
    });
  }
  /** What the kernel found, or null before the first run. */
  get found() {
    const sent = this.store.get("map_data");
    return sent.key ? sent : null;
  }
  /** Whether what is shown is not what is chosen. */
  get stale() {
    return this.found !== null && this.found.key !== this.store.get("wanted");
  }
  /** The methods of the grid, the control last. @returns {string[]} */
  get order() {
    return this.judged.map(({ name }) => name);
  }
  /** @returns {Judged[]} */
  get judged() {
    return this.found?.methods ?? [];
  }
  /** The steps, from left to right. @returns {number[]} */
  get shown() {
    return (this.found?.stages ?? []).map((_, i) => i);
  }
  /** The cell in focus, or null. @returns {Place | null} */
  get selected() {
    const method = this.store.get("selected_method");
    const object = Math.min(this.store.get("step"), this.shown.length - 1);
    return this.order.includes(method) ? { method, object } : null;
  }
  /** The object that is chosen for the next run, or null. @returns {number | null} */
  get chosen() {
    const selected = this.store.get("selected");
    return selected !== null && selected < this.store.get("objects").length ? selected : null;
  }
  /** The objects that pass the filters. @returns {number[]} */
  get listed() {
    return listedObjects(this.store, this.store.get("objects"));
  }
  /** The seeds that have maps. @returns {number[]} */
  get seeds() {
    return this.found?.seeds ?? [];
  }
  /** @returns {string} */
  get measureTitle() {
    const name = this.store.get("measure");
    return this.store.get("choices").measures.find((m) => m.name === name)?.title ?? name;
  }
  /** @param {number} column @returns {string} */
  label(column) {
    return this.found?.stages[column] ?? "";
  }
  /** The object that was checked, whichever is chosen for the next run. */
  get object() {
    return this.found?.index ?? 0;
  }
  /** The boxes of every cell. @returns {import("../shared/grid_cell.js").Boxes} */
  scene() {
    const objects = this.store.get("objects");
    const listed = new Set(this.listed);
    const hidden = new Set(objects.flatMap((_, i) => listed.has(i) ? [] : [i]));
    const scene = { objects, selected: this.object, boxes: this.store.get("boxes"), hidden };
    return this.subject.whole ? { ...scene, ...overlayOf(objects, this.store.get("photo")) } : scene;
  }
  /** What is shown large in every cell. @returns {readonly number[]} */
  frameBox() {
    return this.store.get("objects")[this.object].box;
  }
  /** @param {string} method @returns {string} */
  title(method) {
    return this.judged.find(({ name }) => name === method)?.title ?? method;
  }
  /** @param {string} method @returns {import("../shared/types.js").Row} */
  row(method) {
    const own = this.judged.find(({ name }) => name === method);
    const values = this.shown.map((step) => this.figure({ method, object: step }));
    const remark = own ? `${own.verdict}: ${own.words}` : "";
    return { key: "", state: "ok", text: "", remark, figures: { [this.measureTitle]: values }, metrics: {}, mean: {} };
  }
  /** The similarity of one cell, of the seed that is shown. @param {Place} place @returns {number | null} */
  figure(place) {
    return this.found?.figures[this.store.get("measure")][this.#key(place)] ?? null;
  }
  /** @param {string} method @returns {Spread | null} */
  curve(method) {
    return this.found?.curves[this.store.get("measure")][method] ?? null;
  }
  /** @param {string} method */
  maps(method) {
    return this.#maps.get(this.#key({ method, object: 0 })) ?? null;
  }
  /** @param {Place} place */
  map(place) {
    return this.#maps.get(this.#key(place))?.maps[0] ?? null;
  }
  /** @param {Place} place @returns {import("../shared/types.js").Range | null} */
  range(place) {
    const maps = this.#maps.get(this.#key(place));
    return maps ? colorRange(maps, 0, false, this.store.get("percentile")) : null;
  }
  /** @param {string} method @param {boolean} fade */
  table(method, fade) {
    return this.coloring.table(this.maps(method)?.signed ?? false, fade);
  }
  /** Names everything that the colours of a cell depend on. @param {Place} place */
  colors(place) {
    return this.coloring.signature(this.range(place));
  }
  isBest() {
    return false;
  }
  /** @returns {import("../shared/types.js").Status} */
  get status() {
    return this.store.get("status");
  }
  /** The key that Python gave a cell's map and figure. @param {Place} place @returns {string} */
  #key({ method, object }) {
    const keys = this.found?.keys[method];
    return (object === 0 ? keys?.trained : keys?.steps[this.store.get("seed")]?.[object - 1]) ?? "";
  }
  #take() {
    const sent = this.store.get("map_data").maps ?? {};
    this.#maps = new Map(Object.entries(sent).map(([key, maps]) => [key, decodeMaps(maps)]));
  }
};

// src/shared/checklist.js
function checkList(label, changed) {
  const root = element("div", { class: "dx-checks", role: "group", "aria-label": label });
  let offered = "";
  let boxes = [];
  return {
    root,
    /**
     * @param {readonly {name: string, title: string, aside?: string, color?: string}[]} choices `color`: of a swatch
     * @param {readonly string[]} chosen
     */
    show(choices, chosen) {
      const wanted = JSON.stringify(choices);
      if (wanted !== offered) {
        offered = wanted;
        boxes = choices.map((choice) => takesKeys(element("input", { type: "checkbox", value: choice.name })));
        const rows2 = choices.map(
          (choice, i) => element("label", { class: "dx-check" }, [
            boxes[i],
            element("span", { class: "dx-name", title: choice.title }, [...swatch(choice), choice.title]),
            element("span", { class: "dx-number" }, [choice.aside ?? ""])
          ])
        );
        for (const box of boxes) {
          box.addEventListener("change", () => changed(boxes.filter((b) => b.checked).map((b) => b.value)));
        }
        root.replaceChildren(...rows2);
      }
      for (const box of boxes) box.checked = chosen.includes(box.value);
      root.hidden = choices.length === 0;
    }
  };
}
function swatch({ name, color }) {
  if (!color) return [];
  const made = element("span", { class: `dx-class dx-class-${name}`, "aria-hidden": "true" });
  made.style.setProperty("--dx-swatch", color);
  return [made];
}

// src/shared/class_field.js
var MOST = 8;
function completions(names, typed) {
  const wanted = typed.trim().toLowerCase();
  if (wanted === "") return [];
  const rank = (name) => {
    const at2 = name.indexOf(wanted);
    if (at2 < 0) return null;
    if (name === wanted) return 0;
    return at2 === 0 ? 1 : /[\p{L}\p{N}]/u.test(name[at2 - 1]) ? 3 : 2;
  };
  const found = names.flatMap((name, number) => {
    const own = rank(name.toLowerCase());
    return own === null ? [] : [{ number, own, long: name.length }];
  });
  return found.sort((a, b) => a.own - b.own || a.long - b.long || a.number - b.number).slice(0, MOST).map(({ number }) => number);
}
function classField(store) {
  const names = subjectOf(store).whole ? (
    /** @type {string[]} */
    store.get("choices").classes ?? []
  ) : [];
  const title = (number) => names.indexOf(names[number]) !== names.lastIndexOf(names[number]) ? `${names[number]} (${number})` : names[number];
  const [id, listId] = [uniqueId("class"), uniqueId("names")];
  const input = takesKeys(
    element("input", {
      ...{ id, type: "text", class: "dx-select", role: "combobox", maxlength: "200", autocomplete: "off", spellcheck: "false" },
      ...{ placeholder: "type its name", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": listId }
    })
  );
  const list = element("ul", { id: listId, class: "dx-names", role: "listbox", "aria-label": "Classes with such a name", hidden: "" });
  const add = button("plus", "List this class and explain it (Enter)", () => submit(), "Add");
  const said = element("span", {});
  const near = element("span", { class: "dx-near" });
  const answer = element("div", { class: "dx-answer", role: "status", "aria-live": "polite" }, [said, near]);
  const label = explained(element("label", { for: id, class: "dx-label" }, ["Another class"]), input);
  const root = element("div", { class: "dx-typed" }, [label, element("div", { class: "dx-typing" }, [input, list, add]), answer]);
  root.hidden = names.length === 0;
  let offered = [];
  let active = -1;
  let shown = "";
  function ask(name) {
    close();
    input.value = typeof name === "number" ? title(name) : name;
    store.send({ type: "class", name });
  }
  function submit() {
    const typed = input.value.trim();
    if (offered[active] !== void 0) ask(offered[active]);
    else if (typed !== "") ask(names.length > 0 && names.includes(typed) ? names.indexOf(typed) : typed);
  }
  function close() {
    offered = [];
    active = -1;
    list.hidden = true;
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
  function open() {
    const found = completions(names, input.value);
    close();
    if (found.length === 0) return;
    offered = found;
    const options = found.map((number) => {
      const made = element("li", { class: "dx-name-option", role: "option", id: uniqueId("name"), "aria-selected": "false" }, [title(number)]);
      made.addEventListener("pointerdown", (event) => event.preventDefault());
      made.addEventListener("click", () => ask(number));
      return made;
    });
    list.replaceChildren(...options);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }
  function move(by) {
    if (offered.length === 0) open();
    if (offered.length === 0) return;
    active = active < 0 ? by > 0 ? 0 : offered.length - 1 : (active + by + offered.length) % offered.length;
    [...list.children].forEach((one2, i) => one2.setAttribute("aria-selected", String(i === active)));
    input.setAttribute("aria-activedescendant", list.children[active].id);
    const one = (
      /** @type {HTMLElement} */
      list.children[active]
    );
    list.scrollTop = Math.min(Math.max(list.scrollTop, one.offsetTop + one.offsetHeight - list.clientHeight), one.offsetTop);
  }
  input.addEventListener("input", open);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter") submit();
    else if (event.key === "Escape" && !list.hidden) close();
    else return;
    event.preventDefault();
  });
  return {
    root,
    /** Say what became of the last name. */
    show() {
      const { text = "", near: alike = [], typed = "" } = store.get("class_answer") ?? {};
      const all = JSON.stringify([text, alike, typed]);
      if (all === shown) return;
      shown = all;
      said.textContent = text === "" ? "" : `${text[0].toUpperCase()}${text.slice(1)}`;
      near.replaceChildren(...alike.map((name) => button("plus", `List the class ${name} and explain it`, () => ask(name), name)));
      if (text === "" && typed !== "") input.value = "";
    }
  };
}

// src/shared/missed.js
function missedLine(object) {
  const { missed = "", why = "", about = "", score, candidate } = object;
  const cause = element("span", { class: "dx-cause", title: why }, [missed]);
  const names = element("span", { class: "dx-lines" }, [element("span", { class: "dx-name", title: nameOf(object) }, [nameOf(object)]), cause]);
  const shown = candidate ? score.toFixed(2) : "–";
  return {
    said: `${nameOf(object)}, missed, ${why}${about ? `; best candidate: ${about}` : ""}`,
    missed: true,
    content: [
      element("span", { class: "dx-class dx-none", "aria-hidden": "true" }),
      names,
      element("span", { class: "dx-number", title: candidate ? "The score of this class at the best candidate" : "There is no candidate" }, [shown])
    ]
  };
}

// src/shared/listbox.js
function objectList({ label, select, step, hover }) {
  let numbers = [];
  const rows2 = {
    label,
    step,
    select: (row2) => numbers[row2] !== void 0 && select(numbers[row2]),
    hover: (row2) => hover(row2 === null ? null : numbers[row2])
  };
  const box = listBox(rows2, (object) => {
    if (object.missed) return missedLine(object);
    const score = scoreWords(object);
    const bar = element("span", { class: "dx-score-bar", "aria-hidden": "true" });
    bar.style.setProperty("--dx-score", String(object.score));
    const swatch2 = element("span", { class: "dx-class", "aria-hidden": "true" });
    swatch2.style.background = object.color ?? "transparent";
    return {
      said: `${nameOf(object)}, ${scoreName(object)} ${score}`,
      plain: object.label !== void 0,
      content: [...object.label === void 0 ? [swatch2] : [], element("span", { class: "dx-name", title: nameOf(object) }, [nameOf(object)]), bar, element("span", { class: "dx-number" }, [score])]
    };
  });
  const row = (index) => index === null || !numbers.includes(index) ? null : numbers.indexOf(index);
  return {
    list: box.list,
    /** @param {readonly DetectedObject[]} objects @param {readonly number[]} [shown] by default all */
    fill(objects, shown = objects.map((_, i) => i)) {
      numbers = shown;
      box.fill(shown.map((i) => objects[i]));
    },
    /** @param {number | null} selected */
    show: (selected) => box.show(row(selected)),
    /** Mark the one that is pointed at in the picture. @param {number | null} index */
    point: (index) => box.point(row(index))
  };
}
function listBox({ label, select, step, hover }, show) {
  const list = takesKeys(element("ul", { class: "dx-list", role: "listbox", tabindex: "0", "aria-label": label }));
  let options = [];
  listenToKeys(list, {
    ArrowDown: () => step(1),
    ArrowRight: () => step(1),
    ArrowUp: () => step(-1),
    ArrowLeft: () => step(-1),
    Home: () => select(0),
    End: () => select(options.length - 1)
  });
  function option(item, index) {
    const { said, content, plain: plain2 = false, missed = false } = show(item);
    const made = element("li", { class: "dx-option", role: "option", id: uniqueId("option"), "aria-label": said }, content);
    made.classList.toggle("dx-plain", plain2);
    made.classList.toggle("dx-missed", missed);
    made.addEventListener("click", () => select(index));
    made.addEventListener("pointerenter", () => hover(index));
    made.addEventListener("pointerleave", () => hover(null));
    return made;
  }
  function reveal(option2) {
    const above = option2.offsetTop - (option2.offsetParent === list ? 0 : list.offsetTop);
    if (above < list.scrollTop) list.scrollTop = above;
    const below = above + option2.offsetHeight - list.clientHeight;
    if (below > list.scrollTop) list.scrollTop = below;
  }
  return {
    list,
    /** @param {readonly Item[]} items */
    fill(items) {
      options = items.map(option);
      list.replaceChildren(...options);
    },
    /** @param {number | null} selected */
    show(selected) {
      options.forEach((made, i) => made.setAttribute("aria-selected", String(i === selected)));
      const current = selected === null ? null : options[selected];
      if (!current) {
        list.removeAttribute("aria-activedescendant");
        return;
      }
      list.setAttribute("aria-activedescendant", current.id);
      reveal(current);
    },
    /** Mark the one that is pointed at elsewhere. @param {number | null} index */
    point(index) {
      options.forEach((made, i) => made.classList.toggle("dx-pointed", i === index));
      if (index !== null) reveal(options[index]);
    }
  };
}

// src/shared/panel.js
function section(title, content, aside) {
  const head = element("div", { class: "dx-head" }, [explained(element("span", {}, [title])), ...aside ? [aside] : []]);
  return element("div", { class: "dx-section", role: "group", "aria-label": title }, [head, ...content]);
}
function needsKernel(store, part) {
  part.hidden = store.saved !== null;
  return part;
}
function takeAway(download, code, store) {
  const { png, svg, csv } = typeof download === "function" ? { png: download } : download;
  const copied = element("span", { class: "dx-copied", role: "status" });
  const files = [
    button("download", "Download this view as a PNG file", png, "PNG"),
    ...svg ? [button("download", `Download this view as an SVG file, with ${store && subjectOf(store).whole ? "" : "boxes and "}texts that can be edited`, svg, "SVG")] : [],
    ...csv ? [button("download", `Download the ${store ? subjectOf(store).many : "objects"} and their figures as a CSV file`, csv, "CSV")] : []
  ];
  return element("div", { class: "dx-actions" }, [
    ...files,
    button("code", "Copy the Python code for this", () => copy(code(), copied), "Copy code"),
    ...store ? wayBack(store) : [],
    copied
  ]);
}
function wayBack(store) {
  const undo = button("undo", "Undo the last change (Ctrl + Z)", () => store.undo());
  const reset = button("renew", "Set everything back as it was at first", () => store.reset());
  const show = () => {
    const { past, moved } = store.changes;
    undo.disabled = !past;
    reset.disabled = !moved;
  };
  let seen = false;
  const stop = store.subscribe(() => {
    if (seen && !undo.isConnected) stop();
    seen ||= undo.isConnected;
    show();
  });
  show();
  return [undo, reset];
}
async function copy(text, report) {
  try {
    await navigator.clipboard.writeText(text);
    report.textContent = "Copied";
  } catch {
    report.textContent = "Not allowed here: use to_code()";
  }
  setTimeout(() => report.textContent = "", 2500);
}

// src/sanity_check/panel.js
var MODES = [
  { name: "cascading", title: "Cascading" },
  { name: "independent", title: "Independent" }
];
var BOXES = [
  { name: "all", title: "All" },
  { name: "selected", title: "Own" }
];
var MOST_SEEDS = 5;
function sanityPanel(check, { run, select, step, download }) {
  const { store, subject } = check;
  const choose = (key) => (value) => store.commit({ [key]: value });
  const slide = (label, key) => sliderControl(
    label,
    (value) => store.setLive(key, value),
    (value) => store.commit({ [key]: value })
  );
  const typed = classField(store);
  const objects = objectList({ label: subject.found, select, step, hover: () => {
  } });
  const filter = filterControls(store);
  const count2 = element("span", { class: "dx-count" });
  const methods = checkList("Methods checked", (chosen) => {
    const fits = chosen.length <= store.get("choices").most_methods;
    if (fits) store.commit({ methods: chosen });
    else show();
  });
  const most = element("p", { class: "dx-remark" });
  const mode = segmentControl("Randomize", MODES, choose("mode"));
  const layers = selectControl("Stages", choose("layers"));
  const seeds = selectControl("Seeds", (value) => store.commit({ seeds: JSON.parse(value) }));
  const start = button("compute", "Run the check that is chosen", () => run(false), "Run");
  const asked = element("p", { class: "dx-remark", role: "alert" });
  const sure = button("compute", "Run the long check", () => run(true), "Run it");
  const leave = button("close", "Do not run the long check", () => store.commit({ question: "" }), "Not now");
  const question = element("div", { class: "dx-question", hidden: "" }, [asked, element("div", { class: "dx-actions" }, [sure, leave])]);
  const stale = element("p", { class: "dx-remark" });
  const measure = selectControl("Measure", choose("measure"));
  const seed = selectControl("Maps of seed", (value) => store.commit({ seed: Number(value) }));
  const colors = selectControl("Colours", choose("colormap"));
  const signed = selectControl("Signed", choose("signed_colormap"));
  const opacity = slide("Opacity", "opacity");
  const hideBelow = slide("Hide below", "hide_below");
  const upper = upperControl(store);
  const boxes = segmentControl("Boxes", BOXES, choose("boxes"));
  const first = button("compute", "Start the check that is chosen", () => run(false), "Run");
  const root = element("div", { class: "dx-panel dx-wide" }, [
    needsKernel(store, section(subject.whole ? subject.title : "Object", [filter.root, objects.list, typed.root], count2)),
    needsKernel(store, section("Methods", [methods.root, most])),
    needsKernel(store, section("Check", [mode.row, layers.row, seeds.row, element("div", { class: "dx-actions" }, [start]), question, stale])),
    section("Shown", [measure.row, seed.row]),
    section("Display", [colors.row, signed.row, opacity.row, upper.row, hideBelow.row, boxes.row]),
    takeAway(download, () => store.get("code"), store)
  ]);
  let filled = null;
  function show() {
    const choices = store.get("choices");
    const found = store.get("objects");
    const { listed } = check;
    const filling = JSON.stringify([found, listed]);
    if (filled !== filling) {
      filled = filling;
      objects.fill(found, listed);
      count2.textContent = countWords(found, listed);
    }
    filter.show(found, listed);
    typed.show();
    objects.show(check.chosen);
    methods.show(
      choices.methods.map((m) => ({ name: m.name, title: m.title })),
      store.get("methods")
    );
    most.textContent = `Up to ${choices.most_methods} at a time; edges are always checked too, as a control that must fail.`;
    mode.show(store.get("mode"));
    layers.show(choices.presets, store.get("layers"));
    const now = JSON.stringify(store.get("seeds"));
    const offered = [1, 3, MOST_SEEDS].map((n) => JSON.stringify([...Array(n).keys()]));
    const all = offered.includes(now) ? offered : [...offered, now];
    seeds.show(
      all.map((name) => ({ name, title: JSON.parse(name).join(", ") })),
      now
    );
    start.disabled = first.disabled = store.get("wanted") === "";
    first.hidden = check.found !== null || store.saved !== null;
    question.hidden = store.get("question") === "";
    asked.textContent = store.get("question");
    stale.textContent = check.stale ? "What is shown above is another check: run this one to see it." : check.found?.note ?? "";
    measure.show(choices.measures, store.get("measure"));
    seed.show(plain(check.seeds.map(String)), String(store.get("seed")));
    colors.show(plain(choices.colormaps), store.get("colormap"));
    signed.show(check.order.some((m) => check.maps(m)?.signed) ? plain(choices.signed_colormaps) : [], store.get("signed_colormap"));
    opacity.show(store.get("opacity"));
    hideBelow.show(store.get("hide_below"));
    upper.show();
    boxes.show(store.get("boxes"));
    boxes.row.hidden = subject.whole;
  }
  return { root, first, show };
}

// src/sanity_check/index.js
var SanityView = class {
  /** What the curves were drawn from. */
  #drawn = "";
  /**
   * @param {SanityCheck} check
   * @param {HTMLElement} host
   */
  constructor(check, host) {
    this.check = check;
    this.store = check.store;
    this.bar = colorBar();
    this.parts = viewParts(this.store);
    this.curve = curveView((step) => this.store.commit({ step }), String);
    this.grid = new Grid(check, {
      select: ({ method, object }) => this.store.commit({ selected_method: method, step: object }),
      escape: () => check.status.state === "busy" && this.parts.cancel(),
      pointed: (byKey) => this.#pointed(byKey),
      compute: () => {
      },
      photo: this.parts.photo,
      painted: () => this.#painted()
    });
    this.panel = sanityPanel(check, {
      run: (sure) => this.store.send(sure ? { type: "run", sure } : { type: "run" }),
      select: (index) => this.store.commit({ selected: index }),
      step: (by) => this.#step(by),
      download: this.parts.downloads(() => this.#sheet(), () => this.#table(), { png: renderGridSheet, svg: svgOfGrid })
    });
    this.root = this.#arrange();
    this.parts.begin(host, this.root, { changed: (key) => this.#changed(key), decoded: () => this.#decoded() });
    this.#refresh();
  }
  dispose() {
    this.parts.dispose();
    this.curve.dispose();
    this.grid.dispose();
  }
  /** @param {1 | -1} by */
  #step(by) {
    const next = nextAmong(this.check.listed, this.check.chosen, by);
    if (next !== null) this.store.commit({ selected: next });
  }
  #arrange() {
    const { grid, bar, curve, panel } = this;
    const { words, progress, frame } = this.parts;
    const tools = element("div", { class: "dx-tools dx-flat", role: "toolbar", "aria-label": "Zoom of all cells" }, [
      button("plus", "Zoom in (+)", () => grid.zoomIn()),
      button("minus", "Zoom out (−)", () => grid.zoomOut()),
      // A class is in no place.
      ...this.check.subject.whole ? [] : [button("frame", "Show the object (f)", () => grid.frame())],
      button("reset", "Show the whole photograph (0)", () => grid.reset()),
      fullScreenButton(() => grid.whole())
    ]);
    grid.table.setAttribute("aria-describedby", words.id);
    const over = element("div", { class: "dx-over" }, [tools, panel.first, progress.busy]);
    const content = [over, progress.error, grid.root, bar.root, curve.root, words, this.parts.again.root, panel.root];
    return frame("sanity-check", "Sanity check of explanations", content);
  }
  /** Before the first run there is no cell that would be painted. */
  #decoded() {
    this.grid.fit();
    this.grid.invalidate();
  }
  /** @param {string} key */
  #changed(key) {
    this.parts.progress.show(this.check.status);
    if (key === "status") this.#painted();
    else this.#refresh();
  }
  #refresh() {
    const { check, store, parts } = this;
    const { selected } = check;
    parts.progress.show(check.status);
    this.panel.show();
    parts.again.show(store.get("lower_score"));
    this.grid.show();
    const range = selected ? check.range(selected) : null;
    this.bar.show(range, selected ? check.table(selected.method, false) : new Uint32Array(2), selected ? check.maps(selected.method)?.unit : "");
    this.#pointed(false);
    this.#curves();
    parts.say(store.get("notice") || this.#words());
  }
  /** The method in focus first, with the spread over the seeds. */
  #curves() {
    const { check } = this;
    const first = check.selected?.method ?? check.order[0];
    const order = check.order.length > 0 ? [first, ...check.order.filter((m) => m !== first)] : [];
    const curves = order.map((method) => {
      const { median, low, high } = (
        /** @type {import("./model.js").Spread} */
        check.curve(method)
      );
      return { values: median, low, high, title: check.title(method) };
    });
    const drawn = JSON.stringify(curves);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      const said = curves.map(({ title, values }) => `${title} ${values.map(figure).join(", ")}`);
      const last = check.shown.length - 1;
      this.curve.draw(curves, [check.label(0), check.label(last)], `${check.measureTitle} at each step: ${said.join("; ")}.`);
    }
    if (check.selected) this.curve.mark(check.selected.object);
  }
  #words() {
    const { check } = this;
    if (!check.found) return check.labels.empty;
    const { selected } = check;
    const verdicts = check.judged.map(({ title, verdict, words }) => `${title} ${verdict}: ${words}`);
    const { note } = check.found;
    if (!selected) return [note, `${verdicts.join(". ")}.`].join(" ").trim();
    const own = check.judged.find(({ name }) => name === selected.method);
    const value = selected.object === 0 ? "" : `, ${check.measureTitle} ${figure(check.figure(selected))}`;
    return `${check.title(selected.method)}, ${check.label(selected.object)}${value}. It ${own?.verdict}: ${own?.words}.`;
  }
  /** The point has moved. @param {boolean} byKey then its values are said as well */
  #pointed(byKey) {
    const { check, grid } = this;
    const { probe } = grid;
    const { selected } = check;
    this.bar.point(probe ? { ...probe, value: selected ? grid.cell(selected)?.valueAt(probe) ?? null : null } : null);
    if (!byKey || !probe || !selected) return;
    const values = check.shown.map((step) => {
      const value = grid.cell({ method: selected.method, object: step })?.valueAt(probe);
      return `${check.label(step)} ${figure(value)}`;
    });
    this.parts.say(`${check.title(selected.method)}, at ${probe.x}, ${probe.y}: ${values.join("; ")}.`);
  }
  #painted() {
    const { check, root, store } = this;
    const { selected } = check;
    root.dataset.shown = check.status.state === "busy" ? "" : check.found?.key ?? "";
    root.dataset.seeds = check.seeds.join(" ");
    root.dataset.selected = selected ? `${selected.method}#${selected.object}` : "";
    root.dataset.zoom = this.grid.viewport.zoom.toFixed(2);
    root.dataset.opacity = String(store.get("opacity"));
    root.dataset.ready = String(this.parts.photo() !== null && check.status.state !== "busy");
  }
  /** @returns {import("../shared/grid_sheet.js").GridSheet | null} nothing before the first run */
  #sheet() {
    const { check, grid, store } = this;
    const { order, found } = check;
    if (!found) return null;
    const object = store.get("objects")[check.object];
    const words = [
      `${nameOf(object)}, ${scoreName(object)} ${scoreWords(object)}. ${found.mode === "cascading" ? "Cascading" : "Independent"} randomization, maps of seed ${store.get("seed")}. Below the maps: ${check.measureTitle}.`,
      found.note
    ];
    return { grid, words, legend: gridLegend(grid), name: ["sanity", found.mode, ...order] };
  }
  /** A line for each method, seed and step: how alike every map is to that of the trained network. */
  #table() {
    const { check, store } = this;
    const { found } = check;
    const measures = Object.keys(found?.figures ?? {});
    const object = objectStart(store.get("objects")[check.object], check.object);
    const lines2 = check.judged.flatMap(
      ({ name, verdict }) => check.seeds.flatMap(
        (seed) => check.shown.slice(1).map((step) => {
          const key = found.keys[name].steps[seed][step - 1];
          return [...object, name, verdict, found.mode, seed, step, check.label(step), ...measures.map((m) => found.figures[m][key])];
        })
      )
    );
    const columns = [...startColumns(check.subject.whole), "method", "verdict", "mode", "seed", "step", "stage"];
    return csvOf([...columns, ...measures], lines2);
  }
};
var sanity_check_default = widget(
  (model) => new SanityCheck(model),
  (check, host) => new SanityView(check, host)
);
export {
  sanity_check_default as default
};
