// Replicas of a run, as OpenAI's client meets them: the fast one is asked more, one that goes away
// is replaced without a gap, the newest model is taken up, and without any the pool writes itself.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import OpenAI from "openai";
import { ended, makeSite, type TestAgent } from "../testing/agent.ts";
import { addUser } from "../testing/people.ts";
import { FakeReplica, letterOf } from "../testing/replica.ts";
import { good, startServer, type TestServer, until } from "../testing/setup.ts";
import { FakeWorker, fakeTrainer, RUN } from "../testing/training.ts";

const WIDE = { vocab: 256, context: 32, width: 16, layers: 1, heads: 1 };

interface World {
  readonly server: TestServer;
  readonly agent: TestAgent;
  readonly ai: OpenAI;
  /** Id of the run. */
  readonly id: string;
  readonly train: () => Promise<void>;
}

/** A run whose first model is made; `train` takes it to its end, round 2. */
async function begun(t: TestContext): Promise<World> {
  const store = good(await openMemoryStore());
  const server = await startServer(t, store, { trainer: fakeTrainer() });
  const { agent } = await makeSite(t, server, "uni-lab");
  const job = { ...RUN(2), run: { ...RUN(2).run, model: WIDE } };
  const { id } = good(await server.client.call("submitJob", { body: job }));
  const order = await agent.order(id);
  agent.report(order, { kind: "running" });
  await until("the first model", () => server.server.pump.state.runs.get(id));
  const train = async (): Promise<void> => {
    const token = order.start!.taskToken;
    await new FakeWorker({ url: server.server.url, token, runId: id }).run();
    agent.report(order, ended(0, 100));
    await until("the run's end", () => server.server.pump.state.jobs.get(id)!.outcome ?? undefined);
  };
  const { url } = server.server;
  const ai = new OpenAI({ apiKey: server.token, baseURL: `${url}/openai/v1`, maxRetries: 0 });
  return { server, agent, id, train, ai };
}

interface Started {
  readonly replica: FakeReplica;
  readonly jobId: string;
  readonly over: Promise<string>;
  readonly end: () => void;
}

/** Submits a replica and plays it; resolves when it has a model. */
async function replicaIn(
  t: TestContext,
  { server, agent, id }: World,
  how: { readonly tokenMs: number; readonly failsAt?: number },
): Promise<Started> {
  const { id: jobId } = good(await server.client.call("submitJob", { body: { serve: id } }));
  const order = await agent.order(jobId);
  const { tasks, taskToken } = order.start!;
  assert.deepEqual(tasks[0]!.command, ["tequio:trainer", "serve"]);
  agent.report(order, { kind: "running" });
  const replica = new FakeReplica({ url: server.server.url, token: taskToken, ...how });
  const over = replica.run();
  t.after(() => replica.kill());
  await until("a model", () => replica.rounds.length > 0);
  return { replica, jobId, over, end: () => agent.report(order, ended(0, 100)) };
}

const lettersOf = (seed: number, tokens: number): string =>
  String.fromCharCode(...Array.from({ length: tokens }, (_, at) => letterOf(seed, at)));

const ask = (id: string, seed: number, max_tokens: number) => ({
  ...{ model: `run-${id}`, prompt: "x", seed, max_tokens },
});

test("the pool writes itself until a replica is there, then replicas do", async (t) => {
  const world = await begun(t);
  const { ai, id, server } = world;
  assert.equal((await ai.completions.create(ask(id, 0, 3))).choices[0]!.text, "abc");
  await replicaIn(t, world, { tokenMs: 1 });
  const pieces: string[] = [];
  for await (const chunk of await ai.completions.create({ ...ask(id, 2, 6), stream: true })) {
    pieces.push(chunk.choices[0]!.text);
  }
  assert.equal(pieces.join(""), lettersOf(2, 6));
  assert.ok(pieces.length >= 6, "it comes token by token");
  const run = good(await server.client.call("getRun", { params: { id } }));
  const [row] = run.replicas!;
  assert.deepEqual(
    [row!.member, row!.state, row!.round, row!.tokens, row!.texts],
    ["uni-lab", "ready", 0, 6, 0],
  );
});

test("a replica takes up the newest model, and its lease is charged as any other", async (t) => {
  const world = await begun(t);
  const { ai, id, server, train } = world;
  const { replica, jobId, end } = await replicaIn(t, world, { tokenMs: 1 });
  assert.equal((await ai.completions.create(ask(id, 0, 1))).model, `run-${id}@0`);
  await train();
  await until("the newest model", () => replica.rounds.at(-1) === 2);
  const answer = await ai.completions.create(ask(id, 0, 4));
  assert.deepEqual([answer.model, answer.choices[0]!.text], [`run-${id}@2`, lettersOf(0, 4)]);
  end();
  const job = await until("the replica's end", async () => {
    const shown = good(await server.client.call("getJob", { params: { id: jobId } }));
    return shown.state === "ended" && shown;
  });
  assert.equal(job.serves, id);
  assert.ok(job.leases[0]!.outcome === "completed");
  const usage = good(await server.client.call("getUsage", { query: {} }));
  assert.ok(JSON.stringify(usage).includes("uni-lab"));
  // Nobody is left to write with replicas: the pool does.
  assert.equal((await ai.completions.create(ask(id, 0, 3))).choices[0]!.text, "abc");
});

test("of a fast and a slow replica the fast one writes more, both when many ask", async (t) => {
  const world = await begun(t);
  const { ai, id } = world;
  const slow = await replicaIn(t, world, { tokenMs: 12 });
  const fast = await replicaIn(t, world, { tokenMs: 2 });
  const together = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, i) => ai.completions.create(ask(id, i, 8))));
  // Both claim the same speed: what they do is measured.
  await together(6);
  const before = [slow.replica.orders.length, fast.replica.orders.length] as const;
  for (let i = 0; i < 4; i += 1) await ai.completions.create(ask(id, i, 8));
  assert.deepEqual(
    [slow.replica.orders.length, fast.replica.orders.length],
    [before[0], before[1] + 4],
    "one after another they all go to the fast one",
  );
  const all = await together(12);
  for (const [seed, answer] of all.entries()) {
    assert.equal(answer.choices[0]!.text, lettersOf(seed, 8));
  }
  const [slowest, fastest] = [slow.replica.orders.length - before[0], fast.replica.orders.length];
  assert.ok(slowest > 0 && slowest < fastest - before[1] - 4, `${slowest}, ${fastest}`);
});

test("when a replica dies, before its first token or later, another goes on", async (t) => {
  const world = await begun(t);
  const { ai, id } = world;
  const dying = await replicaIn(t, world, { tokenMs: 4 });
  const stream = await ai.completions.create({ ...ask(id, 1, 60), stream: true });
  let text = "";
  const reading = (async () => {
    for await (const chunk of stream) text += chunk.choices[0]!.text;
  })();
  await until("half of it", () => text.length > 10);
  const heir = await replicaIn(t, world, { tokenMs: 1 });
  dying.replica.kill();
  await reading;
  assert.equal(text, lettersOf(1, 60), "nothing is missing and nothing comes twice");
  assert.ok(heir.replica.orders[0]!.written.length > 10);
  // The last one reports a fault at once: the pool's own engine goes on.
  heir.replica.kill();
  await replicaIn(t, world, { tokenMs: 1, failsAt: 0 });
  const own = await ai.completions.create(ask(id, 0, 3));
  assert.equal(own.choices[0]!.text, "abc");
});

test("only who may use a run's models may serve them, and only replicas take texts", async (t) => {
  const { server, id, agent } = await begun(t);
  const submit = (body: object) => server.client.call("submitJob", { body: body as never });
  const codes: string[] = [];
  for (const body of [
    { serve: "99" },
    { serve: id, command: ["x"] },
    { serve: id, tasks: 2 },
    { serve: "run-1" },
  ]) {
    const reply = await submit(body);
    codes.push(reply.ok ? "taken" : reply.code);
  }
  const wrong = "INVALID_REQUEST";
  assert.deepEqual(codes, ["NOT_FOUND", wrong, wrong, wrong]);
  const stranger = await addUser(server, "stranger");
  const body = JSON.stringify({ serve: id });
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body, token: stranger.token };
  assert.equal((await server.http("/v1/jobs", init)).status, 403);
  const { id: other } = good(await submit({ command: ["x"], resources: { cpus: 0.1 } }));
  assert.equal(((await submit({ serve: other })) as { code?: string }).code, "NOT_FOUND");
  const { taskToken } = (await agent.order(other)).start!;
  const work = await server.http("/v1/replica/work", {
    ...{ method: "POST", headers, body: "{}", token: taskToken },
  });
  assert.equal(work.status, 403);
});
