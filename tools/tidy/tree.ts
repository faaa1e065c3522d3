// Loads the files that the checks look at: what lies in the folders, parsed once for all checks.
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { SourceFile as Ast, Node } from "typescript/unstable/ast";
import { type Comment, codeComments, styleComments } from "./comments.ts";
import { type Import, rawImports, resolveImport } from "./imports.ts";
import { type Package, readPackages } from "./packages.ts";
import { parseAll } from "./parse.ts";

/** One source file. Style sheets have no syntax tree and no imports. */
export interface TreeFile {
  /** From the tree's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly ast: Ast | undefined;
  readonly comments: readonly Comment[];
  readonly imports: readonly Import[];
  /** Unit tests and suites on real components: they may use more, and nobody imports them. */
  readonly isTest: boolean;
  /** What tests share (`x.testing.ts`, `testing/x.ts`); only tests and their like import it. */
  readonly isTesting: boolean;
}

/** Everything that a check may read. */
export interface Tree {
  readonly files: readonly TreeFile[];
  readonly byPath: ReadonlyMap<string, TreeFile>;
  readonly packages: readonly Package[];
  /** Files that a web page loads by name. */
  readonly loadedByPages: ReadonlySet<string>;
}

/** Folders that hold no source of ours: packages, builds, recorded results, generated pages. */
const SKIPPED = new Set(["node_modules", "dist", "bench/results", "docs/reference"]);
const CODE = /\.(?:ts|tsx|mts|js|mjs)$/;
const STYLE = /\.css$/;
const TEST = /\.(?:test|real)\.tsx?$/;
const TESTING = /[./]testing(?:\.tsx?$|\/)/;

function walk(root: string, folder: string): readonly string[] {
  const paths: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name);
    if (entry.name.startsWith(".") || SKIPPED.has(path) || SKIPPED.has(entry.name)) continue;
    if (entry.isDirectory()) paths.push(...walk(root, path));
    else if (entry.isFile()) paths.push(path);
  }
  return paths;
}

/** A page's `src` and `href`. "/x" counts from the page's own folder, as the bundler has it. */
function pageLoads(root: string, page: string): readonly string[] {
  const html = readFileSync(join(root, page), "utf8");
  return [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) =>
    posix.join(posix.dirname(page), (match[1] ?? "").replace(/^\//, "")),
  );
}

/** Reads and parses the tree under a folder. Throws when the folder cannot be read. */
export function loadTree(root: string): Tree {
  const paths = walk(root, "").toSorted();
  const texts = new Map<string, string>();
  for (const path of paths) {
    if (CODE.test(path) || STYLE.test(path)) {
      texts.set(path, readFileSync(join(root, path), "utf8"));
    }
  }
  const asts = parseAll(new Map([...texts].filter(([path]) => CODE.test(path))));
  const packages = readPackages(root);
  const known = new Set(texts.keys());
  const files = [...texts].map(([path, text]): TreeFile => {
    const ast = asts.get(path);
    return {
      path,
      text,
      lines: text.replace(/\n$/, "").split("\n"),
      ast,
      comments: ast === undefined ? styleComments(text) : codeComments(text, ast),
      imports: (ast === undefined ? [] : rawImports(ast)).map((raw) => ({
        ...raw,
        target: resolveImport(path, raw.specifier, known, packages),
      })),
      isTest: TEST.test(path),
      isTesting: TESTING.test(path),
    };
  });
  return {
    files,
    byPath: new Map(files.map((file) => [file.path, file])),
    packages,
    loadedByPages: new Set(
      paths.filter((path) => path.endsWith(".html")).flatMap((page) => pageLoads(root, page)),
    ),
  };
}

/** The line of a node's first character, from 1. */
export const lineOf = (ast: Ast, node: Node): number =>
  ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1;

/** The line of a node's last character, from 1. */
export const endLineOf = (ast: Ast, node: Node): number =>
  ast.getLineAndCharacterOfPosition(node.end).line + 1;

/** Calls the visitor for every node of a file, parents first. */
export function eachNode(ast: Ast, visit: (node: Node) => void): void {
  const step = (node: Node): void => {
    visit(node);
    node.forEachChild(step);
  };
  step(ast);
}

/** The workspace folder that a path lies in; "" for files of the root package. */
export function workspaceOf(tree: Tree, path: string): string {
  const top = path.split("/", 1)[0] ?? "";
  return tree.packages.some((found) => found.folder === top) ? top : "";
}
