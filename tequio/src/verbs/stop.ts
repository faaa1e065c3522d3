// How a process in the foreground is asked to end: Ctrl-C, SIGTERM, or the end of its standard
// input when a parent holds it. It only tells; what to do about it is the verb's own.

/** As the command line's table of exit codes has it, which an agent does not load for it. */
const EXIT_INTERRUPTED = 130;

export type StopCause = "interrupt" | "terminate" | "stdin";

export interface StopOptions {
  readonly withStdin: boolean;
  /** Said when a second Ctrl-C ends the process at once. */
  readonly onForced?: () => void;
}

/** Resolves with the first request to stop; a second Ctrl-C ends the process at once. */
export function untilStopped(options: StopOptions): Promise<StopCause> {
  return new Promise((resolve) => {
    let interrupts = 0;
    process.on("SIGINT", () => {
      interrupts += 1;
      if (interrupts > 1) {
        options.onForced?.();
        process.exit(EXIT_INTERRUPTED);
      }
      resolve("interrupt");
    });
    process.on("SIGTERM", () => resolve("terminate"));
    process.on("SIGHUP", () => resolve("terminate"));
    if (!options.withStdin) return;
    const ended = (): void => resolve("stdin");
    process.stdin.on("end", ended).on("close", ended).on("error", ended);
    process.stdin.resume();
  });
}
