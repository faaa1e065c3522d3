// Tests of backfilling with what is known of run times: more jobs pass than limits allow, and a
// reserved job is delayed by wrong estimates no further than the slack.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seriesOf } from "../estimates/history.ts";
import { HOUR_MS, node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import type { Plan, RunningView, SchedulerInput, WaitingView } from "../types.ts";
import { BACKFILL } from "./bounds.ts";

const gpus = (name: string, ...ids: readonly number[]) => ({
  node: name,
  acceleratorIds: ids.map((id) => `gpu${id}`),
  milliCpu: 0,
  memoryMiB: 0,
});

const startsOf = ({ starts }: Plan): readonly string[] => starts.map(({ jobId }) => jobId);

const quick = spec({ accelerators: 1 }, { name: "quick", walltimeMs: 9 * HOUR_MS });
/** Jobs named `quick` took ten minutes, twenty times. */
const KNOWN = new Map([
  [seriesOf(quick)[0]!, { seen: 20, samples: Array.from({ length: 20 }, () => 600_000) }],
]);

/** Two of four devices are taken for an hour; job 1 wants all four. */
function behind(jobs: readonly WaitingView[], change: Partial<SchedulerInput> = {}): Plan {
  const leases = [running("L1", { placements: [gpus("a", 0, 1)], endsAtMs: HOUR_MS })];
  const big = waiting("1", spec({ accelerators: 4 }, { priority: 9 }));
  const nodes = occupied([node("a", 4)], leases);
  const input = { nodes, running: leases, runTimes: KNOWN, waiting: [big, ...jobs] };
  return plan(snapshot({ ...input, ...change }));
}

test("a job whose like are short passes a reserved one, whatever its limit", () => {
  const other = waiting("3", { ...quick, name: "unknown" });
  const made = behind([waiting("2", quick), other]);
  assert.deepEqual(startsOf(made), ["2"]);
  const { backfill } = made.starts[0]!;
  assert.deepEqual(backfill, { jobId: "1", expectedMs: 600_000, promisedMs: HOUR_MS });
  assert.equal(made.waits[1]?.reasons[0]?.text, "kept for job 1");
  assert.deepEqual(startsOf(behind([waiting("2", quick)], { runTimes: new Map() })), []);
});

test("a limit beyond the slack does not pass, however short its like are", () => {
  const long = { ...quick, walltimeMs: HOUR_MS + BACKFILL.SLACK_MS + 1 };
  assert.deepEqual(startsOf(behind([waiting("2", long)])), []);
  assert.deepEqual(startsOf(behind([waiting("2", { ...long, walltimeMs: long.walltimeMs - 1 })])), [
    "2",
  ]);
});

test("a reservation counts on leases ending as their like do", () => {
  const view = { spec: quick, placements: [gpus("a", 0)], endsAtMs: 9 * HOUR_MS };
  const leases = [running("L1", view)];
  const input = { nodes: occupied([node("a", 1)], leases), running: leases, runTimes: KNOWN };
  const next = waiting("1", spec({ accelerators: 1 }));
  assert.equal(plan(snapshot({ ...input, waiting: [next] })).waits[0]?.startEstimateMs, 600_000);
  const late = plan(snapshot({ ...input, nowMs: HOUR_MS, waiting: [next] }));
  assert.equal(late.waits[0]?.startEstimateMs, 9 * HOUR_MS, "it has outlived its estimate");
});

test("after some jobs outlived their estimates only limits count before the reserved one", () => {
  const passed = { jobId: "1", expectedMs: -1, promisedMs: HOUR_MS };
  const lease = (index: number): RunningView =>
    running(`P${index}`, {
      placements: [gpus("b", index)],
      endsAtMs: 2 * HOUR_MS,
      backfill: passed,
    });
  for (const overruns of [BACKFILL.OVERRUNS_MAX, BACKFILL.OVERRUNS_MAX + 1]) {
    const leases = [
      running("L1", { placements: [gpus("a", 0, 1)], endsAtMs: HOUR_MS }),
      ...Array.from({ length: overruns }, (_, index) => lease(index)),
    ];
    const nodes = occupied([node("a", 4), node("b", overruns)], leases);
    const made = behind([waiting("2", quick)], { nodes, running: leases });
    assert.deepEqual(startsOf(made), overruns > BACKFILL.OVERRUNS_MAX ? [] : ["2"]);
  }
});

test("conservative backfill keeps the second blocked job's place too, easy does not", () => {
  // On node a job 1 starts after an hour, on node b job 2 could start after two.
  const leases = [
    running("L1", { placements: [gpus("a", 0)], endsAtMs: HOUR_MS }),
    running("L2", { placements: [gpus("b", 0)], endsAtMs: 2 * HOUR_MS }),
  ];
  const nodes = occupied([node("a", 2), node("b", 2)], leases);
  const want = spec({ accelerators: 2 }, { walltimeMs: 5 * HOUR_MS });
  const jobs = [
    waiting("1", { ...want, priority: 9 }),
    waiting("2", { ...want, priority: 8 }),
    waiting("3", spec({ accelerators: 1 }, { walltimeMs: 3 * HOUR_MS })),
    waiting("4", spec({ accelerators: 1 }, { walltimeMs: HOUR_MS })),
  ];
  const input = { nodes, running: leases, waiting: jobs };
  assert.deepEqual(startsOf(plan(snapshot(input))), ["3", "4"]);
  const made = plan(snapshot({ ...input, backfill: "conservative" }));
  assert.deepEqual(startsOf(made), ["4"]);
  assert.deepEqual(
    made.waits.map(({ startEstimateMs }) => startEstimateMs),
    [HOUR_MS, 2 * HOUR_MS, 6 * HOUR_MS],
  );
});

test("without backfill nobody passes a blocked job on its site", () => {
  const short = waiting("2", spec({ accelerators: 1 }, { walltimeMs: 1 }));
  assert.deepEqual(startsOf(behind([short])), ["2"]);
  const made = behind([short], { backfill: "none" });
  assert.deepEqual(startsOf(made), []);
  assert.deepEqual(made.waits[1]?.reasons, [
    { code: "RESERVED_FOR", text: "kept for job 1", nodes: 1 },
  ]);
  const away = waiting("1", spec({ accelerators: 9 }, { priority: 9 }));
  const free = snapshot({ nodes: [node("a", 4)], waiting: [away, short], backfill: "none" });
  assert.deepEqual(startsOf(plan(free)), ["2"], "a job that fits nowhere holds up nobody");
});

const base = {
  accelerators: fc.integer({ min: 1, max: 3 }),
  count: fc.integer({ min: 1, max: 2 }),
  walltimeMs: fc.integer({ min: 1, max: 60 }),
  runsFor: fc.integer({ min: 1, max: 100 }),
  name: fc.constantFrom("a", "b", "c"),
};
interface Drawn {
  readonly accelerators: number;
  readonly count: number;
  readonly walltimeMs: number;
  readonly runsFor: number;
  readonly name: string;
}
/** Long limits, and far shorter by their like. */
const small = fc.record({
  ...base,
  ...{ accelerators: fc.constant(1), count: fc.constant(1) },
  ...{ walltimeMs: fc.integer({ min: 20, max: 120 }), name: fc.constantFrom("a", "b") },
});
const story = fc.record({
  nodes: fc.array(fc.integer({ min: 2, max: 4 }), { minLength: 1, maxLength: 3 }),
  before: fc.array(fc.record({ ...base, name: fc.constantFrom("b", "c") }), {
    minLength: 2,
    maxLength: 6,
  }),
  big: fc.record({ ...base, accelerators: fc.integer({ min: 2, max: 4 }), count: fc.constant(1) }),
  arriving: fc.array(small, { maxLength: 40 }),
  // Mostly far below the truth: the worst that a history can do to a reserved job.
  history: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 9, maxLength: 12 }),
  mode: fc.constantFrom(...(["easy", "conservative"] as const)),
  slackMs: fc.constantFrom(0, 20, 60),
});

test("however wrong the estimates are, the reserved job starts within the slack", () => {
  let pushed = 0;
  let passes = 0;
  const check = fc.property(story, ({ nodes, before, big, arriving, history, mode, slackMs }) => {
    const idle = nodes.map((many, i) => node(`n${i}`, many));
    const series = { seen: history.length, samples: history };
    const runTimes = new Map([
      ["lab\neva\na", series],
      ["lab\neva\nb", series],
    ]);
    const ends = new Map<string, number>();
    const make = (drawn: Drawn, jobId: string, priority: number): WaitingView => {
      const { accelerators, count, walltimeMs, name } = drawn;
      ends.set(jobId, Math.min(drawn.runsFor, walltimeMs));
      return waiting(jobId, spec({ accelerators }, { count, walltimeMs, name, priority }));
    };
    let leases: readonly (RunningView & { readonly overMs: number })[] = [];
    let jobs: readonly WaitingView[] = before.map((one, i) => make(one, `b${i}`, 0));
    let boundMs: number | undefined;
    for (let nowMs = 0; nowMs < 2_000; nowMs += 1) {
      if (nowMs === 1) jobs = [...jobs, make(big, "big", 1_000)];
      leases = leases.filter(({ overMs }) => overMs > nowMs);
      const arrival = nowMs === 0 ? undefined : arriving[nowMs - 1];
      if (arrival !== undefined) jobs = [...jobs, make(arrival, `${nowMs}`, 0)];
      const input = snapshot({
        ...{ nowMs, nodes: occupied(idle, leases), running: leases, waiting: jobs },
        ...{ runTimes, backfill: mode, limits: { backfillSlackMs: slackMs } },
      });
      const made = plan(input);
      leases = leases.concat(
        made.starts.map(({ jobId, siteId, placements, backfill }) => {
          const { spec: asked } = jobs.find((one) => one.jobId === jobId)!;
          const endsAtMs = nowMs + asked.walltimeMs;
          const lease = { jobId, siteId, placements, startedAtMs: nowMs, endsAtMs, spec: asked };
          const marked = backfill === undefined ? lease : { ...lease, backfill };
          if (backfill !== undefined) passes += 1;
          return { ...running(`L${jobId}`, marked), overMs: nowMs + ends.get(jobId)! };
        }),
      );
      const started = new Set(startsOf(made));
      jobs = jobs.filter(({ jobId }) => !started.has(jobId));
      if (nowMs === 0) continue;
      if (started.has("big")) {
        assert.ok(boundMs === undefined || nowMs <= boundMs, `${nowMs} > ${boundMs}`);
        if (boundMs !== undefined && nowMs > boundMs - slackMs) pushed += 1;
        return;
      }
      if (boundMs !== undefined) continue;
      const promised = plan({ ...input, runTimes: new Map(), waiting: [jobs.find(isBig)!] });
      const startMs = promised.waits[0]?.startEstimateMs;
      if (startMs === undefined) return; // It fits nowhere: nothing was promised.
      boundMs = startMs + slackMs;
    }
    assert.fail("the reserved job never started");
  });
  fc.assert(check, { numRuns: 300, seed: 12 });
  assert.ok(passes > 30, `the sample passes the reserved job: ${passes}`);
  assert.ok(pushed > 0, `the sample delays it: ${pushed}`);
});

const isBig = ({ jobId }: WaitingView): boolean => jobId === "big";
