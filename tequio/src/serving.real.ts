// Replicas in real life: agents of two members, one of them slow, OpenAI's own client with streams,
// and a replica's process that is killed in the middle of a text.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { RealPool, runTequio, until } from "./testing/real-pool.ts";

const WAIT_MS = 120_000;
/** So small that a token takes some milliseconds, so large that a tenth of a core is felt. */
const MODEL = { vocab: 256, context: 128, width: 128, layers: 2, heads: 2 };

const pool = new RealPool();
let ai: OpenAI;
let run = "";

before(async () => {
  await pool.up();
  await pool.agent("quick", "--cpus", "2");
  await pool.agent("slow", "--cpus", "2", "--cpu-share", "0.1");
  const settings = { model: MODEL, innerSteps: 10, warmUpSteps: 4, referenceBatch: 4, maxBatch: 4 };
  const sent = await pool.client.call("submitJob", {
    body: { members: ["quick"], run: { ...settings, stop: { rounds: 12 } } },
  });
  assert.ok(sent.ok, JSON.stringify(sent));
  run = sent.value.id;
  ai = new OpenAI({
    ...{ apiKey: pool.client.token!, baseURL: `${pool.url}/openai/v1`, maxRetries: 0 },
  });
});
after(() => pool.close());

async function replicas() {
  const shown = await pool.client.call("getRun", { params: { id: run } });
  assert.ok(shown.ok);
  return shown.value.replicas ?? [];
}

const ready = (count: number, round = 0) =>
  until(
    `${count} replicas with round ${round} or later`,
    async () => {
      const rows = (await replicas()).filter((row) => row.state === "ready" && row.round! >= round);
      return rows.length === count && rows;
    },
    WAIT_MS,
  );

/** A text as it streams. */
async function streamed(seed: number, tokens: number, onPiece = (_: number): void => {}) {
  const stream = await ai.completions.create({
    ...{ model: `run-${run}`, prompt: "The people ", seed, max_tokens: tokens, stream: true },
    ...{ temperature: 0.8, top_p: 0.9 },
  });
  let text = "";
  let pieces = 0;
  let finish: string | null = null;
  let model = "";
  for await (const chunk of stream) {
    const choice = chunk.choices[0];
    model = chunk.model;
    text += choice?.text ?? "";
    pieces += 1;
    finish = choice?.finish_reason ?? finish;
    onPiece(pieces);
  }
  return { text, pieces, finish, model };
}

/** The process of a replica. */
function processOf(jobId: string): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (!words.some((word) => word.endsWith("/worker.ts")) || !words.includes("serve")) continue;
      const environ = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      const ours = environ.some((one) => one === `TEQUIO_URL=${pool.url}`);
      if (ours && environ.includes(`TEQUIO_JOB_ID=${jobId}`)) return Number(pid);
    } catch {
      // It ended while we looked.
    }
  }
  throw new Error(`no process of job ${jobId} is there`);
}

test("replicas on two members serve the newest model, each the faster the more", async () => {
  const made = await runTequio(
    pool.home,
    [
      ...["run", run, "serve", "--replicas", "2", "--json"],
      ...["--url", pool.url, "--token", pool.client.token!],
    ],
    {},
  );
  assert.equal(made.code, 0, made.errors);
  const rows = await ready(2);
  assert.deepEqual(rows.map(({ member }) => member).toSorted(), ["quick", "slow"]);
  await pool.ended(run, WAIT_MS);
  await ready(2, 12);
  // Both are measured first, by texts at the same time, long enough for the share to be felt.
  await Promise.all(Array.from({ length: 6 }, (_, seed) => streamed(seed, 120)));
  const before_ = await replicas();
  const answers = [];
  for (let seed = 0; seed < 4; seed += 1) answers.push(await streamed(seed, 100));
  for (const { pieces, finish, model } of answers) {
    assert.ok(pieces > 5, `${pieces} pieces`);
    assert.deepEqual([finish, model], ["length", `run-${run}@12`]);
  }
  const wrote = (member: string, rows: typeof before_) =>
    rows.find((row) => row.member === member)!.tokens;
  const now = await replicas();
  const quick = wrote("quick", now) - wrote("quick", before_);
  const slow = wrote("slow", now) - wrote("slow", before_);
  assert.equal(quick + slow, 4 * 100, "replicas wrote all of it");
  assert.ok(quick > slow, `quick ${quick}, slow ${slow}, ${JSON.stringify(now)}`);
  const speed = (member: string) => now.find((row) => row.member === member)!.tokensPerSecond!;
  assert.ok(speed("quick") > 1.5 * speed("slow"), JSON.stringify(now));
});

test("the same seed gives the same text, whole or as a stream", async () => {
  const [one, again, other] = [await streamed(7, 40), await streamed(7, 40), await streamed(8, 40)];
  assert.equal(one.text, again.text);
  assert.notEqual(one.text, other.text);
  const whole = await ai.completions.create({
    ...{ model: `run-${run}`, prompt: "The people ", seed: 7, max_tokens: 40 },
    ...{ temperature: 0.8, top_p: 0.9 },
  });
  assert.equal(whole.choices[0]!.text, one.text);
});

test("a replica that is killed in the middle of a text leaves it to the other", async () => {
  const tokens = 600;
  let killed = 0;
  const before_ = await replicas();
  const quickest = before_.toSorted((a, b) => b.tokensPerSecond! - a.tokensPerSecond!)[0]!;
  const expected = await streamed(11, tokens);
  const cut = await streamed(11, tokens, (pieces) => {
    if (pieces < 30 || killed !== 0) return;
    killed = processOf(quickest.jobId);
    process.kill(killed, "SIGKILL");
  });
  assert.ok(killed > 0);
  assert.equal(cut.finish, "length");
  // Engines of the same kind go on to the byte; the seed goes with the text.
  assert.equal(cut.text, expected.text);
  const now = await replicas();
  const left = now.filter(({ member, texts }) => member !== quickest.member && texts === 0);
  assert.equal(left.length, 1, JSON.stringify(now));
});
