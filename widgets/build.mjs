// Bundles each widget into one ES module and one style sheet: a notebook loads them from a blob URL, where imports fail.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { build } from "esbuild";
import { scopeStyles } from "./scope.mjs";

// Every folder beside shared/ is a widget, but for page/, what stands around the widgets of a saved page. A widget without
// a style of its own looks like any picture with a panel.
const widgets = readdirSync("src").filter((name) => name !== "shared");
const style = (name) => (existsSync(`src/${name}/style.css`) ? `src/${name}/style.css` : "src/shared/picture.css");

const { outputFiles } = await build({
  entryPoints: widgets.flatMap((name) => [
    { in: `src/${name}/index.js`, out: name },
    { in: style(name), out: name },
  ]),
  outdir: "../detxai_nb/widgets/static",
  bundle: true,
  write: false,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
});

for (const { path, text } of outputFiles) {
  const kind = `dx-${basename(path, ".css").replaceAll("_", "-")}`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, path.endsWith(".css") && kind !== "dx-page" ? scopeStyles(text, kind) : text);
}
