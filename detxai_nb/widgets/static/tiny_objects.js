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
function neighbour(selected, step, count2) {
  if (count2 === 0) return null;
  if (selected === null) return step > 0 ? 0 : count2 - 1;
  return (selected + step + count2) % count2;
}

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
  const along2 = (row) => {
    const a = map.quanta[row * map.width + across.first];
    const b = map.quanta[row * map.width + across.second];
    return a + (b - a) * across.part;
  };
  const top = along2(down.first);
  const quantum = top + (along2(down.second) - top) * down.part;
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
  const line2 = new Float64Array(map.width);
  for (let j = 0; j < rows2; j++) {
    const down = neighbours(map, 1, (j + 0.5) * height / rows2);
    if (down.beyond) continue;
    const a = down.first * map.width;
    const b = down.second * map.width;
    for (let i = 0; i < map.width; i++) {
      line2[i] = map.low + step * (map.quanta[a + i] + (map.quanta[b + i] - map.quanta[a + i]) * down.part);
    }
    for (let i = 0; i < columns; i++) {
      if (across[i].beyond) continue;
      const left = line2[firsts[i]];
      out[j * columns + i] = left + (line2[seconds[i]] - left) * parts[i];
    }
  }
  return out;
}
var sorted = /* @__PURE__ */ new WeakMap();
function evidence(maps, signed, { low, high }) {
  const known2 = sorted.get(maps[0]) ?? [];
  sorted.set(maps[0], known2);
  const same = known2.find((one) => one.maps.length === maps.length && one.maps.every((map, i) => map === maps[i]));
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
  known2.push({ maps, values });
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
function scoreWords(object) {
  const { score } = object;
  if (!kindOf(object).whole || score >= 0.01 || score === 0) return score.toFixed(2);
  return score >= 1e-4 ? score.toFixed(4) : score.toExponential(1);
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
      const share2 = status.total > 0 ? status.done / status.total : 0;
      bar.classList.toggle("dx-unknown", share2 === 0);
      fill.style.width = `${100 * share2}%`;
      if (share2 === 0) bar.removeAttribute("aria-valuenow");
      else bar.setAttribute("aria-valuenow", String(Math.round(100 * share2)));
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
function paintBox(context, object, view, unit, { line: line2, alpha, color, dashed }) {
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
  context.lineWidth = (line2 + 2) * unit;
  stroke();
  context.strokeStyle = color;
  context.lineWidth = line2 * unit;
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

// src/shared/sheet.js
var FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
var INK = "#1c1f24";
var MUTED = "#5b6270";
function brokenLines(text, width, measure) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length > 0 ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length > 0 && measure(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
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
  const lines = boxes.map(({ index, color, line: line2, alpha, dashed }) => {
    const { box, polygon } = still.objects[index];
    const corners = polygon?.map(([x, y]) => `${at(x - part.x)},${at(y - part.y)}`).join(" ");
    const outline = corners ? `polygon points="${corners}"` : `rect ${place(box)}`;
    const dash = dashed ? ` stroke-dasharray="${at(6 * unit)} ${at(4 * unit)}"` : "";
    return `<g fill="none" stroke-opacity="${alpha}"${dash}><${outline} stroke="#000000" stroke-opacity="0.55" stroke-width="${at((line2 + 2) * unit)}"/><${outline} stroke="${color}" stroke-width="${at(line2 * unit)}"/></g>`;
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
  let said2 = "";
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
      if (text !== said2) words.textContent = said2 = text;
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
function widget(share2, view) {
  return () => {
    let whole = null;
    let shared = null;
    const begin = (model, act) => {
      const arriving = whole ??= new WholeModel(model);
      return arriving.whenWhole(() => act(shared ??= share2(
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
    const said2 = comparison.metrics.map((metric) => ({
      title: metric.title,
      value: row.metrics[metric.name]?.[place.object],
      best: comparison.isBest(metric, place),
      about: `${metric.title}: ${metric.higher ? "higher" : "lower"} is better. ${metric.source}`
    }));
    const own = Object.entries(row.figures).map(([title, values]) => ({ title, value: values[place.object], best: false, about: "" }));
    const lines = row.state === "ok" || map ? [...said2, ...own].filter(({ value }) => value !== void 0) : [];
    const all = JSON.stringify([lines, chip]);
    if (all === this.#shown) return;
    this.#shown = all;
    const named = lines.map(({ title, value, best }) => (
      /** @type {[string, string]} */
      [title, `${figure(value)}${best ? " (best)" : ""}`]
    ));
    this.said = [...chip ? [
      /** @type {[string, string]} */
      [chip, ""]
    ] : [], ...named];
    this.figures.replaceChildren(
      ...factRows(lines.map(({ title, value, best, about }) => ({ name: title, value: figure(value), best, title: about })))
    );
    const words = lines.map(({ title, value, best }) => `${title} ${figure(value)}${best ? ", the best" : ""}`);
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
var TALLEST2 = 320;
var ZOOM_STEP2 = 1.3;
var PAN_STEP2 = 40;
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
    this.viewport.resize(placeFor(this.viewport.image, Math.max(40, room - 8), TALLEST2));
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
    this.zoom(ZOOM_STEP2);
  }
  zoomOut() {
    this.zoom(1 / ZOOM_STEP2);
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
    const lines = order.map((method) => {
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
    table.replaceChildren(element("div", { class: "dx-line dx-top", role: "row" }, [corner, ...heads]), ...lines);
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
    const share2 = row.state === "busy" && total > 0 ? Math.round(100 * done / total) : 0;
    const said2 = JSON.stringify([row, share2, comparison.metrics, comparison.shown.length]);
    if (
      /** @type {HTMLElement} */
      head.dataset.said === said2
    ) return;
    head.dataset.said = said2;
    const parts = [element("strong", {}, [comparison.title(method)])];
    if (row.remark) parts.push(element("span", { class: "dx-remark" }, [row.remark]));
    if (row.state === "busy") parts.push(...this.#work(share2, row.text));
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
  #work(share2, text) {
    const fill = element("span", { class: "dx-progress-fill" });
    fill.style.width = `${share2}%`;
    const bar = element("span", { class: `dx-progress-bar${share2 === 0 ? " dx-unknown" : ""}`, "aria-hidden": "true" }, [fill]);
    const said2 = element("span", { class: "dx-remark" }, [share2 === 0 ? "Computing" : `Computing, ${share2}%`]);
    return [said2, bar, ...text ? [element("span", { class: "dx-remark" }, [text])] : []];
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
      "Shift+ArrowRight": pan(-PAN_STEP2, 0),
      "Shift+ArrowLeft": pan(PAN_STEP2, 0),
      "Shift+ArrowDown": pan(0, -PAN_STEP2),
      "Shift+ArrowUp": pan(0, PAN_STEP2),
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
  const line2 = (text) => {
    items.push({ kind: "text", x: EDGE, y: top + 13, text, size: 12, color: INK });
    top += 17;
  };
  for (const text of words.filter(Boolean)) brokenLines(text, width - 2 * EDGE, (t) => measure(t, 12)).forEach(line2);
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
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${svgText(FONT)}">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`
  ];
  for (const item of items) {
    if (item.kind === "text") {
      const weight = item.bold ? ' font-weight="600"' : "";
      lines.push(`<text x="${item.x}" y="${item.y}" font-size="${item.size}" fill="${item.color}"${weight}>${svgText(item.text)}</text>`);
    } else if (item.kind === "box") lines.push(`<rect ${place(item)} fill="${item.color}"/>`);
    else if (item.kind === "bar") lines.push(`<image ${place(item)} ${href(barPicture(item.table))}/>`);
    else if (item.kind === "picture") lines.push(`<image ${place(item)} ${href(item.canvas)}/>`);
    else {
      const { x, y, scale } = item.cell.viewport.view;
      const part = { x, y, width: item.width / scale, height: item.height / scale };
      const scene = item.cell.scene();
      lines.push(
        `<svg ${place(item)} viewBox="0 0 ${part.width} ${part.height}">`,
        `<image width="${part.width}" height="${part.height}" ${href(cellPicture(item.cell, item, SHARPNESS, false))}/>`,
        ...scene ? overlayLines(scene, part, 1 / scale, measure) : [],
        "</svg>"
      );
    }
  }
  return [...lines, "</svg>", ""].join("\n");
}

// src/tiny_objects/words.js
function percent(share2) {
  const value = 100 * share2;
  return `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))}%`;
}
var times = (value) => `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))}×`;
function worth(measure, value) {
  if (value === null) return "–";
  if (measure === "pointing") return value > 0 ? "hit" : "missed";
  if (measure === "reach") return times(value);
  return percent(value);
}
function figuresOf(tiny, method, index) {
  const said2 = (measure) => worth(measure, tiny.figure(method, measure, index));
  return [
    ["Pointing", "pointing game", said2("pointing")],
    ["Energy in box", "energy in the box", said2("energy")],
    ["Size / box", "half of its energy over the size of the box", said2("reach")],
    ["Beside", "energy in the nearest neighbour", said2("beside")]
  ];
}
function likenessOf(tiny, method, pair) {
  const cosine = tiny.pairFigure(method, "cosine", pair);
  const pearson = tiny.pairFigure(method, "pearson", pair);
  const number = (value) => value === null ? "–" : value.toFixed(2);
  return [
    ["Cosine", "cosine", number(cosine)],
    ["Correlation", "correlation", number(pearson)],
    ["Told apart", "told apart", tiny.pairFigure(method, "told_apart", pair) ? "yes" : "no"]
  ];
}
function objectWords(tiny, index) {
  const thing = tiny.thing(index);
  const { score, share: share2, file } = thing;
  return `${nameOf(thing)}, score ${score.toFixed(2)}, ${percent(share2)} of the input, ${file}`;
}
function dotWords(tiny, { object, method }) {
  const value = worth(tiny.measure, tiny.figure(method, tiny.measure, object));
  const hit = worth("pointing", tiny.figure(method, "pointing", object));
  return `${tiny.methods[method].title}: ${tiny.measureTitle.toLowerCase()} ${value}, pointing game ${hit}`;
}
function chosenWords(tiny) {
  const { chosen, pair, methods } = tiny;
  if (chosen.length === 0) return "";
  const listed = (figures) => figures.map(([, name, value]) => `${name} ${value}`).join(", ");
  if (pair === null) {
    const maps2 = methods.map(({ title }, method) => `${title}: ${listed(figuresOf(tiny, method, chosen[0]))}`);
    return `${objectWords(tiny, chosen[0])}. ${maps2.join(". ")}.`;
  }
  const [first, second] = chosen.map((index) => tiny.thing(index));
  const gap = tiny.pairs.column("distance")[pair];
  const touching = gap > 0 ? `${formatValue(gap)} pixels apart` : "touching";
  const maps = methods.map(({ title }, method) => `${title}: ${listed(likenessOf(tiny, method, pair))}`);
  return `${boxLabel(first)} and ${boxLabel(second)}, ${touching}, ${first.file}. ${maps.join(". ")}.`;
}

// src/tiny_objects/crops.js
var FEWEST = 20;
var OWN = "#ffffff";
var ANNOTATED = "#ffb000";
var NEIGHBOUR = "#56b4e9";
var Crops = class {
  labels = { grid: "Selected objects and methods", empty: "" };
  /** @type {import("../shared/types.js").Metric[]} */
  metrics = [];
  /** @type {null} */
  side = null;
  /** The cell in focus. @type {Place | null} */
  focus = null;
  /** @type {unknown} */
  #sent = null;
  /** @type {Map<string, MapSet>} */
  #maps = /* @__PURE__ */ new Map();
  /** @param {TinyObjects} tiny */
  constructor(tiny) {
    this.tiny = tiny;
    this.store = tiny.store;
    this.photo = this.store.get("photo");
    const { width, height } = this.photo;
    this.mostZoom = Math.max(16, Math.max(width, height) / FEWEST);
  }
  /** What the kernel sent last. */
  get sent() {
    return this.store.get("map_data");
  }
  /** The objects that are shown. @returns {number[]} */
  get numbers() {
    return this.sent.numbers ?? [];
  }
  /** Rows. @returns {string[]} */
  get order() {
    return this.numbers.map((_, row) => String(row));
  }
  /** Columns. @returns {number[]} */
  get shown() {
    return this.numbers.length > 0 ? [0, ...this.tiny.methods.map((_, method) => method + 1)] : [];
  }
  /** @returns {Place | null} */
  get selected() {
    if (this.numbers.length === 0) return null;
    const { focus } = this;
    return focus && this.order.includes(focus.method) && this.shown.includes(focus.object) ? focus : { method: "0", object: 1 };
  }
  get status() {
    return this.tiny.viewStatus;
  }
  /** @param {number} column @returns {string} */
  label(column) {
    return column === 0 ? "Photograph" : this.tiny.methods[column - 1]?.title ?? "";
  }
  /** @param {string} row @returns {string} */
  title(row) {
    return boxLabel(this.tiny.thing(this.numbers[Number(row)]));
  }
  /** @param {string} row @returns {import("../shared/types.js").Row} */
  row(row) {
    const { tiny } = this;
    const index = this.numbers[Number(row)];
    const { share: share2, tiny: small, distance, neighbour: neighbour2 } = tiny.thing(index);
    const near = neighbour2 < 0 ? "no neighbour" : distance > 0 ? `nearest box ${Math.round(distance)} px away` : "touches a box";
    const remark = `${percent(share2)} of the input, ${small ? "tiny" : "not tiny"}; ${near}`;
    const pair = this.numbers.length > 1 ? tiny.pair : null;
    const figures = {};
    tiny.methods.forEach((_, method) => {
      const own = figuresOf(tiny, method, index);
      const alike = pair !== null && row === "1" ? likenessOf(tiny, method, pair) : [];
      for (const [name, , value] of [...own, ...alike]) {
        figures[name] ??= [];
        figures[name][method + 1] = value;
      }
    });
    return { key: "", state: "ok", text: "", remark, figures, metrics: {}, mean: {} };
  }
  /** @param {Place} place */
  map({ method: row, object: column }) {
    this.#take();
    return this.#maps.get(this.#name(column))?.maps[Number(row)] ?? null;
  }
  maps() {
    return null;
  }
  /** @param {Place} place */
  range({ method: row, object: column }) {
    this.#take();
    const maps = this.#maps.get(this.#name(column));
    return maps?.maps[Number(row)] ? colorRange(maps, Number(row), false, this.store.get("percentile")) : null;
  }
  /** @param {string} _ @param {boolean} fade */
  table(_, fade) {
    const palette = this.tiny.palettes.get(this.store.get("colormap"));
    return colorTable(
      /** @type {Uint8Array} */
      palette,
      { signed: false, threshold: this.store.get("hide_below"), fade }
    );
  }
  /** Names everything that the colours of a cell depend on. @param {Place} place */
  colors(place) {
    const { low, high } = this.range(place) ?? { low: 0, high: 0 };
    return [this.store.get("colormap"), this.store.get("hide_below"), low, high].join();
  }
  isBest() {
    return false;
  }
  /** Why there is no map of a method, by its title. @returns {string[]} */
  get problems() {
    const problems = (
      /** @type {Record<string, string>} */
      this.sent.problems ?? {}
    );
    return this.tiny.methods.filter(({ name }) => problems[name]).map(({ name, title }) => `${title}: ${problems[name]}`);
  }
  /** About as much as ``tiny.crops`` shows: a cell shows a box with half its size on every side. */
  frameBox() {
    const [x1, y1, x2, y2] = this.sent.window;
    const [x, y] = [(x2 - x1) / 4, (y2 - y1) / 4];
    return [x1 + x, y1 + y, x2 - x, y2 - y];
  }
  /**
   * Detected boxes in white; annotated ones broken: the object's own, its nearest neighbour's, and with "all" the rest.
   * @param {Place} place
   */
  scene({ method: row }) {
    const { tiny, numbers } = this;
    const own = numbers[Number(row)] ?? numbers[0];
    const things = [own, ...numbers.filter((index) => index !== own)].map((index) => tiny.thing(index));
    const all = this.store.get("boxes") === "all";
    const rest = all ? tiny.inImage(this.sent.image).filter((index) => !numbers.includes(index)).map((i) => tiny.thing(i)) : [];
    const detected = [...things, ...rest];
    const { annotation, neighbour: neighbour2 } = things[0];
    const boxes = this.sent.annotated;
    const wanted = [...boxes.keys()].filter((i) => boxes[i] && (all || i === annotation || i === neighbour2));
    const annotated = wanted.map((i) => ({ name: "", score: 0, box: (
      /** @type {any} */
      boxes[i]
    ) }));
    const tints = new Map(wanted.map((i, at2) => [detected.length + at2, i === neighbour2 ? NEIGHBOUR : ANNOTATED]));
    const dashed = new Set(tints.keys());
    return { objects: [...detected, ...annotated], selected: null, boxes: "all", tints: tints.set(0, OWN), dashed };
  }
  /** @param {number} column */
  #name(column) {
    return this.tiny.methods[column - 1]?.name ?? "";
  }
  #take() {
    const { sent } = this;
    if (sent === this.#sent) return;
    this.#sent = sent;
    this.#maps = new Map(Object.entries(sent.maps ?? {}).map(([name, maps]) => [name, decodeMaps(
      /** @type {any} */
      maps
    )]));
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

// src/tiny_objects/model.js
var TRAITS = [
  "choices",
  "palettes",
  "notice",
  "methods",
  "limit",
  "measure",
  "selected",
  "selected_pair",
  "opacity",
  "hide_below",
  "percentile",
  "colormap",
  "boxes",
  "wanted",
  "table",
  "photo",
  "map_data",
  "status",
  "view_status",
  "code"
];
var Columns = class {
  /** @param {any} sent */
  constructor(sent) {
    this.count = sent?.count ?? 0;
    this.#names = sent?.columns ?? [];
    this.#measures = sent?.measures ?? [];
    this.#values = floats(sent?.values);
    this.#figures = floats(sent?.figures);
  }
  /** @type {string[]} */
  #names;
  /** @type {string[]} */
  #measures;
  /** @type {Float32Array} */
  #values;
  /** @type {Float32Array} */
  #figures;
  /** @param {string} name @returns {Float32Array} */
  column(name) {
    const from = this.#names.indexOf(name) * this.count;
    return this.#values.subarray(from, from + this.count);
  }
  /** @param {number} method @param {string} measure @returns {Float32Array} */
  figure(method, measure) {
    const from = (method * this.#measures.length + this.#measures.indexOf(measure)) * this.count;
    return this.#figures.subarray(from, from + this.count);
  }
};
function floats(bytes) {
  return bytes ? new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)) : new Float32Array(0);
}
var TinyObjects = class {
  /** @param {AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
    this.palettes = decodePalettes(this.store.get("palettes"));
    this.objects = new Columns(null);
    this.pairs = new Columns(null);
    this.#take();
    this.store.subscribe((key) => {
      if (key === "table") this.#take();
    });
  }
  /** What was found, or null before the first run. */
  get found() {
    const sent = this.store.get("table");
    return sent.key ? sent : null;
  }
  /** Whether what is shown is not what is chosen. */
  get stale() {
    return this.found !== null && this.found.key !== this.store.get("wanted");
  }
  /** The methods of what was found, each with colour and mark as in every figure. @returns {(Titled & {color: string, mark: string})[]} */
  get methods() {
    return this.found?.methods ?? [];
  }
  /** @returns {string} */
  get measure() {
    return this.store.get("measure");
  }
  /** @returns {string} */
  get measureTitle() {
    return this.store.get("choices").measures.find((m) => m.name === this.measure)?.title ?? this.measure;
  }
  /** @returns {import("../shared/types.js").Status} */
  get status() {
    return this.store.get("status");
  }
  /** Of the maps of a clicked object. @returns {import("../shared/types.js").Status} */
  get viewStatus() {
    return this.store.get("view_status");
  }
  /** The number of the selected object, or null. @returns {number | null} */
  get selected() {
    return within(this.store.get("selected"), this.objects.count);
  }
  /** The number of the selected pair, or null. @returns {number | null} */
  get pair() {
    return this.selected === null ? within(this.store.get("selected_pair"), this.pairs.count) : null;
  }
  /** The objects that are selected: none, one, or the two of a pair. @returns {number[]} */
  get chosen() {
    if (this.selected !== null) return [this.selected];
    return this.pair === null ? [] : this.couple(this.pair);
  }
  /** Whether the maps that were sent are those of what is selected. */
  get arrived() {
    const { numbers } = this.store.get("map_data");
    return this.chosen.length > 0 && String(numbers) === String(this.chosen);
  }
  /** The two objects of a pair. @param {number} pair */
  couple(pair) {
    return [this.pairs.column("first")[pair], this.pairs.column("second")[pair]];
  }
  /** @param {number} index @returns {Thing} */
  thing(index) {
    const { objects, found } = this;
    const value = (name) => objects.column(name)[index];
    return {
      number: index,
      name: found.labels[value("label")],
      score: value("score"),
      box: [value("x1"), value("y1"), value("x2"), value("y2")],
      image: value("image"),
      annotation: value("annotation"),
      file: found.files[value("image")],
      share: value("canvas_share"),
      tiny: value("tiny") > 0,
      neighbour: value("neighbour"),
      distance: value("distance")
    };
  }
  /** What a map of an object is worth, null where it has no value. @param {number} method @param {string} measure @param {number} index */
  figure(method, measure, index) {
    return known(this.objects.figure(method, measure)[index]);
  }
  /** The same of a pair. @param {number} method @param {string} measure @param {number} pair */
  pairFigure(method, measure, pair) {
    return known(this.pairs.figure(method, measure)[pair]);
  }
  /** The objects of one image, by number. @param {number} image @returns {number[]} */
  inImage(image) {
    const images = this.objects.column("image");
    return [...images.keys()].filter((index) => images[index] === image);
  }
  /** The numbers of all objects, the smallest first. @returns {number[]} */
  get bySize() {
    const shares = this.objects.column("canvas_share");
    return [...shares.keys()].sort((a, b) => shares[a] - shares[b] || a - b);
  }
  /** The numbers of all pairs, those with the most similar maps by the first method first. @returns {number[]} */
  get bySimilarity() {
    const cosine = this.pairs.figure(0, "cosine");
    const worth2 = (pair) => Number.isNaN(cosine[pair]) ? -Infinity : cosine[pair];
    return [...cosine.keys()].sort((a, b) => worth2(b) - worth2(a) || a - b);
  }
  /** @param {number | null} index */
  select(index) {
    this.store.commit({ selected: index, selected_pair: null });
  }
  /** @param {number | null} pair */
  selectPair(pair) {
    this.store.commit({ selected: null, selected_pair: pair });
  }
  #take() {
    const sent = this.store.get("table");
    this.objects = new Columns(sent.objects);
    this.pairs = new Columns(sent.pairs);
  }
};
var known = (value) => Number.isFinite(value) ? value : null;
var within = (index, count2) => index !== null && index < count2 ? index : null;

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

// src/shared/listbox.js
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
    const { said: said2, content, plain: plain2 = false, missed = false } = show(item);
    const made = element("li", { class: "dx-option", role: "option", id: uniqueId("option"), "aria-label": said2 }, content);
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

// src/tiny_objects/paint.js
var LEFT = 46;
var RIGHT = 10;
var TOP = 10;
var BOTTOM = 36;
var FONT2 = '11px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
var MARKS = {
  o: null,
  s: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  "^": [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]],
  D: [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]],
  v: [[0, 1.2], [1.1, -0.8], [-1.1, -0.8]],
  P: [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4], [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]],
  X: [[-1.1, -0.55], [-0.55, -1.1], [0, -0.55], [0.55, -1.1], [1.1, -0.55], [0.55, 0], [1.1, 0.55], [0.55, 1.1], [0, 0.55], [-0.55, 1.1], [-1.1, 0.55], [-0.55, 0]]
};
var BLACK = "#000000";
var colorOf = ({ color }, text) => color === BLACK ? text : color;
function along({ low, high, log }, value) {
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}
function logAxis(values, also, room) {
  let low = Math.min(...also);
  let high = Math.max(...also);
  for (const value of values) {
    if (!(value > 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  low /= 1.35;
  high *= 1.35;
  let ticks = [];
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const step of steps) {
        const tick = Number(`${step}e${power}`);
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    }
    if (ticks.length <= room) break;
  }
  return { low, high, log: true, ticks };
}
function layout(tiny, { width, height }) {
  const { objects, methods, measure } = tiny;
  const shares = objects.column("canvas_share");
  const across = logAxis(shares, [tiny.store.get("choices").at_most], Math.max(2, (width - LEFT - RIGHT) / 52));
  const figures = methods.map((_, method) => objects.figure(method, measure));
  const up = uprightAxis(measure, figures, Math.max(2, (height - TOP - BOTTOM) / 26));
  const x = (value) => LEFT + (width - LEFT - RIGHT) * along(across, value);
  const y = (value) => height - BOTTOM - (height - TOP - BOTTOM) * along(up, value);
  const dots = { x: Float32Array.from(shares, x), y: figures.map((values) => Float32Array.from(values, y)) };
  return { across, up, x, y, dots };
}
function uprightAxis(measure, figures, room) {
  if (measure === "reach") return logAxis(flat(figures), [1], room);
  if (measure !== "half") return { low: -0.03, high: 1.03, log: false, ticks: [0, 0.25, 0.5, 0.75, 1] };
  let most = 0.02;
  for (const value of flat(figures)) if (value > most) most = value;
  const step = [5e-3, 0.01, 0.02, 0.05, 0.1].find((one) => most / one <= room) ?? 0.1;
  const ticks = Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
  return { low: -0.03 * most, high: 1.04 * most, log: false, ticks };
}
function* flat(figures) {
  for (const values of figures) yield* values;
}
function paintScatter(context, tiny, placed, { size, unit, ink }) {
  context.setTransform(unit, 0, 0, unit, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  context.font = FONT2;
  context.setLineDash([]);
  paintAxes(context, tiny, placed, size, ink);
  const { chosen } = tiny;
  const faint = chosen.length > 0 ? 0.35 : tiny.objects.count > 400 ? 0.55 : 0.8;
  for (let method = tiny.methods.length - 1; method >= 0; method--) {
    const color = colorOf(tiny.methods[method], ink.text);
    const { mark } = tiny.methods[method];
    paintLine(context, tiny.found.lines[tiny.measure][tiny.methods[method].name], placed, color, ink);
    const hits = tiny.objects.figure(method, "pointing");
    context.globalAlpha = faint;
    for (let i = 0; i < tiny.objects.count; i++) {
      paintDot(context, mark, placed.dots.x[i], placed.dots.y[method][i], 3.6, color, hits[i] > 0, ink.surface);
    }
    context.globalAlpha = 1;
  }
  for (const index of chosen) paintChosen(context, tiny, placed, index, size, ink);
}
function paintAxes(context, tiny, { across, up, x, y }, { width, height }, ink) {
  const { measure, store } = tiny;
  context.lineWidth = 1;
  context.strokeStyle = ink.line;
  context.fillStyle = ink.muted;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const tick of up.ticks) {
    line(context, LEFT, y(tick), width - RIGHT, y(tick));
    context.fillText(measure === "reach" ? times(tick) : percent(tick), LEFT - 6, y(tick));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of across.ticks) {
    line(context, x(tick), height - BOTTOM, x(tick), height - BOTTOM + 4);
    context.fillText(percent(tick), x(tick), height - BOTTOM + 6);
  }
  context.textBaseline = "alphabetic";
  context.textAlign = "right";
  context.fillText("Box, share of the network’s input", width - RIGHT, height - 3);
  context.strokeStyle = ink.muted;
  if (measure === "reach") line(context, LEFT, y(1), width - RIGHT, y(1));
  const tiniest = x(store.get("choices").at_most);
  context.setLineDash([2, 3]);
  line(context, tiniest, TOP, tiniest, height - BOTTOM);
  context.setLineDash([]);
  const room = tiniest - LEFT > 40;
  context.textAlign = room ? "right" : "left";
  context.fillText(room ? "← tiny" : "larger →", tiniest + (room ? -5 : 5), TOP + 9);
}
function paintLine(context, [across, up], { x, y }, color, ink) {
  if (across.length < 2) return;
  context.lineJoin = "round";
  for (
    const [style, width] of
    /** @type {const} */
    [[ink.surface, 4], [color, 1.75]]
  ) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    across.forEach((value, i) => context.lineTo(x(value), y(up[i])));
    context.stroke();
  }
}
function paintDot(context, name, x, y, radius, color, filled, ground) {
  if (!Number.isFinite(y)) return;
  const mark = MARKS[name] ?? null;
  context.beginPath();
  if (mark === null) context.arc(x, y, radius, 0, 2 * Math.PI);
  else {
    mark.forEach(([dx, dy]) => context.lineTo(x + radius * dx, y + radius * dy));
    context.closePath();
  }
  context.fillStyle = filled ? color : ground;
  context.fill();
  context.strokeStyle = color;
  context.lineWidth = 1.5;
  context.stroke();
}
function paintChosen(context, tiny, { dots }, index, { height }, ink) {
  const x = dots.x[index];
  context.strokeStyle = ink.text;
  context.lineWidth = 1;
  context.globalAlpha = 0.6;
  line(context, x, TOP, x, height - BOTTOM);
  context.globalAlpha = 1;
  tiny.methods.forEach((one, method) => {
    const y = dots.y[method][index];
    const hit = tiny.objects.figure(method, "pointing")[index] > 0;
    paintDot(context, one.mark, x, y, 8.5, ink.text, false, ink.surface);
    paintDot(context, one.mark, x, y, 5.5, colorOf(one, ink.text), hit, ink.surface);
  });
}
function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

// src/tiny_objects/scatter.js
var TALLEST3 = 340;
var REACH = 14;
var SPACE = "http://www.w3.org/2000/svg";
var PAPER = {
  text: "#1c1f24",
  muted: "#5b6270",
  line: "#dfe2e7",
  surface: "#ffffff"
};
var Scatter = class {
  /** @type {Dot | null} */
  #cursor = null;
  /** @type {ReturnType<typeof layout> | null} */
  #placed = null;
  #frame = 0;
  /** The objects, the smallest first. @type {number[]} */
  #order = [];
  #named = "";
  size = { width: 0, height: 0 };
  /**
   * @param {TinyObjects} tiny
   * @param {{select: (index: number) => void, escape: () => void, say: (text: string) => void, painted: () => void}} actions
   */
  constructor(tiny, actions) {
    this.tiny = tiny;
    this.actions = actions;
    const hint = uniqueId("scatter");
    this.canvas = takesKeys(
      element("canvas", { class: "dx-scatter", tabindex: "0", role: "application", "aria-describedby": hint })
    );
    this.ring = element("span", { class: "dx-ring", hidden: "" });
    this.tip = element("div", { class: "dx-tip", "aria-hidden": "true", hidden: "" });
    this.empty = element("p", { class: "dx-scatter-empty" });
    this.legend = element("div", { class: "dx-marks" });
    this.filling = element("p", { class: "dx-remark", id: hint }, [
      "Filled: the map’s maximum lies in the object’s box; hollow: it does not. Lines: medians. Arrow keys go from dot to dot, Enter opens."
    ]);
    this.box = element("div", { class: "dx-scatter-box" }, [this.canvas, this.ring, this.tip, this.empty]);
    this.root = element("div", {}, [this.legend, this.box, this.filling]);
    this.#listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.box);
  }
  dispose() {
    cancelAnimationFrame(this.#frame);
    this.observer.disconnect();
  }
  /** Other dots, another measure, or another object selected. */
  show() {
    const { tiny, canvas } = this;
    this.#order = tiny.bySize;
    if (this.#cursor && (this.#cursor.object >= tiny.objects.count || this.#cursor.method >= tiny.methods.length)) this.#cursor = null;
    this.empty.hidden = tiny.objects.count > 0;
    this.empty.textContent = tiny.store.get("notice") || this.#nothing();
    const objects = `${tiny.objects.count} ${tiny.objects.count === 1 ? "object" : "objects"}`;
    canvas.setAttribute("aria-label", `${tiny.measureTitle} of ${objects} over the size of the box. ${this.#summary()}`);
    this.#name();
    this.place();
  }
  /** Give the canvas the room there is. */
  fit() {
    const width = this.box.clientWidth;
    if (width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    this.size = { width, height: Math.round(Math.min(TALLEST3, Math.max(200, 0.62 * width))) };
    this.canvas.style.height = `${this.size.height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.size.height * ratio);
    this.place();
    this.paint();
  }
  place() {
    this.#placed = this.tiny.found && this.size.width > 0 ? layout(this.tiny, this.size) : null;
    this.#mark();
    this.invalidate();
  }
  /** Paint with the next frame. */
  invalidate() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => this.paint());
  }
  paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const context = this.canvas.getContext("2d");
    if (!context || this.size.width === 0) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const unit = this.canvas.width / this.size.width;
    if (this.#placed) paintScatter(context, this.tiny, this.#placed, { size: this.size, unit, ink: this.#ink() });
    this.actions.painted();
  }
  /** The same on white, at the screen's resolution. @returns {HTMLCanvasElement} */
  render() {
    const canvas = document.createElement("canvas");
    canvas.width = this.canvas.width;
    canvas.height = this.canvas.height;
    const context = (
      /** @type {CanvasRenderingContext2D} */
      canvas.getContext("2d")
    );
    const unit = canvas.width / Math.max(1, this.size.width);
    if (this.#placed) paintScatter(context, this.tiny, this.#placed, { size: this.size, unit, ink: PAPER });
    return canvas;
  }
  #nothing() {
    const { tiny } = this;
    if (!tiny.found) return "Nothing was measured yet: run it.";
    return tiny.found.ended ? "No object was found: take more images, or a protocol with a lower score." : "No object was found yet.";
  }
  #summary() {
    const { tiny } = this;
    if (!tiny.found) return "";
    const hits = (share2) => share2 === null ? "none" : `${Math.round(100 * share2)}%`;
    return tiny.methods.map(({ name, title }) => {
      const own = (
        /** @type {import("./model.js").Summary} */
        tiny.found.summary[name]
      );
      return `${title}: pointing game ${hits(own.tiny.pointing)} of ${own.tiny.count} tiny ones, ${hits(own.larger.pointing)} of ${own.larger.count} larger ones.`;
    }).join(" ");
  }
  /** Which mark is which method. */
  #name() {
    const { tiny } = this;
    const named = JSON.stringify(tiny.methods);
    if (named === this.#named) return;
    this.#named = named;
    this.legend.replaceChildren(
      ...tiny.methods.map((method) => element("span", { class: "dx-marked" }, [markPicture(method), method.title]))
    );
  }
  /** @returns {Ink} */
  #ink() {
    const style = getComputedStyle(this.canvas);
    const color = (name, other) => style.getPropertyValue(name).trim() || other;
    return {
      text: color("--dx-text", PAPER.text),
      muted: color("--dx-muted", PAPER.muted),
      line: color("--dx-line", PAPER.line),
      surface: color("--dx-surface", PAPER.surface)
    };
  }
  /** The dot next to a point, if it is near enough. @param {number} x @param {number} y @returns {Dot | null} */
  at(x, y) {
    if (!this.#placed) return null;
    const { dots } = this.#placed;
    let best = REACH * REACH;
    let found = null;
    dots.y.forEach((up, method) => {
      for (let object = 0; object < dots.x.length; object++) {
        const far = (dots.x[object] - x) ** 2 + (up[object] - y) ** 2;
        if (far < best) {
          best = far;
          found = { object, method };
        }
      }
    });
    return found;
  }
  /** Bring a dot into focus. @param {Dot | null} dot @param {boolean} [byKey] then it is said as well */
  #focus(dot, byKey = false) {
    if (dot?.object === this.#cursor?.object && dot?.method === this.#cursor?.method) return;
    this.#cursor = dot;
    this.#mark();
    if (byKey && dot) this.actions.say(`${objectWords(this.tiny, dot.object)}. ${dotWords(this.tiny, dot)}.`);
  }
  #mark() {
    const { ring, tip, tiny, canvas } = this;
    const dot = this.#cursor;
    const y = dot && this.#placed ? this.#placed.dots.y[dot.method]?.[dot.object] : NaN;
    const shown = dot !== null && this.#placed !== null && Number.isFinite(y);
    ring.hidden = tip.hidden = !shown;
    canvas.style.cursor = shown ? "pointer" : "";
    if (!shown || !dot || !this.#placed || y === void 0) return;
    const x = this.#placed.dots.x[dot.object];
    ring.style.transform = `translate(${x}px, ${y}px)`;
    tip.replaceChildren(
      element("strong", {}, [objectWords(tiny, dot.object)]),
      ...tiny.methods.map(
        (_, method) => element("span", { class: method === dot.method ? "dx-tip-own" : "" }, [dotWords(tiny, { object: dot.object, method })])
      )
    );
    const left = Math.max(0, Math.min(x - tip.offsetWidth / 2, this.size.width - tip.offsetWidth));
    const above = y - tip.offsetHeight - 14;
    tip.style.transform = `translate(${left}px, ${above >= 0 ? above : y + 14}px)`;
  }
  #listen() {
    const { canvas, actions } = this;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointermove", (event) => this.#focus(this.at(...place(event))));
    canvas.addEventListener("pointerleave", () => focusedBy(canvas) !== canvas && this.#focus(null));
    canvas.addEventListener("blur", () => this.#focus(null));
    canvas.addEventListener("click", (event) => {
      const dot = this.at(...place(event));
      if (dot) actions.select(dot.object);
    });
    listenToKeys(canvas, {
      ArrowRight: () => this.#step(1),
      ArrowLeft: () => this.#step(-1),
      ArrowUp: () => this.#other(-1),
      ArrowDown: () => this.#other(1),
      Home: () => this.#go(0, 1),
      End: () => this.#go(this.#order.length - 1, -1),
      Enter: () => this.#cursor && actions.select(this.#cursor.object),
      " ": () => this.#cursor && actions.select(this.#cursor.object),
      Escape: () => actions.escape()
    });
  }
  /** The next larger or smaller object with a value. @param {1 | -1} by */
  #step(by) {
    const from = this.#cursor?.object ?? this.tiny.chosen[0];
    if (from === void 0) this.#go(by > 0 ? 0 : this.#order.length - 1, by);
    else this.#go((this.#order.indexOf(from) + by + this.#order.length) % this.#order.length, by);
  }
  /** The first object with a value from a place on, by size. @param {number} rank @param {1 | -1} by */
  #go(rank, by) {
    const count2 = this.#order.length;
    const first = this.#cursor?.method ?? 0;
    for (let passed = 0; passed < count2; passed++) {
      const object = this.#order[(rank + by * passed + count2 * count2) % count2];
      if (this.tiny.figure(first, this.tiny.measure, object) !== null) {
        this.#focus({ object, method: first }, true);
        return;
      }
    }
  }
  /** The same object by another method. @param {1 | -1} by */
  #other(by) {
    const dot = this.#cursor;
    if (!dot) {
      this.#step(1);
      return;
    }
    const { tiny } = this;
    let method = dot.method;
    for (const _ of tiny.methods) {
      method = neighbour(method, by, tiny.methods.length) ?? 0;
      if (tiny.figure(method, tiny.measure, dot.object) !== null) break;
    }
    this.#focus({ object: dot.object, method }, true);
  }
};
function markPicture(method) {
  const svg = document.createElementNS(SPACE, "svg");
  svg.setAttribute("viewBox", "-1.6 -1.6 3.2 3.2");
  svg.setAttribute("class", "dx-mark");
  svg.style.fill = colorOf(method, "var(--dx-text)");
  svg.setAttribute("aria-hidden", "true");
  const mark = MARKS[method.mark] ?? null;
  const shape = document.createElementNS(SPACE, mark === null ? "circle" : "polygon");
  if (mark === null) shape.setAttribute("r", "1");
  else shape.setAttribute("points", mark.map((point) => point.join(",")).join(" "));
  svg.append(shape);
  return svg;
}

// src/tiny_objects/panel.js
var BOXES = [
  { name: "all", title: "All" },
  { name: "selected", title: "Own" }
];
var IMAGES = [1, 5, 20, 50, 100, 500];
var MOST_PAIRS = 200;
function tinyPanel(tiny, { download }) {
  const { store } = tiny;
  const choose = (key) => (value) => store.commit({ [key]: value });
  const slide = (label, key) => sliderControl(
    label,
    (value) => store.setLive(key, value),
    (value) => store.commit({ [key]: value })
  );
  const methods = checkList("Methods compared", (chosen) => {
    if (chosen.length <= store.get("choices").most_methods) store.commit({ methods: chosen });
    else show();
  });
  const most = element("p", { class: "dx-remark" });
  const limit = selectControl("Images", (value) => store.commit({ limit: value === "" ? null : Number(value) }));
  const stale = element("p", { class: "dx-remark" });
  const colors = selectControl("Colours", choose("colormap"));
  const opacity = slide("Opacity", "opacity");
  const hideBelow = slide("Hide below", "hide_below");
  const upper = upperControl(store);
  const boxes = segmentControl("Boxes", BOXES, choose("boxes"));
  const root = element("div", { class: "dx-panel dx-wide" }, [
    needsKernel(store, section("Methods", [methods.root, most])),
    needsKernel(store, section("Run", [limit.row, stale])),
    section("Display of the maps", [colors.row, opacity.row, upper.row, hideBelow.row, boxes.row]),
    takeAway(download, () => store.get("code"), store)
  ]);
  function show() {
    const choices = store.get("choices");
    methods.show(
      choices.methods.map((m) => ({ name: m.name, title: m.title })),
      store.get("methods")
    );
    most.textContent = `Up to ${choices.most_methods} at a time; black-box methods take longest.`;
    const now = store.get("limit");
    const offered = [.../* @__PURE__ */ new Set([...IMAGES, ...now === null ? [] : [now]])].filter((n) => n < choices.images || n === now);
    limit.show(
      [
        ...offered.sort((a, b) => a - b).map((n) => ({ name: String(n), title: n === 1 ? "the first" : `the first ${n}` })),
        { name: "", title: choices.images === 1 ? "the one there is" : `all ${choices.images}` }
      ],
      now === null ? "" : String(now)
    );
    stale.textContent = tiny.stale ? "What is shown is another run: run this one to see it." : "";
    colors.show(plain(choices.colormaps), store.get("colormap"));
    opacity.show(store.get("opacity"));
    hideBelow.show(store.get("hide_below"));
    upper.show();
    boxes.show(store.get("boxes"));
  }
  return { root, show };
}
function pairList(tiny) {
  let pairs = [];
  let filled = null;
  const at2 = () => tiny.pair === null ? null : pairs.indexOf(tiny.pair);
  const select = (row) => row >= 0 && row < pairs.length && tiny.selectPair(pairs[row]);
  const step = (by) => {
    const from = at2();
    select(from === null || from < 0 ? by > 0 ? 0 : pairs.length - 1 : (from + by + pairs.length) % pairs.length);
  };
  const list = listBox({ label: "Touching pairs", select, step, hover: () => {
  } }, (pair) => {
    const [first, second] = tiny.couple(pair).map((index) => tiny.thing(index));
    const numbers = tiny.methods.map((one, method) => {
      const cosine = tiny.pairFigure(method, "cosine", pair);
      return element("span", { class: "dx-number dx-marked" }, [markPicture(one), cosine === null ? "–" : cosine.toFixed(2)]);
    });
    const said2 = tiny.methods.map(({ title }, method) => `${title} ${tiny.pairFigure(method, "cosine", pair)?.toFixed(2) ?? "no value"}`);
    return {
      said: `${first.name} ${first.score.toFixed(2)} and ${second.score.toFixed(2)}, ${first.file}, cosine of their maps: ${said2.join(", ")}`,
      content: [
        element("span", { class: "dx-couple" }, [
          element("span", { class: "dx-name", title: first.name }, [first.name]),
          element("span", { class: "dx-name dx-remark", title: first.file }, [first.file])
        ]),
        element("span", { class: "dx-likeness" }, numbers)
      ]
    };
  });
  const count2 = element("span", { class: "dx-count" });
  const remark = element("p", { class: "dx-remark" });
  const root = section("Touching pairs", [list.list, remark], count2);
  return {
    root,
    show() {
      const table = store();
      if (filled !== table) {
        filled = table;
        pairs = tiny.bySimilarity.slice(0, MOST_PAIRS);
        list.fill(pairs);
        count2.textContent = String(tiny.pairs.count);
        remark.textContent = said(tiny);
      }
      const row = at2();
      list.show(row === null || row < 0 ? null : row);
    }
  };
  function store() {
    return tiny.store.get("table");
  }
}
function said(tiny) {
  const { count: count2 } = tiny.pairs;
  if (count2 === 0) return tiny.found?.ended ? "No two found objects of one class touch." : "";
  const cut = count2 > MOST_PAIRS ? ` The ${MOST_PAIRS} most alike of ${count2}.` : "";
  return `Two objects of one class, and the cosine of their maps: 1 for equal maps.${cut}`;
}
function summaryTables(tiny) {
  const root = element("div", { class: "dx-wide dx-summaries" });
  let drawn = "";
  function table(title, count2, columns) {
    const head = columns.map(([name, meaning2]) => element("th", { scope: "col", title: meaning2 }, [name]));
    const lines = tiny.methods.map(
      ({ name, title: method }, i) => element("tr", {}, [
        element("th", { scope: "row" }, [element("span", { class: "dx-marked" }, [markPicture(tiny.methods[i]), method])]),
        ...columns.map(([, , value]) => element("td", {}, [value(tiny.found.summary[name])]))
      ])
    );
    const made = element("table", { class: "dx-summary" }, [
      element("thead", {}, [element("tr", {}, [element("td", {}, []), ...head])]),
      element("tbody", {}, lines)
    ]);
    return section(title, [made], element("span", { class: "dx-count" }, [String(count2)]));
  }
  const means = (group) => [
    ["PG", "Pointing game: share of the maps with their maximum in the object’s box", (own) => share(own[group].pointing)],
    ["EBPG", "Energy pointing game: mean share of the energy in the object’s box", (own) => share(own[group].energy)],
    ["Size", "Median of the pixels with half of the energy over those of the box", (own) => worth("reach", own[group].reach)],
    ["Beside", "Mean share of the energy in the nearest neighbour’s box", (own) => share(own[group].beside)]
  ];
  return {
    root,
    show() {
      const now = JSON.stringify([tiny.methods, tiny.found?.summary ?? null]);
      if (now === drawn) return;
      drawn = now;
      root.hidden = tiny.objects.count === 0;
      if (root.hidden) {
        root.replaceChildren();
        return;
      }
      const [first] = tiny.methods.map(({ name }) => (
        /** @type {Summary} */
        tiny.found.summary[name]
      ));
      const small = `Tiny (up to ${100 * tiny.store.get("choices").at_most}% of the input)`;
      const pairs = (
        /** @type {[string, string, (own: Summary) => string][]} */
        [
          ["Cosine", "Mean cosine of the two maps of a pair", (own) => own.pairs.cosine === null ? "–" : own.pairs.cosine.toFixed(2)],
          ["Told apart", "Share of the pairs whose maps each have more energy in the own box than in the other’s", (own) => share(own.pairs.told_apart)]
        ]
      );
      root.replaceChildren(
        ...first.tiny.count > 0 ? [table(small, first.tiny.count, means("tiny"))] : [],
        ...first.larger.count > 0 ? [table("Larger", first.larger.count, means("larger"))] : [],
        ...first.pairs.count > 0 ? [table("Touching pairs", first.pairs.count, pairs)] : []
      );
    }
  };
}
var share = (value) => value === null ? "–" : worth("energy", value);

// src/tiny_objects/index.js
var TinyView = class {
  /** @type {Crops | null} */
  #crops = null;
  /** @type {Grid | null} */
  #grid = null;
  /** The whole photograph. @type {Stage | null} */
  #stage = null;
  /** Of which maps the cells show the objects. */
  #framed = "";
  start = button("compute", "Run what is chosen", () => this.store.send({ type: "run" }), "Run");
  note = element("span", { class: "dx-remark", role: "status" });
  head = element("div", { class: "dx-head" });
  overview = element("div", { class: "dx-overview" });
  cells = element("div", { class: "dx-cells" });
  pictures = element("div", { class: "dx-pictures" });
  detail = element("div", { class: "dx-detail", role: "group", "aria-label": "Selected object" });
  /**
   * @param {TinyObjects} tiny
   * @param {HTMLElement} host
   */
  constructor(tiny, host) {
    this.tiny = tiny;
    this.store = tiny.store;
    this.parts = viewParts(this.store);
    this.seeing = progressView(() => this.store.send({ type: "leave" }));
    this.bar = colorBar();
    this.scatter = new Scatter(tiny, {
      select: (index) => tiny.select(index),
      escape: () => this.#escape(),
      say: (text) => this.parts.say(text),
      painted: () => this.#painted()
    });
    this.measure = selectControl("Measure", (value) => this.store.commit({ measure: value }));
    this.pairs = pairList(tiny);
    this.summary = summaryTables(tiny);
    this.panel = tinyPanel(tiny, {
      download: this.parts.downloads(() => this.#sheet(), () => this.#table(), { png: renderGridSheet, svg: svgOfGrid })
    });
    this.root = this.#arrange();
    this.parts.begin(host, this.root, { changed: (key) => this.#changed(key), decoded: () => this.#decoded() });
    this.scatter.fit();
    this.theme = new MutationObserver(() => this.scatter.invalidate());
    this.theme.observe(this.root, { attributes: true, attributeFilter: ["data-theme"] });
    this.#refresh();
  }
  dispose() {
    this.theme.disconnect();
    this.parts.dispose();
    this.seeing.dispose();
    this.scatter.dispose();
    this.#drop();
  }
  #arrange() {
    const { scatter, bar, panel, pairs, summary, seeing } = this;
    const { words, progress, frame } = this.parts;
    const over = element("div", { class: "dx-over" }, [needsKernel(this.store, this.start), this.note, progress.busy]);
    const plot = element("div", { class: "dx-figure" }, [this.measure.row, scatter.root]);
    const lines = element("p", { class: "dx-remark dx-lines" }, [
      element("span", { class: "dx-box-line" }, ["detected"]),
      element("span", { class: "dx-box-line dx-annotated" }, ["annotated"]),
      element("span", { class: "dx-box-line dx-beside" }, ["annotated, nearest neighbour"])
    ]);
    const tools = element("div", { class: "dx-tools dx-flat", role: "toolbar", "aria-label": "Zoom of all crops" }, [
      button("plus", "Zoom in (+)", () => this.#grid?.zoomIn()),
      button("minus", "Zoom out (−)", () => this.#grid?.zoomOut()),
      button("frame", "Show the object (f)", () => this.#grid?.frame()),
      button("reset", "Show the whole photograph (0)", () => this.#grid?.reset()),
      fullScreenButton(() => this.#grid?.whole())
    ]);
    const near = element("div", {}, [element("div", { class: "dx-over" }, [tools, lines]), this.cells, bar.root]);
    this.pictures.append(this.overview, near);
    this.detail.append(this.head, element("div", { class: "dx-over" }, [seeing.busy]), seeing.error, this.pictures);
    const content = [
      over,
      progress.error,
      element("div", { class: "dx-columns" }, [plot, pairs.root]),
      summary.root,
      this.detail,
      words,
      panel.root
    ];
    return frame("tiny-objects", "Maps of tiny objects", content);
  }
  /** @param {string} key */
  #changed(key) {
    if (key === "status") {
      this.parts.progress.show(this.tiny.status);
      this.#painted();
    } else if (key === "view_status") {
      this.seeing.show(this.tiny.viewStatus);
      this.#painted();
    } else this.#refresh(key);
  }
  /** @param {string} [key] the trait that changed, none for all */
  #refresh(key) {
    const { tiny, store } = this;
    this.parts.progress.show(tiny.status);
    this.seeing.show(tiny.viewStatus);
    this.start.disabled = store.get("wanted") === "";
    this.note.textContent = this.#note();
    this.measure.show(store.get("choices").measures, tiny.measure);
    if (key === void 0 || ["table", "measure", "selected", "selected_pair", "notice"].includes(key)) this.scatter.show();
    this.pairs.show();
    this.summary.show();
    this.panel.show();
    this.#pictures();
    this.parts.say(store.get("notice") || chosenWords(tiny));
    this.#painted();
  }
  #note() {
    const { found } = this.tiny;
    if (!found) return "";
    if (found.note) return found.note;
    const objects = `${this.tiny.objects.count} ${this.tiny.objects.count === 1 ? "object" : "objects"}`;
    const images = `${found.done} ${found.done === 1 ? "image" : "images"}`;
    return found.ended ? `${objects} in ${images}` : `${objects} so far`;
  }
  /** The selected object in its photograph, and from near. */
  #pictures() {
    const { tiny, store } = this;
    const { chosen, arrived } = tiny;
    this.detail.hidden = chosen.length === 0;
    if (chosen.length === 0) {
      this.#drop();
      return;
    }
    this.head.textContent = chosen.map((index) => objectWords(tiny, index)).join(" — ");
    this.pictures.classList.toggle("dx-old", !arrived);
    const { numbers, image } = store.get("map_data");
    this.pictures.hidden = !numbers;
    if (!numbers || store.get("photo").image !== image) return;
    if (!this.#grid || this.#crops?.photo !== store.get("photo")) this.#open();
    const { key } = store.get("map_data");
    this.#grid?.show();
    if (arrived && this.#framed !== key) this.#frame(key);
    this.#colors();
    this.#stage?.invalidate();
    if (this.#stage) this.#label(this.#stage);
  }
  /** Cells and overview of a photograph of its own size. */
  #open() {
    const { store, tiny } = this;
    this.#drop();
    const crops = new Crops(tiny);
    const photo = this.parts.photo;
    const grid = new Grid(crops, {
      select: (place) => {
        crops.focus = place;
        grid.show();
        this.#colors();
      },
      escape: () => this.#escape(),
      pointed: (byKey) => this.#pointed(byKey),
      compute: () => {
      },
      photo,
      painted: () => this.#painted()
    });
    const { width, height, image } = store.get("photo");
    const here = () => tiny.inImage(image);
    const objects = () => here().map((index) => tiny.thing(index));
    const selected = () => {
      const at2 = here().indexOf(tiny.chosen[0]);
      return at2 < 0 ? null : at2;
    };
    const actions = {
      objects,
      selected,
      scene: () => this.#whole(objects(), selected()),
      select: (at2) => tiny.select(at2 === null ? null : here()[at2] ?? null),
      step: (by) => tiny.select(here()[neighbour(selected(), by, here().length) ?? 0]),
      escape: () => this.#escape(),
      pointed: () => {
      },
      painted: () => {
      }
    };
    const stage = new Stage({ width, height }, actions);
    this.#crops = crops;
    this.#grid = grid;
    this.#stage = stage;
    this.cells.replaceChildren(grid.root);
    this.overview.replaceChildren(stage.root);
    grid.show();
    grid.fit();
    stage.fit();
  }
  #drop() {
    this.#grid?.dispose();
    this.#stage?.dispose();
    this.#grid = this.#crops = this.#stage = null;
    this.#framed = "";
    this.cells.replaceChildren();
    this.overview.replaceChildren();
  }
  /** The photograph is there: everything over it is painted. */
  #decoded() {
    this.#pictures();
    this.#grid?.fit();
    this.#grid?.invalidate();
    this.#stage?.fit();
    this.#painted();
  }
  /** @param {string} key */
  #frame(key) {
    if (!this.#grid || !this.#crops) return;
    this.#framed = key;
    this.#grid.viewport.show(this.#crops.frameBox());
    this.#grid.invalidate();
    const [first] = this.tiny.chosen;
    this.#stage?.viewport.reveal(this.tiny.thing(first).box);
  }
  /** @param {import("../shared/types.js").DetectedObject[]} objects @param {number | null} selected */
  #whole(objects, selected) {
    const photo = this.parts.photo();
    const { width, height } = this.store.get("photo");
    return photo === null ? null : { photo, size: { width, height }, heat: null, opacity: 0, objects, selected, hovered: null, side: null, boxes: "all" };
  }
  /** @param {Stage} stage */
  #label(stage) {
    const { file } = this.tiny.thing(this.tiny.chosen[0]);
    const count2 = this.tiny.inImage(this.store.get("photo").image).length;
    stage.canvas.setAttribute("aria-label", `The whole of ${file} with ${count2} found objects. Arrow keys select, plus and minus zoom.`);
  }
  /** The colours of the cell in focus. */
  #colors() {
    const crops = this.#crops;
    const place = crops?.selected;
    if (!crops || !place) return;
    const colored = place.object === 0 ? { ...place, object: 1 } : place;
    const range = crops.range(colored);
    this.bar.show(range, range ? crops.table("", false) : new Uint32Array(2));
    this.#pointed(false);
  }
  /** The point has moved. @param {boolean} byKey then its values are said as well */
  #pointed(byKey) {
    const grid = this.#grid;
    const crops = this.#crops;
    const place = crops?.selected;
    if (!grid || !crops || !place) return;
    const { probe } = grid;
    this.bar.point(probe ? { ...probe, value: grid.cell(place)?.valueAt(probe) ?? null } : null);
    if (!byKey || !probe) return;
    const values = crops.shown.slice(1).map((column) => {
      const value = grid.cell({ method: place.method, object: column })?.valueAt(probe);
      return `${crops.label(column)} ${value === null || value === void 0 ? "–" : value.toPrecision(3)}`;
    });
    this.parts.say(`At ${probe.x}, ${probe.y}: ${values.join("; ")}.`);
  }
  #escape() {
    if (this.tiny.status.state === "busy") this.parts.cancel();
    else if (this.tiny.viewStatus.state === "busy") this.store.send({ type: "leave" });
    else this.tiny.select(null);
  }
  #painted() {
    const { tiny, root, store } = this;
    root.dataset.shown = tiny.found?.key ?? "";
    root.dataset.done = String(tiny.found?.done ?? 0);
    root.dataset.objects = String(tiny.objects.count);
    root.dataset.running = String(tiny.status.state === "busy");
    root.dataset.chosen = tiny.chosen.join(" ");
    const seen = tiny.arrived && this.parts.photo() !== null && store.get("photo").image === store.get("map_data").image;
    root.dataset.seen = seen ? tiny.chosen.join(" ") : "";
    root.dataset.measure = tiny.measure;
    root.dataset.ready = String(tiny.status.state !== "busy" && tiny.viewStatus.state !== "busy" && (seen || tiny.chosen.length === 0));
  }
  /** @returns {import("../shared/grid_sheet.js").GridSheet} */
  #sheet() {
    const { tiny, scatter } = this;
    const grid = tiny.chosen.length > 0 ? this.#grid : null;
    const chosen = tiny.chosen.map((index) => `${tiny.thing(index).name}-${index}`);
    const methods = tiny.methods.map((method) => ({ name: method.title, color: colorOf(method, PAPER.text) }));
    const boxes = [
      { name: "annotated box", color: ANNOTATED },
      { name: "annotated, nearest neighbour", color: NEIGHBOUR }
    ];
    return {
      grid,
      words: [`${tiny.measureTitle} against the size of the object. ${this.#note()}`],
      legend: [...methods, ...grid ? boxes : []],
      above: { canvas: scatter.render(), ...scatter.size },
      name: ["tiny-objects", tiny.measure, ...chosen]
    };
  }
  /** A line for each object and method. */
  #table() {
    const { tiny } = this;
    const measures = (
      /** @type {string[]} */
      tiny.found ? tiny.store.get("table").objects.measures : []
    );
    const lines = [...Array(tiny.objects.count).keys()].flatMap((index) => {
      const thing = tiny.thing(index);
      return tiny.methods.map(({ name }, method) => [
        ...objectStart(thing, index),
        thing.file,
        thing.share,
        thing.tiny,
        thing.neighbour < 0 ? null : thing.distance,
        name,
        ...measures.map((measure) => tiny.figure(method, measure, index))
      ]);
    });
    const columns = ["number", "name", "score", "x1", "y1", "x2", "y2", "file", "share_of_input", "tiny", "distance", "method"];
    return csvOf([...columns, ...measures], lines);
  }
};
var tiny_objects_default = widget(
  (model) => new TinyObjects(model),
  (tiny, host) => new TinyView(tiny, host)
);
export {
  tiny_objects_default as default
};
