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
function decidingAt(map, x, y) {
  const [across, down] = [neighbours(map, 0, x), neighbours(map, 1, y)];
  if (!map.deciding || across.beyond || down.beyond) return -1;
  const column = across.part < 0.5 ? across.first : across.second;
  return map.deciding[(down.part < 0.5 ? down.first : down.second) * map.width + column];
}
function placeMap(map, size, columns, rows) {
  const out = new Float32Array(columns * rows);
  const [height, width] = size;
  const step = (map.high - map.low) / STEPS;
  const across = Array.from({ length: columns }, (_, i) => neighbours(map, 0, (i + 0.5) * width / columns));
  const firsts = Int32Array.from(across, (n) => n.first);
  const seconds = Int32Array.from(across, (n) => n.second);
  const parts = Float64Array.from(across, (n) => n.part);
  const line = new Float64Array(map.width);
  for (let j = 0; j < rows; j++) {
    const down = neighbours(map, 1, (j + 0.5) * height / rows);
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
var bytesOfMaps = (set) => set.maps.reduce((total, map) => total + map.quanta.byteLength, 0);
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
var counted = ({ one, many }, count2) => `${count2} ${count2 === 1 ? one : many}`;
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
var statusWords = (status, title) => title.includes("(negative evidence)") ? status.replace("no positive", "no negative") : status;
function placeInBox([x1, y1, x2, y2], [x, y], what = "box") {
  if (x < x1 || x > x2 || y < y1 || y > y2) return `outside the ${what}`;
  const row = ["upper", "middle", "lower"][Math.min(2, Math.floor(3 * (y - y1) / Math.max(y2 - y1, 1e-9)))];
  const column = ["left", "centre", "right"][Math.min(2, Math.floor(3 * (x - x1) / Math.max(x2 - x1, 1e-9)))];
  if (row === "middle") return column === "centre" ? `in the middle of the ${what}` : `in the ${column} part of the ${what}`;
  return column === "centre" ? `in the ${row} part of the ${what}` : `in the ${row} ${column} of the ${what}`;
}
function missedWords({ name, why = "", about = "", candidate, explained: explained2 }) {
  const known = candidate ? ` Best candidate (white box): ${about}.` : " No prediction comes near enough to be explained.";
  return `${name}, missed, ${why}.${known}${candidate && !explained2 ? " It cannot be explained: the detector is a black box." : ""}`;
}
function describe(object, map, title) {
  const [x1, y1, x2, y2] = object.box.map(Math.round);
  const { whole } = kindOf(object);
  const place = whole ? "" : `, box ${x1}, ${y1} to ${x2}, ${y2}`;
  const what = object.missed ? missedWords(object) : `${nameOf(object)}, ${scoreName(object)} ${scoreWords(object)}${place}.`;
  if (!map) return what;
  if (map.status !== "ok") return `${what} ${title}: ${statusWords(map.status, title)}.`;
  const [x, y] = map.peak.map(Math.round);
  const against = valueAt(map, ...map.peak) < 0 ? ", against it," : "";
  const peak = `strongest evidence${against} at ${x}, ${y}, ${placeInBox(object.box, map.peak, whole ? "picture" : "box")}`;
  const energy = map.low < 0 ? "positive evidence" : "map’s energy";
  const inside = whole || map.inside === null ? "" : `; ${Math.round(100 * map.inside)}% of the ${energy} inside the box`;
  return `${what} ${title}: ${peak}${inside}.`;
}
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

// src/explorer/deciding.js
var LONGEST = 120;
function decidingMap() {
  const canvas = element("canvas", { class: "dx-deciding-map", width: "1", height: "1", role: "img" });
  const legend = element("ul", { class: "dx-deciding-parts" });
  const root = element("div", { class: "dx-deciding", hidden: "" }, [
    canvas,
    element("div", {}, [element("div", { class: "dx-remark" }, ["Which part decides where, and its share of the map:"]), legend])
  ]);
  let drawn = null;
  return {
    root,
    /**
     * @param {HeatMap | null} map only a joined one is shown
     * @param {{width: number, height: number}} photo
     */
    show(map, { width, height }) {
      root.hidden = !map?.deciding;
      if (!map?.parts || map === drawn) return;
      drawn = map;
      const scale = LONGEST / Math.max(width, height);
      [canvas.width, canvas.height] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
      const told = map.parts.map(({ title, share }) => `${title} ${Math.round(100 * share)}%`);
      canvas.setAttribute("aria-label", told.join(", "));
      legend.replaceChildren(
        ...map.parts.map(({ color }, i) => {
          const mark = element("span", { class: "dx-deciding-mark", "aria-hidden": "true" });
          mark.style.background = color;
          return element("li", {}, [mark, told[i]]);
        })
      );
      const context = canvas.getContext("2d");
      if (!context) return;
      context.clearRect(0, 0, canvas.width, canvas.height);
      for (let y = 0; y < canvas.height; y++) {
        for (let x = 0; x < canvas.width; x++) {
          const part = decidingAt(map, (x + 0.5) * width / canvas.width, (y + 0.5) * height / canvas.height);
          if (part < 0) continue;
          context.fillStyle = map.parts[part].color;
          context.fillRect(x, y, 1, 1);
        }
      }
    }
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
function layerChoices(layers) {
  return layers.some(Boolean) ? layers.map((name) => ({ name, title: name || "the method's own" })) : [];
}
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

// src/shared/one_result_model.js
var WAITING = "Waiting for the kernel; if it was restarted, run this cell again";
var COMMON = ["request", "map_key", "map_data", "status"];
var OneResultModel = class {
  /** @type {Map<string, string>} */
  #keys = /* @__PURE__ */ new Map();
  /** @type {Map<string, Choice>} */
  #choices = /* @__PURE__ */ new Map();
  /** @type {Result | null} */
  #shown = null;
  #asked = "";
  #decode;
  #lingers;
  /**
   * @param {AnyModel} model
   * @param {readonly string[]} traits every trait that the front end reads or sets
   * @param {{cache: import("./result_cache.js").ResultCache<Result>, decode: (sent: any) => Result, lingers?: boolean}} options
   *   `lingers`: the result before stays visible until the chosen one has arrived
   */
  constructor(model, traits, { cache, decode, lingers = false }) {
    this.store = new Store(model, traits);
    this.cache = cache;
    this.#decode = decode;
    this.#lingers = lingers;
    this.#choose();
    this.store.subscribe((key) => {
      if (this.chooses(key)) this.#choose();
    });
  }
  /** Whether a trait decides which result is shown. @param {string} trait */
  chooses(trait) {
    return trait in this.store.get("request").choice || COMMON.includes(trait);
  }
  /** What is shown, or null. */
  get result() {
    return this.#shown;
  }
  /** The choice that the shown result stands for, or null. @returns {Choice | null} */
  get choice() {
    return this.#shown && (this.#choices.get(this.#shown.key) ?? null);
  }
  /** The selected object's index, or null. @returns {number | null} */
  get selected() {
    const selected = this.store.get("selected");
    return selected !== null && selected < this.store.get("objects").length ? selected : null;
  }
  /** A score threshold with which something is found, where nothing was. @returns {number | null} */
  get lower() {
    return this.store.get("lower_score");
  }
  /** The objects that pass the filters. @returns {number[]} */
  get listed() {
    return listedObjects(this.store, this.store.get("objects"));
  }
  /** Whether there is nothing to show. @returns {boolean} */
  get nothing() {
    return this.store.get("objects").length === 0 || "selected" in this.store.get("request").choice && this.selected === null;
  }
  /** The key of what is chosen: empty where there is nothing to show, null while the kernel has not said it. */
  get wanted() {
    const { store } = this;
    const { choice } = store.get("request");
    if (this.nothing) return "";
    return this.#keys.get(signature(Object.keys(choice).map((trait) => store.get(trait)))) ?? null;
  }
  /**
   * What the kernel does, as far as it is known here: it may still be busy with a cell, or gone.
   * @returns {Status}
   */
  get status() {
    const { store, cache, wanted } = this;
    const status = store.get("status");
    if (status.key === wanted) return status;
    const settled = wanted === "" || cache.has(wanted) || store.saved !== null;
    const text = settled ? "" : WAITING;
    return { state: settled ? "idle" : "busy", key: wanted ?? "", text, done: 0, total: 0 };
  }
  /** Show what is here at once; ask the kernel to send again what it has and the page no longer holds. */
  #choose() {
    const { store, cache } = this;
    const sent = store.get("map_data");
    if (sent.key) this.#learn(sent);
    this.#learn(store.get("request"));
    if (sent.key && !cache.has(sent.key)) cache.add(this.#decode(sent));
    const { wanted } = this;
    const ready = store.get("map_key");
    if (ready && (this.#lingers || ready === wanted) && !cache.has(ready) && this.#asked !== ready) {
      this.#asked = ready;
      store.send({ type: "maps", key: ready });
    }
    if (cache.has(ready)) this.#asked = "";
    if (cache.has(wanted) || !this.#lingers) this.#shown = cache.get(wanted);
    else if (cache.has(ready)) this.#shown = cache.get(ready);
    else if (this.status.state === "error") this.#shown = null;
  }
  /** Remember which choice a key stands for. @param {{key: string, choice: Choice}} said */
  #learn({ key, choice }) {
    if (!key) return;
    this.#keys.set(signature(Object.values(choice)), key);
    this.#choices.set(key, choice);
  }
};
var signature = (values) => JSON.stringify(values);

// src/shared/missed.js
var ModelWithMisses = class extends OneResultModel {
  /** @type {{objects: readonly DetectedObject[], misses: readonly DetectedObject[], things: readonly DetectedObject[]}} */
  #made = { objects: [], misses: [], things: [] };
  /** @returns {readonly DetectedObject[]} */
  get things() {
    const [objects, misses] = [this.store.get("objects"), this.store.get("misses")];
    if (this.#made.objects !== objects || this.#made.misses !== misses) this.#made = { objects, misses, things: [...objects, ...misses] };
    return this.#made.things;
  }
  /** The number of the chosen miss, or null. @returns {number | null} */
  get miss() {
    const miss = this.store.get("miss");
    return miss !== null && miss < this.store.get("misses").length ? miss : null;
  }
  /** The chosen missed object, or null. @returns {DetectedObject | null} */
  get missed() {
    return this.miss === null ? null : this.store.get("misses")[this.miss];
  }
  /** The number among all things of what is selected or chosen, or null. */
  get thing() {
    return this.miss === null ? this.selected : this.store.get("objects").length + this.miss;
  }
  /** The traits that select or choose a thing. @param {number | null} thing */
  choose(thing) {
    const found = this.store.get("objects").length;
    return thing !== null && thing >= found ? { selected: null, miss: thing - found } : { selected: thing, miss: null };
  }
  /** The things that pass the filters; scores do not count for what was missed. @returns {number[]} */
  get listedThings() {
    const found = this.store.get("objects").length;
    const only = this.store.get("only_class");
    const words = this.store.get("search").trim().toLowerCase();
    const passes = ({ name }) => (only === "" || name === only) && name.toLowerCase().includes(words);
    const missed = this.store.get("misses").flatMap((one, i) => passes(one) ? [found + i] : []);
    return [...this.listed, ...missed];
  }
  /** Give up what is under way. */
  cancel() {
    this.store.send({ type: "cancel" });
  }
  get nothing() {
    const { missed } = this;
    return missed ? !missed.explained : super.nothing;
  }
  /** Which of the shown maps is that of what is selected or chosen; null while there is none. */
  get place() {
    if ((this.choice?.miss ?? null) !== this.miss) return null;
    return this.miss === null ? this.selected : 0;
  }
  /** What `pictureParts` takes: everything can be pointed at, stepped to and chosen. */
  get picked() {
    const model = this;
    return {
      store: this.store,
      get selected() {
        return model.thing;
      },
      get status() {
        return model.status;
      },
      get objects() {
        return model.things;
      },
      get listed() {
        return model.listedThings;
      },
      get lower() {
        return model.lower;
      },
      cancel: () => this.cancel(),
      choose: (thing) => this.choose(thing)
    };
  }
};
function drawnThings(things, missed) {
  const dashed = new Set(things.flatMap((thing, i) => thing.missed ? [i] : []));
  const { candidate } = missed ?? {};
  return { objects: candidate ? [...things, { ...candidate, name: `best candidate: ${candidate.name}` }] : things, dashed };
}
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
var withMissedCount = (found, missed) => missed > 0 ? `${found}, ${missed} missed` : found;

// src/shared/listbox.js
function objectList({ label, select, step, hover }) {
  let numbers = [];
  const rows = {
    label,
    step,
    select: (row2) => numbers[row2] !== void 0 && select(numbers[row2]),
    hover: (row2) => hover(row2 === null ? null : numbers[row2])
  };
  const box = listBox(rows, (object) => {
    if (object.missed) return missedLine(object);
    const score = scoreWords(object);
    const bar = element("span", { class: "dx-score-bar", "aria-hidden": "true" });
    bar.style.setProperty("--dx-score", String(object.score));
    const swatch = element("span", { class: "dx-class", "aria-hidden": "true" });
    swatch.style.background = object.color ?? "transparent";
    return {
      said: `${nameOf(object)}, ${scoreName(object)} ${score}`,
      plain: object.label !== void 0,
      content: [...object.label === void 0 ? [swatch] : [], element("span", { class: "dx-name", title: nameOf(object) }, [nameOf(object)]), bar, element("span", { class: "dx-number" }, [score])]
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

// src/explorer/panel.js
var scales = ({ one }) => [
  { name: "object", title: `Per ${one}` },
  { name: "shared", title: "Shared" }
];
var JOINS = [
  { name: "maximum", title: "Maximum" },
  { name: "normalized", title: "Normalized" }
];
var BOXES = [
  { name: "all", title: "All" },
  { name: "selected", title: "Selected" }
];
function explorerPanel(explorer, { select, step, hover, download }) {
  const { store, subject } = explorer;
  const choose = (key) => (value) => store.commit({ [key]: value });
  const slide = (label, key) => sliderControl(
    label,
    (value) => store.setLive(key, value),
    (value) => store.commit({ [key]: value })
  );
  const count2 = element("span", { class: "dx-count" });
  const filter = filterControls(store);
  const typed = classField(store);
  const objects = objectList({ label: subject.found, select, step, hover });
  const method = selectControl("Method", choose("method"));
  const elsewhere = element("p", { class: "dx-remark" });
  const target = selectControl("Explain", choose("target"));
  const against = selectControl("Rather than", choose("against"));
  const combine = segmentControl("Join", JOINS, choose("combine"));
  const direction = selectControl("Evidence", choose("direction"));
  const layer = selectControl("Layer", choose("layer"));
  const opacity = slide("Opacity", "opacity");
  const hideBelow = slide("Hide below", "hide_below");
  const upper = upperControl(store);
  const scale = segmentControl("Scale", scales(subject), choose("scale"));
  const boxes = segmentControl("Boxes", BOXES, choose("boxes"));
  const signed = () => explorer.maps?.signed ?? false;
  const colors = selectControl("Colours", (value) => store.commit({ [signed() ? "signed_colormap" : "colormap"]: value }));
  const root = element("div", { class: "dx-panel" }, [
    section(subject.title, [filter.root, objects.list, typed.root], count2),
    section("Explanation", [method.row, target.row, against.row, combine.row, direction.row, layer.row, elsewhere]),
    section("Display", [colors.row, scale.row, opacity.row, upper.row, hideBelow.row, boxes.row]),
    takeAway(download, () => store.get("code"), store)
  ]);
  let filled = null;
  return {
    root,
    /** Mark the object that is pointed at in the picture. @param {number | null} thing */
    point: (thing) => objects.point(thing),
    /** Show the state of the traits. */
    show() {
      const choices = store.get("choices");
      const found = store.get("objects");
      const { listed, listedThings, things, missed } = explorer;
      const filling = JSON.stringify([things, listedThings]);
      if (filled !== filling) {
        filled = filling;
        objects.fill(things, listedThings);
        count2.textContent = withMissedCount(countWords(found, listed), listedThings.length - listed.length);
      }
      filter.show(found, listed);
      typed.show();
      objects.show(explorer.thing);
      method.show(choices.methods, store.get("method"));
      elsewhere.textContent = choices.elsewhere ?? "";
      target.show(subject.whole || missed ? [] : choices.targets, store.get("target"));
      against.show(missed ? [] : explorer.others, store.get("against"));
      combine.show(store.get("combine"));
      combine.row.hidden = store.get("target") !== "combined" || missed !== null || store.settled("combine");
      const directions = choices.directions.filter((d) => explorer.directions.includes(d.name));
      direction.show(missed ? [] : directions, store.get("direction"));
      layer.show(layerChoices(choices.layers), store.get("layer"));
      const maps = signed() ? choices.signed_colormaps : choices.colormaps;
      colors.show(plain(maps), store.get(signed() ? "signed_colormap" : "colormap"));
      scale.show(store.get("scale"));
      boxes.show(store.get("boxes"));
      boxes.row.hidden = subject.whole;
      opacity.show(store.get("opacity"));
      hideBelow.show(store.get("hide_below"));
      upper.show();
    }
  };
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

// src/shared/result_cache.js
var ResultCache = class {
  /** @type {Map<string, Result>} */
  #results = /* @__PURE__ */ new Map();
  /**
   * @param {number} limit how much to keep; the newest result always stays
   * @param {(result: Result) => number} [size] what one result counts, by default 1
   */
  constructor(limit, size = () => 1) {
    this.limit = limit;
    this.size = size;
  }
  /** @param {string | null} key */
  has(key) {
    return key !== null && this.#results.has(key);
  }
  /** @param {string | null} key @returns {Result | null} */
  get(key) {
    const result = key === null ? void 0 : this.#results.get(key);
    if (!result) return null;
    this.#results.delete(result.key);
    this.#results.set(result.key, result);
    return result;
  }
  /** @param {Result} result */
  add(result) {
    this.#results.delete(result.key);
    this.#results.set(result.key, result);
    while (this.total > this.limit && this.#results.size > 1) {
      this.#results.delete(
        /** @type {string} */
        this.#results.keys().next().value
      );
    }
  }
  get total() {
    let total = 0;
    for (const result of this.#results.values()) total += this.size(result);
    return total;
  }
};

// src/explorer/model.js
var TRAITS = [
  "photo",
  "objects",
  "choices",
  "palettes",
  "selected",
  "misses",
  "miss",
  "min_score",
  "only_class",
  "search",
  "method",
  "target",
  "layer",
  "direction",
  "against",
  "combine",
  "others",
  "opacity",
  "hide_below",
  "percentile",
  "colormap",
  "signed_colormap",
  "scale",
  "boxes",
  "request",
  "map_key",
  "map_data",
  "status",
  "notice",
  "lower_score",
  "class_answer",
  "code"
];
function mapsInPlace(sent) {
  const found = decodeMaps(sent);
  if (!sent.rows) return found;
  const maps = [];
  sent.rows.forEach((row, i) => maps[row] = found.maps[i]);
  return { ...found, maps };
}
var Explorer = class extends ModelWithMisses {
  /** @param {AnyModel} model */
  constructor(model) {
    super(model, TRAITS, { cache: new ResultCache(MOST_BYTES, bytesOfMaps), decode: mapsInPlace, lingers: true });
    this.subject = subjectOf(this.store);
    this.coloring = new Coloring(this.store);
  }
  /** What the kernel does: also where the class that was chosen is not explained yet. @returns {import("../shared/types.js").Status} */
  get status() {
    const status = super.status;
    if (status.state !== "idle" || this.thing === null || this.nothing || !this.maps || this.map || this.itself || this.store.saved) return status;
    return { ...status, state: "busy", text: WAITING };
  }
  /** As for every widget of one result; nothing is to come where every object is of the other class itself. */
  get wanted() {
    const { key, choice } = this.store.get("request");
    return key === "" && this.itself && choice.against === this.store.get("against") ? "" : super.wanted;
  }
  /** The maps to show, or null. */
  get maps() {
    return this.result;
  }
  /** The map of the selected object or of the chosen miss, or null. */
  get map() {
    const { place, maps } = this;
    return place === null || this.itself ? null : maps?.maps[place] ?? null;
  }
  /** Give up what is under way: in the kernel, or, where that has not even heard of it, the choice itself. */
  cancel() {
    const { store, choice } = this;
    if (!choice || store.get("status").key === this.wanted) store.send({ type: "cancel" });
    else store.commit(choice);
  }
  /** The side of the box that the shown maps explain, or null. */
  get side() {
    const target = this.choice?.target;
    return ["x1", "y1", "x2", "y2"].includes(target) ? target : null;
  }
  /** The class that the chosen maps explain each object's own against, "" for none. @returns {string} */
  get against() {
    const { store } = this;
    const method = store.get("choices").methods.find((m) => m.name === store.get("method"));
    return store.get("target") === "class" && method?.contrasts ? store.get("against") : "";
  }
  /** Whether the selected object is of the very class that the others are explained against: it has no map. */
  get itself() {
    const { selected, against } = this;
    return against !== "" && selected !== null && this.store.get("others")[selected]?.own === against;
  }
  /** What the selected object's class can be explained against; the chosen class is always among them. @returns {import("../shared/controls.js").Choice[]} */
  get others() {
    const { store, selected } = this;
    const method = store.get("choices").methods.find((m) => m.name === store.get("method"));
    if (store.get("target") !== "class" || !method?.contrasts) return [];
    const others = store.get("others")[selected ?? 0]?.offered ?? [];
    const now = store.get("against");
    const further = now && !others.some((o) => o.name === now) ? [{ name: now, title: now }] : [];
    return others.length + further.length > 0 ? [{ name: "", title: "any other" }, ...others, ...further] : [];
  }
  /** The method's directions, none for most methods. @returns {string[]} */
  get directions() {
    const methods = this.store.get("choices").methods;
    return methods.find((m) => m.name === this.store.get("method"))?.directions ?? [];
  }
  /** @returns {import("../shared/types.js").Range | null} */
  get range() {
    const { place, maps } = this;
    if (!maps || place === null || !maps.maps[place]) return null;
    const [shared, percentile] = [this.store.get("scale") === "shared", this.store.get("percentile")];
    return shared ? colorRange({ ...maps, maps: maps.maps.filter(Boolean) }, 0, true, percentile) : colorRange(maps, place, false, percentile);
  }
  /** @param {boolean} fade */
  table(fade) {
    return this.coloring.table(this.maps?.signed ?? false, fade);
  }
  /** Names everything that the colours depend on. */
  get colors() {
    return this.coloring.signature(this.range);
  }
};

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
function holds(object, x, y, margin) {
  const [x1, y1, x2, y2] = object.box;
  if (!object.polygon) return x >= x1 - margin && x <= x2 + margin && y >= y1 - margin && y <= y2 + margin;
  const corners = cornersOf(object);
  const away = corners.map(([startX, startY], i) => {
    const [endX, endY] = corners[(i + 1) % corners.length];
    const length = Math.hypot(endX - startX, endY - startY) || 1;
    return ((endX - startX) * (y - startY) - (endY - startY) * (x - startX)) / length;
  });
  return away.every((distance) => distance >= -margin) || away.every((distance) => distance <= margin);
}
function boxesAt(objects, x, y, margin = 0) {
  const area = (i) => {
    const corners = cornersOf(objects[i]);
    const sum = corners.reduce((total, [x2, y2], n) => {
      const [nextX, nextY] = corners[(n + 1) % corners.length];
      return total + x2 * nextY - y2 * nextX;
    }, 0);
    return Math.abs(sum) / 2;
  };
  return objects.map((_, i) => i).filter((i) => holds(objects[i], x, y, margin)).sort((a, b) => area(a) - area(b) || a - b);
}
var ClickCycle = class {
  /** @type {number | null} */
  #last = null;
  #among = "";
  /**
   * @param {number[]} candidates from `boxesAt`
   * @param {number | null} selected what is selected now
   * @returns {number | null}
   */
  pick(candidates, selected) {
    if (candidates.length === 0) return null;
    const among = candidates.join();
    const again = among === this.#among && this.#last === selected && this.#last !== null;
    const at2 = again ? candidates.indexOf(
      /** @type {number} */
      this.#last
    ) + 1 : 0;
    this.#among = among;
    this.#last = candidates[at2 % candidates.length];
    return this.#last;
  }
};

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
function renderPicture(scene, part) {
  const canvas = document.createElement("canvas");
  canvas.width = part.width;
  canvas.height = part.height;
  const context = (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d")
  );
  paintScene(context, { ...scene, hovered: null }, { scale: 1, x: part.x, y: part.y }, 1);
  return canvas;
}
function fullLayer() {
  return new HeatLayer(Infinity);
}
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

// src/shared/sheet.js
var FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
var INK = "#1c1f24";
var MUTED = "#5b6270";
var NARROWEST = 420;
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
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length > 0 ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length > 0 && measure(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
function captionOf({ part, words, bar, legend }, measure) {
  const width = Math.max(part.width, NARROWEST);
  const unit = Math.max(1, width / 900);
  const edge = 8 * unit;
  const size = 13 * unit;
  const items = [];
  let y = edge;
  for (const line of words.flatMap((text) => brokenLines(text, width - 2 * edge, (t) => measure(t, size)))) {
    items.push({ kind: "text", x: edge, y: y + size, text: line, size, color: INK });
    y += 18 * unit;
  }
  if (bar) {
    const long = Math.min(320 * unit, width - 2 * edge);
    const small = 11 * unit;
    items.push({ kind: "bar", x: edge, y: y + 4 * unit, width: long, height: 12 * unit });
    y += 16 * unit;
    const said = rangeWords(bar.range);
    if (bar.unit) items.push({ kind: "text", x: edge + long + 12 * unit, y: y - 2 * unit, text: bar.unit, size: small, color: MUTED });
    said.forEach((text, i) => {
      const x2 = edge + i * (long - measure(text, small)) / 2;
      items.push({ kind: "text", x: x2, y: y + small + 2 * unit, text, size: small, color: MUTED });
    });
    y += 18 * unit;
  }
  let x = edge;
  for (const { color, name } of legend) {
    const across = measure(name, size) + 30 * unit;
    if (x > edge && x + across > width) {
      x = edge;
      y += 18 * unit;
    }
    items.push({ kind: "box", x, y: y + 3 * unit, width: 11 * unit, height: 11 * unit, color });
    items.push({ kind: "text", x: x + 16 * unit, y: y + size, text: name, size, color: INK });
    x += across;
  }
  if (legend.length > 0) y += 18 * unit;
  return { width, height: Math.ceil(y + edge), unit, items };
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
function renderSheet(sheet) {
  const { width, height, items } = captionOf(sheet, measuring());
  const picture = renderPicture(sheet.scene, sheet.part);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = picture.height + height;
  const context = (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d")
  );
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0);
  for (const item of items) {
    const y = picture.height + item.y;
    if (item.kind === "bar") {
      context.fillStyle = "#e4e6ea";
      context.fillRect(item.x, y, item.width, item.height);
      context.drawImage(barPicture(
        /** @type {any} */
        sheet.bar.table
      ), item.x, y, item.width, item.height);
      continue;
    }
    context.fillStyle = item.color;
    if (item.kind === "box") context.fillRect(item.x, y, item.width, item.height);
    else {
      context.font = `${item.size}px ${FONT}`;
      context.fillText(item.text, item.x, y);
    }
  }
  return canvas;
}
var svgText = (text) => text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] ?? c).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "�");
var at = (value) => String(Math.round(100 * value) / 100);
var textLine = (words, x, y, size, color) => `<text x="${at(x)}" y="${at(y)}" font-size="${at(size)}" fill="${color}">${svgText(words)}</text>`;
function overlayLines(scene, part, unit, measure) {
  const place = ([x1, y1, x2, y2] = [0, 0, 0, 0]) => `x="${at(x1 - part.x)}" y="${at(y1 - part.y)}" width="${at(x2 - x1)}" height="${at(y2 - y1)}"`;
  const still = { ...scene, hovered: null };
  const { boxes, named } = drawnBoxes(still);
  const lines = boxes.map(({ index, color, line, alpha, dashed }) => {
    const { box, polygon } = still.objects[index];
    const corners = polygon?.map(([x, y]) => `${at(x - part.x)},${at(y - part.y)}`).join(" ");
    const outline = corners ? `polygon points="${corners}"` : `rect ${place(box)}`;
    const dash = dashed ? ` stroke-dasharray="${at(6 * unit)} ${at(4 * unit)}"` : "";
    return `<g fill="none" stroke-opacity="${alpha}"${dash}><${outline} stroke="#000000" stroke-opacity="0.55" stroke-width="${at((line + 2) * unit)}"/><${outline} stroke="${color}" stroke-width="${at(line * unit)}"/></g>`;
  });
  if (still.selected !== null && still.side) {
    const { left, right, top, bottom } = sideOf(still.objects[still.selected], still.side);
    lines.push(`<line x1="${at(left - part.x)}" y1="${at(top - part.y)}" x2="${at(right - part.x)}" y2="${at(bottom - part.y)}" stroke="${SIDE}" stroke-width="${at(4.5 * unit)}"/>`);
  }
  for (const index of named) {
    const object = still.objects[index];
    const label = boxLabel(object);
    const [x, y] = [Math.max(2, object.box[0] - part.x), Math.max(2, object.box[1] - part.y - 22 * unit)];
    lines.push(`<rect x="${at(x)}" y="${at(y)}" width="${at(measure(label, 12 * unit) + 12 * unit)}" height="${at(20 * unit)}" rx="${at(4 * unit)}" fill="#111418" fill-opacity="0.86"/>`);
    lines.push(textLine(label, x + 6 * unit, y + 14 * unit, 12 * unit, "#ffffff"));
  }
  return lines;
}
function svgOf(sheet) {
  const measure = measuring();
  const { width, height, unit, items } = captionOf(sheet, measure);
  const { scene, part } = sheet;
  const plain2 = { ...scene, objects: [], selected: null, hovered: null, side: null };
  const bottom = part.height;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom + height}" viewBox="0 0 ${width} ${bottom + height}" font-family="${svgText(FONT)}">`,
    `<rect width="${width}" height="${bottom + height}" fill="#ffffff"/>`,
    `<image width="${part.width}" height="${part.height}" href="${renderPicture(plain2, part).toDataURL("image/png")}"/>`,
    `<svg width="${part.width}" height="${part.height}">`,
    ...overlayLines(scene, part, unit, measure),
    "</svg>"
  ];
  for (const item of items) {
    const y = bottom + item.y;
    if (item.kind === "text") lines.push(textLine(item.text, item.x, y, item.size, item.color));
    else {
      const box = `x="${at(item.x)}" y="${at(y)}" width="${at(item.width)}" height="${at(item.height)}"`;
      if (item.kind === "box") lines.push(`<rect ${box} fill="${item.color}"/>`);
      else lines.push(`<image ${box} preserveAspectRatio="none" href="${barPicture(
        /** @type {any} */
        sheet.bar.table
      ).toDataURL("image/png")}"/>`);
    }
  }
  return [...lines, "</svg>", ""].join("\n");
}
var FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;
function csvOf(columns, rows) {
  const cell = (value) => {
    const plain2 = value === null || value === void 0 ? "" : String(value);
    const text = typeof value === "string" && FORMULA.test(value) ? `'${plain2}` : plain2;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
function startColumns(whole) {
  return whole ? ["class_number", "class", "probability"] : ["number", "name", "score", "x1", "y1", "x2", "y2"];
}
var OBJECT_COLUMNS = [...startColumns(false), "listed", "selected"];
var objectCells = (objects, listed, selected) => objects.map((object, i) => [...objectStart(object, i), listed.includes(i), i === selected]);
var CLASS_COLUMNS = [...startColumns(true), "listed", "selected"];
var objectStart = ({ name, score, box, number, label, missed }, i) => label === void 0 ? [number ?? (missed ? "" : i), name, score, ...box] : [label, name, score];

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
      const lines = event.deltaMode === 1 ? 16 : 1;
      viewport.zoomBy(Math.exp(-event.deltaY * lines / 400), screen(event));
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

// src/shared/tools.js
function zoomTools(stage) {
  return element("div", { class: "dx-tools", role: "toolbar", "aria-label": "Zoom" }, [
    button("plus", "Zoom in (+)", () => stage.zoomIn()),
    button("minus", "Zoom out (−)", () => stage.zoomOut()),
    button("reset", "Show the whole photograph (0)", () => stage.reset()),
    fullScreenButton(() => stage.whole())
  ]);
}
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

// src/shared/stage.js
var TALLEST = 640;
var OF_WINDOW = 0.8;
var OF_SCREEN = 0.86;
var MARGIN = 3;
var ZOOM_STEP = 1.3;
var PAN_STEP = 60;
var Stage = class {
  #cycle = new ClickCycle();
  #frame = 0;
  /** @type {number | null} */
  hovered = null;
  /**
   * @param {Size} size of the photograph
   * @param {StageActions} actions
   */
  constructor(size, actions) {
    this.actions = actions;
    this.viewport = new Viewport(size);
    this.canvas = takesKeys(element("canvas", { class: "dx-canvas", tabindex: "0", role: "application" }));
    this.hint = element("div", { class: "dx-hint", "aria-hidden": "true" }, [WHEEL_HINT]);
    this.root = element("div", { class: "dx-stage" }, [this.canvas, this.hint]);
    this.#listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.root);
  }
  /** Give the canvas the room there is across, whatever the photograph's proportions. */
  fit() {
    const room = this.root.clientWidth;
    if (room === 0) return;
    const tallest = document.fullscreenElement ? OF_SCREEN * window.innerHeight : Math.min(TALLEST, OF_WINDOW * window.innerHeight);
    const screen = placeFor(this.viewport.image, room, Math.max(200, tallest));
    const ratio = window.devicePixelRatio || 1;
    this.canvas.style.width = `${screen.width}px`;
    this.canvas.style.height = `${screen.height}px`;
    this.canvas.width = Math.round(screen.width * ratio);
    this.canvas.height = Math.round(screen.height * ratio);
    this.viewport.resize(screen);
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
    const scene = this.actions.scene();
    const context = this.canvas.getContext("2d");
    if (!scene || !context) return;
    const unit = this.canvas.width / this.viewport.screen.width;
    paintScene(context, { ...scene, hovered: this.hovered }, this.viewport.view, unit);
    this.actions.painted();
  }
  /** @param {number} factor */
  zoom(factor) {
    this.viewport.zoomBy(factor);
    this.#moved();
  }
  zoomIn() {
    this.zoom(ZOOM_STEP);
  }
  zoomOut() {
    this.zoom(1 / ZOOM_STEP);
  }
  reset() {
    this.viewport.reset();
    this.#moved();
  }
  /** Take the widget to full screen, or back. */
  whole() {
    fullScreen(this.root, () => {
      this.hint.textContent = "Full screen is not allowed here";
      flash(this.hint);
    });
  }
  /** @param {number | null} index */
  hover(index) {
    if (index === this.hovered) return;
    this.hovered = index;
    this.actions.hovered?.(index);
    this.invalidate();
  }
  dispose() {
    cancelAnimationFrame(this.#frame);
    this.observer.disconnect();
  }
  #moved() {
    this.canvas.classList.toggle("dx-zoomed", this.viewport.zoom > 1);
    this.invalidate();
  }
  #listen() {
    const { canvas, actions, viewport } = this;
    listenToGestures(canvas, {
      viewport,
      moved: () => this.#moved(),
      pointed: (x, y) => this.#point(x, y),
      left: () => {
        this.hover(null);
        actions.pointed(null, null);
      },
      clicked: (x, y) => {
        if (actions.places === false) return;
        actions.select(this.#cycle.pick(this.#under(x, y), actions.selected()));
      },
      refused: () => {
        this.hint.textContent = WHEEL_HINT;
        flash(this.hint);
      }
    });
    const pan = (dx, dy) => () => {
      this.viewport.panBy(dx, dy);
      this.#moved();
    };
    listenToKeys(canvas, {
      ArrowRight: () => actions.step(1),
      ArrowDown: () => actions.step(1),
      ArrowLeft: () => actions.step(-1),
      ArrowUp: () => actions.step(-1),
      Home: () => actions.select(this.#shown()[0] ?? null),
      End: () => actions.select(this.#shown().pop() ?? null),
      "Shift+ArrowRight": pan(-PAN_STEP, 0),
      "Shift+ArrowLeft": pan(PAN_STEP, 0),
      "Shift+ArrowDown": pan(0, -PAN_STEP),
      "Shift+ArrowUp": pan(0, PAN_STEP),
      "+": () => this.zoomIn(),
      "=": () => this.zoomIn(),
      "-": () => this.zoomOut(),
      0: () => this.reset(),
      F: () => this.whole(),
      Escape: () => actions.escape()
    });
  }
  /** The objects that can be pointed at. */
  #shown() {
    const { objects, shown = () => true } = this.actions;
    return objects().flatMap((_, i) => shown(i) ? [i] : []);
  }
  /**
   * @param {number} x
   * @param {number} y
   */
  #under(x, y) {
    const { objects, shown, places } = this.actions;
    if (places === false) return [];
    const under = boxesAt(objects(), x, y, MARGIN / this.viewport.scale);
    return shown ? under.filter(shown) : under;
  }
  /**
   * @param {number} x
   * @param {number} y
   */
  #point(x, y) {
    const under = this.#under(x, y);
    this.hover(under[0] ?? null);
    this.canvas.style.cursor = under.length > 0 ? "pointer" : "";
    this.actions.pointed(x, y);
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
function pictureParts(shared, { scene, painted, pointed = () => {
}, hovered = () => {
} }) {
  const { store } = shared;
  const parts = viewParts(store, shared.cancel && (() => shared.cancel?.()));
  const { words, progress } = parts;
  const subject = subjectOf(store);
  const objects = () => shared.objects ?? store.get("objects");
  const numbers = () => shared.listed ?? [...objects().keys()];
  function select(index) {
    if (index === null || objects()[index]) store.commit({ ...shared.along, ...shared.choose?.(index) ?? { selected: index } });
  }
  function step(by) {
    const next = nextAmong(numbers(), shared.selected, by);
    if (next === null) return;
    if (!subject.whole) stage.viewport.reveal(objects()[next].box);
    select(next);
  }
  function escape() {
    if (shared.status.state === "busy") parts.cancel();
    else select(null);
  }
  const { width, height } = store.get("photo");
  const selected = () => shared.selected;
  let listed = null;
  const isListed = (index) => (listed ??= new Set(numbers())).has(index);
  const filtered = (drawn) => {
    if (drawn && subject.whole) return { ...drawn, ...overlayOf(objects(), drawn.size) };
    const hidden = objects().flatMap((_, i) => isListed(i) ? [] : [i]);
    return drawn && hidden.length > 0 ? { ...drawn, hidden: /* @__PURE__ */ new Set([...drawn.hidden ?? [], ...hidden]) } : drawn;
  };
  let at2 = { x: null, y: null };
  const stage = new Stage({ width, height }, {
    objects,
    selected,
    scene: () => filtered(scene()),
    select,
    step,
    escape,
    painted,
    shown: isListed,
    places: !subject.whole,
    hovered: (index) => hovered(index),
    pointed: (x, y) => {
      at2 = { x, y };
      pointed(x, y);
    }
  });
  stage.canvas.setAttribute("aria-describedby", words.id);
  stage.root.append(zoomTools(stage), progress.busy);
  return {
    ...parts,
    stage,
    /**
     * As `downloads`, of the one picture.
     * @param {() => import("./sheet.js").Sheet | null} sheet
     * @param {() => string} table
     * @param {(made: import("./sheet.js").Sheet) => HTMLCanvasElement} [png] where there is more to see than the picture
     */
    downloads: (sheet, table, png = renderSheet) => parts.downloads(sheet, table, { png, svg: svgOf }),
    scene: filtered,
    /** Traits have changed: what is said of the point under the pointer may be another object's. */
    changed() {
      listed = null;
      pointed(at2.x, at2.y);
      parts.again.show(shared.lower ?? null);
    },
    /** What the panel's list of objects does. */
    list: { select, step, hover: (index) => subject.whole || stage.hover(index) },
    /**
     * Picture, what belongs below it, and the panel beside it.
     * @param {string} kind
     * @param {string} label
     * @param {HTMLElement[]} below
     * @param {HTMLElement} panel
     */
    arrange(kind, label, below, panel) {
      const figure = element("div", { class: "dx-figure" }, [stage.root, ...below, progress.error, words, parts.again.root]);
      return parts.frame(kind, label, [element("div", { class: "dx-columns" }, [figure, panel])]);
    },
    /** Say what the picture is. @param {string} what */
    label(what) {
      const all = objects();
      const found = numbers().filter((i) => !all[i]?.missed).length;
      const missed = numbers().length - found;
      const count2 = subject.whole ? `its map for one of ${counted(subject, found)}` : `${found} detected ${found === 1 ? "object" : "objects"}`;
      const also = missed > 0 ? ` and ${missed} missed` : "";
      stage.canvas.setAttribute("aria-label", `${what} with ${count2}${also}. Arrow keys select, plus and minus zoom.`);
    },
    dispose() {
      parts.dispose();
      stage.dispose();
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

// src/explorer/index.js
var ExplorerView = class {
  #heat = new HeatLayer();
  /** The point whose value is told, in pixels of the photograph. @type {[number | null, number | null]} */
  #at = [null, null];
  /**
   * @param {Explorer} explorer
   * @param {HTMLElement} host
   */
  constructor(explorer, host) {
    this.explorer = explorer;
    this.store = explorer.store;
    this.parts = pictureParts(explorer.picked, {
      scene: () => this.#scene(this.#heat),
      pointed: (x, y) => this.#point(x, y),
      hovered: (index) => this.panel.point(index),
      painted: () => this.#painted()
    });
    this.bar = colorBar();
    this.deciding = decidingMap();
    this.panel = explorerPanel(explorer, { ...this.parts.list, download: this.parts.downloads(() => this.#sheet(), () => this.#table()) });
    this.root = this.parts.arrange("explorer", explorer.subject.whole ? "Explorer of classes" : "Explorer of detected objects", [this.bar.root, this.deciding.root], this.panel.root);
    this.parts.begin(host, this.root, { changed: (key) => this.#changed(key), decoded: () => this.parts.stage.fit() });
    this.#refresh();
    this.parts.progress.show(explorer.status);
  }
  dispose() {
    this.parts.dispose();
  }
  /** @param {string} key */
  #changed(key) {
    if (this.explorer.chooses(key)) this.parts.progress.show(this.explorer.status);
    if (key !== "status") this.#refresh();
    this.parts.stage.invalidate();
  }
  /** Bring controls, list, colour bar and words up to date. */
  #refresh() {
    const { explorer, store, parts } = this;
    this.panel.show();
    this.bar.show(explorer.map ? explorer.range : null, explorer.table(false), explorer.maps?.unit);
    this.deciding.show(explorer.map, store.get("photo"));
    this.#point(...this.#at);
    parts.changed();
    parts.label("Photograph");
    parts.say(this.#words());
  }
  #words() {
    const { explorer, store } = this;
    const { selected, missed } = explorer;
    if (missed) return describe(missed, explorer.map, explorer.maps?.title ?? "");
    if (store.get("notice")) return store.get("notice");
    if (selected === null) return explorer.subject.whole ? "Choose a class in the list, or type the name of another, to see its heat map." : "Click an object, or use the arrow keys, to see its heat map.";
    if (explorer.itself) return `${nameOf(store.get("objects")[selected])} is of the very class that the others are explained against: choose another one after “Rather than”.`;
    return describe(store.get("objects")[selected], explorer.map, explorer.maps?.title ?? "");
  }
  /**
   * @param {HeatLayer} layer
   * @returns {import("../shared/painter.js").Scene | null}
   */
  #scene(layer) {
    const { explorer, store, parts } = this;
    const photo = parts.photo();
    if (!photo) return null;
    const { width, height } = store.get("photo");
    const { map, range } = explorer;
    const drawn = map && range ? layer.draw(map, [height, width], range, explorer.table(true), explorer.colors) : null;
    return {
      photo,
      size: { width, height },
      heat: drawn,
      opacity: store.get("opacity"),
      ...drawnThings(explorer.things, explorer.missed),
      selected: explorer.thing,
      hovered: null,
      side: map ? explorer.side : null,
      boxes: store.get("boxes")
    };
  }
  /**
   * @param {number | null} x
   * @param {number | null} y
   */
  #point(x, y) {
    this.#at = [x, y];
    const { width, height } = this.store.get("photo");
    if (x === null || y === null || x < 0 || y < 0 || x >= width || y >= height) {
      this.bar.point(null);
      return;
    }
    const at2 = { x: Math.floor(x), y: Math.floor(y) };
    const { map } = this.explorer;
    this.bar.point({ ...at2, value: map ? valueAt(map, at2.x + 0.5, at2.y + 0.5) : null });
  }
  #painted() {
    const { explorer, root, store } = this;
    root.dataset.shown = explorer.map ? `${explorer.maps?.key}#${explorer.thing}` : "";
    root.dataset.opacity = String(store.get("opacity"));
    const waits = explorer.thing !== null && !explorer.nothing && !explorer.map && !explorer.itself && explorer.status.state !== "error";
    root.dataset.ready = String(!waits);
  }
  /** @returns {import("../shared/sheet.js").Sheet | null} */
  #sheet() {
    const { explorer, store, parts } = this;
    const scene = parts.scene(this.#scene(fullLayer()));
    if (!scene) return null;
    const { thing, things, missed, map, maps, range } = explorer;
    const misses = store.get("misses").length;
    const found = withMissedCount(counted(explorer.subject, store.get("objects").length), misses);
    const what = missed ? describe(missed, map, maps?.title ?? "") : thing === null ? found : `${boxLabel(things[thing])}${maps ? `: ${maps.title}` : ""}`;
    const choice = explorer.choice ?? {};
    return {
      scene,
      part: parts.stage.viewport.visible,
      words: [what],
      bar: map && range ? { range, table: explorer.table(false), unit: maps?.unit } : null,
      legend: classLegend(scene),
      // How parts are joined names no file of a map that is not joined.
      name: [...Object.entries(choice).filter(([key]) => key !== "miss" && (key !== "combine" || choice.target === "combined")).map(([, value]) => value), ...thing === null ? ["photograph"] : [...missed ? ["missed"] : [], things[thing].name, String(missed ? explorer.miss : thing)]]
    };
  }
  #table() {
    const { explorer, store } = this;
    const columns = ["method", "target", "layer", "direction", "against", "combine"];
    const { whole } = explorer.subject;
    const figures = ["status", "low", "high", "peak_x", "peak_y", ...whole ? [] : ["energy_inside"]];
    const { things, listedThings, thing, place } = explorer;
    const missed = store.get("misses").length > 0;
    const rows = objectCells(things, listedThings, thing).map((cells, i) => {
      const map = things[i].missed || explorer.miss !== null ? i === thing && place !== null ? explorer.map : null : explorer.maps?.maps[i];
      const found = map ? [map.status, map.low, map.high, ...map.peak, ...whole ? [] : [map.inside]] : [];
      const cause = missed ? [things[i].missed, things[i].about] : [];
      return [...cells, ...cause, ...columns.map((name) => explorer.choice?.[name]), ...found];
    });
    const causes = missed ? ["missed", "best_candidate"] : [];
    return csvOf([...whole ? CLASS_COLUMNS : OBJECT_COLUMNS, ...causes, ...columns, ...figures], rows);
  }
};
var explorer_default = widget(
  (model) => new Explorer(model),
  (explorer, host) => new ExplorerView(explorer, host)
);
export {
  explorer_default as default
};
