// Checks that a package declares what it imports, and reaches other packages by their names.
// npm puts all workspaces' packages into one folder, so an undeclared import works here and
// fails for whoever installs the package alone.
import { isBuiltin } from "node:module";
import type { Check, Finding } from "./finding.ts";
import { type Import, isRelative, packageName } from "./imports.ts";
import type { Package } from "./packages.ts";
import { type Tree, type TreeFile, workspaceOf } from "./tree.ts";

/** Build settings, and what suites are made of, run on a developer's machine only. */
const DEVELOPMENT = /\.config\.(?:ts|js|mjs)$|\/(?:conformance|testing)(?:\/|\.ts$)/;

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
  if (owner.folder === "" || file.isTest || DEVELOPMENT.test(file.path)) {
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

/** Undeclared packages, and relative paths out of the own package. */
export const importDeclared: Check = (tree) => tree.files.flatMap((file) => ofFile(tree, file));
