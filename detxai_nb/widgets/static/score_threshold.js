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
  frame: "M3 6V3h3M13 6V3h-3M3 10v3h3M13 10v3h-3M6.5 6.5h3v3h-3z"
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

// src/shared/controls.js
function sliderControl(label, moved, released, say = (value) => `${Math.round(value * 100)}%`) {
  const id = uniqueId("slider");
  const input = takesKeys(
    element("input", { id, type: "range", min: "0", max: "1", step: "0.01", class: "dx-slider" })
  );
  const output = element("span", { class: "dx-number", "aria-hidden": "true" });
  const row = element("div", { class: "dx-row" }, [
    element("label", { for: id, class: "dx-label" }, [label]),
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
      input.style.setProperty("--dx-fill", `${Math.round(value * 100)}%`);
      input.setAttribute("aria-valuetext", words);
      output.textContent = words;
    }
  };
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

// src/shared/listbox.js
function objectList(actions) {
  return listBox(actions, (object) => {
    const score = object.score.toFixed(2);
    const bar = element("span", { class: "dx-score-bar", "aria-hidden": "true" });
    bar.style.setProperty("--dx-score", String(object.score));
    return {
      said: `${object.name}, score ${score}`,
      content: [element("span", { class: "dx-name", title: object.name }, [object.name]), bar, element("span", { class: "dx-number" }, [score])]
    };
  });
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
    const { said, content } = show(item);
    const made = element("li", { class: "dx-option", role: "option", id: uniqueId("option"), "aria-label": said }, content);
    made.addEventListener("click", () => select(index));
    made.addEventListener("pointerenter", () => hover(index));
    made.addEventListener("pointerleave", () => hover(null));
    return made;
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
      const above = current.offsetTop - list.offsetTop;
      if (above < list.scrollTop) list.scrollTop = above;
      const below = above + current.offsetHeight - list.clientHeight;
      if (below > list.scrollTop) list.scrollTop = below;
    }
  };
}

// src/shared/panel.js
function section(title, content, aside) {
  const head = element("div", { class: "dx-head" }, [element("span", {}, [title]), ...aside ? [aside] : []]);
  return element("div", { class: "dx-section", role: "group", "aria-label": title }, [head, ...content]);
}
function takeAway(download, code) {
  const copied = element("span", { class: "dx-copied", role: "status" });
  return element("div", { class: "dx-actions" }, [
    button("download", "Download this view as a PNG file", download, "PNG"),
    button("code", "Copy the Python code for this", () => copy(code(), copied), "Copy code"),
    copied
  ]);
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

// src/shared/maps.js
var MOST_BYTES = 64 * 2 ** 20;

// src/shared/text.js
function boxLabel(object) {
  return `${object.name} ${object.score.toFixed(2)}`;
}
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
  if (scene.heat) {
    context.imageSmoothingEnabled = true;
    context.globalAlpha = scene.opacity;
    context.drawImage(scene.heat, ...target);
    context.globalAlpha = 1;
  }
  paintBoxes(context, scene, view, unit);
}
function paintBoxes(context, scene, view, unit) {
  const last = [scene.hovered, scene.selected].filter((i) => i !== null);
  const rest = scene.objects.map((_, i) => i).filter((i) => scene.boxes === "all" && !last.includes(i) && !scene.hidden?.has(i));
  const labels = [...new Set(last)];
  const alpha = rest.length > CROWD ? 0.5 : 0.85;
  const { objects, tints } = scene;
  const tint = (i) => tints?.get(i) ?? LIGHT;
  const pen = (i) => ({ color: tint(i), dashed: scene.dashed?.has(i) ?? false });
  for (const i of rest) paintBox(context, objects[i].box, view, unit, { line: tints?.has(i) ? 2 : 1.25, alpha, ...pen(i) });
  for (const i of labels) {
    paintBox(context, objects[i].box, view, unit, { line: i === scene.selected ? 2.5 : 2, alpha: 1, ...pen(i) });
  }
  if (scene.selected !== null && scene.side) paintSide(context, scene.objects[scene.selected].box, scene.side, view, unit);
  const named = scene.allNamed ? [...rest, ...labels] : labels;
  if (!scene.unnamed) for (const i of named) paintChip(context, scene.objects[i], view, unit);
}
function paintBox(context, [x1, y1, x2, y2], view, unit, { line, alpha, color, dashed }) {
  const scale = view.scale * unit;
  const rectangle = (
    /** @type {const} */
    [
      (x1 - view.x) * scale,
      (y1 - view.y) * scale,
      (x2 - x1) * scale,
      (y2 - y1) * scale
    ]
  );
  context.lineJoin = "round";
  context.globalAlpha = alpha;
  context.setLineDash(dashed ? [6 * unit, 4 * unit] : []);
  context.strokeStyle = HALO;
  context.lineWidth = (line + 2) * unit;
  context.strokeRect(...rectangle);
  context.strokeStyle = color;
  context.lineWidth = line * unit;
  context.strokeRect(...rectangle);
  context.setLineDash([]);
  context.globalAlpha = 1;
}
function paintSide(context, [x1, y1, x2, y2], side, view, unit) {
  const scale = view.scale * unit;
  const [left, right] = side === "x2" ? [x2, x2] : side === "x1" ? [x1, x1] : [x1, x2];
  const [top, bottom] = side === "y2" ? [y2, y2] : side === "y1" ? [y1, y1] : [y1, y2];
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
async function downloadPng(canvas, name) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  if (!blob) throw new Error("the browser could not make a PNG of this picture; it may be too large");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
}

// src/shared/state.js
var Store = class {
  /** @type {Map<string, unknown>} */
  #live = /* @__PURE__ */ new Map();
  /** @type {Set<(key: string) => void>} */
  #listeners = /* @__PURE__ */ new Set();
  /** @type {Array<() => void>} */
  #undo = [];
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
    let changed = false;
    for (const [key, value] of Object.entries(values)) {
      this.#known(key);
      this.#live.delete(key);
      if (this.model.get(key) !== value) {
        this.model.set(key, value);
        changed = true;
      }
    }
    if (changed) this.model.save_changes();
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

// src/shared/boxes.js
function boxesAt(objects, x, y, margin = 0) {
  const area = (i) => {
    const [x1, y1, x2, y2] = objects[i].box;
    return (x2 - x1) * (y2 - y1);
  };
  return objects.map((_, i) => i).filter((i) => {
    const [x1, y1, x2, y2] = objects[i].box;
    return x >= x1 - margin && x <= x2 + margin && y >= y1 - margin && y <= y2 + margin;
  }).sort((a, b) => area(a) - area(b) || a - b);
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
    const at = again ? candidates.indexOf(
      /** @type {number} */
      this.#last
    ) + 1 : 0;
    this.#among = among;
    this.#last = candidates[at % candidates.length];
    return this.#last;
  }
};
function neighbour(selected, step, count2) {
  if (count2 === 0) return null;
  if (selected === null) return step > 0 ? 0 : count2 - 1;
  return (selected + step + count2) % count2;
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

// src/shared/gestures.js
var CLICK_SLACK = 4;
function listenToGestures(canvas, { viewport, moved, pointed, left, clicked, focused, refused }) {
  let grip = null;
  const screen = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [x, y] = screen(event);
    grip = { x, y, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = screen(event);
    if (grip && (grip.moved || Math.hypot(x - grip.x, y - grip.y) > CLICK_SLACK)) {
      viewport.panBy(x - grip.x, y - grip.y);
      grip = { x, y, moved: true };
      moved();
      return;
    }
    pointed(...viewport.toImage(x, y));
  });
  canvas.addEventListener("pointerup", (event) => {
    const click = grip !== null && !grip.moved;
    grip = null;
    if (click) clicked(...viewport.toImage(...screen(event)));
  });
  canvas.addEventListener("pointercancel", () => grip = null);
  canvas.addEventListener("pointerleave", left);
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey && !focused()) {
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
function flash(hint) {
  hint.classList.add("dx-shown");
  setTimeout(() => hint.classList.remove("dx-shown"), 1200);
}

// src/shared/viewport.js
var MOST_ZOOM = 16;
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
    const x = Math.floor(this.x);
    const y = Math.floor(this.y);
    const right = Math.min(this.image.width, Math.ceil(this.x + this.screen.width / this.scale));
    const bottom = Math.min(this.image.height, Math.ceil(this.y + this.screen.height / this.scale));
    return { x, y, width: Math.max(1, right - x), height: Math.max(1, bottom - y) };
  }
  #clamp() {
    const room = (whole, shown) => Math.max(0, whole - shown / this.scale);
    this.x = Math.min(Math.max(this.x, 0), room(this.image.width, this.screen.width));
    this.y = Math.min(Math.max(this.y, 0), room(this.image.height, this.screen.height));
  }
};

// src/shared/stage.js
var TALLEST = 560;
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
    this.hint = element("div", { class: "dx-hint", "aria-hidden": "true" }, ["Click the picture, then scroll to zoom"]);
    this.root = element("div", { class: "dx-stage" }, [this.canvas, this.hint]);
    this.#listen();
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.root);
  }
  /** Give the canvas the room there is, in the photograph's proportions. */
  fit() {
    const { width, height } = this.viewport.image;
    const room = this.root.clientWidth;
    if (room === 0) return;
    const shown = Math.min(room, TALLEST * width / height);
    const screen = { width: Math.round(shown), height: Math.round(shown * height / width) };
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
  /** @param {number | null} index */
  hover(index) {
    if (index === this.hovered) return;
    this.hovered = index;
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
        const picked = this.#cycle.pick(this.#under(x, y), actions.selected());
        if (picked !== null) actions.select(picked);
      },
      focused: () => document.activeElement === canvas,
      refused: () => flash(this.hint)
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
      Home: () => actions.select(0),
      End: () => actions.select(actions.objects().length - 1),
      "Shift+ArrowRight": pan(-PAN_STEP, 0),
      "Shift+ArrowLeft": pan(PAN_STEP, 0),
      "Shift+ArrowDown": pan(0, -PAN_STEP),
      "Shift+ArrowUp": pan(0, PAN_STEP),
      "+": () => this.zoomIn(),
      "=": () => this.zoomIn(),
      "-": () => this.zoomOut(),
      0: () => this.reset(),
      Escape: () => actions.escape()
    });
  }
  /**
   * @param {number} x
   * @param {number} y
   */
  #under(x, y) {
    return boxesAt(this.actions.objects(), x, y, MARGIN / this.viewport.scale);
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
  if (body.dataset.vscodeThemeKind) return body.dataset.vscodeThemeKind.includes("dark") ? "dark" : "light";
  if (root.getAttribute("theme")) return root.getAttribute("theme") === "dark" ? "dark" : "light";
  return window.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
function followTheme(target) {
  const apply = () => target.dataset.theme = currentTheme();
  const observer = new MutationObserver(apply);
  const attributeFilter = ["data-jp-theme-light", "data-vscode-theme-kind", "theme"];
  observer.observe(document.body, { attributes: true, attributeFilter });
  observer.observe(document.documentElement, { attributes: true, attributeFilter });
  apply();
  return () => observer.disconnect();
}

// src/shared/tools.js
function zoomTools(stage) {
  return element("div", { class: "dx-tools", role: "toolbar", "aria-label": "Zoom" }, [
    button("plus", "Zoom in (+)", () => stage.zoomIn()),
    button("minus", "Zoom out (−)", () => stage.zoomOut()),
    button("reset", "Show the whole photograph (0)", () => stage.reset())
  ]);
}

// src/shared/view.js
function viewParts(store, cancel = () => store.send({ type: "cancel" })) {
  const words = element("p", { class: "dx-words", role: "status", "aria-live": "polite", id: uniqueId("words") });
  const progress = progressView(cancel);
  let photo = null;
  let said = "";
  const undo = [];
  const fail = (text) => progress.show({ state: "error", key: "", text, done: 0, total: 0 });
  async function decode(decoded) {
    const sent = store.get("photo");
    photo = null;
    if (!sent.data) return;
    try {
      const made = await createImageBitmap(new Blob([sent.data], { type: sent.type }));
      if (store.get("photo") !== sent) return;
      photo = made;
      decoded();
    } catch (error) {
      fail(`The photograph cannot be shown: ${error}`);
    }
  }
  return {
    words,
    progress,
    cancel,
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
    frame: (kind, label, content) => element("div", { class: `dx-root dx-${kind}`, "data-ready": "false", role: "group", "aria-label": label }, content),
    /**
     * Put the root into the page, follow its theme and the traits, and decode the photograph, also a later one.
     * @param {HTMLElement} host
     * @param {HTMLElement} root
     * @param {{changed: (key: string) => void, decoded: () => void}} actions
     */
    begin(host, root, { changed, decoded }) {
      host.append(root);
      const follow = (key) => {
        if (key === "photo") decode(decoded);
        changed(key);
      };
      undo.push(followTheme(root), store.subscribe(follow), () => root.remove());
      decode(decoded);
    },
    /**
     * Hand a picture to the browser as a file.
     * @param {() => HTMLCanvasElement} draw
     * @param {string[]} name
     */
    async save(draw, name) {
      try {
        await downloadPng(draw(), fileName(name));
      } catch (error) {
        fail(`The picture was not saved: ${error}`);
      }
    },
    dispose() {
      for (const end of undo) end();
      progress.dispose();
    }
  };
}
function pictureParts(shared, { scene, painted, pointed = () => {
} }) {
  const { store } = shared;
  const parts = viewParts(store, shared.cancel && (() => shared.cancel?.()));
  const { words, progress } = parts;
  const objects = () => shared.objects ?? store.get("objects");
  function select(index) {
    if (index === null || objects()[index]) store.commit({ selected: index });
  }
  function step(by) {
    const next = neighbour(shared.selected, by, objects().length);
    if (next === null) return;
    stage.viewport.reveal(objects()[next].box);
    select(next);
  }
  function escape() {
    if (shared.status.state === "busy") parts.cancel();
    else select(null);
  }
  const { width, height } = store.get("photo");
  const selected = () => shared.selected;
  const stage = new Stage({ width, height }, { objects, selected, scene, select, step, escape, pointed, painted });
  stage.canvas.setAttribute("aria-describedby", words.id);
  stage.root.append(zoomTools(stage), progress.busy);
  return {
    ...parts,
    stage,
    /** What the panel's list of objects does. */
    list: { select, step, hover: (index) => stage.hover(index) },
    /**
     * Picture, what belongs below it, and the panel beside it.
     * @param {string} kind
     * @param {string} label
     * @param {HTMLElement[]} below
     * @param {HTMLElement} panel
     */
    arrange(kind, label, below, panel) {
      const figure = element("div", { class: "dx-figure" }, [stage.root, ...below, progress.error, words]);
      return parts.frame(kind, label, [element("div", { class: "dx-columns" }, [figure, panel])]);
    },
    /** Say what the picture is. @param {string} what */
    label(what) {
      const count2 = `${objects().length} detected ${objects().length === 1 ? "object" : "objects"}`;
      stage.canvas.setAttribute("aria-label", `${what} with ${count2}. Arrow keys select, plus and minus zoom.`);
    },
    dispose() {
      parts.dispose();
      stage.dispose();
    }
  };
}
function widget(share, view) {
  return () => {
    let shared = null;
    return {
      /** @param {{model: AnyModel}} props */
      initialize({ model }) {
        const made = share(model);
        shared = made;
        return () => made.store.dispose();
      },
      /** @param {{model: AnyModel, el: HTMLElement}} props */
      render({ model, el }) {
        shared ??= share(model);
        const made = view(shared, el);
        return () => made.dispose();
      }
    };
  };
}

// src/score_threshold/index.js
var TRAITS = ["photo", "objects", "selected", "score_threshold", "lowest_score", "notice", "code"];
var KEY_STEP = 0.05;
var ScoreThreshold = class {
  /** Nothing is ever computed. @type {import("../shared/types.js").Status} */
  status = { state: "idle", key: "", text: "", done: 0, total: 0 };
  /** @param {import("@anywidget/types").AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
  }
  /** Those that pass; scores fall, so they come first. @returns {DetectedObject[]} */
  get objects() {
    const { store } = this;
    const least = Math.fround(store.get("score_threshold"));
    return store.get("objects").filter((object) => object.score >= least);
  }
  /** @returns {number | null} */
  get selected() {
    const selected = this.store.get("selected");
    return selected !== null && selected < this.objects.length ? selected : null;
  }
  /** Move the threshold within its range. @param {number} by */
  move(by) {
    const { store } = this;
    const to = Math.round(100 * (store.get("score_threshold") + by)) / 100;
    store.commit({ score_threshold: Math.min(1, Math.max(store.get("lowest_score"), to)) });
  }
};
var ScoreThresholdView = class {
  /**
   * @param {ScoreThreshold} shared
   * @param {HTMLElement} host
   */
  constructor(shared, host) {
    this.shared = shared;
    this.store = shared.store;
    this.parts = pictureParts(shared, { scene: () => this.#scene(), painted: () => this.#painted() });
    this.slider = sliderControl(
      "Min. score",
      (value) => this.store.setLive("score_threshold", value),
      (value) => this.store.commit({ score_threshold: value }),
      (value) => value.toFixed(2)
    );
    this.slider.input.min = String(this.store.get("lowest_score"));
    this.count = element("span", { class: "dx-count" });
    this.list = objectList({ label: "Detections", ...this.parts.list });
    const panel = element("div", { class: "dx-panel" }, [
      section("Score threshold", [this.slider.row]),
      section("Detections", [this.list.list], this.count),
      takeAway(() => this.#download(), () => this.store.get("code"))
    ]);
    this.root = this.parts.arrange("score-threshold", "Detections above a score", [], panel);
    listenToKeys(this.root, { "[": () => shared.move(-KEY_STEP), "]": () => shared.move(KEY_STEP) });
    this.parts.begin(host, this.root, { changed: () => this.#refresh(), decoded: () => this.parts.stage.fit() });
    this.#refresh();
  }
  dispose() {
    this.parts.dispose();
  }
  #refresh() {
    const { shared, store, parts } = this;
    const { objects, selected } = shared;
    const every = store.get("objects").length;
    this.slider.show(store.get("score_threshold"));
    this.list.fill(objects);
    this.list.show(selected);
    this.count.textContent = `${objects.length} of ${every}`;
    parts.label("Photograph");
    const threshold = store.get("score_threshold").toFixed(2);
    const counted = `${objects.length} of ${every} detections have a score of at least ${threshold}.`;
    const chosen = selected === null ? "" : ` Selected: ${boxLabel(objects[selected])}.`;
    parts.say(store.get("notice") || counted + chosen);
    parts.stage.invalidate();
  }
  /** @returns {import("../shared/painter.js").Scene | null} */
  #scene() {
    const photo = this.parts.photo();
    if (!photo) return null;
    const { width, height } = this.store.get("photo");
    const { objects, selected } = this.shared;
    const plain = { heat: null, opacity: 0, hovered: null, side: null, boxes: "all", allNamed: true };
    return { photo, size: { width, height }, objects, selected, ...plain };
  }
  #painted() {
    this.root.dataset.shown = String(this.shared.objects.length);
    this.root.dataset.ready = "true";
  }
  #download() {
    const scene = this.#scene();
    if (!scene) return;
    const name = ["detections", this.store.get("score_threshold").toFixed(2)];
    return this.parts.save(() => renderPicture(scene, this.parts.stage.viewport.visible), name);
  }
};
var score_threshold_default = widget(
  (model) => new ScoreThreshold(model),
  (shared, host) => new ScoreThresholdView(shared, host)
);
export {
  TRAITS,
  score_threshold_default as default
};
