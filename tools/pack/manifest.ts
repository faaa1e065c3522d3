// What the published package says of itself: name, program, what users import, and the packages
// that npm brings along. Which files it has is in tree.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LIB } from "./tree.ts";

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Parts of the product itself: they are in the package. */
const OWN = /^(?:@tequio\/|tequio$)/;

const read = (root: string, folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest;

function merged(all: readonly (Readonly<Record<string, string>> | undefined)[]) {
  const found = all.flatMap((one) => Object.entries(one ?? {})).filter(([name]) => !OWN.test(name));
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The package.json of a package built from these folders of the repository. */
export function manifestOf(root: string, folders: readonly string[]): object {
  const top = read(root, "");
  const parts = folders.map((folder) => read(root, folder));
  return {
    name: "tequio",
    version: top.version,
    description:
      "Pools the computing power that sovereign owners lend, and trains models across it.",
    license: top.license,
    type: "module",
    engines: top.engines,
    bin: { tequio: `${LIB}/tequio/bin/tequio.js` },
    exports: {
      ".": {
        types: `./${LIB}/contract/src/index.d.ts`,
        default: `./${LIB}/contract/src/index.js`,
      },
      "./package.json": "./package.json",
    },
    dependencies: merged(parts.map((part) => part.dependencies)),
    optionalDependencies: merged([top, ...parts].map((part) => part.optionalDependencies)),
  };
}
