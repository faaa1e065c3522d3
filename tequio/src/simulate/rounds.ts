// Gavel's traces: jobs and the table of their speeds, the kinds of the cluster, and the report.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import {
  type KindJob,
  type KindTrace,
  kindTrace,
  nodesOf,
  parseGavelJobs,
  parseGavelSpeeds,
  type Report,
  ROUNDS_POLICIES,
  type RoundsPolicyName,
  roundsReport,
  type Speeds,
  scaleKinds,
} from "@tequio/core/simulator";
import { readCluster } from "./cluster-file.ts";
import { inFile, readText } from "./files.ts";
import { unknownPolicy } from "./flow.ts";
import type { OnProgress, SimulateRequest } from "./request.ts";

const POLICIES_DEFAULT: readonly RoundsPolicyName[] = ["rounds", "las-gavel"];
/** Clusters of the paper: for jobs with gaps, and for jobs with arrival times. */
const KINDS_GENERATED = { v100: 36, p100: 36, k80: 36 };
const KINDS_ARRIVALS = { v100: 8, p100: 16, k80: 24 };
/** Jobs that are measured where the trace is read again and again (page B.3). */
const MEASURED: readonly [number, number] = [4_000, 4_999];
const ARRIVALS_MAX = 12_000;
/** The run with equal shares lasts longer: it needs arrivals to its own end. */
const EQUAL_SHARE_JOBS = 60_000;
/** Of a shorter trace all jobs are measured, and it is read so many times. */
const TIMES_READ = 12;

/** Reads, plays and reports. */
export function simulateRounds(
  request: SimulateRequest,
  text: string,
  onProgress: OnProgress,
): Outcome<Report> {
  if (request.without.length + request.pools.length > 0) {
    return refuse("USAGE", "Jobs of a Gavel trace have no owners.", "Ask with --scale instead.");
  }
  const policies = policiesOf(request.policies);
  if (!policies.ok) return policies;
  const jobs = inFile(request.trace ?? "", parseGavelJobs(text));
  if (!jobs.ok) return jobs;
  const generated = jobs.value.some(({ unitGap }) => unitGap > 0);
  const rate = rateOf(request, generated);
  if (!rate.ok) return rate;
  const speeds = speedsOf(request, generated);
  if (!speeds.ok) return speeds;
  const kinds = kindsOf(request, generated);
  if (!kinds.ok) return kinds;
  const made = [1, ...request.scales].map((factor) => ({
    name: factor === 1 ? "as it is" : `${Math.round(factor * 1_000) / 10} % of the accelerators`,
    trace: traceOf(jobs.value, speeds.value, {
      kinds: factor === 1 ? kinds.value : scaleKinds(kinds.value, factor),
      jobsPerHour: rate.value,
    }),
  }));
  for (const { trace } of made) {
    const stuck = refuseStuck(jobs.value, trace);
    if (stuck !== undefined) return stuck;
  }
  const count = jobs.value.length;
  const protocol = generated && count > MEASURED[1];
  const measured = protocol ? MEASURED : ([0, count - 1] as const);
  return ok(
    roundsReport({
      ...{ title: `Gavel trace ${request.traceSaid}`, scenarios: made, measured, onProgress },
      ...{ policies: policies.value, moveCostS: request.moveCostS },
      arrivalsMax: protocol ? ARRIVALS_MAX : count * TIMES_READ,
      facts: [
        ["jobs", `${count}; measured are ${measured.join(" to ")}`],
        ["arrivals", rate.value === undefined ? "as in the trace" : `${rate.value} an hour`],
        ["cluster", kinds.value.map((kind) => `${kind.count} ${kind.name}`).join(", ")],
        ["moves", `cost ${request.moveCostS} s each`],
        ["command", request.command],
      ],
    }),
  );
}

function policiesOf(asked: readonly string[]): Outcome<readonly RoundsPolicyName[]> {
  if (asked.length === 0) return ok(POLICIES_DEFAULT);
  if (asked.includes("all")) return ok(ROUNDS_POLICIES);
  const known: RoundsPolicyName[] = [];
  for (const name of asked) {
    const policy = ROUNDS_POLICIES.find((one) => one === name);
    if (policy === undefined) return unknownPolicy(name, ROUNDS_POLICIES);
    known.push(policy);
  }
  return ok(known);
}

function rateOf({ rate }: SimulateRequest, generated: boolean): Outcome<number | undefined> {
  if (generated && rate === undefined) {
    const hint = "Add --rate, in jobs an hour, e.g. --rate 2.0.";
    return refuse("USAGE", "These jobs have gaps and no times of arrival.", hint);
  }
  if (!generated && rate !== undefined) {
    return refuse("USAGE", "These jobs have times of arrival.", "Leave --rate out.");
  }
  return ok(rate);
}

function speedsOf({ trace = "", speeds }: SimulateRequest, generated: boolean): Outcome<Speeds> {
  const table = generated ? "simulation_throughputs.csv" : "physical_cluster_throughputs.csv";
  const path = speeds ?? join(dirname(trace), "..", table);
  if (speeds === undefined && !existsSync(path)) {
    const hint = "Name the table of speeds with --speeds FILE.";
    return refuse("NOT_FOUND", `There is no table of speeds at ${path}.`, hint);
  }
  const text = readText(path, "a table of speeds");
  return text.ok ? inFile(path, parseGavelSpeeds(text.value)) : text;
}

/** The kinds of a cluster file are the first words of its models, in small letters. */
function kindsOf({ cluster }: SimulateRequest, generated: boolean): Outcome<KindTrace["kinds"]> {
  const counts = new Map<string, number>();
  if (cluster === undefined) {
    for (const [name, count] of Object.entries(generated ? KINDS_GENERATED : KINDS_ARRIVALS)) {
      counts.set(name, count);
    }
  } else {
    const read = readCluster(cluster);
    if (!read.ok) return read;
    for (const { accelerators } of nodesOf(read.value)) {
      for (const { model } of accelerators) {
        const name = model.split(" ")[0]!.toLowerCase();
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    }
  }
  return ok([...counts].map(([name, count]) => ({ name, count })));
}

function traceOf(
  rows: readonly KindJob[],
  speeds: Speeds,
  how: { readonly kinds: KindTrace["kinds"]; readonly jobsPerHour: number | undefined },
): KindTrace {
  const again = rows.length > MEASURED[1] ? EQUAL_SHARE_JOBS : rows.length * TIMES_READ;
  return kindTrace(rows, speeds, {
    ...how,
    count: how.jobsPerHour === undefined ? rows.length : again,
  });
}

/** Every job must be able to run on at least one kind, or it would never end. */
function refuseStuck(rows: readonly KindJob[], { kinds, speed }: KindTrace) {
  const stuck = rows.findIndex(
    ({ gpus }, job) =>
      !kinds.some(({ count }, kind) => gpus <= count && speed[job * kinds.length + kind]! > 0),
  );
  if (stuck < 0) return undefined;
  const { jobType, gpus } = rows[stuck]!;
  const where = kinds.map(({ name, count }) => `${name} (${count})`).join(", ");
  return refuse(
    "INVALID_REQUEST",
    `Job ${stuck}, ${jobType} on ${gpus} accelerators, can run on none of ${where}.`,
    "Give a larger cluster, or a table of speeds that has this job.",
    `job ${stuck}`,
  );
}
