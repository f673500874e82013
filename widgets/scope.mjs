// Confines a style sheet to one kind of widget: on a page with several kinds, none may style the others.

/** The end of the block or string that begins at `at`. @param {string} css @param {number} at */
function closing(css, at) {
  let depth = 0;
  for (let i = at; i < css.length; i++) {
    if (css.startsWith("/*", i)) i = css.indexOf("*/", i) + 1;
    else if (css[i] === '"' || css[i] === "'") i = css.indexOf(css[i], i + 1);
    else if (css[i] === "{") depth += 1;
    else if (css[i] === "}" && --depth === 0) return i;
  }
  throw new Error("a block of the style sheet has no end");
}

/** Selectors at the commas that are in no brackets. @param {string} list */
export function selectors(list) {
  const found = [""];
  let depth = 0;
  for (const letter of list) {
    depth += Number("([".includes(letter)) - Number(")]".includes(letter));
    if (letter === "," && depth === 0) found.push("");
    else found[found.length - 1] += letter;
  }
  return found.map((one) => one.trim());
}

/**
 * One selector that matches only within the widget's root. Its weight is the same as before, so that the order of two
 * rules of one kind, and against those of JupyterLab, stays as it was written.
 * @param {string} selector
 * @param {string} root the class of the widget's root
 */
function confined(selector, root) {
  const own = selector.match(new RegExp(`^\\.(dx-root|${root})(?![\\w-])`));
  return own ? `${own[0]}:where(.${root})${selector.slice(own[0].length)}` : `:where(.${root}) ${selector}`;
}

/**
 * @param {string} css without nested rules
 * @param {string} root the class of the widget's root
 * @returns {string}
 */
export function scopeStyles(css, root) {
  let out = "";
  let at = 0;
  for (;;) {
    const comment = css.slice(at).match(/^\s*\/\*[^]*?\*\//);
    if (comment) {
      out += comment[0];
      at += comment[0].length;
      continue;
    }
    const open = css.indexOf("{", at);
    if (open < 0) return out + css.slice(at);
    const end = closing(css, open);
    const prelude = css.slice(at, open);
    const body = css.slice(open + 1, end);
    const space = prelude.match(/^\s*/)?.[0] ?? "";
    const head = prelude.trim();
    if (/^@(media|container|supports)\b/.test(head)) out += `${prelude}{${scopeStyles(body, root)}}`;
    else if (head.startsWith("@")) out += `${prelude}{${body}}`;
    else out += `${space}${selectors(head).map((one) => confined(one, root)).join(`,${space || "\n"}`)} {${body}}`;
    at = end + 1;
  }
}
