// A page inside another one, such as the documentation: it says how tall it is, and is light or dark as that one is.

/**
 * @param {Document} page
 * @param {(theme: string) => void} choose  makes the page light or dark
 */
export function framed(page, choose) {
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
