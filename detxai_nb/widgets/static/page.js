// src/shared/base64.js
function fromBase64(text) {
  const binary = atob(text);
  const bytes2 = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes2[i] = binary.charCodeAt(i);
  return bytes2;
}

// src/page/buffers.js
async function bytes({ data, packed }) {
  const made = fromBase64(data);
  if (!packed) return new DataView(made.buffer);
  const plain = new Blob([made]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new DataView(await new Response(plain).arrayBuffer());
}
async function reading(text) {
  const data = JSON.parse(text);
  const arrays = await Promise.all(data.arrays.map(bytes));
  for (const { root, places: places2 } of Object.values(data.widgets)) {
    for (const [path, number] of places2) {
      let at = root;
      for (const step of path.slice(0, -1)) at = at[step];
      at[path[path.length - 1]] = arrays[number];
    }
  }
  const bundles2 = Object.fromEntries(Object.entries(data.bundles).map(([kind, number]) => [kind, arrays[number]]));
  return { bundles: bundles2, widgets: data.widgets };
}

// src/page/framed.js
function framed(page, choose) {
  if (window.parent === window) return;
  page.documentElement.setAttribute("framed", "");
  const tell = () => {
    const height = Math.ceil(page.body.getBoundingClientRect().height);
    window.parent.postMessage({ detxaiNbPage: { height } }, "*");
  };
  new ResizeObserver(tell).observe(page.body);
  window.addEventListener("message", ({ source, data }) => {
    const theme = data?.detxaiNbTheme;
    if (source === window.parent && (theme === "light" || theme === "dark")) choose(theme);
  });
}

// src/page/model.js
var same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);
var LAST = ["map_key", "status", "view_status"];
var SavedModel = class {
  /** @type {Traits} */
  #values;
  /** @type {Map<string, Set<Function>>} */
  #listeners = /* @__PURE__ */ new Map();
  /** What was set since the last message would have left. @type {Map<string, unknown>} */
  #before = /* @__PURE__ */ new Map();
  /** What was changed here and no answer has told of: the code does not know of it. @type {Set<string>} */
  #changed = /* @__PURE__ */ new Set();
  #answers;
  #groups;
  #otherwise;
  #first;
  /**
   * @param {Saved} saved
   * @param {(text: string) => void} refuse says why a choice is not there
   */
  constructor({ state, values = [], answers, otherwise = null }, refuse = () => {
  }) {
    this.#values = { ...state };
    this.#first = state;
    this.#answers = answers.map(({ when, then }) => ({ when, then: Object.fromEntries(Object.entries(then).map(([trait, number]) => [trait, values[number]])) }));
    const groups = /* @__PURE__ */ new Map();
    for (const answer of this.#answers) {
      const name = Object.keys(answer.when).sort().join();
      groups.set(name, [...groups.get(name) ?? [], answer]);
    }
    this.#groups = [...groups.values()];
    this.#otherwise = otherwise;
    this.refuse = refuse;
    this.offered = /* @__PURE__ */ new Map();
    for (const { when } of answers) {
      for (const [trait, value] of Object.entries(when)) {
        const known = this.offered.get(trait) ?? [];
        if (!known.some((one) => same(one, value))) known.push(value);
        this.offered.set(trait, known);
      }
    }
  }
  /** @param {string} key @returns {any} */
  get(key) {
    const value = this.#values[key];
    if (key !== "code" || this.#changed.size === 0 || !value) return value;
    return `# the code of this page as it was saved; changed on the page since: ${[...this.#changed].join(", ")}
${value}`;
  }
  /** @param {string} key @param {unknown} value */
  set(key, value) {
    if (!this.#before.has(key)) this.#before.set(key, this.#values[key]);
    this.#values[key] = value;
    this.#emit(key);
  }
  /** The place where a kernel would answer. */
  save_changes() {
    const before = this.#before;
    this.#before = /* @__PURE__ */ new Map();
    for (const key of before.keys()) this.#note(key);
    for (const group of this.#groups) {
      const asked = [...before.keys()].filter((key) => key in group[0].when);
      if (asked.length > 0) this.#answer(group, asked, before);
    }
  }
  /** @param {Answer[]} group @param {string[]} asked the traits that were set @param {Map<string, unknown>} before */
  #answer(group, asked, before) {
    const fitting = group.filter(({ when }) => asked.every((key) => same(when[key], this.#values[key])));
    if (fitting.length > 0) {
      this.#take(this.#nearest(fitting), group);
    } else if (this.#otherwise) {
      this.#publish(this.#otherwise);
    } else {
      for (const key of asked) this.#values[key] = before.get(key);
      for (const key of asked) this.#emit(key);
      for (const key of asked) this.#note(key);
      this.refuse("This choice is not on the saved page; it needs the notebook.");
    }
  }
  /** Results that a view no longer holds are here; all else needs a kernel. @param {any} message */
  send(message) {
    if (message?.type !== "maps") return;
    const sent = [this.#values, ...this.#answers.map(({ then }) => then)].map(({ map_data }) => map_data);
    const found = message.key === void 0 ? this.#values.map_data : sent.find((one) => one?.key === message.key);
    if (found) this.#publish({ map_data: { ...found } });
  }
  /** @param {string} name @param {Function} listener */
  on(name, listener) {
    this.#listeners.set(name, (this.#listeners.get(name) ?? /* @__PURE__ */ new Set()).add(listener));
  }
  /** @param {string} name @param {Function} listener */
  off(name, listener) {
    this.#listeners.get(name)?.delete(listener);
  }
  /** The one that agrees most with what is chosen besides. @param {Answer[]} fitting */
  #nearest(fitting) {
    const agrees = ({ when }) => Object.entries(when).filter(([key, value]) => same(value, this.#values[key])).length;
    return fitting.reduce((best, one) => agrees(one) > agrees(best) ? one : best);
  }
  /** @param {Answer} answer @param {Answer[]} group those of the same traits */
  #take({ when, then }, group) {
    const told = Object.fromEntries(group.flatMap(({ then: other }) => Object.keys(other).map((key) => [key, this.#first[key]])));
    this.#publish({ ...when, ...told, ...then });
  }
  /** @param {Traits} values */
  #publish(values) {
    const keys = Object.keys(values).filter((key) => values[key] !== this.#values[key]);
    for (const key of keys) this.#values[key] = values[key];
    for (const key of keys) this.#note(key);
    for (const key of keys.filter((one) => !LAST.includes(one))) this.#emit(key);
    for (const key of LAST.filter((one) => keys.includes(one))) this.#emit(key);
  }
  /** Whether a trait is now other than as it was saved, and no answer is there for it. @param {string} key */
  #note(key) {
    if (!this.offered.has(key) && !same(this.#values[key], this.#first[key]) && !this.#told(key)) this.#changed.add(key);
    else this.#changed.delete(key);
  }
  /** @param {string} key */
  #told(key) {
    return this.#answers.some(({ then }) => key in then);
  }
  /** @param {string} key */
  #emit(key) {
    for (const listener of [...this.#listeners.get(`change:${key}`) ?? []]) listener();
  }
};

// src/page/theme.js
function lightOrDark(page) {
  const root = page.documentElement;
  const system = window.matchMedia?.("(prefers-color-scheme: dark)");
  let chosen = null;
  const apply = () => root.setAttribute("theme", chosen ?? (system?.matches ? "dark" : "light"));
  system?.addEventListener("change", apply);
  apply();
  const button = page.getElementById("dxp-theme");
  const choose = (theme) => {
    chosen = theme;
    apply();
  };
  button?.addEventListener("click", () => choose(root.getAttribute("theme") === "dark" ? "light" : "dark"));
  return choose;
}

// src/page/index.js
var bundles = /* @__PURE__ */ new Map();
function bundle(name, text) {
  const known = bundles.get(name);
  if (known) return known;
  const address = URL.createObjectURL(new Blob([
    /** @type {any} */
    text
  ], { type: "text/javascript" }));
  const loading = import(address).finally(() => URL.revokeObjectURL(address));
  bundles.set(name, loading);
  return loading;
}
function say(place, text) {
  const words = place.parentElement?.querySelector(".dxp-said");
  if (words) words.textContent = text;
}
function broken(place, error) {
  say(place, `This part of the page cannot be shown: ${error}`);
  console.error(error);
}
async function start(place, data) {
  const { kind, root } = data.widgets[place.dataset.widget ?? ""];
  const model = new SavedModel(root, (text) => say(place, text));
  const module = await bundle(kind, data.bundles[kind]);
  const made = module.default();
  await made.initialize?.({ model });
  await made.render({ model, el: place });
  for (const kind2 of ["pointerdown", "keydown"]) place.addEventListener(kind2, () => say(place, ""), true);
}
framed(document, lightOrDark(document));
var places = (
  /** @type {HTMLElement[]} */
  [...document.querySelectorAll("[data-widget]")]
);
try {
  const data = await reading(document.querySelector("script#dxp-data")?.textContent ?? "{}");
  for (const place of places) start(place, data).catch((error) => broken(place, error));
} catch (error) {
  for (const place of places) broken(place, error);
}
