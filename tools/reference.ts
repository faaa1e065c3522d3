// Makes docs/reference from the sources (`npm run docs`). With --check it writes nothing and ends
// with 1 when a page is stale, so that the reference cannot fall behind the code.
// Use: node tools/reference.ts [--check]
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FOLDER, renderPages, stalePages } from "./reference/pages.ts";

const root = join(import.meta.dirname, "..");
const pages = await renderPages(root);
const stale = stalePages(root, pages);
if (process.argv.includes("--check")) {
  for (const file of stale) console.log(`${FOLDER}/${file} is stale`);
  console.log(stale.length === 0 ? "the reference is up to date" : "run `npm run docs`");
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  mkdirSync(join(root, FOLDER), { recursive: true });
  const known = new Set(pages.map(({ file }) => file));
  for (const file of stale) if (!known.has(file)) rmSync(join(root, FOLDER, file));
  for (const { file, text } of pages) writeFileSync(join(root, FOLDER, file), text);
  console.log(`${pages.length} pages in ${FOLDER}, ${stale.length} changed`);
}
