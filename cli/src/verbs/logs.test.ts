// Logs as streams: pieces, attempts, a pool that restarts, and Ctrl-C.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogView } from "@tequio/contract";
import { type Answers, openFakePool, type Refusing, TOKEN } from "../testing/fake-pool.ts";
import { type Ran, type RunOptions, runCli } from "../testing/run-cli.ts";
import { endedJob, jobDetail, logView, runDetail } from "../testing/views.ts";

async function withPool(
  answers: Answers,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran & { readonly queries: Readonly<Record<string, unknown>>[] }> {
  const pool = await openFakePool(answers);
  try {
    const env = { TEQUIO_URL: pool.url, TEQUIO_TOKEN: TOKEN };
    const ran = await runCli(args, { ...options, env });
    assert.deepEqual(pool.wrong, []);
    return { ...ran, queries: pool.asked.map(({ query }) => query) };
  } finally {
    await pool.close();
  }
}

/** Answers one after another; the last one stays. */
const inTurn = <T>(values: readonly T[]): (() => T) => {
  let at = 0;
  return () => values[Math.min(at++, values.length - 1)]!;
};

const ended = () => jobDetail(endedJob("completed", 0));

test("without -f what is there is read to its end, piece by piece", async () => {
  const ran = await withPool(
    {
      getJob: () => jobDetail({ state: "running" }),
      readLog: inTurn<LogView>([
        logView("one\n", { ended: false }),
        logView("two\n", { offset: 4, ended: false }),
        logView("", { offset: 8, ended: false }),
      ]),
    },
    ["logs", "17", "--task", "2", "--attempt", "1"],
  );
  assert.deepEqual([ran.code, ran.out], [0, "one\ntwo\n"]);
  const asked = ran.queries.filter(({ offset }) => offset !== undefined);
  assert.deepEqual(
    asked.map(({ offset, task, attempt, waitMs }) => [offset, task, attempt, waitMs]),
    ["0", "4", "8"].map((offset) => [offset, "2", "1", "0"]),
  );
});

test("of a job that has ended the last bytes are waited for, also without -f", async () => {
  const ran = await withPool(
    {
      getJob: ended,
      readLog: inTurn<LogView>([
        logView("", { ended: false }),
        logView("late\n", { ended: false }),
        logView("", { offset: 5, ended: true }),
      ]),
    },
    ["logs", "17"],
  );
  assert.deepEqual([ran.code, ran.out], [0, "late\n"]);
  const waits = ran.queries.flatMap(({ waitMs }) => (waitMs === undefined ? [] : [Number(waitMs)]));
  assert.ok(waits[0] === 0 && waits.slice(1).every((ms) => ms > 0), waits.join());
});

test("bytes that are no text are passed on as they are", async () => {
  const bytes = Buffer.from([0xff, 0x00, 0xe2, 0x82]);
  const out: Buffer[] = [];
  await withPool(
    { readLog: () => logView("", { data: bytes.toString("base64"), nextOffset: 4 }) },
    ["logs", "17"],
    { onOut: (text) => out.push(Buffer.from(text)) },
  );
  assert.deepEqual(Buffer.concat(out), bytes);
});

test("-f says why there is nothing yet, then follows attempts until the job ends", async () => {
  const none = logView("", { attempt: 0, ended: false });
  const second = { attempt: 2, ended: true };
  const ran = await withPool(
    {
      readLog: inTurn<LogView>([
        none,
        logView("first\n"),
        logView("nd\n", { ...second, offset: 6 }),
        logView("second\n", second),
      ]),
      getJob: inTurn([
        jobDetail({ state: "queued", reason: "waits for a GPU" }),
        jobDetail({ state: "queued", reason: "starts again" }),
        ended(),
      ]),
    },
    ["logs", "17", "-f"],
  );
  assert.deepEqual([ran.code, ran.out], [0, "first\nsecond\n"]);
  assert.match(ran.err, /Job 17 \(queued\): waits for a GPU/);
  assert.match(ran.err, /Attempt 2 of job 17/);
});

test("-f goes on where it was when the control plane comes back", async () => {
  const away: Refusing = {
    refuse: { status: 503, code: "SHUTTING_DOWN", message: "The pool stops.", hint: "" },
  };
  const ran = await withPool(
    {
      readLog: inTurn<LogView | Refusing>([
        logView("one\n", { ended: false }),
        away,
        logView("two\n", { offset: 4 }),
      ]),
      getJob: ended,
    },
    ["logs", "17", "-f"],
  );
  assert.deepEqual([ran.code, ran.out], [0, "one\ntwo\n"]);
  assert.match(ran.err, /The pool stops\. Trying again/);
  assert.match(ran.err, /The pool is back/);
});

test("Ctrl-C ends following at once with 130, also while the pool is asked", async () => {
  let interrupt = (): void => {};
  const ran = await withPool(
    {
      readLog: async ({ query }) => {
        if (query.offset === "0") return logView("one\n", { ended: false });
        setTimeout(interrupt, 20);
        await new Promise((late) => setTimeout(late, 2_000).unref());
        return logView("", { offset: 4, ended: false });
      },
    },
    ["logs", "17", "-f"],
    {
      onInterruptible: (act) => {
        interrupt = act;
      },
    },
  );
  assert.deepEqual([ran.code, ran.out], [130, "one\n"]);
});

test("bytes that were not kept are mentioned on stderr", async () => {
  const ran = await withPool({ readLog: () => logView("end\n", { droppedBytes: 99 }) }, [
    "logs",
    "17",
  ]);
  assert.deepEqual(ran.out, "end\n");
  assert.match(ran.err, /99 bytes over the log's limit/);
});

test("with --json a log is a stream of lines", async () => {
  const ran = await withPool({ readLog: () => logView("hi\n"), getJob: ended }, [
    ...["logs", "17", "-f", "--json"],
  ]);
  assert.deepEqual(ran.lines(), [logView("hi\n")]);
});

test("run -f prints a line for each round and ends as the run did", async () => {
  const [round] = runDetail().rounds;
  const over = { state: "ended" as const, outcome: "completed", reason: "time is over" };
  const answers: Answers = {
    getRun: inTurn([
      runDetail(),
      runDetail({ ...over, rounds: [round!, { ...round!, round: 2, phase: "pooled" }] }),
    ]),
  };
  const ran = await withPool(answers, ["run", "20", "-f"]);
  assert.equal(ran.code, 0);
  assert.match(ran.out, /^round {3}1 {2}loss 3\.200 {2}warm-up, uni-lab 45,000 at 1,500\/s$/m);
  assert.match(ran.out, /^round {3}2 {2}loss 3\.200 {2}uni-lab 45,000 at 1,500\/s$/m);
  assert.equal(ran.out.match(/^round/gm)?.length, 2);
  const failed = await withPool({ getRun: () => runDetail({ ...over, outcome: "cancelled" }) }, [
    "run",
    "20",
    "-f",
    "--json",
  ]);
  assert.equal(failed.code, 1);
  assert.equal((failed.lines()[0] as { round: number }).round, 1);
});
