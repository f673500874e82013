// src/shared/base64.js
function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// src/shared/maps.js
var STEPS = 65535;
function neighbours(map, axis, at2) {
  const cells = axis ? map.height : map.width;
  const position = (at2 * map.scale[axis] + map.shift[axis]) / map.stride[axis];
  const u = Math.min(Math.max(position - 0.5, 0), cells - 1);
  const first = Math.min(Math.floor(u), Math.max(cells - 2, 0));
  const cut = map.seen !== void 0 && (at2 < map.seen[axis] || at2 > map.seen[axis + 2]);
  const beyond = cut || map.partial && (position < 0 || position > cells);
  return { first, second: Math.min(first + 1, cells - 1), part: u - first, beyond };
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
var MOST_BYTES = 64 * 2 ** 20;

// src/shared/palette.js
var ENTRIES = 1024;
var FADE = 0.25;
function decodePalettes(sent) {
  const { buffer, byteOffset } = sent.data;
  return new Map(sent.names.map((name, i) => [name, new Uint8Array(buffer, byteOffset + i * 768, 768)]));
}
function fadeIn(strength, threshold2) {
  return strength < threshold2 ? 0 : Math.min(1, strength / FADE);
}
function colorTable(palette, { signed, threshold: threshold2, fade }) {
  const table = new Uint32Array(ENTRIES);
  const bytes = new Uint8Array(table.buffer);
  for (let i = 0; i < ENTRIES; i++) {
    const t = i / (ENTRIES - 1);
    const strength = signed ? Math.abs(2 * t - 1) : t;
    const entry = Math.min(255, Math.floor(t * 256)) * 3;
    bytes.set(palette.subarray(entry, entry + 3), i * 4);
    bytes[i * 4 + 3] = Math.round(255 * (fade ? fadeIn(strength, threshold2) : Number(strength >= threshold2)));
  }
  return table;
}
function colorize(values, range, table, out) {
  const span = range.high - range.low;
  if (!(span > 0)) {
    out.fill(0);
    return;
  }
  const factor2 = (ENTRIES - 1) / span;
  const shift = 0.5 - range.low * factor2;
  for (let i = 0; i < values.length; i++) {
    const index = Math.floor(values[i] * factor2 + shift);
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
      const factor2 = Math.min(1, Math.sqrt(this.most / (size[0] * size[1])));
      this.canvas.width = Math.max(1, Math.round(size[1] * factor2));
      this.canvas.height = Math.max(1, Math.round(size[0] * factor2));
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

// src/shared/colorbar.js
function rangeWords({ low, high, cutLow, cutHigh }) {
  const middle = formatValue((low + high) / 2);
  return [`${cutLow ? "≤ " : ""}${formatValue(low)}`, middle, `${cutHigh ? "≥ " : ""}${formatValue(high)}`];
}

// src/shared/sheet.js
var FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
var INK = "#1c1f24";
var MUTED = "#5b6270";
var NARROWEST = 420;
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
  zoomBy(factor2, about = [this.screen.width / 2, this.screen.height / 2]) {
    const [x, y] = this.toImage(...about);
    this.zoom = Math.min(this.most, Math.max(1, this.zoom * factor2));
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
  zoom(factor2) {
    this.viewport.zoomBy(factor2);
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
  async function decode2(decoded) {
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
        if (key === "photo") decode2(decoded);
        changed(key);
      };
      undo.push(followTheme(root), store.subscribe(follow), () => root.remove());
      decode2(decoded);
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
    show(lower2) {
      root.hidden = lower2 === null;
      const words = `Detect with a score of at least ${lower2 === null ? "" : formatValue(lower2)}`;
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
  constructor(model, traits, { cache, decode: decode2, lingers = false }) {
    this.store = new Store(model, traits);
    this.cache = cache;
    this.#decode = decode2;
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

// src/nms_explorer/rules.js
var { fround } = Math;
var BELOW = 0;
var KEPT = 1;
var REMOVED = 2;
function squareOf(sent, count2, same2) {
  const pairs = new Float32Array(sent.buffer.slice(sent.byteOffset, sent.byteOffset + sent.byteLength));
  const square = new Float32Array(count2 * count2);
  let at2 = 0;
  for (let i = 0; i < count2; i++) {
    square[i * count2 + i] = same2;
    for (let j = i + 1; j < count2; j++) square[i * count2 + j] = square[j * count2 + i] = pairs[at2++];
  }
  return square;
}
function overlaps(boxes) {
  const count2 = boxes.length / 4;
  const areas = Float32Array.from(
    { length: count2 },
    (_, i) => fround(fround(boxes[4 * i + 2] - boxes[4 * i]) * fround(boxes[4 * i + 3] - boxes[4 * i + 1]))
  );
  const square = new Float32Array(count2 * count2);
  for (let i = 0; i < count2; i++) {
    for (let j = i; j < count2; j++) {
      const [a, b] = [4 * i, 4 * j];
      const width = Math.max(0, fround(Math.min(boxes[a + 2], boxes[b + 2]) - Math.max(boxes[a], boxes[b])));
      const height = Math.max(0, fround(Math.min(boxes[a + 3], boxes[b + 3]) - Math.max(boxes[a + 1], boxes[b + 1])));
      const shared = fround(width * height);
      const iou = fround(shared / fround(fround(areas[i] + areas[j]) - shared));
      square[i * count2 + j] = square[j * count2 + i] = Number.isNaN(iou) ? 0 : iou;
    }
  }
  return square;
}
function isDuplicate({ rule, iou_threshold, t_low, t_high, low_iou, high_iou, distance }, iou, other) {
  if (rule === "nms") return iou > iou_threshold;
  if (rule === "feature-nms") return iou > high_iou || iou >= low_iou && other <= fround(distance);
  if (iou < iou_threshold && other > t_high) return true;
  return t_low === 0 ? iou > iou_threshold : iou >= iou_threshold && other > t_low;
}
function comparedBy(problem, rule) {
  if (rule === "odam-nms") return problem.correlation;
  return rule === "feature-nms" ? problem.distance : null;
}
var canDecide = (problem, rule) => !["odam-nms", "feature-nms"].includes(rule) || comparedBy(problem, rule) !== null;
function passing({ scores }, threshold2) {
  const least = fround(threshold2);
  const found = [];
  for (let i = 0; i < scores.length; i++) if (scores[i] >= least) found.push(i);
  return found.sort((a, b) => scores[b] - scores[a] || a - b);
}
function decide(problem, settings) {
  const { count: count2 } = problem;
  const decision = { state: new Uint8Array(count2), by: new Int32Array(count2).fill(-1), scores: Float32Array.from(problem.scores), kept: [] };
  const order = passing(problem, settings.score_threshold);
  if (settings.rule === "soft-nms") lower(problem, settings, order, decision);
  else keep(problem, settings, order, decision);
  return decision;
}
function keep(problem, settings, order, { state, by, kept }) {
  const { count: count2, iou, labels } = problem;
  const other = comparedBy(problem, settings.rule);
  for (const i of order) {
    for (const k of kept) {
      const pair = k * count2 + i;
      if (labels[k] !== labels[i] || !isDuplicate(settings, iou[pair], other ? other[pair] : 0)) continue;
      by[i] = k;
      break;
    }
    state[i] = by[i] < 0 ? KEPT : REMOVED;
    if (by[i] < 0) kept.push(i);
  }
}
function factor({ decay, sigma, iou_threshold }, iou) {
  if (decay === "gaussian") return fround(Math.exp(fround(-fround(iou * iou) / fround(sigma))));
  return iou >= iou_threshold ? fround(1 - iou) : 1;
}
function lower(problem, settings, order, { state, by, scores, kept }) {
  const { count: count2, iou, labels } = problem;
  const classes = /* @__PURE__ */ new Map();
  for (const i of [...order].sort((a, b) => a - b)) classes.set(labels[i], [...classes.get(labels[i]) ?? [], i]);
  const most = new Float32Array(count2).fill(1);
  for (let waiting of classes.values()) {
    while (waiting.length > 0) {
      let best = waiting[0];
      for (const i of waiting) if (scores[i] > scores[best]) best = i;
      if (!(scores[best] >= settings.final_score)) break;
      kept.push(best);
      waiting = waiting.filter((i) => i !== best);
      for (const i of waiting) {
        const share = factor(settings, iou[best * count2 + i]);
        scores[i] = fround(scores[i] * share);
        if (share < most[i]) {
          most[i] = share;
          by[i] = best;
        }
      }
    }
  }
  for (const i of order) state[i] = REMOVED;
  for (const i of kept) state[i] = KEPT;
  kept.sort((a, b) => scores[b] - scores[a] || a - b);
}
function countObjects({ objects, of, ignored }, { kept, state }) {
  const taken = /* @__PURE__ */ new Set();
  const counts = { found: 0, lost: 0, suppressed: 0, double: 0, elsewhere: 0 };
  for (const i of kept) {
    let best = -1;
    let most = 0;
    for (const [object, iou] of of[i]) {
      if (taken.has(object) || iou <= most) continue;
      best = object;
      most = iou;
    }
    if (best >= 0) taken.add(best);
    else if (of[i].length > 0) counts.double += 1;
    else if (!ignored.includes(i)) counts.elsewhere += 1;
  }
  const had = new Set(of.flatMap((pairs, i) => state[i] === BELOW ? [] : pairs.map(([object]) => object)));
  counts.found = taken.size;
  counts.lost = objects.length - taken.size;
  counts.suppressed = [...had].filter((object) => !taken.has(object)).length;
  return counts;
}
var objectOfEach = ({ of }) => Int32Array.from(of, (pairs) => pairs.reduce((best, pair) => pair[1] > best[1] ? pair : best, [-1, 0])[0]);

// src/nms_explorer/model.js
var SETTINGS = (
  /** @type {const} */
  [
    "rule",
    "score_threshold",
    "iou_threshold",
    "t_low",
    "t_high",
    "decay",
    "sigma",
    "final_score",
    "low_iou",
    "high_iou",
    "distance"
  ]
);
var TRAITS = [
  "photo",
  "objects",
  "choices",
  "palettes",
  "selected",
  "partner",
  "rule",
  "score_threshold",
  "iou_threshold",
  "t_low",
  "t_high",
  "decay",
  "sigma",
  "final_score",
  "low_iou",
  "high_iou",
  "distance",
  "lowest_score",
  "layer",
  "shown",
  "truth",
  "remark",
  "opacity",
  "colormap",
  "only_class",
  "search",
  "request",
  "map_key",
  "map_data",
  "status",
  "notice",
  "lower_score",
  "code"
];
var MOST_KEPT = 2;
var NmsExplorer = class extends OneResultModel {
  /** Another prediction is compared with what decided about it. */
  along = { partner: null };
  #palettes;
  /** What depends on the predictions only. @type {{objects: readonly DetectedObject[], problem: Omit<Problem, "correlation">} | null} */
  #fixed = null;
  /** @type {{of: unknown[], decision: Decision | null} | null} */
  #decided = null;
  /** @type {{truth: any, of: Int32Array} | null} */
  #owners = null;
  /** @param {AnyModel} model */
  constructor(model) {
    super(model, TRAITS, { cache: new ResultCache(MOST_KEPT), decode: (sent) => decode(sent, model.get("photo")) });
    this.#palettes = decodePalettes(this.store.get("palettes"));
  }
  /** @returns {readonly DetectedObject[]} */
  get objects() {
    return this.store.get("objects");
  }
  /** A black box has no maps to wait for. */
  get wanted() {
    return this.store.get("layer") === "" ? "" : super.wanted;
  }
  /** @returns {Settings} */
  get settings() {
    return (
      /** @type {any} */
      Object.fromEntries(SETTINGS.map((name) => [name, this.store.get(name)]))
    );
  }
  /** @returns {Problem} */
  get problem() {
    const { objects } = this;
    const fixed = this.#fixed?.objects === objects ? this.#fixed : { objects, problem: this.#prepared(objects) };
    this.#fixed = fixed;
    return { ...fixed.problem, correlation: this.result?.correlation ?? null };
  }
  /** @param {readonly DetectedObject[]} objects @returns {Omit<Problem, "correlation">} */
  #prepared(objects) {
    const { labels, distances } = this.store.get("choices");
    const boxes = Float32Array.from(objects.flatMap(({ box }) => box));
    const scores = Float32Array.from(objects, ({ score }) => score);
    const distance = this.offers("feature-nms") ? squareOf(distances, objects.length, 0) : null;
    return { count: objects.length, boxes, scores, labels, iou: overlaps(boxes), distance };
  }
  /** @param {string} rule */
  offers(rule) {
    return this.store.get("choices").rules.some((one) => one.name === rule);
  }
  /** What the rule does now; null while it lacks maps. @returns {Decision | null} */
  get decision() {
    const { settings } = this;
    const of = [this.objects, this.result, ...Object.values(settings)];
    const known = this.#decided;
    if (known && of.every((one, i) => one === known.of[i])) return known.decision;
    const { problem } = this;
    const able = problem.count === 0 || canDecide(problem, settings.rule);
    const decision = able ? decide(problem, settings) : null;
    this.#decided = { of, decision };
    return decision;
  }
  /** Whether a prediction's score passes. @param {number} index */
  passes(index) {
    return this.objects[index].score >= Math.fround(this.store.get("score_threshold"));
  }
  /** Those that take part and pass the filters. @returns {number[]} */
  get listed() {
    return listedObjects(this.store, this.objects).filter((index) => this.passes(index));
  }
  /** @returns {number | null} */
  get selected() {
    const selected = super.selected;
    return selected !== null && this.passes(selected) ? selected : null;
  }
  /** Where the annotations say so: the object that each prediction is of, -1 for none. @returns {Int32Array | null} */
  get owners() {
    const truth = this.store.get("truth");
    if (!truth.objects) return null;
    const known = this.#owners;
    if (known && known.truth === truth) return known.of;
    const of = objectOfEach(truth);
    this.#owners = { truth, of };
    return of;
  }
  /** @returns {import("./rules.js").Counts | null} */
  get counts() {
    const truth = this.store.get("truth");
    return truth.objects && this.decision ? countObjects(truth, this.decision) : null;
  }
  /** How many take part. */
  get taking() {
    return this.objects.reduce((count2, _, index) => count2 + Number(this.passes(index)), 0);
  }
  /**
   * What the selected prediction is compared with: the one that was chosen, else the one that removed it, else the
   * nearest of its class.
   * @returns {number | null}
   */
  get partner() {
    const { selected, store } = this;
    if (selected === null) return null;
    const chosen = store.get("partner");
    if (chosen !== null && chosen !== selected && chosen < this.objects.length && this.passes(chosen)) return chosen;
    const by = this.decision?.by[selected] ?? -1;
    return by >= 0 ? by : this.near(selected)[0] ?? null;
  }
  /** Those of its class that take part, the nearest first: by IoU, then by the maps. @param {number} index @returns {number[]} */
  near(index) {
    const { problem, settings } = this;
    const { count: count2, iou, labels } = problem;
    const other = comparedBy(problem, settings.rule) ?? problem.correlation;
    const sign = settings.rule === "feature-nms" ? -1 : 1;
    const value = (i) => other ? sign * other[index * count2 + i] : 0;
    const others = [...labels.keys()].filter((i) => i !== index && labels[i] === labels[index] && this.passes(i));
    return others.sort((a, b) => iou[index * count2 + b] - iou[index * count2 + a] || value(b) - value(a) || a - b);
  }
  /** Compare with the next one. @param {1 | -1} by */
  stepPartner(by) {
    const { selected, partner, objects } = this;
    if (selected === null) return;
    const among = [...objects.keys()].filter((i) => i !== selected && this.passes(i));
    const next = nextAmong(among, partner, by);
    if (next !== null) this.store.commit({ partner: next });
  }
  /** Select a pair; the one that came later is what is asked about. @param {number} first @param {number} second */
  choosePair(first, second) {
    this.store.commit({ selected: second, partner: first });
  }
  /**
   * The two of a pair, the one first that goes first in the rule.
   * @param {number} a
   * @param {number} b
   * @returns {[number, number]}
   */
  inOrder(a, b) {
    const by = this.objects[b].score - this.objects[a].score || a - b;
    return by <= 0 ? [a, b] : [b, a];
  }
  /** Move the score threshold within its range. @param {number} by */
  moveScore(by) {
    const { store } = this;
    const to = Math.round(100 * (store.get("score_threshold") + by)) / 100;
    store.commit({ score_threshold: Math.min(1, Math.max(store.get("lowest_score"), to)) });
  }
  /**
   * A threshold within its range, and on its own side of the one that it must not cross.
   * @param {string} name
   * @param {number} value
   */
  within(name, value) {
    const { store } = this;
    if (name === "score_threshold") return Math.max(store.get("lowest_score"), value);
    if (name === "t_low" || name === "low_iou") return Math.min(value, store.get(name === "t_low" ? "t_high" : "high_iou"));
    if (name === "t_high" || name === "high_iou") return Math.max(value, store.get(name === "t_high" ? "t_low" : "low_iou"));
    return value;
  }
  /** The box's colour says what became of it. @param {number} index @returns {"kept" | "removed" | null} */
  fate(index) {
    const state = this.decision?.state[index] ?? BELOW;
    return state === BELOW ? null : state === KEPT ? "kept" : "removed";
  }
  /** @param {boolean} fade */
  table(fade) {
    const palette = (
      /** @type {Uint8Array} */
      this.#palettes.get(this.store.get("colormap"))
    );
    return colorTable(palette, { signed: false, threshold: 0, fade });
  }
};
function decode(sent, { width, height }) {
  const [rows, columns] = sent.grid;
  const { buffer, byteOffset } = sent.maps;
  const cells = rows * columns;
  const maps = /* @__PURE__ */ new Map();
  return {
    key: sent.key,
    title: sent.title,
    correlation: squareOf(sent.correlation, sent.peaks.length, 1),
    map(index) {
      const known = maps.get(index);
      if (known) return known;
      const made = {
        quanta: Uint16Array.from(new Uint8Array(buffer, byteOffset + index * cells, cells), (step) => step * 257),
        width: columns,
        height: rows,
        low: 0,
        high: sent.peaks[index],
        scale: (
          /** @type {[number, number]} */
          [1, 1]
        ),
        shift: (
          /** @type {[number, number]} */
          [0, 0]
        ),
        stride: (
          /** @type {[number, number]} */
          [width / columns, height / rows]
        ),
        partial: false,
        status: "ok",
        peak: (
          /** @type {[number, number]} */
          [0, 0]
        ),
        inside: null
      };
      maps.set(index, made);
      return made;
    }
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

// src/nms_explorer/words.js
var MOST_DIGITS = 9;
function beside(value, threshold2) {
  for (let digits = 2; digits < MOST_DIGITS; digits++) {
    const [one, other] = [value.toFixed(digits), threshold2.toFixed(digits)];
    if (Math.sign(Number(one) - Number(other)) === Math.sign(value - threshold2)) return [one, other];
  }
  return [value.toFixed(MOST_DIGITS), threshold2.toFixed(MOST_DIGITS)];
}
function compared(what, value, threshold2, strict, name = "") {
  const [one, other] = beside(value, threshold2);
  const sign = strict ? value > threshold2 ? ">" : "≤" : value >= threshold2 ? "≥" : "<";
  return `${what} ${one} ${sign} ${name}${name && " "}${other}`;
}
function reason(settings, iou, other) {
  const { rule, iou_threshold, t_low, t_high, low_iou, high_iou, distance } = settings;
  if (rule === "nms") {
    return { duplicate: iou > iou_threshold, why: compared("IoU", iou, iou_threshold, true) };
  }
  if (rule === "feature-nms") {
    if (iou > high_iou) return { duplicate: true, why: compared("IoU", iou, high_iou, true) };
    if (!(iou >= low_iou)) return { duplicate: false, why: compared("IoU", iou, low_iou, false) };
    const near = other <= Math.fround(distance);
    const far = compared("the distance of the feature vectors", other, Math.fround(distance), true);
    return { duplicate: near, why: `${compared("IoU", iou, low_iou, false)} and ${far}` };
  }
  if (iou < iou_threshold) {
    const why2 = `${compared("IoU", iou, iou_threshold, false)} and ${compared("the correlation", other, t_high, true, "T_high")}`;
    return { duplicate: other > t_high, why: why2 };
  }
  if (t_low === 0) {
    return { duplicate: iou > iou_threshold, why: `${compared("IoU", iou, iou_threshold, true)} and T_low is 0, so that no map is asked` };
  }
  const why = `${compared("IoU", iou, iou_threshold, false)} and ${compared("the correlation", other, t_low, true, "T_low")}`;
  return { duplicate: other > t_low, why };
}
function figuresOf(nms, a, b) {
  const { problem } = nms;
  const at2 = a * problem.count + b;
  return { iou: problem.iou[at2], correlation: problem.correlation?.[at2] ?? null, distance: problem.distance?.[at2] ?? null };
}
function pairWords(nms, a, b) {
  const { problem, settings, decision, objects } = nms;
  const [first, second] = nms.inOrder(a, b);
  const [one, two] = [nameOf(objects[first]), nameOf(objects[second])];
  const low = [first, second].filter((i) => !nms.passes(i));
  if (low.length > 0) {
    const said = low.map((i) => `${nameOf(objects[i])} takes no part: ${compared("its score", objects[i].score, settings.score_threshold, false)}`);
    return `${said.join("; ")}.`;
  }
  if (problem.labels[first] !== problem.labels[second]) return `${one} and ${two} are of different classes, which are never compared.`;
  if (!canDecide(problem, settings.rule) || !decision) return "The maps that ODAM-NMS compares are not there yet.";
  if (settings.rule === "soft-nms") return softWords(nms, first, second);
  const at2 = first * problem.count + second;
  const { duplicate, why } = reason(settings, problem.iou[at2], comparedBy(problem, settings.rule)?.[at2] ?? 0);
  const by = decision.by[second];
  if (!duplicate) {
    const rest2 = by >= 0 ? ` ${two} is removed by ${nameOf(objects[by])}.` : "";
    return `${one} does not remove ${two}: ${why}.${rest2}`;
  }
  if (by === first) return `${two} is removed because of ${one}: ${why}.`;
  if (by >= 0 && decision.state[first] === KEPT) return `${one} would remove ${two} too (${why}), but ${nameOf(objects[by])} did so first.`;
  const own = decision.by[first];
  const gone = own >= 0 ? ` (by ${nameOf(objects[own])})` : "";
  const rest = by >= 0 ? `${two} is removed by ${nameOf(objects[by])}` : `so ${two} is kept`;
  return `They are duplicates by the rule (${why}), but ${one} was removed itself${gone} and removes nothing; ${rest}.`;
}
function softWords({ problem, settings, decision, objects }, a, b) {
  if (!decision) return "";
  const rank = (i) => decision.state[i] === KEPT ? decision.kept.indexOf(i) : Infinity;
  const [first, second] = rank(a) <= rank(b) ? [a, b] : [b, a];
  const iou = problem.iou[first * problem.count + second];
  const [one, two] = [nameOf(objects[first]), nameOf(objects[second])];
  if (rank(first) === Infinity) return `Neither ${one} nor ${two} is kept, so neither lowers the other; their IoU is ${iou.toFixed(2)}.`;
  const gaussian = settings.decay === "gaussian";
  const share = gaussian ? Math.exp(-iou * iou / settings.sigma) : iou >= settings.iou_threshold ? 1 - iou : 1;
  const why = gaussian ? `IoU ${iou.toFixed(2)}` : compared("IoU", iou, settings.iou_threshold, false);
  const after = decision.scores[second];
  const whole = `All that is kept lowers it from ${objects[second].score.toFixed(2)} to ${beside(after, settings.final_score)[0]}`;
  const end = decision.state[second] === KEPT ? "kept" : "removed";
  return `${one} multiplies the score of ${two} by ${share.toFixed(2)}: ${why}. ${whole}, so that ${two} is ${end}: ${compared("score", after, settings.final_score, false)}.`;
}
function fateWords(nms, index) {
  const { decision, objects, settings } = nms;
  const what = boxLabel(objects[index]);
  if (!decision) return `${what}.`;
  const by = decision.by[index];
  const other = by >= 0 ? ` by ${nameOf(objects[by])}` : "";
  if (settings.rule === "soft-nms") {
    const score = beside(decision.scores[index], settings.final_score)[0];
    return `${what}: ${decision.state[index] === KEPT ? "kept" : "removed"} with a score of ${score}.`;
  }
  return decision.state[index] === REMOVED ? `${what}: removed${other}.` : `${what}: kept.`;
}
function countWords2(nms, title) {
  const { decision, counts, taking, status } = nms;
  if (!decision) {
    const what = `${title} compares heat maps, which are not there`;
    return status.state === "busy" ? `${what} yet.` : `${what}; choose the rule again to compute them.`;
  }
  const kept = `${title} keeps ${decision.kept.length} of ${taking} predictions`;
  if (!counts) return `${kept}.`;
  return `${kept}: ${counts.found} objects found, ${counts.lost} lost, ${counts.double} double.`;
}

// src/nms_explorer/pair.js
var SHAPE = 4 / 3;
function pairView(nms, photo) {
  const sides = [0, 1].map(() => {
    const canvas = element("canvas", { class: "dx-pair-map", role: "img" });
    const title = element("figcaption", {});
    return { canvas, title, heat: new HeatLayer(), root: element("figure", { class: "dx-pair-side" }, [canvas, title]) };
  });
  const why = element("p", { class: "dx-why" });
  const facts = element("dl", { class: "dx-facts" });
  const none = element("p", { class: "dx-remark" });
  const maps = element("div", { class: "dx-pair-maps" }, sides.map(({ root: root2 }) => root2));
  const root = element("div", { class: "dx-pair" }, [none, why, maps, facts]);
  let shown = null;
  let frame = 0;
  function paint() {
    cancelAnimationFrame(frame);
    frame = 0;
    const picture = photo();
    if (!shown || !picture) return;
    const { width, height } = nms.store.get("photo");
    const view = around(shown.map((i) => nms.objects[i].box), { width, height });
    const ratio = window.devicePixelRatio || 1;
    sides.forEach(({ canvas, heat }, side) => {
      const index = (
        /** @type {[number, number]} */
        shown[side]
      );
      const across = canvas.clientWidth;
      const context = canvas.getContext("2d");
      if (across === 0 || !context) return;
      canvas.width = Math.round(across * ratio);
      canvas.height = Math.round(across * ratio / SHAPE);
      const map = nms.result?.map(index) ?? null;
      const range = { low: 0, high: map?.high ?? 0 };
      const drawn = map && range.high > 0 ? heat.draw(map, [height, width], range, nms.table(true), `${nms.store.get("colormap")} ${range.high}`) : null;
      const objects = (
        /** @type {[number, number]} */
        shown.map((i) => ({ ...nms.objects[i], color: colorOf(nms, i) }))
      );
      const scene = { photo: picture, size: { width, height }, heat: drawn, opacity: nms.store.get("opacity"), objects, selected: side, hovered: null, side: null, boxes: "all", unnamed: true };
      paintScene(context, scene, { ...view, scale: across / view.across }, ratio);
    });
  }
  return {
    root,
    dispose: () => cancelAnimationFrame(frame),
    /** @param {[number, number] | null} pair the one that goes first in the rule first */
    show(pair) {
      shown = pair;
      for (const one of [why, maps, facts]) one.hidden = pair === null;
      none.hidden = pair !== null;
      none.textContent = nms.selected === null ? "Select a prediction to compare it with the one that removed it, or with its nearest." : "There is no other prediction of its class.";
      if (!pair) return;
      const { iou, correlation, distance } = figuresOf(nms, ...pair);
      why.textContent = pairWords(nms, ...pair);
      sides.forEach(({ canvas, title }, side) => {
        const object = nms.objects[pair[side]];
        const fate = nms.fate(pair[side]);
        title.textContent = `${boxLabel(object)}${fate ? `, ${fate}` : ""}`;
        canvas.setAttribute("aria-label", `Heat map of ${boxLabel(object)}`);
      });
      facts.replaceChildren(
        ...factRows([
          { name: "IoU", value: iou.toFixed(3) },
          ...correlation === null ? [] : [{ name: "Correlation", value: correlation.toFixed(3) }],
          ...distance === null ? [] : [{ name: "Distance", value: formatValue(distance) }]
        ])
      );
      if (!frame) frame = requestAnimationFrame(paint);
    }
  };
}
var colorOf = (nms, index) => nms.store.get("choices").colors[nms.fate(index) ?? "removed"];
function around(boxes, { width, height }) {
  const [left, top] = [0, 1].map((side) => Math.min(...boxes.map((box) => box[side])));
  const [right, bottom] = [2, 3].map((side) => Math.max(...boxes.map((box) => box[side])));
  const across = Math.min(Math.max(1.6 * (right - left), 1.6 * SHAPE * (bottom - top), 16), Math.max(width, SHAPE * height));
  const down = across / SHAPE;
  const kept = (middle, part, whole) => part >= whole ? (whole - part) / 2 : Math.min(Math.max(middle - part / 2, 0), whole - part);
  return { x: kept((left + right) / 2, across, width), y: kept((top + bottom) / 2, down, height), across };
}

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
        const rows = choices.map(
          (choice, i) => element("label", { class: "dx-check" }, [
            boxes[i],
            element("span", { class: "dx-name", title: choice.title }, [...swatch(choice), choice.title]),
            element("span", { class: "dx-number" }, [choice.aside ?? ""])
          ])
        );
        for (const box of boxes) {
          box.addEventListener("change", () => changed(boxes.filter((b) => b.checked).map((b) => b.value)));
        }
        root.replaceChildren(...rows);
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

// src/nms_explorer/panel.js
function nmsPanel(nms, { download, ...pick }) {
  const { store } = nms;
  const rule = selectControl("Rule", (name) => store.commit({ rule: name }));
  const thresholds = [
    threshold(nms, "score_threshold", "Min. score", () => true),
    threshold(nms, "iou_threshold", "IoU", ({ rule: rule2, decay: decay2 }) => ["nms", "odam-nms"].includes(rule2) || rule2 === "soft-nms" && decay2 === "linear"),
    threshold(nms, "t_low", "T_low", ({ rule: rule2 }) => rule2 === "odam-nms"),
    threshold(nms, "t_high", "T_high", ({ rule: rule2 }) => rule2 === "odam-nms"),
    threshold(nms, "sigma", "Sigma", ({ rule: rule2, decay: decay2 }) => rule2 === "soft-nms" && decay2 === "gaussian", 2),
    threshold(nms, "final_score", "Final score", ({ rule: rule2 }) => rule2 === "soft-nms"),
    threshold(nms, "low_iou", "Low IoU", ({ rule: rule2 }) => rule2 === "feature-nms"),
    threshold(nms, "high_iou", "High IoU", ({ rule: rule2 }) => rule2 === "feature-nms"),
    threshold(nms, "distance", "Distance", ({ rule: rule2 }) => rule2 === "feature-nms", 2)
  ];
  const decays = [
    { name: "gaussian", title: "Gaussian" },
    { name: "linear", title: "Linear" }
  ];
  const decay = segmentControl("Decay", decays, (name) => store.commit({ decay: name }));
  const remark = element("p", { class: "dx-remark" });
  const left = element("dl", { class: "dx-facts" });
  const shown = checkList("Boxes drawn", (names) => store.commit({ shown: names }));
  const count2 = element("span", { class: "dx-count" });
  const filter = filterControls(store);
  const list = predictionList(nms, pick);
  const layer = selectControl("Layer", (name) => store.commit({ layer: name }));
  const opacity = sliderControl(
    "Opacity",
    (value) => store.setLive("opacity", value),
    (value) => store.commit({ opacity: value })
  );
  const colors = selectControl("Colours", (name) => store.commit({ colormap: name }));
  const maps = section("Maps", [layer.row, opacity.row, colors.row]);
  const root = element("div", { class: "dx-panel" }, [
    section("Suppression", [rule.row, decay.row, ...thresholds.map(({ row }) => row), remark, left]),
    section("Boxes drawn", [shown.root]),
    section("Predictions", [filter.root, list.root], count2),
    maps,
    takeAway(download, () => store.get("code"), store)
  ]);
  function facts() {
    const { counts, decision, taking } = nms;
    const named = (name, value, title) => ({ name, value, title });
    return [
      named("Kept", decision ? `${decision.kept.length} of ${taking}` : "–", "Predictions that the rule keeps, of those with at least the min. score"),
      ...counts ? [
        named("Objects found", `${counts.found} of ${counts.found + counts.lost}`, "Annotated objects that a kept prediction of their class covers with an IoU above 0.5"),
        named("Objects lost", counts.suppressed > 0 ? `${counts.lost} (${counts.suppressed} by the rule)` : String(counts.lost), "Objects without one; by the rule: they had a prediction before"),
        named("Double", String(counts.double), "Kept predictions of an object that another one has found"),
        named("Elsewhere", String(counts.elsewhere), "Kept predictions on no object of their class")
      ] : []
    ];
  }
  function kinds() {
    const { decision, taking } = nms;
    const { colors: tints } = store.get("choices");
    const { objects: present } = store.get("truth");
    const kept = decision?.kept.length ?? 0;
    return [
      { name: "kept", title: "Kept", aside: String(kept), color: tints.kept },
      { name: "removed", title: "Removed", aside: String(decision ? taking - kept : 0), color: tints.removed },
      ...present ? [{ name: "present", title: "Really there", aside: String(present.length), color: tints.present }] : [],
      ...store.get("layer") === "" ? [] : [{ name: "map", title: "Heat map of the selected one" }]
    ];
  }
  return {
    root,
    /** @param {number | null} index */
    point: (index) => list.point(index),
    /** Show the state of the traits. */
    show() {
      const { objects, listed } = nms;
      const { rules, layers, colormaps } = store.get("choices");
      const settings = nms.settings;
      rule.show(rules, settings.rule);
      decay.row.hidden = settings.rule !== "soft-nms";
      decay.show(settings.decay);
      for (const one of thresholds) one.show(settings);
      remark.textContent = store.get("remark");
      remark.hidden = remark.textContent === "";
      left.replaceChildren(...factRows(facts()));
      shown.show(kinds(), store.get("shown"));
      filter.show(objects, listed);
      list.show(listed);
      count2.textContent = countWords(objects, listed);
      maps.hidden = store.get("layer") === "";
      layer.show(layers.length > 1 ? layerChoices(layers) : [], store.get("layer"));
      opacity.show(store.get("opacity"));
      colors.show(plain(colormaps), store.get("colormap"));
    }
  };
}
function threshold(nms, name, label, counts, most = 1) {
  const { store } = nms;
  const made = sliderControl(
    label,
    (value) => {
      store.setLive(name, nms.within(name, value));
      made.show(store.get(name));
    },
    (value) => store.commit({ [name]: nms.within(name, value) }),
    (value) => Math.abs(value - Math.round(100 * value) / 100) < 1e-9 ? value.toFixed(2) : formatValue(value)
  );
  return {
    row: made.row,
    /** @param {import("./rules.js").Settings} settings */
    show(settings) {
      made.row.hidden = !counts(settings);
      const value = (
        /** @type {number} */
        settings[name]
      );
      if (name === "score_threshold") made.input.min = String(store.get("lowest_score"));
      if (most > 1) {
        made.input.min = "0.01";
        made.input.max = String(Math.max(most, Math.ceil(value)));
      }
      made.show(value);
    }
  };
}
function predictionList(nms, pick) {
  const { store } = nms;
  const list = objectList({ label: "Predictions", ...pick });
  let filled = null;
  let said = [];
  return {
    root: list.list,
    point: list.point,
    /** @param {readonly number[]} listed */
    show(listed) {
      const { objects } = nms;
      const lines = (
        /** @type {HTMLElement[]} */
        [.../** @type {any} */
        filled === objects ? list.list.children : []]
      );
      if (filled !== objects) {
        filled = objects;
        list.fill(objects);
        lines.push(.../** @type {any} */
        list.list.children);
        said = lines.map((line) => line.getAttribute("aria-label") ?? "");
      }
      const visible = new Set(listed);
      lines.forEach((line, i) => {
        const fate = nms.fate(i) ?? "";
        if (line.hidden === visible.has(i)) line.hidden = !visible.has(i);
        if (line.dataset.fate === fate) return;
        line.dataset.fate = fate;
        line.style.setProperty("--dx-swatch", fate ? store.get("choices").colors[fate] : "transparent");
        line.setAttribute("aria-label", fate ? `${said[i]}, ${fate}` : said[i]);
      });
      list.show(nms.selected);
    }
  };
}

// src/nms_explorer/paint.js
var UNKNOWN = 0;
var SAME = 1;
var DIFFERENT = 2;
var HIDDEN = 3;
var LEFT = 38;
var RIGHT = 10;
var TOP = 26;
var BOTTOM = 34;
var PAPER = {
  text: "#1c1f24",
  muted: "#5b6270",
  line: "#dfe2e7",
  surface: "#ffffff",
  shade: "rgba(23, 105, 194, 0.09)",
  accent: "#1769c2",
  kinds: ["#8a919d", "#0072b2", "#c24e00"]
};
var kindNames = (known) => known ? [
  [SAME, "Same object"],
  [DIFFERENT, "Different objects"],
  [UNKNOWN, "At least one on no object"]
] : [
  [SAME, "Duplicates by the rule"],
  [DIFFERENT, "Not duplicates"]
];
function pointsOf(nms, values) {
  const { problem, owners } = nms;
  const { count: count2, labels, iou, scores } = problem;
  const order = [...Array(count2).keys()].sort((a, b) => scores[b] - scores[a] || a - b);
  const most = count2 * (count2 - 1) / 2;
  const made = { count: 0, first: new Uint16Array(most), second: new Uint16Array(most), iou: new Float32Array(most), other: new Float32Array(most), kind: new Uint8Array(most) };
  for (let rank = 0; rank < count2; rank++) {
    const i = order[rank];
    for (let r = rank + 1; r < count2; r++) {
      const j = order[r];
      if (labels[i] !== labels[j]) continue;
      const at2 = made.count++;
      const pair = i * count2 + j;
      made.first[at2] = i;
      made.second[at2] = j;
      made.iou[at2] = iou[pair];
      made.other[at2] = values[pair];
      if (owners && owners[i] >= 0 && owners[j] >= 0) made.kind[at2] = owners[i] === owners[j] ? SAME : DIFFERENT;
    }
  }
  return made;
}
function kindsNow(nms, { count: count2, first, second, iou, other, kind }) {
  const { owners, settings } = nms;
  const takes = Uint8Array.from(nms.objects, (_, i) => Number(nms.passes(i)));
  const byRule = !owners && settings.rule !== "soft-nms";
  const kinds = new Uint8Array(count2);
  for (let i = 0; i < count2; i++) {
    if (!takes[first[i]] || !takes[second[i]]) kinds[i] = HIDDEN;
    else if (byRule) kinds[i] = isDuplicate(settings, iou[i], other[i]) ? SAME : DIFFERENT;
    else kinds[i] = kind[i];
  }
  return kinds;
}
function linesOf(settings, high) {
  const { rule, decay, iou_threshold, t_low, t_high, low_iou, high_iou, distance } = settings;
  const upright = (name, value, title = "IoU") => ({ name, across: false, value, from: 0, to: high, title });
  if (rule === "nms" || rule === "soft-nms" && decay === "linear") return [upright("iou_threshold", iou_threshold)];
  if (rule === "soft-nms") return [];
  if (rule === "feature-nms") {
    return [
      upright("low_iou", low_iou, "Low IoU"),
      upright("high_iou", high_iou, "High IoU"),
      { name: "distance", across: true, value: distance, from: low_iou, to: high_iou, title: "Distance" }
    ];
  }
  return [
    upright("iou_threshold", iou_threshold),
    { name: "t_low", across: true, value: t_low, from: iou_threshold, to: 1, title: "T_low" },
    { name: "t_high", across: true, value: t_high, from: 0, to: iou_threshold, title: "T_high" }
  ];
}
function shaded({ rule, iou_threshold, t_low, t_high, low_iou, high_iou, distance }, high) {
  if (rule === "nms") return [[iou_threshold, 1, 0, high]];
  if (rule === "odam-nms") {
    return [
      [iou_threshold, 1, t_low, high],
      [0, iou_threshold, t_high, high]
    ];
  }
  if (rule === "feature-nms") {
    return [
      [high_iou, 1, 0, high],
      [low_iou, high_iou, 0, Math.min(distance, high)]
    ];
  }
  return [];
}
function axesOf({ width, height }, high) {
  const across = width - LEFT - RIGHT;
  const up = height - TOP - BOTTOM;
  return {
    x: (iou) => LEFT + across * iou,
    y: (other) => height - BOTTOM - up * other / high,
    iou: (x) => Math.min(1, Math.max(0, (x - LEFT) / across)),
    other: (y) => Math.min(high, Math.max(0, (height - BOTTOM - y) * high / up))
  };
}
function paintPoints(points, kinds, axes, { size: { width, height }, unit, colors }) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * unit);
  canvas.height = Math.round(height * unit);
  const context = (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d")
  );
  const pixels = new ImageData(Math.max(1, canvas.width), Math.max(1, canvas.height));
  const out = new Uint32Array(pixels.data.buffer);
  const radius = (points.count > 4e3 ? 1.3 : 2.4) * unit;
  const reach = Math.ceil(radius);
  const disc = [];
  for (let dy = -reach; dy <= reach; dy++) for (let dx = -reach; dx <= reach; dx++) if (dx * dx + dy * dy <= radius * radius) disc.push(dy * canvas.width + dx);
  for (const kind of [UNKNOWN, DIFFERENT, SAME]) {
    const color = packed(colors[kind]);
    for (let i = 0; i < points.count; i++) {
      if (kinds[i] !== kind) continue;
      const column = Math.round(axes.x(points.iou[i]) * unit);
      const row = Math.round(axes.y(points.other[i]) * unit);
      const at2 = row * canvas.width + column;
      for (const step of disc) out[at2 + step] = color;
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
function packed(color) {
  const part = (at2) => Number.parseInt(color.slice(at2, at2 + 2), 16);
  return 255 << 24 | part(5) << 16 | part(3) << 8 | part(1);
}
function paintPlane(context, { layer, axes, size, unit, ink, high, settings, title, deciding, active }) {
  const { x, y } = axes;
  context.setTransform(unit, 0, 0, unit, 0, 0);
  context.fillStyle = ink.shade;
  for (const [from, to, low, up] of shaded(settings, high)) context.fillRect(x(from), y(up), x(to) - x(from), y(low) - y(up));
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.lineWidth = 1;
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    context.strokeStyle = ink.line;
    context.beginPath();
    context.moveTo(x(share), y(0));
    context.lineTo(x(share), y(high));
    context.moveTo(x(0), y(share * high));
    context.lineTo(x(1), y(share * high));
    context.stroke();
    context.fillStyle = ink.muted;
    context.textAlign = "center";
    context.fillText(String(share), x(share), y(0) + 11);
    context.textAlign = "right";
    context.fillText(String(Number((share * high).toPrecision(2))), x(0) - 5, y(share * high));
  }
  context.textAlign = "right";
  context.fillText("IoU", x(1), y(0) + 25);
  context.textAlign = "left";
  context.fillText(title, 2, 9);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(layer, 0, 0, Math.round(size.width * unit), Math.round(size.height * unit));
  context.setTransform(unit, 0, 0, unit, 0, 0);
  context.strokeStyle = ink.text;
  context.lineWidth = 1.2;
  for (const [iou, other] of deciding) {
    context.beginPath();
    context.arc(x(iou), y(other), 4.5, 0, 2 * Math.PI);
    context.stroke();
  }
  for (const line of linesOf(settings, high)) paintLine(context, line, axes, ink, line.name === active);
}
function paintLine(context, { across, value, from, to, title }, { x, y }, ink, active) {
  const [x1, y1, x2, y2] = across ? [x(from), y(value), x(to), y(value)] : [x(value), y(from), x(value), y(to)];
  for (
    const [color, width] of
    /** @type {const} */
    [
      [ink.surface, active ? 6 : 4.5],
      [ink.accent, active ? 3.5 : 2]
    ]
  ) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }
  context.fillStyle = ink.accent;
  context.beginPath();
  context.arc((x1 + x2) / 2, (y1 + y2) / 2, active ? 6 : 4.5, 0, 2 * Math.PI);
  context.fill();
  const words = `${title} ${value.toFixed(2)}`;
  context.font = "600 11px system-ui, sans-serif";
  const wide = context.measureText(words).width;
  const beside2 = x(1) - x1 > wide + 12 ? x1 + 7 : x1 - wide - 7;
  const left = across ? Math.min(Math.max((x1 + x2 - wide) / 2, x(0) + 3), x(1) - wide - 3) : beside2;
  const middle = across ? y1 - 12 > TOP ? y1 - 12 : y1 + 13 : y1 - 9;
  context.textAlign = "left";
  context.lineWidth = 3;
  context.strokeStyle = ink.surface;
  context.strokeText(words, left, middle);
  context.fillText(words, left, middle);
}

// src/nms_explorer/plane.js
var TALLEST2 = 340;
var NEAR_LINE = 8;
var NEAR_POINT = 10;
var KINDS = ["--dx-unknown", "--dx-same", "--dx-different"];
var Plane = class {
  #frame = 0;
  #size = { width: 0, height: 0 };
  /** @type {{of: unknown[], points: import("./paint.js").Points} | null} */
  #points = null;
  /** @type {{of: unknown[], kinds: Uint8Array, layer: HTMLCanvasElement} | null} */
  #layer = null;
  /** The threshold under the pointer, or in its hand. @type {string | null} */
  #active = null;
  #held = false;
  /** The pair under the pointer or keys. @type {[number, number] | null} */
  #cursor = null;
  /** The pair that is looked at, also where the picture chose it. @type {[number, number] | null} */
  #pair = null;
  #legend = "";
  /**
   * @param {NmsExplorer} nms
   * @param {{point: (pair: [number, number] | null, byKey: boolean) => void, escape: () => void}} actions `point`: a pair is
   *   pointed at
   */
  constructor(nms, actions) {
    this.nms = nms;
    this.actions = actions;
    const hint = uniqueId("plane");
    this.canvas = takesKeys(element("canvas", { class: "dx-plane", tabindex: "0", role: "application", "aria-describedby": hint }));
    this.ring = element("span", { class: "dx-ring", hidden: "" });
    this.empty = element("p", { class: "dx-plane-empty" });
    this.legend = element("div", { class: "dx-marks" });
    const words = element("p", { class: "dx-remark", id: hint }, [
      "Shaded: duplicates by the rule. Ringed: pairs of which one was removed. Drag a line; click a point, or take arrow keys and Enter."
    ]);
    this.box = element("div", { class: "dx-plane-box" }, [this.canvas, this.ring, this.empty]);
    this.root = element("div", {}, [this.legend, this.box, words]);
    this.#listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.box);
  }
  dispose() {
    cancelAnimationFrame(this.#frame);
    this.observer.disconnect();
  }
  /** Give the canvas the room there is. */
  fit() {
    const width = this.box.clientWidth;
    if (width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    this.#size = { width, height: Math.round(Math.min(TALLEST2, Math.max(190, 0.78 * width))) };
    this.canvas.style.height = `${this.#size.height}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.#size.height * ratio);
    this.paint();
  }
  /** Traits have changed. */
  show() {
    const { nms } = this;
    const values = this.#values;
    this.empty.hidden = values !== null;
    this.empty.textContent = nms.store.get("layer") === "" ? "There are no maps of a detector that cannot be looked into." : "The maps are not there yet.";
    const names = kindNames(nms.owners !== null);
    const known = names.join();
    if (known !== this.#legend) {
      this.#legend = known;
      const entry = ([kind, name]) => {
        const dot = element("span", { class: "dx-dot", "aria-hidden": "true" });
        dot.style.setProperty("--dx-swatch", `var(${KINDS[kind]})`);
        return element("span", { class: "dx-marked" }, [dot, name]);
      };
      this.legend.replaceChildren(...names.map(entry));
    }
    const lines = linesOf(nms.settings, this.#high).map(({ title, value }) => `${title} ${value.toFixed(2)}`);
    this.canvas.setAttribute("aria-label", `${this.#title} against IoU of all pairs of predictions. ${lines.join(", ")}`);
    if (this.#cursor && !this.#cursor.every((i) => i < nms.objects.length && nms.passes(i))) this.#focus(null);
    this.invalidate();
  }
  /** Ring the pair that is looked at. @param {[number, number] | null} pair */
  look(pair) {
    this.#pair = pair;
    this.#mark();
  }
  /** Paint with the next frame. */
  invalidate() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.paint());
  }
  paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const context = this.canvas.getContext("2d");
    if (!context || this.#size.width === 0) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#draw(context, this.#ink());
    this.#mark();
  }
  /** The same on white with its legend, for a file; null where there are no points. @returns {HTMLCanvasElement | null} */
  render() {
    if (!this.#values || this.#size.width === 0) return null;
    const names = kindNames(this.nms.owners !== null);
    const unit = this.canvas.width / this.#size.width;
    const canvas = document.createElement("canvas");
    canvas.width = this.canvas.width;
    canvas.height = Math.round(this.canvas.height + unit * (20 * names.length + 4));
    const context = (
      /** @type {CanvasRenderingContext2D} */
      canvas.getContext("2d")
    );
    context.fillStyle = PAPER.surface;
    context.fillRect(0, 0, canvas.width, canvas.height);
    this.#draw(context, PAPER);
    context.setTransform(unit, 0, 0, unit, 0, 0);
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.font = `13px ${FONT}`;
    names.forEach(([kind, name], line) => {
      const y = this.#size.height + 10 + 20 * line;
      context.fillStyle = PAPER.kinds[kind];
      context.beginPath();
      context.arc(14, y, 4, 0, 2 * Math.PI);
      context.fill();
      context.fillStyle = PAPER.text;
      context.fillText(name, 24, y);
    });
    return canvas;
  }
  /** What stands against the IoU; null without maps. */
  get #values() {
    const { problem, settings } = this.nms;
    return comparedBy(problem, settings.rule) ?? (settings.rule === "feature-nms" ? null : problem.correlation);
  }
  get #title() {
    return this.nms.settings.rule === "feature-nms" ? "Distance of feature vectors" : "Correlation of maps";
  }
  /** The greatest value of that axis. */
  get #high() {
    const values = this.nms.settings.rule === "feature-nms" ? this.#values : null;
    return values ? Math.max(1e-6, this.nms.store.get("distance"), values.reduce((most, value) => Math.max(most, value), 0)) : 1;
  }
  /** @param {CanvasRenderingContext2D} context @param {Ink} ink */
  #draw(context, ink) {
    const { nms } = this;
    const values = this.#values;
    if (!values) return;
    const { settings, decision, problem } = nms;
    const unit = this.canvas.width / this.#size.width;
    const high = this.#high;
    const axes = axesOf(this.#size, high);
    const of = [nms.objects, values, nms.owners];
    if (!this.#points || !same(of, this.#points.of)) this.#points = { of, points: pointsOf(nms, values) };
    const { points } = this.#points;
    const byRule = nms.owners ? [settings.score_threshold] : Object.values(settings);
    const look = [points, unit, high, this.#size.width, this.#size.height, ...ink.kinds, ...byRule];
    if (!this.#layer || !same(look, this.#layer.of)) {
      const kinds = kindsNow(nms, points);
      this.#layer = { of: look, kinds, layer: paintPoints(points, kinds, axes, { size: this.#size, unit, colors: ink.kinds }) };
    }
    const { layer } = this.#layer;
    const deciding = [];
    decision?.by.forEach((by, i) => {
      const at2 = by * problem.count + i;
      if (by >= 0 && nms.fate(i) === "removed") deciding.push([problem.iou[at2], values[at2]]);
    });
    paintPlane(context, { layer, axes, size: this.#size, unit, ink, high, settings, title: this.#title, deciding, active: this.#active });
  }
  /** @returns {Ink} */
  #ink() {
    const style = getComputedStyle(this.canvas);
    const color = (name, other) => style.getPropertyValue(name).trim() || other;
    return {
      text: color("--dx-text", PAPER.text),
      muted: color("--dx-muted", PAPER.muted),
      line: color("--dx-line", PAPER.line),
      surface: color("--dx-surface", PAPER.surface),
      shade: color("--dx-accent-soft", PAPER.shade),
      accent: color("--dx-accent", PAPER.accent),
      kinds: KINDS.map((name, i) => color(name, PAPER.kinds[i]))
    };
  }
  /** The ring around the pair that is looked at. */
  #mark() {
    const { nms, ring } = this;
    const values = this.#values;
    const pair = this.#pair;
    ring.hidden = !pair || !values;
    if (!pair || !values) return;
    const axes = axesOf(this.#size, this.#high);
    const at2 = pair[0] * nms.problem.count + pair[1];
    ring.style.transform = `translate(${axes.x(nms.problem.iou[at2])}px, ${axes.y(values[at2])}px)`;
  }
  /** The pair next to a point, if it is near enough. @param {number} x @param {number} y @returns {[number, number] | null} */
  at(x, y) {
    if (!this.#points || !this.#layer) return null;
    const { points } = this.#points;
    const { kinds } = this.#layer;
    const axes = axesOf(this.#size, this.#high);
    let best = NEAR_POINT ** 2;
    let found = -1;
    for (let i = 0; i < points.count; i++) {
      const far = (axes.x(points.iou[i]) - x) ** 2 + (axes.y(points.other[i]) - y) ** 2;
      if (far >= best || kinds[i] === HIDDEN) continue;
      best = far;
      found = i;
    }
    return found < 0 ? null : [points.first[found], points.second[found]];
  }
  /** The threshold whose line is near. @param {number} x @param {number} y @returns {import("./paint.js").Line | null} */
  #lineAt(x, y) {
    if (!this.#values) return null;
    const axes = axesOf(this.#size, this.#high);
    const far = ({ across, value, from, to }) => {
      const [on, off] = across ? [x, Math.abs(axes.y(value) - y)] : [y, Math.abs(axes.x(value) - x)];
      const ends = across ? [axes.x(from), axes.x(to)] : [axes.y(to), axes.y(from)];
      return on < ends[0] - NEAR_LINE || on > ends[1] + NEAR_LINE ? Infinity : off;
    };
    const lines = linesOf(this.nms.settings, this.#high).sort((a, b) => far(a) - far(b));
    return lines.length > 0 && far(lines[0]) <= NEAR_LINE ? lines[0] : null;
  }
  /** @param {[number, number] | null} pair @param {boolean} [byKey] */
  #focus(pair, byKey = false) {
    if (pair?.join() === this.#cursor?.join()) return;
    this.#cursor = pair;
    this.actions.point(pair, byKey);
  }
  #listen() {
    const { canvas, nms, actions } = this;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const line = () => linesOf(nms.settings, this.#high).find(({ name }) => name === this.#active);
    let dragged = false;
    canvas.addEventListener("pointerdown", (event) => {
      const near = event.button === 0 ? this.#lineAt(...place(event)) : null;
      dragged = false;
      if (!near) return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      this.#active = near.name;
      this.#held = true;
      this.#focus(null);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      const held = this.#held ? line() : void 0;
      if (held) {
        const axes = axesOf(this.#size, this.#high);
        const value = Math.round(100 * (held.across ? axes.other(y) : axes.iou(x))) / 100;
        dragged = true;
        nms.store.setLive(held.name, nms.within(held.name, held.name === "distance" ? Math.max(0.01, value) : value));
        return;
      }
      const near = this.#lineAt(x, y);
      if (near?.name !== (this.#active ?? void 0)) {
        this.#active = near?.name ?? null;
        this.invalidate();
      }
      const pair = near ? null : this.at(x, y);
      canvas.style.cursor = near ? near.across ? "ns-resize" : "ew-resize" : pair ? "pointer" : "";
      this.#focus(pair);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        const held = this.#held ? line() : void 0;
        this.#held = false;
        if (held && dragged) nms.store.commit({ [held.name]: held.value });
      });
    }
    canvas.addEventListener("pointerleave", () => {
      if (this.#held) return;
      if (this.#active) this.invalidate();
      this.#active = null;
      if (focusedBy(canvas) !== canvas) this.#focus(null);
    });
    canvas.addEventListener("blur", () => this.#focus(null));
    canvas.addEventListener("click", (event) => {
      const pair = dragged ? null : this.#lineAt(...place(event)) ? null : this.at(...place(event));
      if (pair) nms.choosePair(...pair);
    });
    listenToKeys(canvas, {
      ArrowRight: () => this.#step(1),
      ArrowDown: () => this.#step(1),
      ArrowLeft: () => this.#step(-1),
      ArrowUp: () => this.#step(-1),
      Enter: () => this.#cursor && nms.choosePair(...this.#cursor),
      " ": () => this.#cursor && nms.choosePair(...this.#cursor),
      Escape: () => this.#cursor ? this.#focus(null) : actions.escape()
    });
  }
  /** From one pair that decided to the next, by falling score of the one that was removed. @param {1 | -1} by */
  #step(by) {
    const { nms } = this;
    const { decision, problem } = nms;
    if (!decision) return;
    const removed = [...problem.scores.keys()].filter((i) => decision.by[i] >= 0 && nms.fate(i) === "removed");
    removed.sort((a, b) => problem.scores[b] - problem.scores[a] || a - b);
    if (removed.length === 0) return;
    const from = this.#cursor ? removed.indexOf(this.#cursor[1]) : by > 0 ? -1 : 0;
    const next = removed[(from + by + removed.length) % removed.length];
    this.#focus([decision.by[next], next], true);
  }
};
var same = (one, other) => one.length === other.length && one.every((value, i) => value === other[i]);

// src/nms_explorer/index.js
var KEY_STEP = 0.05;
var NmsExplorerView = class {
  #heat = new HeatLayer();
  /** The pair that is pointed at in the plane. @type {[number, number] | null} */
  #pointed = null;
  /**
   * @param {NmsExplorer} nms
   * @param {HTMLElement} host
   */
  constructor(nms, host) {
    this.nms = nms;
    this.store = nms.store;
    this.parts = pictureParts(nms, {
      scene: () => this.#scene(this.#heat),
      painted: () => this.#painted(),
      hovered: (index) => {
        this.panel.point(index);
        this.#showPair();
      }
    });
    const { parts } = this;
    const save = parts.downloads(() => this.#sheet(), () => this.#table(), (made) => this.#png(made));
    this.panel = nmsPanel(nms, { ...parts.list, download: save });
    this.pair = pairView(nms, () => parts.photo());
    this.plane = new Plane(nms, {
      point: (pair, byKey) => {
        this.#pointed = pair;
        this.#showPair();
        if (pair && byKey) parts.say(pairWords(nms, ...pair));
        parts.stage.invalidate();
      },
      escape: () => this.store.commit({ selected: null, partner: null })
    });
    this.root = parts.arrange("nms-explorer", "Which predictions suppression keeps", [], this.panel.root);
    const below = element("div", { class: "dx-wide dx-below" }, [section("Two predictions", [this.pair.root]), section("IoU against correlation", [this.plane.root])]);
    this.root.querySelector(".dx-figure")?.append(below);
    this.theme = new MutationObserver(() => this.plane.invalidate());
    this.theme.observe(this.root, { attributes: true, attributeFilter: ["data-theme"] });
    listenToKeys(this.root, {
      "[": () => nms.moveScore(-KEY_STEP),
      "]": () => nms.moveScore(KEY_STEP),
      ",": () => nms.stepPartner(-1),
      ".": () => nms.stepPartner(1)
    });
    parts.begin(host, this.root, { changed: (key) => this.#changed(key), decoded: () => this.#decoded() });
    this.#refresh();
  }
  dispose() {
    this.parts.dispose();
    this.theme.disconnect();
    this.plane.dispose();
    this.pair.dispose();
  }
  /** @param {string} key */
  #changed(key) {
    this.parts.progress.show(this.nms.status);
    if (key !== "status") this.#refresh();
    this.parts.stage.invalidate();
  }
  #decoded() {
    this.parts.stage.fit();
    this.#showPair();
  }
  #refresh() {
    const { nms, store, parts } = this;
    parts.progress.show(nms.status);
    if (this.#pointed?.some((i) => i >= nms.objects.length)) this.#pointed = null;
    this.panel.show();
    this.plane.show();
    this.#showPair();
    parts.changed();
    parts.label("Photograph");
    const { selected } = nms;
    const chosen = selected === null ? "" : ` ${fateWords(nms, selected)}`;
    const said = nms.objects.length === 0 ? "" : countWords2(nms, this.#title) + chosen;
    parts.say([store.get("notice"), said].filter(Boolean).join(" "));
    parts.stage.invalidate();
  }
  get #title() {
    const { rules } = this.store.get("choices");
    return rules.find(({ name }) => name === this.store.get("rule"))?.title ?? "";
  }
  /** The pair that is looked at: pointed at in the plane, or the selected one with the one pointed at, else with its partner. @returns {[number, number] | null} */
  get #shownPair() {
    const { nms, parts } = this;
    if (this.#pointed) return this.#pointed;
    const { selected } = nms;
    if (selected === null) return null;
    const { hovered } = parts.stage;
    const other = hovered !== null && hovered !== selected && hovered < nms.objects.length ? hovered : nms.partner;
    return other === null ? null : nms.inOrder(selected, other);
  }
  #showPair() {
    const pair = this.#shownPair;
    this.pair.show(pair);
    this.plane.look(pair);
  }
  /**
   * @param {HeatLayer} layer
   * @returns {import("../shared/painter.js").Scene | null}
   */
  #scene(layer) {
    const { nms, store, parts } = this;
    const photo = parts.photo();
    if (!photo) return null;
    const { width, height } = store.get("photo");
    const { selected } = nms;
    const shown = store.get("shown");
    const { colors } = store.get("choices");
    const tints = /* @__PURE__ */ new Map();
    const dashed = /* @__PURE__ */ new Set();
    const objects = nms.objects.map((object, i) => {
      const fate = nms.fate(i);
      if (fate === "kept") tints.set(i, colors.kept);
      else if (fate === "removed") dashed.add(i);
      return { ...object, color: colorOf(nms, i) };
    });
    if (shown.includes("present")) {
      for (const { name, box } of store.get("truth").objects ?? []) {
        objects.push({ name, score: 1, box, color: colors.present });
      }
    }
    const map = selected !== null && shown.includes("map") ? nms.result?.map(selected) ?? null : null;
    const range = { low: 0, high: map?.high ?? 0 };
    const heat = map && range.high > 0 ? layer.draw(map, [height, width], range, nms.table(true), `${store.get("colormap")} ${range.high}`) : null;
    const pair = this.#shownPair;
    for (const index of pair ?? []) tints.set(index, colorOf(nms, index));
    return { photo, size: { width, height }, heat, opacity: store.get("opacity"), objects, selected: this.#pointed?.[1] ?? selected, hovered: null, side: null, boxes: "all", tints, dashed };
  }
  #painted() {
    const { nms, root } = this;
    const { decision, counts } = nms;
    root.dataset.kept = decision ? String(decision.kept.length) : "";
    root.dataset.numbers = decision ? decision.kept.join() : "";
    root.dataset.counts = counts ? [counts.found, counts.lost, counts.suppressed, counts.double, counts.elsewhere].join() : "";
    const waits = !decision && nms.status.state === "busy";
    root.dataset.ready = String(!waits);
  }
  /** @returns {import("../shared/sheet.js").Sheet | null} */
  #sheet() {
    const { nms, store, parts } = this;
    const scene = parts.scene(this.#scene(fullLayer()));
    if (!scene) return null;
    const { colors } = store.get("choices");
    const names = { kept: "kept", removed: "removed", present: "really there" };
    const legend = Object.entries(names).filter(([name]) => store.get("shown").includes(name) && (name !== "present" || store.get("truth").objects));
    const pair = this.#shownPair;
    return {
      scene,
      part: parts.stage.viewport.visible,
      words: [countWords2(nms, this.#title), ...pair ? [pairWords(nms, ...pair)] : []],
      bar: scene.heat ? { range: { low: 0, high: nms.result?.map(nms.selected ?? 0).high ?? 0 }, table: nms.table(false) } : null,
      legend: legend.map(([name, title]) => ({ color: colors[name], name: title })),
      name: ["suppression", store.get("rule")]
    };
  }
  /** The picture, and the plane below it. @param {import("../shared/sheet.js").Sheet} made */
  #png(made) {
    const picture = renderSheet(made);
    const plane = this.plane.render();
    if (!plane) return picture;
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(picture.width, plane.width);
    canvas.height = picture.height + plane.height;
    const context = (
      /** @type {CanvasRenderingContext2D} */
      canvas.getContext("2d")
    );
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0);
    context.drawImage(plane, 0, picture.height);
    return canvas;
  }
  #table() {
    const { nms, store } = this;
    const { decision, owners } = nms;
    const rows = objectCells(nms.objects, nms.listed, nms.selected).map((cells, i) => {
      const by = decision?.by[i] ?? -1;
      const score = decision && nms.fate(i) ? decision.scores[i] : null;
      return [...cells, store.get("rule"), nms.fate(i) ?? "below the min. score", by < 0 ? null : by, score, owners && owners[i] >= 0 ? owners[i] : null];
    });
    return csvOf([...OBJECT_COLUMNS, "rule", "fate", "by", "final_score", "object"], rows);
  }
};
var nms_explorer_default = widget(
  (model) => new NmsExplorer(model),
  (nms, host) => new NmsExplorerView(nms, host)
);
export {
  nms_explorer_default as default
};
