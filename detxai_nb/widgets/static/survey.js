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

// src/shared/asked.js
function wordButton(text, action, more = "") {
  const made = takesKeys(element("button", { type: "button", class: `dx-button ${more}`.trim() }, [text]));
  made.addEventListener("click", action);
  return made;
}
function textField(label, value, more = {}) {
  const id = uniqueId("field");
  const input = takesKeys(element("input", { id, type: "text", class: "dx-text", spellcheck: "false", autocomplete: "off", ...more }));
  input.value = value;
  return { input, root: element("div", { class: "dx-typed" }, [element("label", { for: id }, [label]), input]) };
}
function pageWords(text) {
  return takesKeys(element("p", { class: "dx-question-words", tabindex: "-1" }, [text]));
}

// src/shared/asking.js
var PATIENCE = 8e3;
var Asking = class {
  /** @type {string} */
  #asked = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /**
   * @param {Store} store
   * @param {() => void} changed `waiting` or `late` has changed
   */
  constructor(store, changed) {
    this.store = store;
    this.changed = changed;
    this.late = false;
  }
  /** Whether an answer is still to come. */
  get waiting() {
    return this.#asked !== "";
  }
  /** Nothing more is sent before the answer is there. @param {{type: string, [key: string]: unknown}} message */
  ask(message) {
    if (this.waiting) return;
    this.#asked = Math.random().toString(36).slice(2);
    this.store.send({ ...message, asked: this.#asked });
    this.#timer = setTimeout(() => {
      this.late = true;
      this.changed();
    }, PATIENCE);
    this.changed();
  }
  /** The trait `heard` has changed. */
  hear() {
    if (this.store.get("heard") !== this.#asked) return;
    this.#asked = "";
    this.late = false;
    clearTimeout(this.#timer);
    this.changed();
  }
  dispose() {
    clearTimeout(this.#timer);
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

// src/shared/base64.js
function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// src/shared/maps.js
var MOST_BYTES = 64 * 2 ** 20;

// src/shared/sheet.js
function startColumns(whole) {
  return whole ? ["class_number", "class", "probability"] : ["number", "name", "score", "x1", "y1", "x2", "y2"];
}
var OBJECT_COLUMNS = [...startColumns(false), "listed", "selected"];
var CLASS_COLUMNS = [...startColumns(true), "listed", "selected"];

// src/shared/gestures.js
var WHEEL_KEY = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "") ? "⌘" : "Ctrl";
var WHEEL_HINT = `${WHEEL_KEY} + scroll zooms`;

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
function put(at, [step, ...rest], view) {
  const copy = Array.isArray(at) ? [...at] : { ...at };
  copy[step] = rest.length > 0 ? put(copy[step], rest, view) : view;
  return copy;
}
function wholeValue(value) {
  let made = value;
  for (
    const [path, length] of
    /** @type {[Path, number][]} */
    value?.[LENGTHS] ?? []
  ) {
    const found = path.reduce((at, step) => at?.[step], value);
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
        const words2 = element("p", { role: "status" }, [ON_ITS_WAY]);
        let made = null;
        const stop = begin(model, (ready) => {
          words2.remove();
          made = view(ready, el);
        });
        if (!made) el.append(words2);
        return () => {
          stop();
          words2.remove();
          made?.dispose();
        };
      }
    };
  };
}

// src/shared/picture_field.js
var SPACE = "http://www.w3.org/2000/svg";
var SLACK = 3;
var STEP = 1 / 40;
var FIRST = 0.3;
var rounded = (value) => Math.round(10 * value) / 10;
var words = (value) => value.length === 2 ? `Point at ${value.map(Math.round).join(", ")}` : `Box from ${value.slice(0, 2).map(Math.round).join(", ")} to ${value.slice(2).map(Math.round).join(", ")}`;
function pictureField({ source, width, height }, { set, label, changed = () => {
} }) {
  const image = element("img", { src: source, alt: "", draggable: "false" });
  const layer = document.createElementNS(SPACE, "svg");
  layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
  layer.setAttribute("preserveAspectRatio", "none");
  layer.setAttribute("aria-hidden", "true");
  const root = element("div", { class: "dx-field" }, [image]);
  root.append(layer);
  root.style.setProperty("--dx-aspect", `${width} / ${height}`);
  let value = null;
  let marks = [];
  let hand = null;
  let frozen = !set;
  if (set) {
    takesKeys(root);
    root.tabIndex = 0;
    root.setAttribute("role", "application");
    const how = set === "box" ? "Drag to draw the box. Enter sets one in the middle, arrow keys move it, Shift and arrow keys change its size, Delete removes it." : "Click to set the point. Enter sets it in the middle, arrow keys move it, Delete removes it.";
    root.setAttribute("aria-label", `${label}. ${how}`);
    root.classList.add("dx-settable");
    root.addEventListener("keydown", keyed);
    root.addEventListener("pointerdown", (event) => {
      if (frozen || event.button !== 0 || hand) return;
      event.preventDefault();
      root.focus({ preventScroll: true });
      root.setPointerCapture(event.pointerId);
      hand = { id: event.pointerId, from: place(event) };
      if (set === "point") put2(hand.from);
    });
    root.addEventListener("pointermove", (event) => {
      if (hand?.id === event.pointerId) follow(event);
    });
    root.addEventListener("pointerup", (event) => {
      if (hand?.id !== event.pointerId) return;
      follow(event);
      hand = null;
    });
    root.addEventListener("pointercancel", (event) => {
      if (hand?.id === event.pointerId) hand = null;
    });
  } else {
    root.setAttribute("role", "img");
    root.setAttribute("aria-label", label);
  }
  function place(event) {
    const box = image.getBoundingClientRect();
    const share = (at, from, size) => Math.min(1, Math.max(0, (at - from) / Math.max(size, 1)));
    return [rounded(share(event.clientX, box.left, box.width) * width), rounded(share(event.clientY, box.top, box.height) * height)];
  }
  function follow(event) {
    if (!hand) return;
    const to = place(event);
    if (set === "point") return put2(to);
    const scale = image.getBoundingClientRect().width / width || 1;
    const [x, y] = hand.from;
    if (Math.min(Math.abs(to[0] - x), Math.abs(to[1] - y)) * scale < SLACK) return;
    put2([Math.min(x, to[0]), Math.min(y, to[1]), Math.max(x, to[0]), Math.max(y, to[1])]);
  }
  function keyed(event) {
    if (frozen || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = Math.max(1, Math.round(Math.min(width, height) * STEP));
    const way = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key];
    if (way && value) put2(event.shiftKey && set === "box" ? resized(value, way) : moved(value, way));
    else if (event.key === "Enter" || event.key === " ") {
      const part = (share) => [rounded(width * share), rounded(height * share)];
      if (!value) put2(set === "point" ? part(0.5) : [...part(0.5 - FIRST / 2), ...part(0.5 + FIRST / 2)]);
    } else if ((event.key === "Delete" || event.key === "Backspace") && value) put2(null);
    else if (!way) return;
    event.preventDefault();
    event.stopPropagation();
  }
  function moved(at, [dx, dy]) {
    const [right, bottom] = at.length === 4 ? [at[2], at[3]] : at;
    const x = Math.min(width - right, Math.max(-at[0], dx));
    const y = Math.min(height - bottom, Math.max(-at[1], dy));
    return at.map((side, i) => rounded(side + (i % 2 ? y : x)));
  }
  function resized([x1, y1, x2, y2], [dx, dy]) {
    return [x1, y1, rounded(Math.min(width, Math.max(x1 + 1, x2 + dx))), rounded(Math.min(height, Math.max(y1 + 1, y2 + dy)))];
  }
  function put2(next) {
    value = next;
    paint();
    changed(value, value ? words(value) : "Nothing is set");
  }
  function shapes({ form, at, tone }) {
    const outline = () => {
      if (form === "point") return `M${at[0]} ${at[1]}h0`;
      if (form === "box") {
        const [x1, y1, x2, y2] = (
          /** @type {number[]} */
          at
        );
        return `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
      }
      if (form === "circle") {
        const [x, y, r] = (
          /** @type {number[]} */
          at
        );
        return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
      }
      return `M${/** @type {number[][]} */
      at.map((corner) => corner.join(" ")).join("L")}Z`;
    };
    return ["edge", tone].map((kind) => {
      const path = document.createElementNS(SPACE, "path");
      path.setAttribute("d", outline());
      path.setAttribute("class", `dx-mark dx-mark-${kind}${form === "point" ? " dx-mark-point" : ""}`);
      return path;
    });
  }
  function paint() {
    const own = value ? [{ form: value.length === 2 ? "point" : "box", at: value, tone: "own" }] : [];
    layer.replaceChildren(...[...marks, ...own].flatMap(shapes));
  }
  return {
    root,
    image,
    /** What is set, null before. */
    get value() {
      return value;
    },
    /** @param {number[] | null} next */
    show(next) {
      value = next;
      paint();
    },
    /** What else lies in the picture. @param {Mark[]} others */
    mark(others) {
      marks = others;
      paint();
    },
    /** What is set can be changed no more. */
    freeze() {
      frozen = true;
      root.classList.remove("dx-settable");
    }
  };
}

// src/survey/ending.js
function endingPage(store, ask) {
  const words2 = pageWords("");
  const goOn = wordButton("Go on answering", () => ask({ type: "go on" }));
  const path = element("code", { class: "dx-file" });
  const picture = element("img", { class: "dx-qr", alt: "The answers as a QR code" });
  const remark = element("p", { class: "dx-remark" });
  const address = textField("Address", store.get("ending").address ?? "", { placeholder: "http://192.168.0.10:8765", maxlength: "200" });
  const code = textField("Code", "", { placeholder: "ABC-DEF", maxlength: "20", autocapitalize: "characters" });
  const send = wordButton("Hand in", () => ask({ type: "hand in", address: address.input.value, code: code.input.value }));
  for (const { input } of [address, code]) input.addEventListener("keydown", (event) => event.key === "Enter" && !send.disabled && send.click());
  const handed = element("p", { class: "dx-handed", role: "status" });
  const reveal = wordButton("Show what the letters were", () => ask({ type: "reveal" }), "dx-primary");
  const results = element("div", { class: "dx-part" });
  const part = (title, content) => element("div", { class: "dx-section", role: "group", "aria-label": title }, [element("div", { class: "dx-head" }, [title]), ...content]);
  const whole = part("What the letters were", [element("div", { class: "dx-actions" }, [reveal]), results]);
  const root = element("div", {}, [
    words2,
    element("div", { class: "dx-actions" }, [goOn]),
    element("div", { class: "dx-ways" }, [
      part("Hand in over the network", [element("div", { class: "dx-over-network" }, [address.root, code.root, send]), handed]),
      part("Or as a file", [element("p", { class: "dx-plain" }, ["Take this file to a USB stick or a shared folder:"]), path]),
      part("Or as a picture", [picture, remark])
    ]),
    whole
  ]);
  let drawn = "";
  function refresh() {
    const ending = store.get("ending");
    const { done, of } = store.get("progress");
    if (!ending.file) return;
    words2.textContent = ending.whole ? `Thank you. All ${of} answers are saved.` : `You stopped after ${done} of ${of} answers. They are saved.`;
    goOn.parentElement?.toggleAttribute("hidden", ending.whole);
    path.textContent = ending.file;
    picture.hidden = !ending.qr;
    if (ending.qr && picture.src !== ending.qr) picture.src = ending.qr;
    remark.textContent = ending.qr_note;
    const got = store.get("handed");
    handed.textContent = got.text ?? "";
    handed.classList.toggle("dx-well", got.state === "ok");
    whole.hidden = !ending.whole;
    const shown = store.get("results");
    reveal.hidden = Boolean(shown.tables) || !ending.key;
    const state = JSON.stringify([shown, store.get("question").item]);
    if (state === drawn) return;
    drawn = state;
    if (shown.tables) results.replaceChildren(element("div", { class: "dx-tables" }, shown.tables.map(tableOf)), itemOf(shown.items, store.get("question"), ask));
    else results.replaceChildren(...ending.key ? [] : [element("p", { class: "dx-plain" }, [ending.key_note])]);
  }
  refresh();
  return {
    root,
    refresh,
    freeze: (on) => void (goOn.disabled = send.disabled = reveal.disabled = on)
  };
}
function tableOf({ title, columns, rows }) {
  const cells = (row, tag) => row.map((text, i) => element(i === 0 ? "th" : tag, {}, [text]));
  return element("table", { class: "dx-table" }, [
    element("caption", {}, [title]),
    element("thead", {}, [element("tr", {}, cells(columns, "th"))]),
    element("tbody", {}, rows.map((row) => element("tr", {}, cells(row, "td"))))
  ]);
}
function itemOf(items, question, ask) {
  const at = items.findIndex(({ item }) => item === question.item);
  if (at < 0) return element("div");
  const shown = items[at];
  const [width, height] = question.size;
  const pictures = [...question.letters].map((letter, i) => {
    const field = pictureField({ source: question.pictures[i], width, height }, { label: shown.names[letter] });
    field.mark([
      ...shown.target ? [{ form: (
        /** @type {const} */
        "box"
      ), at: shown.target, tone: (
        /** @type {const} */
        "truth"
      ) }] : [],
      ...shown.box ? [{ form: (
        /** @type {const} */
        "box"
      ), at: shown.box, tone: (
        /** @type {const} */
        "own"
      ) }] : []
    ]);
    return element("figure", { class: "dx-named" }, [field.root, element("figcaption", {}, [`${letter}: ${shown.names[letter]}`])]);
  });
  const step = (text, to) => {
    const made = wordButton(text, () => ask({ type: "look", item: items[to].item }));
    made.disabled = !(to in items);
    return made;
  };
  const boxes = shown.target ? " Yellow: your box. Green: the object that the map explains." : "";
  return element("div", { class: "dx-part" }, [
    element("div", { class: "dx-actions" }, [step("Previous", at - 1), step("Next", at + 1), element("span", { class: "dx-count" }, [`question ${at + 1} of ${items.length}`])]),
    element("p", { class: "dx-plain" }, [shown.words]),
    element("p", { class: "dx-plain dx-yours" }, [`${shown.answer}${boxes}`]),
    element("div", { class: "dx-choices" }, pictures)
  ]);
}

// src/shared/order_list.js
var NUMBERS = ["1st", "2nd", "3rd"];
var nth = (place) => NUMBERS[place] ?? `${place + 1}th`;
function arrow(sign, label, action) {
  const made = takesKeys(element("button", { type: "button", class: "dx-button", title: label, "aria-label": label, tabindex: "-1" }, [sign]));
  made.addEventListener("click", action);
  return made;
}
function orderList(label, things, { ends, moved }) {
  const root = element("ol", { class: "dx-order", "aria-label": label });
  const rows = things.map((thing) => rowOf(thing));
  let frozen = false;
  let held = null;
  root.append(...rows.map(({ item }) => item));
  number();
  function rowOf({ key, name, content }) {
    const place = element("span", { class: "dx-order-place" });
    const earlier = arrow("←", `${name}: one place earlier`, () => by(row, -1));
    const later = arrow("→", `${name}: one place later`, () => by(row, 1));
    const bar = element("div", { class: "dx-order-bar" }, [earlier, place, later]);
    const card = takesKeys(element("div", { class: "dx-order-card", tabindex: "0", role: "group" }, [bar, content]));
    const row = { key, name, item: element("li", {}, [card]), card, place, earlier, later };
    listenToKeys(card, {
      ArrowLeft: () => by(row, -1),
      ArrowUp: () => by(row, -1),
      ArrowRight: () => by(row, 1),
      ArrowDown: () => by(row, 1),
      Home: () => put2(row, 0),
      End: () => put2(row, rows.length - 1),
      ...Object.fromEntries(things.map((_, i) => [String(i + 1), () => put2(row, i)]))
    });
    card.addEventListener("pointerdown", (event) => {
      const target = (
        /** @type {Element} */
        event.target
      );
      if (frozen || event.button !== 0 || target.closest("button") || event.pointerType === "touch" && !target.closest(".dx-order-bar")) return;
      event.preventDefault();
      card.focus({ preventScroll: true });
      held = { row, id: event.pointerId };
      root.setPointerCapture(event.pointerId);
      card.classList.add("dx-held");
    });
    return row;
  }
  root.addEventListener("pointermove", (event) => {
    if (!held || held.id !== event.pointerId) return;
    const over = rows.find(({ item }) => {
      const box = item.getBoundingClientRect();
      return event.clientX >= box.left && event.clientX < box.right && event.clientY >= box.top && event.clientY < box.bottom;
    });
    if (over && over !== held.row) put2(held.row, rows.indexOf(over));
  });
  for (
    const name of
    /** @type {const} */
    ["pointerup", "pointercancel"]
  ) {
    root.addEventListener(name, (event) => {
      if (!held || held.id !== event.pointerId) return;
      held.row.card.classList.remove("dx-held");
      held = null;
    });
  }
  function by(row, step) {
    put2(row, Math.min(rows.length - 1, Math.max(0, rows.indexOf(row) + step)));
  }
  function put2(row, place) {
    const now = rows.indexOf(row);
    if (frozen || now === place) return;
    const focused = focusedBy(root) === row.card || row.item.contains(focusedBy(root));
    rows.splice(now, 1);
    rows.splice(place, 0, row);
    if (place === rows.length - 1) root.append(row.item);
    else root.insertBefore(row.item, rows[place + 1].item);
    if (focused) row.card.focus({ preventScroll: true });
    number();
    moved(`${row.name} is ${nth(place)} of ${rows.length}`);
  }
  function number() {
    rows.forEach((row, i) => {
      const meaning = i === 0 ? ends[0] : i === rows.length - 1 ? ends[1] : "";
      row.place.textContent = meaning ? `${i + 1} · ${meaning}` : String(i + 1);
      row.card.setAttribute("aria-label", `${row.name}, ${nth(i)} of ${rows.length}${meaning ? `, ${meaning}` : ""}`);
      row.earlier.disabled = frozen || i === 0;
      row.later.disabled = frozen || i === rows.length - 1;
    });
  }
  return {
    root,
    /** The keys, the best first. */
    get order() {
      return rows.map(({ key }) => key);
    },
    /** Show an order. @param {readonly string[]} order the keys, the best first */
    put(order) {
      rows.sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
      root.append(...rows.map(({ item }) => item));
      number();
    },
    /** Nothing can be moved any more. */
    freeze() {
      frozen = true;
      root.classList.add("dx-frozen");
      number();
    }
  };
}

// src/survey/question.js
var SIMILAR = "=";
var SURE = ["1", "2", "3", "4", "5"];
function questionPage(store, ask, say) {
  const question = store.get("question");
  const save = wordButton("Save answer", () => send(), "dx-primary");
  const stop = wordButton("Stop here", () => ask({ type: "stop" }));
  stop.title = "What you have answered is kept and can be handed in; you can go on later";
  const parts = { rank: orderPart, directions: orderPart, better: choicePart, draw: drawPart };
  let frozen = false;
  const part = parts[question.kind](question, say, () => show());
  let begun = performance.now();
  const images = [...part.root.querySelectorAll("img")].map((image) => image.decode ? image.decode().catch(() => {
  }) : null);
  Promise.all(images).then(() => begun = performance.now());
  function send() {
    const answer = part.answer();
    if (!answer) return;
    ask({ type: "answer", item: question.item, ...answer, seconds: Math.round((performance.now() - begun) / 100) / 10 });
  }
  function show() {
    save.disabled = frozen || part.answer() === null;
    stop.disabled = frozen;
  }
  show();
  return {
    root: element("div", { class: `dx-kind-${question.kind}` }, [pageWords(question.words), part.root, element("div", { class: "dx-actions" }, [save, stop])]),
    freeze: (on) => {
      frozen = on;
      part.freeze(on);
      show();
    }
  };
}
function mapOf({ pictures, size: [width, height], letters }, place) {
  const image = element("img", { src: pictures[place], alt: `Map ${letters[place]}`, draggable: "false" });
  image.style.aspectRatio = `${width} / ${height}`;
  return element("div", { class: "dx-map" }, [image, element("span", { class: "dx-letter", "aria-hidden": "true" }, [letters[place]])]);
}
function orderPart(question, say) {
  const things = [...question.letters].map((letter, i) => ({ key: letter, name: `Map ${letter}`, content: mapOf(question, i) }));
  const list = orderList("Maps in your order. Arrow keys move a map, a number puts it at that place.", things, { ends: ["best", "least"], moved: say });
  const how = element("p", { class: "dx-remark" }, ["Drag the maps, or move the focused one with the arrow keys or its number."]);
  return { root: element("div", { class: "dx-part" }, [list.root, how]), answer: () => ({ choice: list.order.join("") }), freeze: () => {
  } };
}
function choicePart(question, say, changed) {
  const group = uniqueId("better");
  const choice = (value, content, label, more) => {
    const input = takesKeys(element("input", { type: "radio", name: group, value, "aria-label": label }));
    input.addEventListener("change", changed);
    return { input, root: element("label", { class: `dx-choice ${more}` }, [input, ...content]) };
  };
  const maps = [...question.letters].map((letter, i) => choice(letter, [mapOf(question, i)], `Map ${letter}`, "dx-choice-map"));
  const none = choice(SIMILAR, [element("span", {}, ["No difference"])], "No difference", "");
  const all = [...maps, none];
  const root = element("div", { class: "dx-part", role: "radiogroup", "aria-label": question.words }, [
    element("div", { class: "dx-choices" }, maps.map((one) => one.root)),
    none.root
  ]);
  return {
    root,
    answer: () => {
      const chosen = all.find(({ input }) => input.checked);
      return chosen ? { choice: chosen.input.value } : null;
    },
    freeze: (on) => all.forEach(({ input }) => input.disabled = on)
  };
}
function drawPart(question, say, changed) {
  const [width, height] = question.size;
  const field = pictureField(
    { source: question.pictures[0], width, height },
    { set: "box", label: "The map", changed: (_, text) => (say(text), changed()) }
  );
  const group = uniqueId("sure");
  const inputs = SURE.map((value) => {
    const input = takesKeys(element("input", { type: "radio", name: group, value }));
    input.addEventListener("change", changed);
    return input;
  });
  const segments = inputs.map((input, i) => element("label", { class: "dx-segment" }, [input, element("span", {}, [SURE[i]])]));
  const sure = element("div", { class: "dx-sure", role: "radiogroup", "aria-label": "How sure are you, from 1 (least) to 5 (most)?" }, [
    element("span", {}, ["How sure are you?"]),
    element("div", { class: "dx-segments" }, segments),
    element("span", { class: "dx-remark" }, ["1 least, 5 most"])
  ]);
  return {
    root: element("div", { class: "dx-part" }, [field.root, sure]),
    answer: () => {
      const chosen = inputs.find((input) => input.checked);
      return field.value && chosen ? { box: field.value, confidence: Number(chosen.value) } : null;
    },
    freeze: (on) => inputs.forEach((input) => input.disabled = on)
  };
}

// src/survey/index.js
var TRAITS = ["about", "code", "ending", "handed", "heard", "notice", "page", "progress", "question", "results", "seat"];
var LATE = "No answer from the kernel so far. It may be busy with another cell. If it was restarted, run the cell of this widget again: it goes on after the last saved answer.";
var Survey = class {
  /** @param {import("@anywidget/types").AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
  }
};
var SurveyView = class {
  /** By what the page that is shown is known again. */
  #shown = "";
  /** @type {{root: HTMLElement, freeze: (on: boolean) => void, refresh?: () => void} | null} */
  #page = null;
  /**
   * @param {Survey} survey
   * @param {HTMLElement} host
   */
  constructor(survey, host) {
    const { store } = survey;
    this.store = store;
    this.asking = new Asking(store, () => this.#waited());
    this.title = element("div", { class: "dx-title" });
    this.place = element("span", { class: "dx-count" });
    this.fill = element("span", { class: "dx-steps-fill" });
    this.bar = element("div", { class: "dx-steps", "aria-hidden": "true" }, [this.fill]);
    this.error = element("p", { class: "dx-error", role: "alert", hidden: "" });
    this.said = element("p", { class: "dx-said", role: "status", "aria-live": "polite" });
    this.body = element("div", { class: "dx-page" });
    const head = element("div", { class: "dx-top" }, [this.title, this.place]);
    this.root = element("div", { class: "dx-root dx-survey", role: "group", "aria-label": "User study", "data-ready": "false" }, [head, this.bar, this.body, this.said, this.error]);
    host.append(this.root);
    const stop = followTheme(this.root);
    const off = store.subscribe((key) => key === "heard" ? this.asking.hear() : this.#refresh());
    this.dispose = () => {
      this.asking.dispose();
      stop();
      off();
      this.root.remove();
    };
    this.#refresh();
  }
  #refresh() {
    const { store, root } = this;
    const page = store.get("page");
    const { done, of } = store.get("progress");
    this.title.textContent = store.get("about").title;
    const seat = store.get("seat");
    this.place.textContent = [of ? `${done} of ${of} answered` : "", seat && `seat ${seat.slice(0, 4)}-${seat.slice(4)}`].filter(Boolean).join(" · ");
    this.fill.style.width = of ? `${100 * done / of}%` : "0";
    this.bar.hidden = !of;
    const shown = page === "question" ? `question ${store.get("question").item ?? ""}` : page;
    if (shown !== this.#shown) this.#open(shown, page);
    this.#page?.refresh?.();
    this.#waited();
    root.dataset.page = page;
    root.dataset.done = String(done);
  }
  /** @param {string} shown @param {string} page */
  #open(shown, page) {
    const first = this.#shown === "";
    this.#shown = shown;
    this.said.textContent = "";
    const ask = (message) => this.asking.ask(message);
    const say = (text) => this.said.textContent = text;
    const pages = (
      /** @type {Record<string, () => {root: HTMLElement, freeze: (on: boolean) => void, refresh?: () => void}>} */
      {
        seat: () => seatPage(ask),
        consent: () => consentPage(this.store, ask),
        declined: () => declinedPage(ask),
        question: () => questionPage(this.store, ask, say),
        done: () => endingPage(this.store, ask)
      }
    );
    const focused = this.root.contains(focusedBy(this.root));
    this.#page = pages[page]();
    this.body.replaceChildren(this.#page.root);
    const words2 = (
      /** @type {HTMLElement | null} */
      this.body.querySelector(".dx-question-words")
    );
    if (!first && focused && words2) words2.focus({ preventScroll: true });
  }
  #waited() {
    const { asking, store, root } = this;
    this.#page?.freeze(asking.waiting);
    const text = asking.late ? LATE : asking.waiting ? "" : store.get("notice");
    this.error.textContent = text;
    this.error.hidden = text === "";
    root.dataset.ready = String(!asking.waiting);
  }
};
function seatPage(ask) {
  const field = textField("Code of your seat", "", { placeholder: "XXXX-XXXX", maxlength: "20", autocapitalize: "characters" });
  const send = () => field.input.value.trim() && ask({ type: "sit", code: field.input.value });
  const go = wordButton("Begin", send, "dx-primary");
  field.input.addEventListener("keydown", (event) => event.key === "Enter" && send());
  return {
    root: element("div", {}, [
      pageWords("Type the code on your slip. It stands for you in this study and says nothing about you."),
      element("div", { class: "dx-actions" }, [field.root, go])
    ]),
    freeze: (on) => void (go.disabled = on)
  };
}
function consentPage(store, ask) {
  const agree = wordButton("I agree and take part", () => ask({ type: "consent", agreed: true }), "dx-primary");
  const decline = wordButton("I do not take part", () => ask({ type: "consent", agreed: false }));
  return {
    root: element("div", {}, [pageWords(store.get("about").consent), element("div", { class: "dx-actions" }, [agree, decline])]),
    freeze: (on) => void (agree.disabled = decline.disabled = on)
  };
}
function declinedPage(ask) {
  const back = wordButton("Back", () => ask({ type: "back" }));
  return {
    root: element("div", {}, [pageWords("You do not take part. Nothing was kept."), element("div", { class: "dx-actions" }, [back])]),
    freeze: (on) => void (back.disabled = on)
  };
}
var survey_default = widget(
  (model) => new Survey(model),
  (survey, host) => new SurveyView(survey, host)
);
export {
  TRAITS,
  survey_default as default
};
