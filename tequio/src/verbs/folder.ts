// Makes a folder for a verb, or says why it cannot be used, before anything is opened in it.
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Outcome, ok, refuse } from "@tequio/core/pool";

/** Makes `path` with its parents, for its owner only. Refuses STORE_UNWRITABLE. */
export function makeFolder(path: string, flag: string): Outcome<string> {
  try {
    makeLevels(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return ok(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return refuse(
      "STORE_UNWRITABLE",
      `The folder ${path} cannot be used (${code}).`,
      `Give a folder that this user may write with ${flag}.`,
    );
  }
}

/** Why a folder cannot be used, without making it; undefined when it can. */
export function whyUnwritable(path: string): string | undefined {
  try {
    if (!statSync(path).isDirectory()) return "not a folder";
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" && dirname(path) !== path ? whyUnwritable(dirname(path)) : code;
  }
}

/** Level by level: Node's own recursive mkdir never returns under /proc. */
function makeLevels(path: string): void {
  try {
    // Of a file mkdir says what is wrong with it.
    if (statSync(path).isDirectory()) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  if (dirname(path) !== path) makeLevels(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}
