// Bundles each widget into one ES module and one style sheet: a notebook loads them from a blob URL, where imports fail.
import { existsSync, readdirSync } from "node:fs";
import { build } from "esbuild";

// Every folder beside shared/ is a widget; one without a style of its own looks like any picture with a panel.
const widgets = readdirSync("src").filter((name) => name !== "shared");
const style = (name) => (existsSync(`src/${name}/style.css`) ? `src/${name}/style.css` : "src/shared/picture.css");

await build({
  entryPoints: widgets.flatMap((name) => [
    { in: `src/${name}/index.js`, out: name },
    { in: style(name), out: name },
  ]),
  outdir: "../detxai_nb/widgets/static",
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
});
