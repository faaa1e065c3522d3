// Tests that docs/dependencies.md lists exactly what the package.json files declare, with the
// right licence and place. What is a good reason for a package is for the reviewer.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readPackages } from "./tidy/packages.ts";

const ROOT = join(import.meta.dirname, "..");
const OWN = /^(?:@tequio\/|tequio$)/;

interface Row {
  readonly name: string;
  readonly licence: string;
  readonly why: string;
  readonly where: readonly string[];
}

function readRows(): readonly Row[] {
  const page = readFileSync(join(ROOT, "docs", "dependencies.md"), "utf8");
  const lines = page.split("\n").filter((line) => /^\| (?!package )/.test(line));
  return lines.map((line) => {
    const [name = "", licence = "", why = "", where = ""] = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { name, licence, why, where: where.split(", ") };
  });
}

/** Name of each package from outside to the workspace folders that declare it. */
function declared(): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, string[]>();
  for (const found of readPackages(ROOT)) {
    for (const name of [...found.dependencies, ...found.devDependencies]) {
      if (OWN.test(name)) continue;
      const folders = places.get(name) ?? [];
      folders.push(found.folder === "" ? "root" : found.folder);
      places.set(name, folders);
    }
  }
  return places;
}

/** A licence as the installed package states it; undefined for one made for other machines. */
function statedLicence(name: string): unknown {
  const path = join(ROOT, "node_modules", name, "package.json");
  if (!existsSync(path)) return undefined;
  const manifest: { license?: unknown } = JSON.parse(readFileSync(path, "utf8"));
  return manifest.license;
}

test("every declared package is listed once, and nothing else is listed", () => {
  const listed = readRows().map((row) => row.name);
  assert.deepEqual(listed.toSorted(), [...declared().keys()].toSorted());
});

test("every row names the folders that declare the package, and says why", () => {
  const places = declared();
  for (const row of readRows()) {
    assert.deepEqual(row.where.toSorted(), places.get(row.name)?.toSorted(), row.name);
    assert.ok(row.why.length > 10, `${row.name} needs a reason`);
  }
});

test("every row gives the licence that the package itself states", () => {
  let compared = 0;
  for (const row of readRows()) {
    const stated = statedLicence(row.name);
    if (stated === undefined) continue;
    compared += 1;
    assert.equal(row.licence, stated, row.name);
  }
  assert.ok(compared > 0, "no package is installed");
});
