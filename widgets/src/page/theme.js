// Light or dark as the system has it, until the person chooses.

/**
 * @param {Document} page
 * @returns {(theme: string) => void} what chooses for the person
 */
export function lightOrDark(page) {
  const root = page.documentElement;
  const system = window.matchMedia?.("(prefers-color-scheme: dark)");
  /** @type {string | null} */
  let chosen = null;
  const apply = () => root.setAttribute("theme", chosen ?? (system?.matches ? "dark" : "light"));
  system?.addEventListener("change", apply);
  apply();
  const button = page.getElementById("dxp-theme");
  /** @param {string} theme */
  const choose = (theme) => {
    chosen = theme;
    apply();
  };
  button?.addEventListener("click", () => choose(root.getAttribute("theme") === "dark" ? "light" : "dark"));
  return choose;
}
