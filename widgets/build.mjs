// Bundles each widget into one ES module and one style sheet: a notebook loads them from a blob URL, where imports fail.
import { build } from "esbuild";

const WIDGETS = ["explorer", "comparison", "discrimination", "perturbation", "sanity_check", "tiny_objects"];

await build({
  entryPoints: WIDGETS.flatMap((name) => [
    { in: `src/${name}/index.js`, out: name },
    { in: `src/${name}/style.css`, out: name },
  ]),
  outdir: "../detxai_nb/widgets/static",
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
});
