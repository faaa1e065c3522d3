// Ctrl-C as an AbortSignal, for verbs that wait. The second Ctrl-C ends the process as usual.
import type { Terminal } from "./terminal.ts";

export interface Interruptible {
  readonly signal: AbortSignal;
  /** Waits; returns early when interrupted. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Gives Ctrl-C back. */
  readonly done: () => void;
}

/** From now until `done`, Ctrl-C aborts the signal instead of ending the process. */
export function interruptible(terminal: Terminal): Interruptible {
  const control = new AbortController();
  const stop = terminal.onInterrupt(() => {
    control.abort();
    stop();
  });
  const { signal } = control;
  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal.addEventListener("abort", finish);
    });
  return { signal, sleep, done: stop };
}
