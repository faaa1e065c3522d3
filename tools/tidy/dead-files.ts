// Checks that every source file is reached from somewhere: from a package's exports, a command,
// a web page, or a test that shares it. A file that only its own test knows is dead as well.
// A file that another program starts by name says so: "entry:" and who starts it, in a comment
// within its first lines.
import type { Check } from "./finding.ts";
import type { Tree, TreeFile } from "./tree.ts";

/** Lines at the top in which the mark of a started file is looked for. */
const ENTRY_LINES_MAX = 5;
const ENTRY = /^\s*(?:\/\/|\/?\*)\s*entry:\s*\S/;

/** Folders whose own files are started by hand, and the root of the whole. */
const STARTED = [/^bench\/[^/]+\.ts$/, /^tools\/[^/]+\.ts$/, /^[^/]+\/[^/]+\.config\.ts$/];
const COMPOSITION_ROOT = "tequio/src/main.ts";

function isRoot(tree: Tree, file: TreeFile): boolean {
  const { path } = file;
  if (path === COMPOSITION_ROOT || tree.loadedByPages.has(path)) return true;
  if (STARTED.some((pattern) => pattern.test(path))) return true;
  if (file.lines.slice(0, ENTRY_LINES_MAX).some((line) => ENTRY.test(line))) return true;
  return tree.packages.some(
    (found) => found.started.includes(path) || [...found.exports.values()].includes(path),
  );
}

/** "a/b.test.ts" is the own test of "a/b.ts". */
const ownSubject = (testPath: string): string => testPath.replace(/\.(?:test|real)(?=\.tsx?$)/, "");

function reached(tree: Tree): ReadonlySet<string> {
  const queue = tree.files.filter((file) => file.isTest || isRoot(tree, file));
  const seen = new Set(queue.map((file) => file.path));
  for (const file of queue) {
    const own = file.isTest ? ownSubject(file.path) : undefined;
    for (const { target } of file.imports) {
      const next = target === undefined || target === own ? undefined : tree.byPath.get(target);
      if (next === undefined || seen.has(next.path)) continue;
      seen.add(next.path);
      queue.push(next);
    }
  }
  return seen;
}

/** Source files that nothing reaches. */
export const deadFiles: Check = (tree) => {
  const alive = reached(tree);
  return tree.files
    .filter((file) => !alive.has(file.path))
    .map((file) => ({
      path: file.path,
      line: 1,
      rule: "dead-file",
      message: "nothing imports or starts this file; remove it, or name who starts it",
    }));
};
