// How a supervisor ends: at once. What it knows is written before, and nothing here writes more.
import { flushCompileCache } from "node:module";

/** Ends this process. All that matters is written, so nothing is waited for: an orderly end of
 * Node joins its threads first, and of some 25,000 supervisors one was seen that never came to its
 * end. */
export function leave(): void {
  flushCompileCache();
  process.kill(process.pid, "SIGKILL");
}
