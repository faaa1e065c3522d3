// Reads the package.json files of the workspace: names, exports and declared dependencies.
// What may import what is decided by the checks.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One package of the workspace. The root package has the folder "". */
export interface Package {
  readonly folder: string;
  readonly name: string;
  /** Export name ("." or "./x") to the path of its source file from the tree's root. */
  readonly exports: ReadonlyMap<string, string>;
  /** Names that shipped code may import. */
  readonly dependencies: ReadonlySet<string>;
  /** Names that tests and build settings may import on top. */
  readonly devDependencies: ReadonlySet<string>;
  /** Files that package.json starts by name (bin and scripts), from the tree's root. */
  readonly started: readonly string[];
  readonly workspaces: readonly string[];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const record = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

const under = (folder: string, path: string): string =>
  [folder, path.replace(/^\.\//, "")].filter((part) => part !== "").join("/");

/** All texts inside a value, however deep: conditional exports nest. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return isRecord(value) ? Object.values(value).flatMap(textsIn) : [];
}

function parsePackage(folder: string, raw: Record<string, unknown>): Package {
  const exports = new Map<string, string>();
  for (const [key, target] of Object.entries(record(raw.exports))) {
    const first = textsIn(target)[0];
    if (first !== undefined) exports.set(key, under(folder, first));
  }
  const scriptFiles = textsIn(raw.scripts).flatMap(
    (script) => script.match(/[\w./-]+\.(?:ts|js|mjs)\b/g) ?? [],
  );
  const workspaces = raw.workspaces;
  return {
    folder,
    name: typeof raw.name === "string" ? raw.name : folder,
    exports,
    dependencies: new Set(
      ["dependencies", "optionalDependencies", "peerDependencies"].flatMap((field) =>
        Object.keys(record(raw[field])),
      ),
    ),
    devDependencies: new Set(Object.keys(record(raw.devDependencies))),
    started: [...textsIn(raw.bin), ...scriptFiles].map((path) => under(folder, path)),
    workspaces: Array.isArray(workspaces) ? workspaces.map(String) : [],
  };
}

function readPackage(root: string, folder: string): Package | undefined {
  const path = join(root, folder, "package.json");
  if (!existsSync(path)) return undefined;
  return parsePackage(folder, record(JSON.parse(readFileSync(path, "utf8"))));
}

/** The root package first, then its workspaces in the order that it names them. */
export function readPackages(root: string): readonly Package[] {
  const top = readPackage(root, "");
  if (top === undefined) return [];
  const rest = top.workspaces.map((folder) => readPackage(root, folder));
  return [top, ...rest.filter((found) => found !== undefined)];
}
