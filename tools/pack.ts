// Makes the package that users install: dist/tequio-VERSION.tgz, built JavaScript with
// declarations, for a machine that has nothing but Node. Nothing is published here.
// Use: node tools/pack.ts [folder for the file]
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { manifestOf } from "./pack/manifest.ts";
import { writeTree } from "./pack/tree.ts";

const ROOT = join(import.meta.dirname, "..");
/** What whoever gets the package must get with it. */
const PAPERS = ["README.md", "LICENSE", "NOTICE"];

const target = resolve(process.argv[2] ?? join(ROOT, "dist"));
const stage = mkdtempSync(join(tmpdir(), "tequio-pack-"));
try {
  const folders = await writeTree(ROOT, stage);
  const manifest = JSON.stringify(manifestOf(ROOT, folders), undefined, 2);
  writeFileSync(join(stage, "package.json"), `${manifest}\n`);
  for (const paper of PAPERS) copyFileSync(join(ROOT, paper), join(stage, paper));
  mkdirSync(target, { recursive: true });
  const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", target];
  const name = execFileSync("npm", args, { cwd: stage, encoding: "utf8" }).trim();
  console.log(join(target, name));
} finally {
  rmSync(stage, { recursive: true, force: true });
}
