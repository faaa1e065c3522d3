// The one list of exceptions from tidy's rules. It may only shrink: an entry that excuses nothing
// any more fails the run.

/** Excuses all findings of one rule in one file. */
export interface Exception {
  readonly path: string;
  readonly rule: string;
  /** Why the file is right as it is, as a sentence. */
  readonly reason: string;
}

export const EXCEPTIONS: readonly Exception[] = [];
