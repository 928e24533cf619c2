// Writes the licences of all packages that a bundle holds.
import { readFileSync } from "node:fs";

const inputs = Object.keys(JSON.parse(readFileSync(process.argv[2], "utf8")).inputs);
const names = new Set(inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean));
for (const name of [...names].sort()) {
  const about = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  const text = readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim();
  process.stdout.write(`${name} ${about.version} (${about.license})\n\n${text}\n\n${"-".repeat(80)}\n\n`);
}
