// Two processes of bench/aggregator.ts: `make` writes coded contributions of a large model into a
// store, `merge` merges them as the control plane does and prints what it took. The gate's losses
// are a stand-in, since an engine's own memory is not the aggregator's.
// entry: bench/aggregator.ts starts it.
import { randomFillSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunState } from "@tequio/core/controller";
import type { RunSpec } from "@tequio/core/pool";
import {
  type ClosingEntry,
  type Codec,
  codedBytes,
  createRun,
  encode,
  HEADER_BYTES,
  type RoundClosing,
} from "@tequio/core/training";
import {
  type MergeTools,
  Models,
  merge,
  ownLane,
  putVectors,
  type TrainerPort,
  threadLanes,
} from "@tequio/server";
import { openSqliteStore } from "@tequio/stores/sqlite";

/** What `merge` prints. */
export interface MergeReport {
  readonly shards: number;
  readonly peakMB: number;
  readonly seconds: number;
  readonly gateSeconds: number;
  readonly digest: string;
}

const [folder, membersText, parametersText, phase, option] = process.argv.slice(2);
const members = Number(membersText);
const parameters = Number(parametersText);
const list = join(folder!, "contributions.json");

async function openStore() {
  const store = await openSqliteStore({ folder: join(folder!, "store") });
  if (!store.ok) throw new Error(store.message);
  return store.value;
}

/** A message of int4 codes without the one that does not occur; other codecs are coded. */
function contribution(codec: Codec, seed: number): Uint8Array {
  if (codec !== "int4") {
    return encode(
      codec,
      Float32Array.from({ length: parameters }, (_, i) => Math.sin(seed + i)),
    );
  }
  const bytes = new Uint8Array(codedBytes(codec, parameters));
  bytes.set(encode(codec, new Float32Array(256)).subarray(0, HEADER_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, parameters, true);
  const blocks = Math.ceil(parameters / 256);
  const codes = HEADER_BYTES + 2 * blocks;
  // Halves of about 2^-10, a little different in each block and contribution.
  for (let i = 0; i < blocks; i += 1) {
    view.setUint16(HEADER_BYTES + 2 * i, 0x1400 + ((i * 31 + seed) & 0xff), true);
  }
  randomFillSync(bytes, codes);
  for (let i = codes; i < bytes.length; i += 1) {
    const byte = bytes[i]!;
    if ((byte & 15) === 8 || byte >>> 4 === 8) bytes[i] = byte & 0x77;
  }
  return bytes;
}

async function make(codec: Codec): Promise<void> {
  const store = await openStore();
  const entries: ClosingEntry[] = [];
  for (let i = 0; i < members; i += 1) {
    const bytes = contribution(codec, i);
    const put = await store.blobs.put(bytes);
    if (!put.ok) throw new Error(put.message);
    const siteId = `site-${String(i).padStart(3, "0")}`;
    entries.push({
      ...{ contributionId: `${siteId}@1`, siteId, round: 1, blob: put.value.digest, codec },
      ...{ bytes: bytes.length, tokens: 1_000 + i, staleness: 0, weight: 1_000 + i },
    });
  }
  const model = new Float32Array(parameters).fill(0.01);
  const blob = await putVectors(store.blobs, [model]);
  if (!blob.ok) throw new Error(blob.message);
  writeFileSync(list, JSON.stringify({ entries, blob: blob.value }));
  await store.close();
}

/** A run as far as a merge looks at it. */
function runOf(blob: string): RunState {
  const machine = createRun(
    {
      ...{ model: {}, parameters, context: 1_024, referenceBatch: 8, maxBatch: 8, batchSizes: [8] },
      ...{
        codecDown: "int8",
        warmUpSteps: 0,
        stop: { rounds: 1 },
        data: { windows: 100, seed: 1 },
      },
      learningRate: { peak: 0.1, warmUp: 0.1, rampSteps: 0 },
      quorum: { share: 0.5, min: 1 },
      start: { modelDigest: blob, modelBlob: blob },
    },
    0,
  );
  const rest = { failures: {}, booked: {}, version: 1, lossBefore: null, startedAtMs: 0 };
  return { jobId: "1", machine, ...rest, rounds: [] };
}

async function mergeAll(shards: number): Promise<void> {
  const store = await openStore();
  const { entries, blob } = JSON.parse(await readFile(list, "utf8")) as {
    readonly entries: readonly ClosingEntry[];
    readonly blob: string;
  };
  const closing: RoundClosing = {
    ...{ type: "round.closing", atMs: 0, round: 1, warmUp: false, attempt: 1, reason: "ready" },
    ...{ outer: { eta: 0.7, mu: 0.8 }, thresholdNats: 0.02, codecDown: "int8" },
    contributions: entries,
  };
  let gateMs = 0;
  const gateLoss = (_run: RunSpec, _round: number, model: Float32Array): Promise<number> => {
    const start = performance.now();
    let sum = 0;
    for (let i = 0; i < model.length; i += 4_099) sum += Math.abs(model[i]!);
    gateMs += performance.now() - start;
    return Promise.resolve((4_099 * sum) / model.length);
  };
  const tools: MergeTools = {
    blobs: store.blobs,
    models: new Models(store.blobs),
    trainer: { gateLoss, heldOutLoss: () => Promise.resolve(1) } as unknown as TrainerPort,
    lanesFor: () => (shards === 0 ? ownLane() : threadLanes(shards)),
  };
  const start = performance.now();
  const merged = await merge(tools, runOf(blob), {} as RunSpec, closing);
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  if (!merged.ok) throw new Error(merged.message);
  const passed = merged.value.input.rows.filter((row) => row.verdict === "passed").length;
  if (passed !== members) throw new Error(`${passed} of ${members} contributions passed`);
  const report: MergeReport = {
    ...{ shards, seconds, gateSeconds: Math.round(gateMs / 100) / 10 },
    peakMB: Math.round(process.resourceUsage().maxRSS / 1_000),
    digest: merged.value.input.modelDigest,
  };
  console.log(JSON.stringify(report));
  await store.close();
}

if (phase === "make") await make(option as Codec);
else await mergeAll(Number(option));
