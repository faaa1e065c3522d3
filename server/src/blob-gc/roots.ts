// Which blobs are referred to: every digest that stands anywhere in the state. Nothing here knows
// where digests stand, so that a part of the state that is added later counts from its first day;
// only parts that are large and can hold none are left out, by name.
import type { State } from "@tequio/core/controller";
import { JOBS_PER_SLICE, RUNS_PER_SLICE } from "./limits.ts";

/** Large parts without blobs: rights to run, sums of money and time, secrets' hashes, keys of
 * requests. `runs` and `jobs` are looked through in slices. */
const LEFT_OUT: ReadonlySet<string> = new Set<keyof State>([
  ...(["leases", "ledger", "tokens", "tokenHashes", "keys", "queue", "arrays"] as const),
  ...(["runs", "jobs"] as const),
]);

const DIGEST = /sha256:[0-9a-f]{64}(?![0-9a-f])/g;

/** Adds the digests in a value of plain data: also those within a longer text, such as a job's
 * command or a label. */
export function addDigests(value: unknown, found: Set<string>): void {
  if (typeof value === "string") {
    if (value.includes("sha256:")) for (const [digest] of value.matchAll(DIGEST)) found.add(digest);
  } else if (value instanceof Map) {
    for (const [key, entry] of value) {
      addDigests(key, found);
      addDigests(entry, found);
    }
  } else if (Array.isArray(value)) {
    for (const entry of value) addDigests(entry, found);
  } else if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
    for (const [key, entry] of Object.entries(value)) {
      addDigests(key, found);
      addDigests(entry, found);
    }
  }
}

/**
 * Adds all that the state refers to. Runs and jobs are looked through in slices, between which
 * other work goes on: what comes meanwhile is the caller's to add, from its events. The rest is
 * looked through last and at one moment, so that what moves from a run to a list is met in one of
 * the two.
 */
export async function addRoots(
  state: State,
  found: Set<string>,
  rest: () => Promise<void>,
): Promise<void> {
  await inSlices(state.runs.values(), RUNS_PER_SLICE, found, rest);
  await inSlices(state.jobs.values(), JOBS_PER_SLICE, found, rest);
  for (const [name, part] of Object.entries(state)) {
    if (!LEFT_OUT.has(name)) addDigests(part, found);
  }
}

async function inSlices(
  entries: Iterable<unknown>,
  size: number,
  found: Set<string>,
  rest: () => Promise<void>,
): Promise<void> {
  let left = size;
  for (const entry of entries) {
    addDigests(entry, found);
    left -= 1;
    if (left > 0) continue;
    left = size;
    await rest();
  }
}
