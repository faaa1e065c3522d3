// A pool's own journal as the trace: read from its store, which may be in use meanwhile.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Event } from "@tequio/core/controller";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { type Cluster, JournalFold, type JournalTrace } from "@tequio/core/simulator";
import type { JournalRecord, StoreSource } from "@tequio/stores";
import type { FlowLoad } from "./flow-load.ts";
import type { Ports, SimulateRequest } from "./request.ts";

/** Records that are read at one time. */
const PAGE_RECORDS = 5_000;

/** Reads the jobs of a pool, and its machines where no cluster is given. Nothing is changed. */
export async function loadJournal(
  request: SimulateRequest,
  given: Cluster | undefined,
  openStore: Ports["openStore"],
): Promise<Outcome<FlowLoad>> {
  const scratch = mkdtempSync(join(tmpdir(), "tequio-simulate-"));
  try {
    const opened = await openStore(request.store ?? "", { cwd: request.cwd, scratch });
    if (!opened.ok) return opened;
    const { source, said } = opened.value;
    const trace = await foldAll(source).finally(() => source.close());
    return trace.ok ? loadOf(trace.value, said, given) : trace;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function loadOf(
  { workload, cluster, neverRan, spanning }: JournalTrace,
  said: string,
  given: Cluster | undefined,
): Outcome<FlowLoad> {
  if (workload.jobs.length === 0) {
    return refuse(
      "INVALID_REQUEST",
      "No job of this pool has run to an end yet.",
      "Simulate a generated workload instead: --generate default.",
    );
  }
  if (given === undefined && cluster.members.length === 0) {
    return refuse(
      "INVALID_REQUEST",
      "The journal names no machines.",
      "Name a cluster with --cluster.",
    );
  }
  const some = (count: number, what: string): readonly string[] =>
    count === 0 ? [] : [`${count} ${what} left out`];
  return ok({
    title: "The pool's own journal",
    workload,
    cluster,
    clusterSaid: `the sites of ${said}`,
    notes: [
      ...some(neverRan, "jobs that have not run to an end are"),
      ...some(spanning, "runs that span sites are"),
    ],
  });
}

async function foldAll({ journal }: StoreSource): Promise<Outcome<JournalTrace>> {
  const fold = new JournalFold();
  let afterSeq = 0;
  for (;;) {
    const page = await journal.read({ afterSeq, limit: PAGE_RECORDS });
    if (!page.ok) return page;
    if (page.value.length === 0) return ok(fold.trace());
    for (const record of page.value) fold.add(eventOf(record), record.atMs);
    afterSeq = page.value.at(-1)!.seq;
  }
}

const eventOf = ({ type, payload }: JournalRecord): Event =>
  ({ type, ...(JSON.parse(payload) as object) }) as Event;
