// What a run leaves behind, over HTTP: files of its model, its signed lineage, and runs that go on
// from it.
import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { describe, type TestContext, test } from "node:test";
import { lineageBytes, type SignedLineage } from "@tequio/contract";
import { openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite, type TestAgent } from "../testing/agent.ts";
import { good, startServer, type TestServer, until } from "../testing/setup.ts";
import { FakeWorker, fakeTrainer, RUN } from "../testing/training.ts";

const VALUES = 600;

/** Lets a site work for a run until it is over. */
async function play(
  server: TestServer,
  agent: TestAgent,
  id: string,
  spoil?: (delta: Float32Array) => Float32Array,
): Promise<FakeWorker> {
  const order = await agent.order(id);
  agent.report(order, { kind: "running" });
  const worker = new FakeWorker({
    ...{ url: server.server.url, token: order.start!.taskToken, runId: id },
    ...(spoil === undefined ? {} : { spoil }),
  });
  await worker.run();
  agent.report(order, ended(0, 100));
  await until("the run's end", () => server.server.pump.state.jobs.get(id)!.outcome ?? undefined);
  return worker;
}

interface Ended {
  readonly server: TestServer;
  readonly agent: TestAgent;
  readonly id: string;
}

async function endedRun(t: TestContext, rounds: number): Promise<Ended> {
  const store = good(await openMemoryStore());
  const server = await startServer(t, store, { trainer: fakeTrainer() });
  const { agent } = await makeSite(t, server, "uni-lab");
  const { id } = good(await server.client.call("submitJob", { body: RUN(rounds) }));
  await play(server, agent, id);
  return { server, agent, id };
}

const sha256 = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

async function exported({ server, id }: Ended, query: string) {
  const reply = await server.http(`/v1/runs/${id}/export?${query}`);
  const bytes = new Uint8Array(await reply.arrayBuffer());
  const weights = bytes.subarray(bytes.length - 4 * VALUES);
  const head = new TextDecoder().decode(bytes.subarray(0, bytes.length - 4 * VALUES));
  return { reply, bytes, weights, head };
}

/** As a program without the pool would check it. */
function isSigned({ card, publicKey, signature }: SignedLineage): boolean {
  const der = Buffer.from(publicKey, "base64");
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  return verify(null, lineageBytes(card), key, Buffer.from(signature, "base64"));
}

// Side by side: most of the time each run waits for sites that might still come.
describe("what a run leaves behind", { concurrency: true }, () => {
  test("the newest and some earlier models are exported with their very bytes", async (t) => {
    const world = await endedRun(t, 6);
    const { server, id } = world;
    const newest = await exported(world, "format=onnx");
    assert.equal(newest.reply.status, 200);
    assert.equal(newest.reply.headers.get("tequio-round"), "6");
    assert.equal(Number(newest.reply.headers.get("content-length")), newest.bytes.length);
    assert.match(newest.reply.headers.get("content-disposition")!, /run-\d+-round-6\.onnx/);
    const { digest } = server.server.pump.state.runs.get(id)!.machine.model;
    assert.equal(sha256(newest.weights), digest);
    assert.match(newest.head, /"format":"onnx".*"round":"6"/);
    const early = await exported(world, "round=2");
    assert.equal(early.reply.headers.get("tequio-digest"), sha256(early.weights));
    assert.notEqual(sha256(early.weights), digest);
    assert.match(early.head, /"format":"safetensors".*"round":"2"/);
    const missing = await server.http(`/v1/runs/${id}/export?round=5`);
    const problem = (await missing.json()) as { code: string; hint: string };
    assert.deepEqual([missing.status, problem.code], [404, "NOT_FOUND"]);
    assert.match(problem.hint, /there are: 6, 4, 2, 0/);
    for (const [query, status] of [
      ["format=gguf", 400],
      ["round=-1", 400],
      ["what=1", 400],
    ] as const) {
      assert.equal((await server.http(`/v1/runs/${id}/export?${query}`)).status, status, query);
    }
    assert.equal((await server.http("/v1/runs/77/export")).status, 404);
    assert.equal((await server.http(`/v1/runs/${id}/export`, { token: null })).status, 401);
  });

  test("a lineage card tells who did what, and does not survive a change", async (t) => {
    const store = good(await openMemoryStore());
    const server = await startServer(t, store, { trainer: fakeTrainer() });
    const fine = await makeSite(t, server, "uni-lab");
    const bad = await makeSite(t, server, "plant");
    const { id } = good(await server.client.call("submitJob", { body: RUN(4) }));
    await Promise.all([
      play(server, fine.agent, id),
      play(server, bad.agent, id, (delta) => delta.map((value) => -20 * value)),
    ]);
    const signed = good(await server.client.call("getLineage", { params: { id } }));
    const { card } = signed;
    const run = server.server.pump.state.runs.get(id)!;
    assert.deepEqual([card.runId, card.parents], [id, []]);
    // A round in which only the bad one came has a number, too, and does not count.
    assert.ok(card.round >= 4, `${card.round}`);
    assert.equal(card.digest, run.machine.model.digest);
    assert.equal(
      card.owners.reduce((sum, owner) => sum + owner.tokens, 0),
      card.tokens,
      "the tokens are those of the owners",
    );
    const [plant, lab] = card.owners;
    assert.deepEqual([plant!.member, lab!.member], ["plant", "uni-lab"]);
    assert.ok(plant!.refused.GATE_FAILED! >= 1, JSON.stringify(plant));
    assert.deepEqual(lab!.refused, {});
    assert.ok(isSigned(signed));
    const more = [{ ...lab!, tokens: lab!.tokens + 1 }, plant!];
    const round = card.round + 1;
    for (const change of [{ round }, { corpus: "x" }, { owners: more }, { owners: [lab!] }]) {
      assert.ok(!isSigned({ ...signed, card: { ...card, ...change } }), JSON.stringify(change));
    }
    const spki = Buffer.from(signed.publicKey, "base64");
    assert.equal(createHash("sha256").update(spki).digest("hex").slice(0, 16), signed.keyId);
  });

  test("a fork begins with the model and the momentum of its parent, and says so", async (t) => {
    const { server, agent, id } = await endedRun(t, 4);
    const parent = server.server.pump.state.runs.get(id)!;
    const set = { "stop.rounds": 2, learningRate: 0.0005 };
    const forked = good(
      await server.client.call("forkRun", { params: { id }, body: { set, name: "second" } }),
    );
    assert.deepEqual([forked.from.runId, forked.from.round], [id, 4]);
    const worker = await play(server, agent, forked.id);
    const { state } = server.server.pump;
    const run = state.runs.get(forked.id)!;
    const { spec } = state.jobs.get(forked.id)!;
    assert.deepEqual(spec.run!.stop, { rounds: 2 });
    assert.equal(run.machine.config.learningRate.peak, 0.0005);
    const first = worker.assignments[0]!;
    assert.equal(first.modelDigest, parent.machine.model.digest, "it trains its parent's model");
    assert.equal(run.rounds[0]!.warmUp, false, "a model that goes on is warm already");
    assert.equal(run.machine.config.start.checkpointBlob, parent.machine.model.checkpointBlob);
    assert.equal(run.lossBefore, parent.rounds.at(-1)!.heldOutLoss);
    assert.ok(run.rounds.at(-1)!.heldOutLoss! < 0.2 * parent.lossBefore!);
    const { card } = good(await server.client.call("getLineage", { params: { id: forked.id } }));
    const { model } = parent.machine;
    assert.deepEqual(card.parents, [{ runId: id, round: 4, digest: model.digest }]);
    const again = good(
      await server.client.call("forkRun", { params: { id: forked.id }, body: { round: 1 } }),
    );
    assert.equal(again.from.round, 1);
    const origin = server.server.pump.state.jobs.get(again.id)!.spec.run!.from!;
    assert.deepEqual(origin.before, card.parents, "the whole line is kept");
  });

  test("a fork of an earlier round begins there; what it cannot be is refused", async (t) => {
    const { server, agent, id } = await endedRun(t, 6);
    const parent = server.server.pump.state.runs.get(id)!;
    const fork = (body: object) => server.client.call("forkRun", { params: { id }, body });
    const early = good(await fork({ round: 2, set: { "stop.rounds": 1 } }));
    const worker = await play(server, agent, early.id);
    const { digest } = parent.milestones!.find(({ round }) => round === 2)!;
    assert.equal(worker.assignments[0]!.modelDigest, digest);
    assert.equal(server.server.pump.state.jobs.get(early.id)!.outcome, "completed");
    for (const [body, code, at] of [
      [{ round: 5 }, "NOT_FOUND", "round"],
      [{ set: { "model.width": 32 } }, "INVALID_REQUEST", "set.model.width"],
      [{ set: { model: {} } }, "INVALID_REQUEST", "set.model"],
      [{ set: { tokenizer: "bpe-300" } }, "INVALID_REQUEST", "set.tokenizer"],
      [{ set: { learningRat: 1 } }, "UNKNOWN_FIELD", undefined],
      [{ set: { learningRate: "fast" } }, "INVALID_REQUEST", undefined],
      [{ set: { "stop.hours": 1 } }, "UNKNOWN_FIELD", undefined],
    ] as const) {
      const refused = await fork(body);
      assert.ok(!refused.ok && refused.code === code, `${JSON.stringify(body)} ${refused}`);
      if (at !== undefined) assert.equal(refused.at, at);
    }
  });
});
