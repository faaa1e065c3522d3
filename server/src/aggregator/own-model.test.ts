// Proves what a run needs whose model only its command knows. Whole runs are in python.real.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite } from "../testing/agent.ts";
import { good, startServer, until } from "../testing/setup.ts";
import { FakeWorker, fakeTrainer, RUN } from "../testing/training.ts";
import { ownPieces, prepareOwn } from "./own-model.ts";

test("a model of one's own begins as zeros, with batches for sites of every speed", async () => {
  const made = await prepareOwn({ parameters: 7, windows: 90 });
  assert.ok(made.ok);
  const { parameters, windows, batchSizes, heldOutLoss } = made.value;
  assert.deepEqual([...parameters], [0, 0, 0, 0, 0, 0, 0]);
  assert.equal(windows, 90);
  assert.ok(Number.isNaN(heldOutLoss), "the pool does not claim a loss");
  assert.deepEqual(
    batchSizes.slice(0, 20).join(),
    "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,18,20,22,24",
  );
  assert.equal(batchSizes.at(-1), 4_096);
  for (const [i, size] of batchSizes.slice(16).entries()) {
    assert.ok(size / batchSizes[i + 15]! <= 1.126, `${size} is near the one before`);
  }
});

test("its export is a safetensors file of one tensor", () => {
  const [head, values] = ownPieces(
    { parameters: 7, windows: 1, layout: "sha256:aa" },
    { run: "3" },
  );
  assert.ok(head instanceof Uint8Array);
  assert.equal(head.length % 8, 0);
  const length = Number(new DataView(head.buffer).getBigUint64(0, true));
  assert.equal(length, head.length - 8);
  const header = JSON.parse(new TextDecoder().decode(head.subarray(8)));
  assert.deepEqual(header.__metadata__, { run: "3", layout: "sha256:aa" });
  assert.deepEqual(header.model, { dtype: "F32", shape: [7], data_offsets: [0, 28] });
  assert.deepEqual(values, { offset: 0, size: 7 });
});

test("nobody evaluates it: contributions pass without losses, and it is not sampled", async (t) => {
  const refuseLoss = (): never => assert.fail("the pool cannot know this loss");
  const trainer = { ...fakeTrainer(), gateLoss: refuseLoss, heldOutLoss: refuseLoss };
  const server = await startServer(t, good(await openMemoryStore()), { trainer });
  const { agent } = await makeSite(t, server, "lab");
  const { run, name } = RUN(2);
  const own = { parameters: 600, windows: 1_000 };
  const body = { name, command: ["train"], run: { ...run, own } };
  const { id } = good(await server.client.call("submitJob", { body }));
  const order = await agent.order(id);
  assert.deepEqual(order.start!.tasks[0]!.command, ["train"]);
  agent.report(order, { kind: "running" });
  const { url } = server.server;
  const worker = new FakeWorker({ url, token: order.start!.taskToken, runId: id });
  await worker.run();
  agent.report(order, ended(0, 100));
  await until("the end", () => server.server.pump.state.jobs.get(id)!.outcome ?? undefined);
  const view = good(await server.client.call("getRun", { params: { id } }));
  assert.deepEqual([view.outcome, view.parameters], ["completed", 600]);
  assert.deepEqual([view.lossBefore, view.lossNow], [undefined, undefined]);
  assert.deepEqual(new Set(view.rounds.flatMap(({ rows }) => rows.map((r) => r.verdict))), MERGED);
  const first = worker.assignments[0]!;
  assert.deepEqual([first.own, first.parameters, first.codec], [{}, 600, "fp32"]);
  const sampled = await server.client.call("sampleRun", { params: { id }, body: {} });
  assert.equal(sampled.ok ? "sampled" : sampled.code, "WRONG_STATE");
  const [safe, onnx] = await Promise.all(
    ["safetensors", "onnx"].map((f) => server.http(`/v1/runs/${id}/export?format=${f}`)),
  );
  assert.deepEqual([safe!.status, onnx!.status], [200, 409]);
});

const MERGED = new Set(["merged"]);
