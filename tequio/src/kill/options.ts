// What a kill test is asked to do: the flags, their defaults, and the one command that repeats a
// run. It leaves the doing to main.ts.
import { parseArgs } from "node:util";

export interface KillOptions {
  readonly runs: number;
  readonly jobs: number;
  readonly sites: number;
  /** Seed of the first run; each further run takes the next number. */
  readonly seed: number;
  /** `folder`: SQLite in the run's own folder; `postgres`: a PostgreSQL server that the run starts
   * and kills as well; or the address of an empty database, for one run. */
  readonly store: string;
  /** Whether sites are also gone for longer than their right to run lasts. */
  readonly longFaults: boolean;
  /** Keeps the folder of every run, not only of failing ones. */
  readonly keep: boolean;
}

/** From so many jobs on a run lasts long enough for sites to be lost for good and come back. */
const LONG_FAULTS_FROM_JOBS = 500;
/** A short run: what fits 90 s on two slow cores. */
const SHORT = { runs: 1, jobs: 150, sites: 3 } as const;
const FULL = { runs: 20, jobs: 2_000, sites: 5 } as const;
const SEED_MAX = 2 ** 31 - 1;

function whole(text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new RangeError(`\`${text}\` is not a whole number from 1 to ${max}.`);
}

/** Reads the flags; throws a RangeError or what `parseArgs` throws for flags that make no sense. */
export function parseOptions(args: readonly string[]): KillOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: "string" },
      jobs: { type: "string" },
      sites: { type: "string" },
      seed: { type: "string" },
      store: { type: "string", default: "folder" },
      short: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
    },
  });
  const usual = values.short ? SHORT : FULL;
  const { store } = values;
  const given = /^postgres(ql)?:\/\//.test(store);
  if (!given && store !== "folder" && store !== "postgres") {
    const known = "`folder`, `postgres` or `postgres://…`";
    throw new RangeError(`\`--store ${store}\` is none of ${known}.`);
  }
  const runs = whole(values.runs, usual.runs, 1_000);
  if (given && runs > 1) throw new RangeError("A database that is given is good for `--runs 1`.");
  const jobs = whole(values.jobs, usual.jobs, 100_000);
  return {
    runs,
    jobs,
    sites: whole(values.sites, usual.sites, 20),
    seed: whole(values.seed, 1, SEED_MAX),
    store,
    longFaults: jobs >= LONG_FAULTS_FROM_JOBS,
    keep: values.keep,
  };
}

/** The command that repeats one run: the same jobs and the same faults at the same moments. */
export const repeatCommand = (options: KillOptions, seed: number): string =>
  `npm run -s test:kill -- --runs 1 --jobs ${options.jobs} --sites ${options.sites} ` +
  `--seed ${seed} --store ${options.store}`;
