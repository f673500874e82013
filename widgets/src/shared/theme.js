// Light or dark: from JupyterLab, from other hosts' marks, else from the system.

/** @returns {"light" | "dark"} */
export function currentTheme() {
  const { body, documentElement: root } = document;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false" ? "dark" : "light";
  // Of VS Code's kinds one with high contrast is dark and has no such word in it.
  if (body.dataset.vscodeThemeKind) return body.dataset.vscodeThemeKind.includes("light") ? "light" : "dark";
  // marimo, and documentation made with Furo, which has "auto" too.
  if (body.dataset.theme === "dark" || body.dataset.theme === "light") return body.dataset.theme;
  if (root.getAttribute("theme")) return root.getAttribute("theme") === "dark" ? "dark" : "light";
  return window.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/**
 * Keep an element's `data-theme` in step with the page.
 * @param {HTMLElement} target
 * @returns {() => void} stops it
 */
export function followTheme(target) {
  const apply = () => (target.dataset.theme = currentTheme());
  const observer = new MutationObserver(apply);
  const attributeFilter = ["data-jp-theme-light", "data-vscode-theme-kind", "data-theme", "theme"];
  observer.observe(document.body, { attributes: true, attributeFilter });
  observer.observe(document.documentElement, { attributes: true, attributeFilter });
  apply();
  return () => observer.disconnect();
}
