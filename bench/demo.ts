// Claim: the demonstration's pooled model is better than what its fastest member reaches alone in
// the same time. Pooled is `npm start` itself; alone is plain training (no rounds, no exchange) in
// one process with one thread, under the same limit of processor time as that member's jobs, for as
// long as the pooled run trained, its cosine over that time.
// Both rates were tuned on the same grid (see docs/decisions). Usage:
//   npm run -s bench:demo -- [--minutes 3] [--seeds 1,2,3]
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { JobWire, parseYaml } from "@tequio/contract";
import { localEngine } from "@tequio/engines/local";
import { DEMO_MEMBERS } from "tequio/src/demo/members.ts";
import { record } from "./record.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "3" },
    seeds: { type: "string", default: "1,2,3" },
  },
});

interface Alone {
  readonly lossAfter: number;
  readonly tokens: number;
}

interface Pooled {
  readonly lossBefore: number;
  readonly lossAfter: number;
  readonly rounds: number;
  readonly trainMs: number;
  readonly members: readonly { readonly name: string; readonly tokens: number }[];
}

/** Runs a program and gives the last line of JSON on its standard output. */
function lastJson(args: readonly string[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.on("exit", (code) => {
      const line = out.trim().split("\n").at(-1) ?? "";
      if (code === 0) resolve(JSON.parse(line));
      else reject(new Error(`${args[0]} ended with code ${code}`));
    });
  });
}

const tequio = fileURLToPath(import.meta.resolve("tequio/bin/tequio.js"));
const alone = new URL("./alone.ts", import.meta.url).pathname;

async function pooled(seed: number): Promise<Pooled> {
  const folder = mkdtempSync(join(tmpdir(), "tequio-bench-"));
  try {
    const flags = ["--minutes", values.minutes, "--seed", String(seed), "--data", folder];
    const fixed = ["--no-open", "--json", "--fresh", "--port", "0"];
    return (await lastJson([tequio, "demo", ...flags, ...fixed])) as Pooled;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(`${folder}.previous`, { recursive: true, force: true });
  }
}

/** The fastest member by itself: the same limit of processor time as its jobs have in the pool. */
async function aloneUnderLimit(flags: readonly string[]): Promise<Alone> {
  const folder = mkdtempSync(join(tmpdir(), "tequio-alone-"));
  const cpuShare = Math.max(...DEMO_MEMBERS.map((member) => member.cpuShare));
  const engine = localEngine({ folder, cpuShare });
  try {
    const command = [process.execPath, alone, ...flags];
    const measured = await engine.measure({ command, env: {}, timeoutMs: 3_600_000 });
    if (!measured.ok) throw new Error(measured.message);
    if (measured.value.exitCode !== 0) throw new Error(`${alone} failed`);
    return JSON.parse(measured.value.stdout) as Alone;
  } finally {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const file = new URL("../tequio/jobs/demo.yaml", import.meta.url);
const job = parseYaml(JobWire, readFileSync(file, "utf8"));
if (!job.ok) throw new Error(job.message);

const rows: unknown[] = [];
const gains: number[] = [];
for (const seed of values.seeds.split(",").map(Number)) {
  const ours = await pooled(seed);
  const limit = ["--ms", String(ours.trainMs), "--seed", String(seed)];
  const theirs = await aloneUnderLimit(limit);
  const gain = theirs.lossAfter - ours.lossAfter;
  gains.push(gain);
  const tokens = ours.members.reduce((sum, member) => sum + member.tokens, 0);
  rows.push({
    seed,
    pooledLoss: ours.lossAfter,
    aloneLoss: theirs.lossAfter,
    gain,
    trainSeconds: ours.trainMs / 1_000,
    pooledTokens: tokens,
    aloneTokens: theirs.tokens,
  });
  console.error(JSON.stringify(rows.at(-1)));
}
gains.sort((a, b) => a - b);
record("demo", {
  claim: "pooled held-out loss below the fastest member alone, same time (median gain, nats)",
  value: Number(gains[Math.floor(gains.length / 2)]!.toFixed(4)),
  unit: "nats per byte",
  bar: "> 0 on every seed",
  peer: "the fastest member alone, plain AdamW, measured in the same run",
  details: { minutes: Number(values.minutes), rows },
});
process.exit(gains[0]! > 0 ? 0 : 1);
