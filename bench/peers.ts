// Claim: on slow links between unequal sites our run reaches the loss that the fastest site
// reaches alone sooner than the peers' methods do. All in one setting: the same model, text, links
// and limit of processor time for each site; every method with the same grid of inner rates and
// its published outer settings (bench/lib/peers/setting.ts). Needs Linux, root, PyTorch; Hivemind
// and Flower where --python has them, and says so where not. Usage:
//   npm run -s bench:peers -- [--minutes 3] [--seed 1] [--rates 0.001,0.002] [--methods a,b]
//     [--speeds 0.8,0.4,0.2,0.1] [--mbit 50] [--delay 40] [--width 208]
//     [--python /usr/bin/python3]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadCorpus } from "@tequio/trainer";
import { type Judge, openJudge, type Point, secondsTo } from "./lib/peers/curve.ts";
import { runOurs } from "./lib/peers/ours.ts";
import { runPeer } from "./lib/peers/peer.ts";
import { METHODS, type Setting } from "./lib/peers/setting.ts";
import { openStar } from "./lib/peers/star.ts";
import { record } from "./record.ts";

const OURS = "tequio";
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "3" },
    seed: { type: "string", default: "1" },
    rates: { type: "string", default: "0.001,0.002" },
    methods: { type: "string", default: [OURS, ...Object.keys(METHODS)].join(",") },
    speeds: { type: "string", default: "0.8,0.4,0.2,0.1" },
    mbit: { type: "string", default: "50" },
    delay: { type: "string", default: "40" },
    width: { type: "string", default: "208" },
    python: { type: "string", default: "/usr/bin/python3" },
    keep: { type: "string" },
  },
});
const numbers = (list: string): readonly number[] => list.split(",").map(Number);
const setting: Setting = {
  speeds: numbers(values.speeds),
  delayMs: Number(values.delay),
  mbitPerS: Number(values.mbit),
  model: { vocab: 256, context: 64, width: Number(values.width), layers: 2, heads: 4 },
  referenceBatch: 8,
  seconds: Number(values.minutes) * 60,
  seed: Number(values.seed),
  python: values.python,
};

interface Row {
  readonly method: string;
  readonly rate: number;
  readonly curve: readonly Point[];
  readonly sites: readonly unknown[];
  readonly trouble: readonly string[];
}

async function one(judge: Judge, method: string, rate: number, text: string): Promise<Row> {
  const star = await openStar(setting);
  try {
    if (method === OURS) {
      const ours = await runOurs(setting, rate, scratch);
      return { method, rate, curve: ours.curve, sites: ours.members, trouble: [] };
    }
    const run = await runPeer(method, setting, rate, scratch, text);
    return { method, rate, curve: await judge.curve(run.folder), ...run };
  } catch (error) {
    return { method, rate, curve: [], sites: [], trouble: [String(error)] };
  } finally {
    await star.close();
  }
}

const finalLoss = ({ curve }: Row): number => curve.at(-1)?.loss ?? Number.POSITIVE_INFINITY;
/** The best of the grid, by the loss at the end. */
const best = (rows: readonly Row[]): Row | undefined =>
  [...rows].sort((a, b) => finalLoss(a) - finalLoss(b))[0];

const scratch = values.keep ?? mkdtempSync(join(tmpdir(), "tequio-peers-"));
const corpus = await loadCorpus("sotu");
if (!corpus.ok) throw new Error(corpus.message);
const text = join(scratch, "train.bin");
writeFileSync(text, corpus.value.parts.train.bytes);
const judge = await openJudge(setting.model);
const rows: Row[] = [];
const methods = values.methods.split(",");
if (!methods.includes("alone")) methods.unshift("alone");
for (const method of methods) {
  for (const rate of numbers(values.rates)) {
    const row = await one(judge, method, rate, text);
    rows.push(row);
    const { curve: _, ...said } = row;
    console.error(JSON.stringify({ ...said, loss: finalLoss(row), points: row.curve.length }));
  }
}
if (values.keep === undefined) rmSync(scratch, { recursive: true, force: true });

const target = finalLoss(best(rows.filter(({ method }) => method === "alone"))!);
const table = methods.map((method) => {
  const row = best(rows.filter((one) => one.method === method))!;
  return {
    method,
    is: METHODS[method]?.is ?? "our run, through the product",
    rate: row.rate,
    lossAtEnd: Number.isFinite(finalLoss(row)) ? Number(finalLoss(row).toFixed(4)) : undefined,
    secondsToTarget: secondsTo(target, row.curve),
    trouble: row.trouble,
  };
});
const ours = table.find(({ method }) => method === OURS);
record("peers", {
  claim: "share of the time of the fastest site alone in which our run reaches its loss",
  value: Number(((ours?.secondsToTarget ?? Number.NaN) / setting.seconds).toFixed(3)),
  unit: "1",
  bar: "<= 0.6, and less than every peer",
  peer: table.filter(({ method }) => method !== OURS),
  details: { setting, target, ours, rates: values.rates },
});
