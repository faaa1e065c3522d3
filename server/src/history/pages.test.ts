// Proves that lists go from the state into the archive without a seam: every job once, newest
// first, whatever has left, for every filter and length of page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, emptyState, leaving, type State } from "@tequio/core/controller";
import type { JobSpec } from "@tequio/core/pool";
import { createMemoryDisk, openMemoryStore } from "@tequio/stores/memory";
import fc from "fast-check";
import { good } from "../testing/setup.ts";
import type { JobFilter } from "../views/pages.ts";
import { History } from "./history.ts";
import { batchOf } from "./rows.ts";

const spec = (project: string): JobSpec => ({
  ...{ name: "j", project, user: "u", priority: 100, preemptible: false, walltimeMs: 60_000 },
  groups: [
    {
      ...{ name: "main", count: 1, command: ["true"], env: {} },
      resources: { accelerators: 0, milliCpu: 1_000, memoryMiB: 64 },
    },
  ],
  constraints: { members: [], excludeMembers: [], labels: {} },
  ...{ dependencies: [], requeue: true },
});

interface Made {
  readonly project: string;
  /** Tasks; 0: no array. */
  readonly tasks: number;
  readonly ended: boolean;
}

const made: fc.Arbitrary<Made> = fc.record({
  project: fc.constantFrom("a", "b"),
  tasks: fc.constantFrom(0, 0, 1, 3),
  ended: fc.boolean(),
});

/** Submits, and ends what is to end; answers with the ids. */
function submit(state: State, one: Made): string[] {
  const id = String(state.nextJob);
  const atMs = state.nowMs + 1;
  const indices = Array.from({ length: one.tasks }, (_, i) => i * 2);
  if (one.tasks === 0) {
    const job = { jobId: id, spec: spec(one.project), place: null, key: null };
    apply(state, { type: "job.submitted", ...job }, atMs);
  } else {
    const array = { arrayId: id, indices, maxRunning: 2, spec: spec(one.project), key: null };
    apply(state, { type: "array.submitted", ...array }, atMs);
  }
  const ids = one.tasks === 0 ? [id] : indices.map((index) => `${id}_${index}`);
  const end = { type: "job.ended", outcome: "cancelled", exitCode: null, message: "" } as const;
  if (one.ended) for (const jobId of ids) apply(state, { ...end, jobId }, atMs);
  return ids;
}

const filters = fc.record({
  state: fc.constantFrom("all", "ended", "queued"),
  project: fc.constantFrom(undefined, "a"),
  seen: fc.constantFrom(undefined, "b"),
  array: fc.option(fc.nat(12), { freq: 3, nil: undefined }),
});

test("pages hold every job once, newest first, whatever has left the state", async () => {
  let [gone, seams] = [0, 0];
  const check = fc.asyncProperty(
    fc.array(made, { minLength: 3, maxLength: 12 }),
    fc.nat(6),
    fc.integer({ min: 1, max: 5 }),
    filters,
    async (jobs, endedMax, limit, { seen, array, ...wanted }) => {
      const store = good(await openMemoryStore({ disk: createMemoryDisk() }));
      const archive = store.archive!;
      const state = emptyState();
      const all = jobs.map((one) => ({ one, ids: submit(state, one) }));
      const due = leaving(state, state.nowMs, { endedMs: 1_000, endedMax });
      if (due !== undefined) {
        const rows = batchOf(state, due);
        good(await archive.put(rows));
        const jobIds = due.jobs.map(({ jobId }) => jobId);
        const event = { type: "history.archived", batch: 1, jobIds, entries: 0, hours: 0 } as const;
        apply(state, { ...event, digest: rows.digest }, state.nowMs);
      }
      // Of what is no array no page is asked for.
      const isArray = array !== undefined && (jobs[array - 1]?.tasks ?? 0) > 0;
      const arrayId = isArray ? String(array) : undefined;
      const filter: JobFilter = {
        ...{ ...wanted, arrayId },
        visible: seen === undefined ? undefined : (job) => job.spec.project === seen,
      };
      const expected = all
        .filter(({ one }) => wanted.state === "all" || one.ended === (wanted.state === "ended"))
        .filter(({ one }) => wanted.project === undefined || one.project === wanted.project)
        .filter(({ one }) => seen === undefined || one.project === seen)
        .flatMap(({ ids }) => ids)
        .filter((id) => arrayId === undefined || id.startsWith(`${arrayId}_`));
      const history = new History(
        () => state,
        () => archive,
      );
      const found: string[] = [];
      let cursor: string | undefined;
      for (let page = 0; ; page += 1) {
        assert.ok(page < 100, "the pages come to an end");
        const { rows, nextCursor } = good(await history.page(filter, limit, cursor));
        assert.ok(rows.length <= limit);
        found.push(...rows.map(({ job }) => job.jobId));
        if (nextCursor === undefined) break;
        cursor = nextCursor;
      }
      assert.deepEqual(found, expected.reverse());
      gone += state.archived.jobs;
      if (found.some((id) => state.jobs.has(id)) && found.some((id) => !state.jobs.has(id))) {
        seams += 1;
      }
      await store.close();
    },
  );
  await fc.assert(check, { numRuns: 400, seed: 20_261_122 });
  assert.ok(gone > 400 && seams > 50, `the sample has seams: ${gone}, ${seams}`);
});
