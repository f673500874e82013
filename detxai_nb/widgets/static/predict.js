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

// src/predict/answer.js
var FORMS = (
  /** @type {const} */
  ["point", "box", "circle", "polygon"]
);
function answerPart(store, changed) {
  const { kind } = store.get("about");
  const parts = { number: numberPart, choice: choicePart, order: orderPart, point: placePart, box: placePart };
  const part = parts[
    /** @type {keyof typeof parts} */
    kind
  ](store, changed);
  const picture = store.get("picture");
  if (!picture.source || kind === "point" || kind === "box") return part;
  const shown = pictureField(picture, { label: "The picture that the question is about" });
  return { ...part, root: element("div", { class: "dx-part" }, [shown.root, part.root]) };
}
function placePart(store, changed) {
  const { kind } = store.get("about");
  const field = pictureField(store.get("picture"), { set: kind, label: "The picture", changed: (_, words2) => changed(words2) });
  const colors = element("p", { class: "dx-remark", hidden: "" }, ["Yellow: yours. Green: the truth."]);
  return {
    root: element("div", { class: "dx-part" }, [field.root, colors]),
    answer: () => field.value,
    show() {
      const stage = store.get("stage");
      if (stage === "asking") return;
      field.freeze();
      field.show(store.get("answer").value);
      const { truth, others } = store.get("outcome");
      if (stage !== "revealed") return;
      const forms = FORMS.filter((form) => form in truth);
      field.mark([
        ...others.map((at) => (
          /** @type {Mark} */
          { form: kind, at, tone: "other" }
        )),
        ...forms.map((form) => (
          /** @type {Mark} */
          { form, at: truth[form], tone: "truth" }
        )),
        ..."point" in truth && truth.tolerance ? [
          /** @type {Mark} */
          { form: "circle", at: [...truth.point, truth.tolerance], tone: "truth" }
        ] : []
      ]);
      colors.hidden = forms.length === 0;
    }
  };
}
function numberPart(store, changed) {
  const { unit } = store.get("about");
  const field = textField(unit ? `Your number of ${unit}` : "Your number", "", { inputmode: "decimal", maxlength: "40" });
  field.root.classList.add("dx-number-field");
  const line = element("div", { class: "dx-line", hidden: "" });
  const read = () => {
    const text = field.input.value.trim().replace(",", ".").replace("−", "-");
    const number = Number(text);
    return text && Number.isFinite(number) ? number : null;
  };
  field.input.addEventListener("input", () => changed(field.input.value && read() === null ? "This is no number" : ""));
  return {
    root: element("div", { class: "dx-part" }, [field.root, line]),
    answer: read,
    show() {
      const stage = store.get("stage");
      if (stage === "asking") return;
      const own = store.get("answer").value;
      field.input.value = String(own);
      field.input.disabled = true;
      line.hidden = stage !== "revealed";
      if (line.hidden) return;
      const { truth, others } = store.get("outcome");
      const dots = [
        ...others.map((value) => ({ value, tone: "other", label: "" })),
        ..."value" in truth ? [{ value: truth.value, tone: "truth", label: "truth" }] : [],
        { value: own, tone: "own", label: "you" }
      ];
      const low = Math.min(...dots.map(({ value }) => value));
      const high = Math.max(...dots.map(({ value }) => value));
      const place = (value) => high > low ? 100 * (value - low) / (high - low) : 50;
      line.replaceChildren(
        ...dots.map(({ value, tone, label }) => {
          const dot = element("span", { class: `dx-dot dx-dot-${tone}`, title: `${label} ${value}`.trim() }, label ? [element("span", {}, [label])] : []);
          dot.style.left = `${place(value)}%`;
          return dot;
        })
      );
      line.setAttribute("role", "img");
      line.setAttribute("aria-label", `On a line from ${low} to ${high}.`);
    }
  };
}
function choicePart(store, changed) {
  const { options, several, question } = store.get("about");
  const group = uniqueId("choice");
  const rows = options.map(({ key, text }) => {
    const input = takesKeys(element("input", { type: several ? "checkbox" : "radio", name: group, value: key }));
    input.addEventListener("change", () => changed(""));
    const more = element("span", { class: "dx-beside" });
    return { key, input, more, root: element("label", { class: "dx-choice" }, [input, element("span", { class: "dx-choice-text" }, [text]), more]) };
  });
  return {
    root: element("div", { class: "dx-part dx-options", role: several ? "group" : "radiogroup", "aria-label": question }, rows.map((row) => row.root)),
    answer: () => {
      const chosen = rows.filter(({ input }) => input.checked).map(({ key }) => key);
      return chosen.length > 0 ? chosen : null;
    },
    show() {
      const stage = store.get("stage");
      if (stage === "asking") return;
      const { truth, counts } = store.get("outcome");
      for (const { key, input, more, root } of rows) {
        input.checked = store.get("answer").value.includes(key);
        input.disabled = true;
        if (stage !== "revealed") continue;
        const right = (truth.chosen ?? []).includes(key);
        root.classList.toggle("dx-true", right);
        more.textContent = [right ? "✓ right" : "", key in counts ? `others: ${counts[key]}` : ""].filter(Boolean).join(" · ");
      }
    }
  };
}
function orderPart(store, changed) {
  const { options } = store.get("about");
  const beside = /* @__PURE__ */ new Map();
  const things = options.map(({ key, text }) => {
    const more = element("span", { class: "dx-beside" });
    beside.set(key, more);
    return { key, name: text, content: element("div", { class: "dx-order-text" }, [element("span", {}, [text]), more]) };
  });
  const list = orderList("Your order. Arrow keys move an entry, a number puts it at that place.", things, { ends: ["first", "last"], moved: changed });
  list.root.classList.add("dx-order-rows");
  let placed = false;
  return {
    root: element("div", { class: "dx-part" }, [list.root, element("p", { class: "dx-remark" }, ["Drag the entries, or move the focused one with the arrow keys or its number."])]),
    answer: () => list.order,
    show() {
      const stage = store.get("stage");
      if (stage === "asking") return;
      if (!placed) list.put(store.get("answer").value);
      placed = true;
      list.freeze();
      if (stage !== "revealed") return;
      const { truth, counts } = store.get("outcome");
      for (const [key, more] of beside) {
        const place = (truth.order ?? []).indexOf(key) + 1;
        more.textContent = [place ? `place ${place}` : "", key in counts ? `others: ${counts[key].toFixed(1)}` : ""].filter(Boolean).join(" · ");
      }
    }
  };
}

// src/predict/index.js
var TRAITS = ["about", "answer", "can_reveal", "code", "heard", "notice", "outcome", "picture", "stage"];
var LATE = "No answer from the kernel so far. It may still compute, or be busy with another cell.";
var Predict = class {
  /** @param {import("@anywidget/types").AnyModel} model */
  constructor(model) {
    this.store = new Store(model, TRAITS);
  }
};
var PredictView = class {
  /** @type {ReturnType<typeof answerPart> | null} */
  #part = null;
  /**
   * @param {Predict} predict
   * @param {HTMLElement} host
   */
  constructor(predict, host) {
    const { store } = predict;
    this.store = store;
    this.asking = new Asking(store, () => this.#waited());
    this.lock = wordButton("Lock my answer", () => this.#lock(), "dx-primary");
    this.reveal = wordButton("Reveal", () => this.asking.ask({ type: "reveal" }), "dx-primary");
    this.again = wordButton("Try again", () => this.asking.ask({ type: "again" }));
    this.state = element("span", { class: "dx-count" });
    this.said = element("p", { class: "dx-said", role: "status", "aria-live": "polite" });
    this.error = element("p", { class: "dx-error", role: "alert", hidden: "" });
    this.outcome = element("div", { class: "dx-outcome", role: "status" });
    this.body = element("div", {});
    const { question, exercise } = store.get("about");
    const head = pageWords(question);
    if (exercise) head.prepend(element("span", { class: "dx-id" }, [exercise]), " ");
    const actions = element("div", { class: "dx-actions" }, [this.lock, this.reveal, this.again, this.state]);
    this.root = element("div", { class: "dx-root dx-predict", role: "group", "aria-label": "Prediction", "data-ready": "false" }, [head, this.body, actions, this.outcome, this.said, this.error]);
    host.append(this.root);
    const stop = followTheme(this.root);
    const off = store.subscribe((key) => key === "heard" ? this.asking.hear() : this.#refresh());
    this.dispose = () => {
      this.asking.dispose();
      stop();
      off();
      this.root.remove();
    };
    this.#open();
    this.#refresh();
  }
  /** What is answered with; a new one for a new try. */
  #open() {
    this.#part = answerPart(this.store, (text) => {
      this.said.textContent = text;
      this.#waited();
    });
    this.body.replaceChildren(this.#part.root);
  }
  #lock() {
    const answer = this.#part?.answer();
    if (answer !== null && answer !== void 0) this.asking.ask({ type: "lock", answer });
  }
  #refresh() {
    const { store, root } = this;
    const stage = store.get("stage");
    if (stage === "asking" && root.dataset.stage !== "asking" && root.dataset.stage) this.#open();
    root.dataset.stage = stage;
    const { words: words2, right, hints, others_words: others } = store.get("outcome");
    this.#part?.show();
    const saved = store.saved !== null;
    this.lock.hidden = stage !== "asking" || saved;
    this.reveal.hidden = stage !== "locked" || !store.get("can_reveal") || saved;
    this.again.hidden = !store.get("outcome").again || saved;
    this.state.textContent = stage !== "locked" ? "" : store.get("can_reveal") ? "Locked" : "Locked. The truth comes from a cell below.";
    this.outcome.className = `dx-outcome${right === true ? " dx-right" : right === false ? " dx-wrong" : ""}`;
    const hinted = (hints ?? []).map((hint) => `Hint: ${hint}`);
    const lines = stage === "revealed" ? [words2, ...hinted, others].filter(Boolean) : [];
    this.outcome.replaceChildren(...lines.map((line) => element("p", { class: "dx-plain" }, [line])));
    this.outcome.hidden = lines.length === 0;
    if (stage !== "asking") this.said.textContent = "";
    this.#waited();
  }
  #waited() {
    const { asking, store, root } = this;
    this.lock.disabled = asking.waiting || (this.#part?.answer() ?? null) === null;
    this.reveal.disabled = this.again.disabled = asking.waiting;
    const text = asking.late ? LATE : asking.waiting ? "" : store.get("notice");
    this.error.textContent = text;
    this.error.hidden = text === "";
    root.dataset.ready = String(!asking.waiting);
  }
};
var predict_default = widget(
  (model) => new Predict(model),
  (predict, host) => new PredictView(predict, host)
);
export {
  TRAITS,
  predict_default as default
};
