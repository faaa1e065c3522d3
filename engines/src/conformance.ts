// The behaviour that every engine must show, as tests. An engine's own test file calls
// `engineConformance`; a test that it cannot pass is skipped with a reason, never quietly.
// It leaves to the engine's own tests what only that engine has.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Node, Outcome } from "@tequio/core/pool";
import { siteClockMs } from "./clock.ts";
import type { EndedLease, Engine, LeaseStart } from "./port.ts";
import {
  endOf,
  find,
  leaseOf,
  must,
  PATIENCE_MS,
  textOf,
  waitFor,
  waitForText,
} from "./testkit.ts";

/** An engine under test, with a place of its own. */
export interface EngineUnderTest {
  readonly engine: Engine;
  /** A new engine object on the same place, as after the death of the agent. */
  readonly reopen: () => Promise<Engine>;
  /** Ends everything that the test left and removes the place. */
  readonly dispose: () => Promise<void>;
}

export interface Skip {
  /** The whole name of the test. */
  readonly test: string;
  readonly because: string;
}

const HORIZON_MS = 45_000;

/** What a test works with. */
interface Bench {
  readonly under: EngineUnderTest;
  readonly engine: Engine;
  readonly node: Node;
}

type Behaviour = readonly [name: string, run: (bench: Bench) => Promise<void>];

async function run(bench: Bench, lease: LeaseStart): Promise<EndedLease> {
  must(await bench.engine.start(lease));
  return endOf(bench.engine, lease.leaseId);
}

function assertRefused(outcome: Outcome<unknown>, code: string): void {
  assert.equal(outcome.ok ? "ok" : outcome.code, code);
}

const running: readonly Behaviour[] = [
  [
    "the inventory names nodes and accelerators, each once",
    async ({ engine }) => {
      const nodes = await engine.inventory();
      assert.ok(nodes.length > 0);
      assert.equal(new Set(nodes.map((node) => node.name)).size, nodes.length);
      for (const node of nodes) {
        const ids = node.accelerators.map((accelerator) => accelerator.id);
        assert.ok(ids.length > 0 && new Set(ids).size === ids.length, ids.join());
      }
      assert.deepEqual(await engine.inventory(), nodes);
    },
  ],
  [
    "a lease whose tasks end well ends by itself with exit code 0",
    async (bench) => {
      const lease = leaseOf(bench.node, ["echo out; echo err >&2", "echo second"]);
      const end = await run(bench, lease);
      assert.deepEqual([end.endedBy, end.exitCode, end.signal], ["itself", 0, null]);
      assert.deepEqual(
        end.tasks.map((task) => task.exitCode),
        [0, 0],
      );
      assert.ok(end.ranMs >= 0 && end.jobId === lease.jobId && end.fence === lease.fence);
      assert.equal(await textOf(bench.engine, lease.leaseId, 0), "out\nerr\n");
      assert.equal(await textOf(bench.engine, lease.leaseId, 1), "second\n");
    },
  ],
  [
    "a task that fails ends its gang, and its exit code is told",
    async (bench) => {
      const end = await run(bench, leaseOf(bench.node, ["exec sleep 50", "exit 7"]));
      assert.deepEqual([end.endedBy, end.exitCode], ["itself", 7]);
      assert.equal(end.tasks[0]?.signal, "SIGTERM");
    },
  ],
  [
    "a task that a signal ended tells the signal and no exit code",
    async (bench) => {
      const end = await run(bench, leaseOf(bench.node, ["kill -9 $$"]));
      assert.deepEqual([end.endedBy, end.exitCode, end.signal], ["itself", null, "SIGKILL"]);
    },
  ],
  [
    "a task knows its rank, its gang, its lease and its own variables",
    async (bench) => {
      const script = `echo $RANK/$WORLD_SIZE/$LOCAL_RANK $TEQUIO_JOB_ID $TEQUIO_LEASE_ID \
        $TEQUIO_ATTEMPT $TEQUIO_FENCE $COLOUR $TOKEN`;
      const plain = leaseOf(bench.node, ["true", script], { taskCount: 5, attempt: 3 });
      const env = { COLOUR: "blue", RANK: "99" };
      const tasks = plain.tasks.map((task) => ({ ...task, env, secretEnv: { TOKEN: "hush" } }));
      const lease = { ...plain, tasks };
      await run(bench, lease);
      const words = [`1/5/1`, lease.jobId, lease.leaseId, "3", lease.fence, "blue", "hush"];
      assert.equal((await textOf(bench.engine, lease.leaseId, 1)).trim(), words.join(" "));
    },
  ],
  [
    "a program that does not exist ends with 127 and a line that says so",
    async (bench) => {
      const plain = leaseOf(bench.node, ["true"]);
      const tasks = plain.tasks.map((task) => ({ ...task, command: ["no-such-program", "x"] }));
      const end = await run(bench, { ...plain, tasks });
      assert.deepEqual([end.endedBy, end.exitCode], ["itself", 127]);
      assert.match(await textOf(bench.engine, plain.leaseId), /no-such-program/);
    },
  ],
  [
    "a measurement gives its output and exit code and leaves nothing in the list",
    async ({ engine }) => {
      const command = ["sh", "-c", "echo $COLOUR; echo noise >&2; exit 4"];
      const request = { command, env: { COLOUR: "red" }, timeoutMs: PATIENCE_MS };
      const measured = must(await engine.measure(request));
      assert.deepEqual(measured, { stdout: "red\n", exitCode: 4 });
      assert.deepEqual(await engine.list(), []);
    },
  ],
];

const fencing: readonly Behaviour[] = [
  [
    "starting a lease twice starts it once",
    async (bench) => {
      const lease = leaseOf(bench.node, ["echo begun; sleep 0.3"]);
      const starts = await Promise.all([bench.engine.start(lease), bench.engine.start(lease)]);
      starts.forEach(must);
      await endOf(bench.engine, lease.leaseId);
      must(await bench.engine.start(lease));
      assert.equal((await bench.engine.list()).length, 1);
      assert.equal(await textOf(bench.engine, lease.leaseId), "begun\n");
    },
  ],
  [
    "a fence that is not above all seen for the job is refused, also after a restart",
    async (bench) => {
      const { node, engine } = bench;
      const lease = leaseOf(node, ["true"], { jobId: "fenced", fence: 1_000 });
      await run(bench, lease);
      const older = leaseOf(node, ["true"], { jobId: "fenced", fence: 999 });
      const same = leaseOf(node, ["true"], { jobId: "fenced", fence: 1_000 });
      assertRefused(await engine.start(older), "LEASE_OUTDATED");
      assertRefused(await engine.start(same), "LEASE_OUTDATED");
      must(await engine.forget(lease.leaseId));
      assertRefused(await engine.start(lease), "LEASE_OUTDATED");
      const again = await bench.under.reopen();
      assertRefused(await again.start(older), "LEASE_OUTDATED");
      must(await again.start(leaseOf(node, ["true"], { jobId: "fenced", fence: 1_001 })));
    },
  ],
  [
    "a newer lease of a job kills the older one before it starts",
    async ({ engine, node }) => {
      const older = leaseOf(node, ["exec sleep 50"]);
      must(await engine.start(older));
      const newer = leaseOf(node, ["echo mine"], { jobId: older.jobId });
      must(await engine.start(newer));
      assert.equal((await find(engine, older.leaseId))?.state, "ended");
      assert.equal((await endOf(engine, newer.leaseId)).exitCode, 0);
    },
  ],
  [
    "requests that make no sense are refused and leave nothing behind",
    async ({ engine, node }) => {
      const lease = leaseOf(node, ["true"]);
      const [task] = lease.tasks;
      assert.ok(task !== undefined);
      const elsewhere = { ...task, placement: { ...task.placement, node: "no-such-node" } };
      const odd = { ...task, placement: { ...task.placement, acceleratorIds: ["gpu99"] } };
      const wrong: readonly LeaseStart[] = [
        { ...lease, leaseId: "../up" },
        { ...lease, leaseId: "" },
        { ...lease, fence: 0 },
        { ...lease, tasks: [] },
        { ...lease, tasks: [task, task] },
        { ...lease, tasks: [{ ...task, command: [] }] },
        { ...lease, tasks: [elsewhere] },
        { ...lease, tasks: [odd] },
      ];
      for (const request of wrong) assertRefused(await engine.start(request), "INVALID_REQUEST");
      assert.deepEqual(await engine.list(), []);
      must(await engine.start(lease)); // none of them used up the fence
    },
  ],
];

const stopping: readonly Behaviour[] = [
  [
    "a stop lets a task end politely within its grace",
    async ({ engine, node }) => {
      const script = 'trap "echo saved; exit 5" TERM; echo ready; while :; do sleep 0.05; done';
      const lease = leaseOf(node, [script]);
      must(await engine.start(lease));
      await waitForText(engine, lease.leaseId, "ready");
      await engine.stop(lease.leaseId, { graceMs: PATIENCE_MS, why: "somebody asked" });
      const end = await endOf(engine, lease.leaseId);
      assert.deepEqual([end.endedBy, end.exitCode], ["stop", 5]);
      assert.match(end.message, /somebody asked/);
      assert.match(await textOf(engine, lease.leaseId), /saved\n$/);
    },
  ],
  [
    "a task that ignores the polite signal is killed after its grace",
    async ({ engine, node }) => {
      const lease = leaseOf(node, ['trap "" TERM; echo ready; while :; do sleep 0.05; done']);
      must(await engine.start(lease));
      await waitForText(engine, lease.leaseId, "ready");
      await engine.stop(lease.leaseId, { graceMs: 300, why: "test" });
      const end = await endOf(engine, lease.leaseId);
      assert.deepEqual([end.endedBy, end.signal], ["stop", "SIGKILL"]);
    },
  ],
  [
    "a second stop with less grace hastens the first",
    async ({ engine, node }) => {
      const lease = leaseOf(node, ['trap "" TERM; echo ready; while :; do sleep 0.05; done']);
      must(await engine.start(lease));
      await waitForText(engine, lease.leaseId, "ready");
      await engine.stop(lease.leaseId, { graceMs: 600_000, why: "slow" });
      await engine.stop(lease.leaseId, { graceMs: 0, why: "fast" });
      assert.equal((await endOf(engine, lease.leaseId)).signal, "SIGKILL");
      await engine.stop(lease.leaseId, { graceMs: 0, why: "ended already" });
      await engine.stop("never-heard-of", { graceMs: 0, why: "unknown" });
    },
  ],
  [
    "a lease is stopped when its walltime is over",
    async (bench) => {
      const end = await run(bench, leaseOf(bench.node, ["exec sleep 50"], { walltimeMs: 300 }));
      assert.deepEqual([end.endedBy, end.signal], ["walltime", "SIGTERM"]);
      assert.ok(end.ranMs >= 300, `ran ${end.ranMs}`);
    },
  ],
  [
    "a lease that nobody renews is stopped at the deadline",
    async (bench) => {
      const { engine } = bench;
      const lease = leaseOf(bench.node, ['trap "" TERM; while :; do sleep 0.05; done']);
      must(await engine.start(lease));
      await waitFor("running", async () => {
        return (await find(engine, lease.leaseId))?.state === "running" || undefined;
      });
      const deadlineMs = siteClockMs() + 1_000;
      await engine.extend(deadlineMs);
      const end = await endOf(engine, lease.leaseId);
      assert.deepEqual([end.endedBy, end.signal], ["deadline", "SIGKILL"]);
      assert.ok(siteClockMs() >= deadlineMs, "it was stopped before its deadline");
    },
  ],
  [
    "a lease that starts without a right to run ends at once",
    async (bench) => {
      await bench.engine.extend(0);
      const end = await run(bench, leaseOf(bench.node, ["echo never"]));
      assert.deepEqual([end.endedBy, end.exitCode, end.ranMs], ["deadline", null, 0]);
    },
  ],
];

const keeping: readonly Behaviour[] = [
  [
    "a log is read piece by piece, and refuses what is not there",
    async (bench) => {
      const { engine } = bench;
      const lease = leaseOf(bench.node, ["printf 0123456789"]);
      await run(bench, lease);
      const piece = { taskIndex: 0, offset: 4, maxBytes: 3 };
      const middle = must(await engine.log(lease.leaseId, piece));
      assert.equal(new TextDecoder().decode(middle.bytes), "456");
      assert.deepEqual([middle.nextOffset, middle.ended, middle.droppedBytes], [7, false, 0]);
      const last = must(await engine.log(lease.leaseId, { ...piece, offset: 7 }));
      assert.deepEqual([last.nextOffset, last.ended], [10, true]);
      assertRefused(await engine.log(lease.leaseId, { ...piece, offset: 11 }), "RANGE_INVALID");
      assertRefused(await engine.log(lease.leaseId, { ...piece, offset: -1 }), "RANGE_INVALID");
      assertRefused(await engine.log(lease.leaseId, { ...piece, taskIndex: 9 }), "NOT_FOUND");
      assertRefused(await engine.log("never-heard-of", piece), "NOT_FOUND");
    },
  ],
  [
    "a lease is found again by a new engine, with its log, and can be stopped there",
    async ({ engine, node, under }) => {
      const lease = leaseOf(node, ["echo one; sleep 0.3; echo two; exec sleep 50"]);
      must(await engine.start(lease));
      await waitForText(engine, lease.leaseId, "one");
      await engine.close();
      const again = await under.reopen();
      assert.equal((await find(again, lease.leaseId))?.jobId, lease.jobId);
      must(await again.start(lease));
      await waitForText(again, lease.leaseId, "one\ntwo\n");
      await again.stop(lease.leaseId, { graceMs: PATIENCE_MS, why: "test" });
      assert.equal((await endOf(again, lease.leaseId)).endedBy, "stop");
    },
  ],
  [
    "a lease is forgotten only when it has ended",
    async ({ engine, node }) => {
      const lease = leaseOf(node, ["exec sleep 50"]);
      must(await engine.start(lease));
      assertRefused(await engine.forget(lease.leaseId), "WRONG_STATE");
      await engine.stop(lease.leaseId, { graceMs: 0, why: "test" });
      await endOf(engine, lease.leaseId);
      must(await engine.forget(lease.leaseId));
      must(await engine.forget(lease.leaseId));
      assert.deepEqual(await engine.list(), []);
    },
  ],
  [
    "a listener hears of the end of a lease, and nothing after it left",
    async ({ engine, node }) => {
      const heard: string[] = [];
      const leave = engine.onChange((status) => heard.push(`${status.leaseId} ${status.state}`));
      const first = leaseOf(node, ["true"]);
      must(await engine.start(first));
      await waitFor("the news", async () => heard.includes(`${first.leaseId} ended`) || undefined);
      leave();
      const second = leaseOf(node, ["true"]);
      must(await engine.start(second));
      await endOf(engine, second.leaseId);
      assert.ok(!heard.some((news) => news.startsWith(`${second.leaseId} `)), heard.join());
    },
  ],
];

/**
 * Registers the tests of the port for one engine. Each test gets an engine of its own from `make`,
 * with a right to run for HORIZON_MS.
 */
export function engineConformance(
  name: string,
  make: () => Promise<EngineUnderTest>,
  skips: readonly Skip[] = [],
): void {
  const behaviours = [...running, ...fencing, ...stopping, ...keeping];
  // Most of the time is waiting, so a few at once halve it.
  describe(`${name}: behaviour of every engine`, { concurrency: 4 }, () => {
    test("every skip names a test and a reason", () => {
      const names = new Set(behaviours.map(([behaviour]) => behaviour));
      for (const skip of skips) assert.ok(names.has(skip.test) && skip.because !== "", skip.test);
    });
    for (const [behaviour, play] of behaviours) {
      const because = skips.find((skip) => skip.test === behaviour)?.because;
      test(behaviour, { skip: because ?? false }, async () => {
        const under = await make();
        try {
          await under.engine.extend(siteClockMs() + HORIZON_MS);
          const [node] = await under.engine.inventory();
          assert.ok(node !== undefined, "the engine has no node");
          await play({ under, engine: under.engine, node });
        } finally {
          await under.dispose();
        }
      });
    }
  });
}
