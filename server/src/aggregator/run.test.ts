// Proves whole spanning runs over real HTTP: rounds, restarts, bad workers, full disks, people's
// actions. The model is a short vector; the arithmetic itself is tested in core/training.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { ENDPOINTS } from "@tequio/contract";
import { MILESTONES_MAX } from "@tequio/core/controller";
import { refuse } from "@tequio/core/pool";
import { createMemoryDisk, createMemoryFaults, openMemoryStore } from "@tequio/stores/memory";
import { connect, ended, makeSite, type TestAgent } from "../testing/agent.ts";
import { good, startServer, type TestServer, until } from "../testing/setup.ts";
import { FakeWorker, fakeTrainer, RUN, type WorkerOptions } from "../testing/training.ts";

const start = async (t: TestContext): Promise<TestServer> =>
  startServer(t, good(await openMemoryStore()), { trainer: fakeTrainer() });

/** Starts the worker of the run's lease at a site; reports its end. */
async function work(
  server: TestServer,
  agent: TestAgent,
  runId: string,
  options: Partial<WorkerOptions> = {},
): Promise<{ readonly worker: FakeWorker; readonly over: Promise<string> }> {
  const order = await agent.order(runId);
  agent.report(order, { kind: "running" });
  const token = order.start!.taskToken;
  const worker = new FakeWorker({ url: server.server.url, token, runId, ...options });
  const over = worker.run().then((why) => {
    agent.report(order, ended(0, 100));
    return why;
  });
  return { worker, over };
}

const submit = async ({ client }: TestServer, rounds: number): Promise<string> =>
  good(await client.call("submitJob", { body: RUN(rounds) })).id;

const outcomeOf = (server: TestServer, id: string) =>
  until("the end of the run", () => server.server.pump.state.jobs.get(id)!.outcome ?? undefined);

// Side by side: most of the time each run waits for sites that might still come.
describe("spanning runs", { concurrency: true }, () => {
  test("two sites train one model over HTTP until the run is over", async (t) => {
    const server = await start(t);
    const sites = [await makeSite(t, server, "uni-lab"), await makeSite(t, server, "plant")];
    const id = await submit(server, 6);
    const works = await Promise.all(sites.map(({ agent }) => work(server, agent, id)));
    const whys = await Promise.all(works.map(({ over }) => over));
    assert.deepEqual(new Set(whys), new Set(["the run is over: rounds reached"]));
    assert.equal(await outcomeOf(server, id), "completed");
    const run = good(await server.client.call("getRun", { params: { id } }));
    assert.ok(ENDPOINTS.getRun.reply.safeParse(run).success);
    assert.deepEqual([run.state, run.outcome, run.progress], ["ended", "completed", 1]);
    assert.equal(run.rounds.length, 7, "a warm-up and six rounds");
    assert.ok(run.lossNow! < 0.2 * run.lossBefore!, `${run.lossBefore} to ${run.lossNow}`);
    assert.equal(run.members.length, 2);
    assert.ok(run.members.every((member) => member.rounds >= 3 && member.tokens > 0));
    const reasons = works.flatMap(({ worker }) => worker.reasons);
    assert.ok(reasons.some((reason) => /^(uni-lab|plant) warms the model up first$/.test(reason)));
    const later = works[0]!.worker.assignments.filter((one) => one.steps !== undefined);
    assert.ok(later.length >= 4, "rounds after the first bring only a step");
    const usage = good(await server.client.call("getUsage", { query: { member: "plant" } }));
    assert.deepEqual([usage.lines[0]!.kind, usage.lines[0]!.jobName], ["run", "tiny"]);
    assert.ok(usage.lines[0]!.tokens > 0 && usage.lines[0]!.rounds > 0);
    const sampled = await server.client.call("sampleRun", {
      params: { id },
      body: { prompt: "A" },
    });
    assert.deepEqual(good(sampled), { text: "A600", round: run.round });
  });

  test("blobs that no round needs any more are deleted, the last model stays", async (t) => {
    const store = good(await openMemoryStore());
    const server = await startServer(t, store, { trainer: fakeTrainer() });
    const { agent } = await makeSite(t, server, "uni-lab");
    const id = await submit(server, 12);
    const { over } = await work(server, agent, id);
    await over;
    await outcomeOf(server, id);
    const run = good(await server.client.call("getRun", { params: { id } }));
    const { model } = server.server.pump.state.runs.get(id)!.machine;
    const left = await until("the clean-up", async () => {
      const rows = await store.blobs.list({ limit: 1_000 });
      // The last model takes six, the milestones of earlier rounds one each.
      return rows.length <= 6 + MILESTONES_MAX
        ? rows.map((row) => row.digest as string)
        : undefined;
    });
    for (const blob of [run.checkpoint!, model.modelBlob]) assert.ok(left.includes(blob));
  });

  test("a restart in the middle of a run goes on where it was", async (t) => {
    const disk = createMemoryDisk();
    const first = await startServer(t, good(await openMemoryStore({ disk })), {
      trainer: fakeTrainer(),
    });
    const { site, agent } = await makeSite(t, first, "uni-lab");
    const id = await submit(first, 8);
    // Its worker stands still after a few rounds, or a fast machine would end the run first.
    const closed = Promise.withResolvers<void>();
    const { over } = await work(first, agent, id, {
      onRound: ({ round }) => (round! >= 3 ? closed.promise : undefined),
    });
    const rounds = () => first.server.pump.state.runs.get(id)?.rounds.length ?? 0;
    await until("three rounds", () => rounds() >= 3);
    await first.server.close();
    closed.resolve();
    assert.notEqual(await over, "the run is over: rounds reached");
    disk.locked = false; // As after a crash: the store was not closed.
    const second = await startServer(t, good(await openMemoryStore({ disk })), {
      ...{ trainer: fakeTrainer(), dataFolder: first.folder },
    });
    const back = await connect(t, second, site);
    const { worker, over: again } = await work(second, back, id);
    assert.equal(await again, "the run is over: rounds reached");
    assert.equal(await outcomeOf(second, id), "completed");
    assert.ok(worker.assignments.length <= 6, "rounds before the restart are not done again");
    const run = second.server.pump.state.runs.get(id)!;
    assert.equal(run.rounds.length, 9);
    assert.ok(run.rounds.at(-1)!.heldOutLoss! < run.rounds[2]!.heldOutLoss!);
  });

  test("a run without a trainer, or with a bad text, fails and says so", async (t) => {
    const bare = await startServer(t, good(await openMemoryStore()));
    await makeSite(t, bare, "uni-lab");
    const id = await submit(bare, 1);
    assert.equal(await outcomeOf(bare, id), "failed");
    assert.match(bare.server.pump.state.jobs.get(id)!.message, /no trainer/);
    const bad = refuse("CORPUS_INVALID", "There is no text x.txt.", "Give its whole path.");
    const server = await startServer(t, good(await openMemoryStore()), {
      trainer: fakeTrainer(bad),
    });
    await makeSite(t, server, "uni-lab");
    const other = await submit(server, 1);
    assert.equal(await outcomeOf(server, other), "failed");
    const view = good(await server.client.call("getRun", { params: { id: other } }));
    assert.equal(view.reason, "There is no text x.txt. Give its whole path.");
    assert.ok(ENDPOINTS.getRun.reply.safeParse(view).success);
  });

  test("a contribution that would spoil the model is counted out", async (t) => {
    const server = await start(t);
    const good1 = await makeSite(t, server, "uni-lab");
    const bad1 = await makeSite(t, server, "plant");
    const id = await submit(server, 4);
    const fine = await work(server, good1.agent, id);
    await until("the warm-up", () => fine.worker.assignments.length > 0);
    const codes: (string | undefined)[] = [];
    const spoiled = await work(server, bad1.agent, id, {
      spoil: (delta) => delta.map((value) => -20 * value),
      onRound: (_, code) => codes.push(code),
    });
    await Promise.all([fine.over, spoiled.over]);
    const run = good(await server.client.call("getRun", { params: { id } }));
    const rows = run.rounds.flatMap((round) => round.rows.filter((row) => row.member === "plant"));
    // Once the steps are tiny, so is the harm: it is the first one that would have hurt.
    assert.match(rows[0]!.verdict, /held-out loss/);
    assert.ok(run.lossNow! < run.lossBefore!);
    assert.ok(codes.every((code) => code === undefined || code === "RUN_FINISHED"));
  });

  test("a contribution needs its blob, its size and its round", async (t) => {
    const server = await start(t);
    const { agent } = await makeSite(t, server, "uni-lab");
    const id = await submit(server, 1);
    const order = await agent.order(id);
    const token = order.start!.taskToken;
    const worker = new FakeWorker({ url: server.server.url, token, runId: id });
    const offer = async (blob: string, bytes: number, round: number) => {
      const reply = await server.http(`/v1/runs/${id}/contributions`, {
        ...{ method: "POST", token, headers: { "content-type": "application/json" } },
        body: JSON.stringify({
          ...{ round, modelDigest: blob, blob, bytes, codec: "fp32", tokens: 64, innerSteps: 2 },
          ...{ batch: 4, computeMs: 1, transferMs: 1, bytesDown: 0, meanLoss: 1, ranges: [] },
        }),
      });
      return ((await reply.json()) as { code: string }).code;
    };
    assert.equal(await offer(`sha256:${"0".repeat(64)}`, 5, 0), "NOT_FOUND");
    const blob = await worker.put(new Uint8Array(5));
    assert.equal(await offer(blob, 6, 0), "CONTRIBUTION_SIZE");
    assert.equal(await offer(blob, 5, 0), "RUN_SITE_UNKNOWN");
    await until("the assignment", async () => {
      const asked = await server.http(`/v1/runs/${id}/assignment`, { token });
      return ((await asked.json()) as { state: string }).state === "train";
    });
    assert.equal(await offer(blob, 5, 0), "MODEL_DIGEST_MISMATCH");
    const large = new Uint8Array(2_000_000);
    await assert.rejects(worker.put(large), /413/);
  });

  test("a run is paused, resumed and stopped by a person", async (t) => {
    const server = await start(t);
    const { agent } = await makeSite(t, server, "uni-lab");
    const id = await submit(server, 100_000);
    const { worker, over } = await work(server, agent, id);
    const act = async (action: "pause" | "resume" | "stop") =>
      good(await server.client.call("changeRun", { params: { id }, body: { action } }));
    await until("a round", () => worker.assignments.length > 2);
    await act("pause");
    const paused = await until("the pause", async () => {
      const run = good(await server.client.call("getRun", { params: { id } }));
      return run.state === "paused" ? run : undefined;
    });
    assert.match(paused.reason, /paused by a person/);
    const before = worker.assignments.length;
    await act("resume");
    await until("another round", () => worker.assignments.length > before);
    const listed = good(await server.client.call("listRuns", {}));
    assert.ok(ENDPOINTS.listRuns.reply.safeParse(listed).success);
    assert.ok(["training", "waiting"].includes(listed.rows[0]!.state));
    await act("stop");
    assert.equal(await over, "the run is over: stopped");
    assert.equal(await outcomeOf(server, id), "completed");
    const late = await server.client.call("changeRun", {
      params: { id },
      body: { action: "pause" },
    });
    assert.equal(!late.ok && late.code, "WRONG_STATE");
  });

  test("a disk that was full while a run was prepared is tried again", async (t) => {
    const faults = createMemoryFaults();
    const store = good(await openMemoryStore({ faults }));
    const server = await startServer(t, store, { trainer: fakeTrainer() });
    await makeSite(t, server, "uni-lab");
    faults.fullWrites = 1;
    const id = await submit(server, 1);
    await until("the preparation", () => server.server.pump.state.runs.has(id));
    assert.equal(faults.fullWrites, 0);
  });
});
