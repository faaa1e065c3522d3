// Waiting through a pool that is restarted: verbs that watch something go on where they were.

import type { Interruptible } from "./interrupt.ts";
import type { Outcome } from "./outcome.ts";
import { dim } from "./report.ts";
import type { Terminal } from "./terminal.ts";

/** A control plane that does not come back in this time needs somebody to look at it. */
const AWAY_MS_MAX = 300_000;
const AGAIN_MS = 1_000;

/** Asks until there is an answer other than that the pool is away. */
export async function patiently<T>(
  terminal: Terminal,
  { signal, sleep }: Interruptible,
  ask: () => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  let awaySince: number | undefined;
  for (;;) {
    const reply = await ask();
    const away = !reply.ok && ["POOL_UNREACHABLE", "SHUTTING_DOWN"].includes(reply.code);
    if (!away || signal.aborted) {
      if (awaySince !== undefined) terminal.err(`${dim(terminal, "The pool is back.")}\n`);
      return reply;
    }
    if (awaySince === undefined) {
      awaySince = performance.now();
      terminal.err(`${dim(terminal, `${reply.message} Trying again ...`)}\n`);
    }
    if (performance.now() - awaySince > AWAY_MS_MAX) return reply;
    await sleep(AGAIN_MS);
  }
}
