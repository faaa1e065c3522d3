// `npm run -s bench:aggregator -- [--values N] [--members N] [--parameters N] [--codec C]
// [--shards 1,2] [--sites N] [--folder DIR] [--no-record]`: how fast coded contributions are
// merged on one core beside what the memory of this machine gives, in how much memory a large
// round is merged from real coded blobs on disk, and what a round of very many members costs.
// entry: package.json starts it as `bench:aggregator`.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Codec, decode, encode, isCodec, norm, weightedMean } from "@tequio/core/training";
import { Fold } from "@tequio/server";
import type { MergeReport } from "./lib/merge-large.ts";
import { roundOverhead } from "./lib/round-overhead.ts";
import { record } from "./record.ts";

const { values } = parseArgs({
  options: {
    values: { type: "string", default: "4194304" },
    repeats: { type: "string", default: "5" },
    members: { type: "string", default: "64" },
    parameters: { type: "string", default: "100000000" },
    codec: { type: "string", default: "int4" },
    shards: { type: "string", default: "1,2" },
    sites: { type: "string", default: "10000" },
    folder: { type: "string", default: tmpdir() },
    "no-record": { type: "boolean", default: false },
  },
});

type Figure = Parameters<typeof record>[1];
const report = (figure: Figure): void => {
  if (values["no-record"]) console.log(JSON.stringify(figure));
  else record("aggregator", figure);
};
if (!isCodec(values.codec)) throw new Error(`${values.codec} is not a codec`);
const codec: Codec = values.codec;
const median = (some: readonly number[]): number =>
  some.toSorted((a, b) => a - b)[Math.floor(some.length / 2)]!;

/** Gigabytes in a second of this thread's processor time, by the median of some repeats after one
 * that warms up: what others run on the machine then says nothing of the core. */
function speedOf(bytes: number, act: () => void): number {
  act();
  const times = Array.from({ length: Number(values.repeats) }, () => {
    const start = process.threadCpuUsage();
    act();
    const { user, system } = process.threadCpuUsage(start);
    return user + system;
  });
  return bytes / median(times) / 1e3;
}

const rounded = (value: number): number => Math.round(value * 100) / 100;

/** One core: norms and merge of eight contributions, against plain decoding and against memory. */
function kernelSpeed(): void {
  const count = Number(values.values);
  const members = 8;
  const bytes = 4 * count * members;
  const vector = Float32Array.from({ length: count }, (_, i) => Math.sin(i) * 2 ** -((i >> 8) % 9));
  const messages = Array.from({ length: members }, () => encode(codec, vector));
  const parts = messages.map((message, i) => ({ message, weight: 1 + i / 3 }));
  const fold = new Fold();
  const [model, momentum] = [new Float32Array(count), new Float32Array(count)];
  const norms = () => {
    for (const message of messages) fold.squares(message);
  };
  const merge = () => fold.merge(parts, 9, model, momentum, { eta: 0.7, mu: 0.8 });
  const both = speedOf(bytes, () => {
    norms();
    merge();
  });
  const plain = speedOf(bytes, () => {
    const deltas = messages.map((message) => {
      const decoded = decode(message);
      if (!decoded.ok) throw new Error(decoded.message);
      norm(decoded.value);
      return decoded.value;
    });
    weightedMean(deltas.map((delta) => ({ delta, factor: 1, weight: 1 })));
  });
  // Far larger than any cache; a copy reads and writes every byte.
  const from = new Float32Array(64 * 1024 * 1024).fill(1);
  const to = new Float32Array(from.length);
  const copy = 2 * speedOf(from.byteLength, () => to.set(from));
  report({
    claim: `fp32-equivalent of ${codec} contributions decoded, weighted and summed on one core`,
    ...{ value: rounded(both), unit: "GB/s", bar: ">= 1.5 (int4)" },
    peer: { plainTypeScriptGBs: rounded(plain), memoryCopyGBs: rounded(copy) },
    details: {
      ...{ shareOfMemoryBandwidth: rounded(both / copy), values: count, members },
      normPassGBs: rounded(speedOf(bytes, norms)),
      mergePassGBs: rounded(speedOf(bytes, merge)),
      codedGBs: rounded((both * messages[0]!.length) / (4 * count)),
    },
  });
}

/** Real blobs on disk, merged by a process of its own, by so many threads. */
function largeMerge(): void {
  const folder = mkdtempSync(join(values.folder, "tequio-bench-"));
  const script = fileURLToPath(new URL("lib/merge-large.ts", import.meta.url));
  const child = (...args: readonly string[]): string =>
    execFileSync(process.execPath, [script, folder, values.members, values.parameters, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
  try {
    child("make", codec);
    const reports = values.shards.split(",").map((shards): MergeReport => {
      return JSON.parse(child("merge", shards));
    });
    for (const { shards, peakMB, seconds, gateSeconds, digest } of reports) {
      report({
        claim: `peak memory: merging ${values.members} x ${values.parameters} from ${codec} blobs`,
        ...{ value: peakMB, unit: "MB", bar: "<= 2000", peer: null },
        details: { shards, seconds, gateSeconds, digest, same: digest === reports[0]!.digest },
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A simulated run of very many members: all that the control plane computes for a round. */
function manyMembers(): void {
  const { seconds, cpuSeconds, perPart, peakMB } = roundOverhead(Number(values.sites), 3);
  report({
    claim: `overhead of one round of ${values.sites} members`,
    ...{ value: rounded(median(seconds)), unit: "s", bar: "< 2", peer: null },
    details: { rounds: seconds.map(rounded), cpu: cpuSeconds.map(rounded), perPart, peakMB },
  });
}

kernelSpeed();
if (Number(values.members) > 0) largeMerge();
if (Number(values.sites) > 0) manyMembers();
