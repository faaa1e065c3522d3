// `npm run -s bench:throughput -- [--speeds FILE] [--seeds 1,2,3] [--no-record]`: how well the
// table of throughputs fills in what nobody measured. Of the public speeds of Gavel a part is shown
// to the table with noisy times; judged are the speeds of devices against each other for the rest.
// entry: package.json starts it as `bench:throughput`.
import { parseArgs } from "node:util";
import { chanceOf } from "@tequio/core/pool";
import {
  type Device,
  noObservations,
  type Observation,
  observe,
  ThroughputTable,
} from "@tequio/core/scheduler";
import { parseGavelSpeeds } from "@tequio/core/simulator";
import { fixed, printTable, readTrace, rounded } from "./lib/traces.ts";
import { record } from "./record.ts";

const TRACE = new URL("../../shared/data/traces/gavel/simulation_throughputs.csv", import.meta.url)
  .pathname;
/** Devices that stand together; the others of the file are the same ones spread over machines. */
const DEVICES = ["v100", "p100", "k80"];
/** Times that are seen of one piece of work, and how far apart their logarithms are. */
const TIMES = 3;
const NOISE = 0.3;

const { values } = parseArgs({
  options: {
    speeds: { type: "string", default: TRACE },
    seeds: { type: "string", default: "1,2,3,4,5" },
    "no-record": { type: "boolean", default: false },
  },
});

const rows = [...readTrace(values.speeds, parseGavelSpeeds)].flatMap(([key, speed]) => {
  const [model, kind, count] = key.split("|");
  const device: Device = { kind: "gpu", model: model! };
  if (!DEVICES.includes(device.model) || speed === 0) return [];
  return [{ kind: kind!, device, count: Number(count), time: 1_000 / speed }];
});

/** Mean error of logarithms: of the table, and of taking all devices for equally fast. */
function errorsOf(share: number, seed: number): readonly [table: number, none: number] {
  const chance = chanceOf(seed);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - chance.next())) * Math.cos(2 * Math.PI * chance.next());
  const state = noObservations();
  const hidden = new Set<Observation>();
  for (const row of rows) {
    if (!chance.hits(share)) hidden.add(row);
    else {
      for (let i = 0; i < TIMES; i += 1) {
        observe(state, { ...row, time: row.time * Math.exp(NOISE * normal()) });
      }
    }
  }
  const table = new ThroughputTable(state);
  let [sum, none, count] = [0, 0, 0];
  for (const equal of Map.groupBy(rows, (row) => `${row.kind} ${row.count}`).values()) {
    for (const a of equal) {
      for (const b of equal) {
        if (a.device.model >= b.device.model || !(hidden.has(a) || hidden.has(b))) continue;
        const truth = Math.log(b.time / a.time);
        const told = table.logSpeed(a.kind, a.device, a.count);
        sum += Math.abs(told - table.logSpeed(b.kind, b.device, b.count) - truth);
        none += Math.abs(truth);
        count += 1;
      }
    }
  }
  return [sum / count, none / count];
}

const seeds = values.seeds.split(",").map(Number);
const mean = (list: readonly number[]): number =>
  list.reduce((sum, value) => sum + value, 0) / list.length;
const lines = [["seen", "error of the table", "all devices alike"]];
for (const share of [0, 0.05, 0.1, 0.2, 0.4, 0.7]) {
  const errors = seeds.map((seed) => errorsOf(share, seed));
  const [table, none] = [mean(errors.map(([one]) => one)), mean(errors.map(([, one]) => one))];
  lines.push([`${Math.round(100 * share)} %`, fixed(table, 3), fixed(none, 3)]);
  const figure = {
    claim: `Mean error of the logarithm of relative speeds, ${Math.round(100 * share)} % seen`,
    ...{ value: rounded(table, 3), unit: "nats", bar: "falls with what is seen" },
    peer: { allDevicesAlike: rounded(none, 3) },
    details: { seeds, spreadOfKinds: 0.3 },
  };
  if (values["no-record"]) console.log(JSON.stringify(figure));
  else record("throughput", figure);
}
printTable(lines);
