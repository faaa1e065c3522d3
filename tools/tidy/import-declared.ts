// Checks that a package declares what it imports, reaches other packages by their names, and ships
// nothing that its tests are made of.
// npm puts all workspaces' packages into one folder, so an undeclared import works here and
// fails for whoever installs the package alone.
import { isBuiltin } from "node:module";
import type { Check, Finding } from "./finding.ts";
import { type Import, isRelative, packageName } from "./imports.ts";
import type { Package } from "./packages.ts";
import { type Tree, type TreeFile, workspaceOf } from "./tree.ts";

/** Build settings, and what suites are made of, run on a developer's machine only. */
const DEVELOPMENT = /\.config\.(?:ts|js|mjs)$|\/conformance(?:\/|\.ts$)/;

const isDevelopment = (file: TreeFile): boolean =>
  file.isTest || file.isTesting || DEVELOPMENT.test(file.path);

/** What a file of this package may import by name. */
function declaredFor(tree: Tree, file: TreeFile, owner: Package): ReadonlySet<string> {
  const root = tree.packages.find((found) => found.folder === "");
  const names = new Set([owner.name, ...owner.dependencies]);
  // The root's own folders (tools, bench) work on the whole workspace.
  const wide = owner.folder === "" ? tree.packages : [];
  for (const other of wide) {
    names.add(other.name);
    for (const name of other.dependencies) names.add(name);
  }
  if (owner.folder === "" || isDevelopment(file)) {
    const extra = [...owner.devDependencies, ...(root?.devDependencies ?? [])];
    for (const name of extra) names.add(name);
  }
  return names;
}

function fault(
  tree: Tree,
  file: TreeFile,
  found: Import,
  names: ReadonlySet<string>,
): { rule: string; message: string } | undefined {
  const target = found.target === undefined ? undefined : tree.byPath.get(found.target);
  if (target?.isTesting === true && !isDevelopment(file)) {
    const message = `${target.path} is for tests only; move what is shared into a file of its own`;
    return { rule: "import-testing", message };
  }
  if (isRelative(found.specifier)) {
    const from = workspaceOf(tree, file.path);
    if (found.target === undefined || workspaceOf(tree, found.target) === from) return undefined;
    const message = `"${found.specifier}" reaches into another package; import it by its name`;
    return { rule: "import-relative", message };
  }
  if (found.kind === "path" || isBuiltin(found.specifier)) return undefined;
  if (found.specifier.includes(":")) return undefined; // A URL or a bundler's virtual module.
  const name = packageName(found.specifier);
  if (names.has(name) || names.has(`@types/${name}`)) return undefined;
  return { rule: "import-declared", message: `${name} is not declared in package.json` };
}

function ofFile(tree: Tree, file: TreeFile): readonly Finding[] {
  const folder = workspaceOf(tree, file.path);
  const owner = tree.packages.find((found) => found.folder === folder);
  if (owner === undefined) return [];
  const names = declaredFor(tree, file, owner);
  return file.imports.flatMap((found) => {
    const wrong = fault(tree, file, found, names);
    return wrong === undefined ? [] : [{ path: file.path, line: found.line, ...wrong }];
  });
}

/** Undeclared packages, relative paths out of the own package, and shipped test helpers. */
export const importDeclared: Check = (tree) => tree.files.flatMap((file) => ofFile(tree, file));
