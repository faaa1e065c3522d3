// Starts this very process again, in place: same process id, same standard streams, but nothing in
// memory of what only the start needed (the command line, the HTTP client, the compiler that
// strips types), and with the runtime's settings for a process that mostly waits. A program calls
// it before it opens anything. It leaves to the caller what is started.
import { flushCompileCache, getCompileCacheDir } from "node:module";
import { dirname } from "node:path";

export interface LeanStart {
  /** The program's file. */
  readonly file: string;
  readonly args: readonly string[];
  /** V8's own flags for the new process, beside those that this one got. */
  readonly flags: readonly string[];
  /** Goes over this process' environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** How often a process has been started in place; ends the turning when nothing gets better. */
const TURN = "TEQUIO_START_TURN";
/** One turn leaves the start behind, one more the stripping of types, when it was not cached. */
const TURNS_MAX = 2;
/** Each arena of glibc keeps what its threads once had, and there may be eight for each core. Two
 * are enough for one thread of JavaScript and a few that read files. */
const ARENAS = "2";
/** Where Node loads the compiler that strips types: 15 to 25 MB that stay until the end. */
const STRIPPER = /amaro/;

/** Only a program that was started for it may be replaced, never one that only uses its parts. */
let allowed = false;

/** Says that this process is the program itself; without it `startOver` does nothing. */
export function allowStartOver(): void {
  allowed = true;
}

/** What Node has loaded of its own; no documented interface tells it. */
const ownModules = (): readonly string[] =>
  (process as unknown as { readonly moduleLoadList?: readonly string[] }).moduleLoadList ?? [];

/** True when this process has stripped types itself, and another start would find them stripped. */
export const hasStripped = (): boolean => ownModules().some((name) => STRIPPER.test(name));

/**
 * Starts over as `start` says and never returns; returns where the system cannot do that (Windows,
 * worker threads), in a program that did not allow it, or when it was done often enough. What was
 * compiled so far is kept on disk first.
 */
export function startOver(start: LeanStart): void {
  const turn = Number(process.env[TURN] ?? 0);
  if (!allowed || process.execve === undefined || turn >= TURNS_MAX) return;
  flushCompileCache();
  const own = process.execArgv.filter((flag) => !start.flags.includes(flag));
  const args = [process.execPath, ...own, ...start.flags, start.file, ...start.args];
  const known = getCompileCacheDir();
  const all = {
    MALLOC_ARENA_MAX: ARENAS,
    ...process.env,
    // By the environment it is there for the first file, too; below it Node has one a version.
    ...(known === undefined ? {} : { NODE_COMPILE_CACHE: dirname(known) }),
    ...start.env,
    [TURN]: String(turn + 1),
  };
  const env = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined);
  process.execve(process.execPath, args, Object.fromEntries(env));
}

/** Starts the command line over as it was given, once at first and once more if types had to be
 * stripped; returns as `startOver` does. */
export function startOverAsGiven(): void {
  const [, file, ...args] = process.argv;
  const first = process.env[TURN] === undefined;
  if (file !== undefined && (first || hasStripped())) startOver({ file, args, flags: [] });
}

/** Forgets the count of turns, so that the programs that this one starts begin anew. */
export function endTurns(): void {
  delete process.env[TURN];
}
