// Writes package-lock.json without the addresses of the registry it was made with, so that any registry serves it.
// rollup comes as WebAssembly (package.json, "overrides"): one package instead of one for each platform, all of which
// `npm ci` wants to see in the lock file even where a registry does not have them.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const FILE = "package-lock.json";

execFileSync("npm", ["install", "--package-lock-only", "--ignore-scripts"], { stdio: "inherit" });
const lock = JSON.parse(readFileSync(FILE, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.resolved;
  delete entry.funding;
}
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
