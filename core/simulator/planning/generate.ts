// A workload drawn from a seed: arrivals by chance with a daily cycle, widths, run times with a
// long tail, owners and models. The same specification, cluster and seed give the same jobs.
import { type Outcome, ok, refuse } from "../../pool/index.ts";
import { type Chance, chanceOf } from "../chance.ts";
import type { Unit } from "./cluster.ts";
import { type PerNode, type PlanJob, Requests, type Workload, workloadOf } from "./jobs.ts";

export interface GenerateSpec {
  readonly jobs: number;
  readonly days: number;
  /** Owners that are made up where no cluster names them. */
  readonly owners: number;
  /** Accelerators that are made up for all owners together where there is no cluster. */
  readonly slots: number;
  /** Work that is asked for, as a part of what the cluster can do in the time. */
  readonly load: number;
  /** How much busier noon is than the mean, 0 to 1. */
  readonly cycle: number;
  /** Spread of run times: the standard deviation of their logarithm. */
  readonly spread: number;
  /** Each owner submits so many times as much as the next one. */
  readonly skew: number;
  /** Widths with weights. */
  readonly sizes: readonly (readonly [width: number, weight: number])[];
  /** Models with weights; empty: any model will do. */
  readonly models: readonly (readonly [model: string, weight: number])[];
}

const DEFAULTS: GenerateSpec = {
  ...{ jobs: 2_000, days: 7, owners: 4, slots: 64, load: 0.8, cycle: 0.5, spread: 1.5, skew: 1.5 },
  // About what the public traces have: most jobs are narrow, most of the work is not.
  sizes: [
    [1, 60],
    [2, 12],
    [4, 12],
    [8, 12],
    [16, 4],
  ],
  models: [],
};

/** Bounds of each number: below makes no sense, above is no plan but a test of patience. */
const BOUNDS = {
  jobs: [1, 1_000_000],
  days: [0.01, 3_660],
  owners: [1, 1_000],
  slots: [1, 100_000],
  load: [0.01, 10],
  cycle: [0, 1],
  spread: [0, 5],
  skew: [1, 10],
} as const;
const WHOLE: ReadonlySet<string> = new Set(["jobs", "owners", "slots"]);
type NumberKey = keyof typeof BOUNDS;
const KEYS = [...Object.keys(BOUNDS), "sizes", "models"];
const EXAMPLE = "jobs=2000,days=7,owners=4,load=0.8,sizes=1:60|2:20|8:20,models=A100:3|H100:1";

/** Reads `key=value,...`; `default` and an empty text mean the defaults. */
export function parseGenerate(text: string): Outcome<GenerateSpec> {
  const spec: Record<string, unknown> = { ...DEFAULTS };
  for (const part of text.trim() === "default" ? [] : text.split(",")) {
    if (part.trim() === "") continue;
    const [key = "", value = ""] = part.split("=").map((side) => side.trim());
    const parsed = parsedValue(key, value);
    if (typeof parsed === "string") {
      const hint = `Write it like ${EXAMPLE}; known are ${KEYS.join(", ")}.`;
      return refuse("INVALID_REQUEST", `--generate ${key}: ${parsed}.`, hint, `generate.${key}`);
    }
    spec[key] = parsed;
  }
  return ok(spec as unknown as GenerateSpec);
}

/** The value of a key, or what is wrong with it. */
function parsedValue(key: string, value: string): number | readonly unknown[] | string {
  if (key === "sizes" || key === "models") return weightsOf(key, value);
  const bounds = Object.hasOwn(BOUNDS, key) ? BOUNDS[key as NumberKey] : undefined;
  if (bounds === undefined) return "there is no such key";
  const number = value === "" ? Number.NaN : Number(value);
  const [from, to] = bounds;
  if (!(number >= from && number <= to)) return `expected a number from ${from} to ${to}`;
  return WHOLE.has(key) && !Number.isInteger(number) ? "expected a whole number" : number;
}

function weightsOf(key: string, value: string): readonly unknown[] | string {
  const pairs: (readonly [number | string, number])[] = [];
  for (const part of value.split("|")) {
    const at = part.lastIndexOf(":");
    const name = (at < 0 ? part : part.slice(0, at)).trim();
    const weight = at < 0 ? 1 : Number(part.slice(at + 1));
    const width = Number(name);
    const broken =
      name === "" || (key === "sizes" && !(Number.isInteger(width) && width >= 1 && width <= 1e5));
    if (broken || !(weight > 0 && weight <= 1e9))
      return `expected NAME:WEIGHT|..., found "${part}"`;
    pairs.push([key === "sizes" ? width : name, weight]);
  }
  return pairs;
}

export interface GenerateInto {
  readonly seed: number;
  readonly owners: readonly string[];
  readonly unit: Unit;
  /** Slots of all owners together, for the load. */
  readonly slots: number;
  /** Slots of the largest site: a job runs on one. */
  readonly widest: number;
  /** For cutting wide jobs into tasks. */
  readonly perNode: PerNode;
}

/** Draws the workload. */
export function generateWorkload(spec: GenerateSpec, into: GenerateInto): Workload {
  const chance = chanceOf(into.seed);
  const requests = new Requests(into.unit, into.perNode);
  const sizes = spec.sizes.filter(([width]) => width <= into.widest);
  const widths = sizes.length === 0 ? ([[1, 1]] as const) : sizes;
  const weights = into.owners.map((_, at) => spec.skew ** -at);
  const drafts = arrivals(spec, chance).map((submitS) => ({
    submitS,
    owner: into.owners[pickIndex(chance, weights)]!,
    width:
      widths[
        pickIndex(
          chance,
          widths.map(([, weight]) => weight),
        )
      ]![0],
    model:
      spec.models[
        pickIndex(
          chance,
          spec.models.map(([, weight]) => weight),
        )
      ]?.[0],
    durationS: Math.exp(spec.spread * normal(chance)),
    user: chance.whole(1, USERS_EACH),
  }));
  const work = drafts.reduce((sum, { width, durationS }) => sum + width * durationS, 0);
  const scale = (spec.load * into.slots * spec.days * DAY_S) / work;
  const jobs = drafts.map((draft): PlanJob => {
    const durationS = Math.max(1, Math.round(draft.durationS * scale));
    return {
      ...{ name: "job", user: `${draft.owner}-${draft.user}`, owner: draft.owner },
      ...{ submitS: draft.submitS, durationS, limitS: limitFor(durationS) },
      request: requests.of(draft.owner, draft.width, draft.model),
    };
  });
  return workloadOf(into.unit, jobs);
}

const DAY_S = 86_400;
/** People of one owner. */
const USERS_EACH = 5;
/** Time limits that people ask for: the next of these that is at least double the run time. */
const LIMITS_H = [1, 4, 12, 24, 72, 168, 336];

function limitFor(durationS: number): number {
  const hours = LIMITS_H.find((limit) => limit * 3_600 >= 2 * durationS);
  return hours === undefined ? 2 * durationS : hours * 3_600;
}

/** Times of submission in whole seconds: uniform by thinning, busiest at noon of each day. */
function arrivals({ jobs, days, cycle }: GenerateSpec, chance: Chance): number[] {
  const times: number[] = [];
  while (times.length < jobs) {
    const atS = chance.next() * days * DAY_S;
    const busy = 1 - cycle * Math.cos((2 * Math.PI * atS) / DAY_S);
    if (chance.next() * (1 + cycle) < busy) times.push(Math.floor(atS));
  }
  return times.sort((a, b) => a - b);
}

function pickIndex(chance: Chance, weights: readonly number[]): number {
  let left = chance.next() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [at, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return at;
  }
  return weights.length - 1;
}

/** A normal variate (Box and Muller, 1958). */
function normal(chance: Chance): number {
  const radius = Math.sqrt(-2 * Math.log(1 - chance.next()));
  return radius * Math.cos(2 * Math.PI * chance.next());
}

/** Names for made-up owners: owner1, owner2, ... */
export const ownerNames = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `owner${at + 1}`);
