// Gathers the files of the published package: all that the program reaches from its start, built,
// with what it reads at run time beside it. What the package says of itself is in manifest.ts.
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { readPackages } from "../tidy/packages.ts";
import { build, builtPath, type Resolve, rename } from "./rewrite.ts";

/** Where the program starts, and what users import. */
const ENTRIES = ["tequio/src/main.ts", "contract/src/index.ts"];
/** Declarations are for what users import, and for what those name of other packages. */
const DECLARED = ["contract/src/index.ts", "core/pool/index.ts"];
/** The starter is plain JavaScript; it names the program's first file. */
const STARTER = "tequio/bin/tequio.js";
/** Read at run time, from the same places as in the repository. */
const BESIDE = ["console/dist", "tequio/jobs"];
/** Where the tree lies in the package: the same folders as in the repository. */
export const LIB = "lib";

/** Gives the source file of "@tequio/contract" and the like. */
function resolver(root: string): Resolve {
  const files = new Map<string, string>();
  for (const { name, exports } of readPackages(root)) {
    for (const [door, path] of exports) files.set(`${name}${door.slice(1)}`, path);
  }
  return (specifier) => files.get(specifier);
}

/** Builds the tree into `stage`; gives the folders of the repository that it came from. */
export async function writeTree(root: string, stage: string): Promise<readonly string[]> {
  const resolve = resolver(root);
  const lib = join(stage, LIB);
  const queue = [...ENTRIES];
  const seen = new Set(queue);
  for (const path of queue) {
    const { text, needs } = await build(path, readFileSync(join(root, path), "utf8"), resolve);
    write(join(lib, builtPath(path)), text);
    for (const next of needs.filter((one) => !seen.has(one) && existsSync(join(root, one)))) {
      seen.add(next);
      queue.push(next);
    }
  }
  for (const folder of BESIDE) {
    if (!existsSync(join(root, folder))) throw new Error(`${folder} is not there: build it first`);
    cpSync(join(root, folder), join(lib, folder), { recursive: true });
  }
  // The program reads its version beside itself, as it does in the repository.
  const { version } = JSON.parse(readFileSync(join(root, "tequio", "package.json"), "utf8"));
  write(join(lib, "tequio", "package.json"), `${JSON.stringify({ version, type: "module" })}\n`);
  writeStarter(root, lib);
  writeDeclarations(root, lib, resolve);
  return [...new Set(queue.map((path) => path.split("/", 1)[0] ?? ""))];
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function writeStarter(root: string, lib: string): void {
  const text = readFileSync(join(root, STARTER), "utf8");
  const built = text.replace('"main.ts"', '"main.js"');
  if (built === text) throw new Error(`${STARTER} does not name main.ts any more`);
  write(join(lib, STARTER), built);
}

/** Declarations of what users import, made by the compiler and renamed as the code is. */
function writeDeclarations(root: string, lib: string, resolve: Resolve): void {
  const scratch = `${lib}.types`;
  const project = `${lib}.types.json`;
  const compilerOptions = {
    ...{ noEmit: false, declaration: true, emitDeclarationOnly: true, skipLibCheck: true },
    ...{ rootDir: root, outDir: scratch, typeRoots: [join(root, "node_modules", "@types")] },
  };
  const settings = { extends: join(root, "tsconfig.json"), compilerOptions, include: [] };
  writeFileSync(
    project,
    JSON.stringify({ ...settings, files: DECLARED.map((path) => join(root, path)) }),
  );
  try {
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    execFileSync(process.execPath, [compiler, "-p", project], { stdio: ["ignore", 2, 2] });
    for (const path of globSync("**/*.d.ts", { cwd: scratch })) {
      const { text, needs } = rename(path, readFileSync(join(scratch, path), "utf8"), resolve);
      const missing = needs.find(
        (one) => !existsSync(join(scratch, one.replace(/\.ts$/, ".d.ts"))),
      );
      if (missing !== undefined) throw new Error(`${path} names ${missing}: declare that too`);
      write(join(lib, path), text);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    rmSync(project, { force: true });
  }
}
