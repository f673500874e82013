// Light or dark as the system has it, until the person chooses.

/** @param {Document} page */
export function lightOrDark(page) {
  const root = page.documentElement;
  const system = window.matchMedia?.("(prefers-color-scheme: dark)");
  /** @type {string | null} */
  let chosen = null;
  const apply = () => root.setAttribute("theme", chosen ?? (system?.matches ? "dark" : "light"));
  system?.addEventListener("change", apply);
  apply();
  const button = page.getElementById("dxp-theme");
  button?.addEventListener("click", () => {
    chosen = root.getAttribute("theme") === "dark" ? "light" : "dark";
    apply();
  });
}
