// Texts of the panel that says why a job waits, runs where it runs, or ended. The sentences about
// the job itself come from the pool, the same as on the command line.

export const WHY_TEXTS = {
  title: "Why",
  nodes: "Nodes",
  reason: "Reason",
  code: "Code",
  place: (place: string, waiting: string) => `Place ${place} of ${waiting} that wait.`,
  start: (from: string, at: string) => `Expected to start ${from} (${at}).`,
  between: (early: string, late: string) => `Probably between ${early} and ${late} from now.`,
  order: (text: string) => `Order: ${text}.`,
  ahead: "Ahead of it:",
  aheadMore: (more: string) => ` and ${more} more`,
  changes: "What would let it start soonest:",
  lease: (attempt: string, member: string) => `Attempt ${attempt} on ${member}`,
  endsBy: (from: string, at: string) => `Over ${from} at the latest (${at}).`,
} as const;
