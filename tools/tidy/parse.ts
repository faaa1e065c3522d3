// Turns source text into syntax trees with the TypeScript that type-checks the project. This is
// the only file that starts the compiler: its programming interface is still called unstable, so
// a change there is answered here. Types are not resolved, which keeps a run far below a second.
import type { SourceFile } from "typescript/unstable/ast";
import { API } from "typescript/unstable/sync";

/** A folder that exists nowhere: the compiler is served from memory and never reads the disk. */
const VIRTUAL_ROOT = "/tidy";

/** Syntax only: no library, no packages, no followed imports. */
const SYNTAX_ONLY = {
  noLib: true,
  noResolve: true,
  types: [],
  allowJs: true,
  noEmit: true,
  jsx: "preserve",
  module: "ESNext",
  target: "ES2024",
};

const configOf = (paths: readonly string[]): string =>
  JSON.stringify({
    compilerOptions: SYNTAX_ONLY,
    files: paths.map((path) => `${VIRTUAL_ROOT}/${path}`),
  });

function foldersOf(paths: Iterable<string>): ReadonlySet<string> {
  const folders = new Set<string>(["/"]);
  for (const path of paths) {
    for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
      folders.add(path.slice(0, cut));
    }
  }
  return folders;
}

/**
 * Parses every text. Keys are paths relative to the tree's root, with forward slashes.
 * Throws when the compiler does not know a file that it was given, which is a bug here.
 */
export function parseAll(texts: ReadonlyMap<string, string>): ReadonlyMap<string, SourceFile> {
  const parsed = new Map<string, SourceFile>();
  if (texts.size === 0) return parsed;
  const config = `${VIRTUAL_ROOT}/tsconfig.json`;
  const disk = new Map([[config, configOf([...texts.keys()])]]);
  for (const [path, text] of texts) disk.set(`${VIRTUAL_ROOT}/${path}`, text);
  const folders = foldersOf(disk.keys());
  const api = new API({
    cwd: VIRTUAL_ROOT,
    fs: {
      readFile: (path) => disk.get(path) ?? null,
      fileExists: (path) => disk.has(path),
      directoryExists: (path) => folders.has(path),
      getAccessibleEntries: () => ({ files: [], directories: [] }),
      realpath: (path) => path,
    },
  });
  try {
    const project = api.updateSnapshot({ openProjects: [config] }).getProjects()[0];
    for (const path of texts.keys()) {
      const ast = project?.program.getSourceFile(`${VIRTUAL_ROOT}/${path}`);
      if (ast === undefined) throw new Error(`Invariant broken: ${path} was not parsed`);
      parsed.set(path, ast);
    }
  } finally {
    api.close();
  }
  return parsed;
}
