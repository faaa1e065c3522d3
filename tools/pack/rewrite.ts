// Turns one TypeScript file of the repository into the JavaScript of the published package: types
// go, and names of other files become names of built ones. Which files are taken is in tree.ts.
import { dirname, relative } from "node:path/posix";
import { transform } from "esbuild";

/** The oldest engine that the package runs on: the source uses what Node 24 has. */
const TARGET = "node24";
/** A whole string that names a file beside this one: an import, a worker, a program to start. */
const OWN_FILE = /(["'])(\.{1,2}\/[^"'\s]+)\.ts\1/g;
/** A whole string that names a package of this repository. */
const OWN_PACKAGE = /(["'])(@tequio\/[a-z][a-z0-9/-]*)\1/g;

/** Finds the source file that a package's name means, e.g. "core/pool/index.ts". */
export type Resolve = (specifier: string) => string | undefined;

/** What one file became, and what it needs. */
export interface Built {
  readonly text: string;
  /** Source files that it names, by their path in the repository. */
  readonly needs: readonly string[];
}

/** The path in the package of a source file in the repository. */
export const builtPath = (source: string): string => source.replace(/\.ts$/, ".js");

const normal = (from: string, name: string): string =>
  new URL(name, `file:///${dirname(from)}/`).pathname.slice(1);

function relativeName(from: string, to: string): string {
  const name = relative(dirname(from), to);
  return name.startsWith(".") ? name : `./${name}`;
}

/** Renames what `text`, the code or the declarations of `path`, says of other files. Throws for a
 * package of ours that is not there: the built program would miss it. */
export function rename(path: string, text: string, resolve: Resolve): Built {
  const needs = new Set<string>();
  const renamed = text
    .replace(OWN_FILE, (_whole, quote: string, name: string) => {
      needs.add(`${normal(path, name)}.ts`);
      return `${quote}${name}.js${quote}`;
    })
    .replace(OWN_PACKAGE, (_whole, quote: string, name: string) => {
      const target = resolve(name);
      if (target === undefined) throw new Error(`${path} names ${name}, which is not there`);
      needs.add(target);
      return `${quote}${relativeName(path, builtPath(target))}${quote}`;
    });
  return { text: renamed, needs: [...needs] };
}

/** Builds one file. Throws what esbuild says of a file that it cannot read. */
export async function build(path: string, source: string, resolve: Resolve): Promise<Built> {
  const { code } = await transform(source, {
    loader: "ts",
    format: "esm",
    target: TARGET,
    sourcefile: path,
    // Imports for types only are gone after this; all others stay, whether used or not.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  return rename(path, code, resolve);
}
