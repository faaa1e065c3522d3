// One run of the kill test: a place, jobs, trouble, peace, and the verdict. It leaves printing
// and repeating to main.ts.
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { JobView } from "@tequio/contract";
import { chanceOf } from "@tequio/core/simulator";
import { until } from "../child.ts";
import { type Books, readBooks } from "./books.ts";
import { check, checkAnswers, type Figures, type Witnesses } from "./check.ts";
import { readEvidence } from "./evidence.ts";
import { drawFaults } from "./faults.ts";
import { drawJobs, JOB_SCRIPT } from "./jobs.ts";
import type { KillOptions } from "./options.ts";
import { Place } from "./place.ts";
import { commandOf, processesOf } from "./processes.ts";
import { openRunStore, type RunStore, reopenStore } from "./store.ts";
import { type Accepted, streamJobs } from "./stream.ts";
import { makeTrouble, type Trouble } from "./trouble.ts";

export interface RunReport {
  readonly folder: string;
  readonly violations: readonly string[];
  readonly figures: Figures | undefined;
  readonly faults: ReadonlyMap<string, number>;
  readonly records: number;
  readonly boots: number;
  readonly tookMs: number;
}

/** Jobs that are left when all are accepted end while there still is trouble, up to this long. */
const TROUBLE_AFTER_MS = 15_000;
/** After the last fault: the longest lease to lose, a long job once more, and a slow machine. */
const QUIET_MS = 240_000;
const PAGE_ROWS = 500;

/**
 * Runs once. A broken rule is in the report; only a bug of the test itself throws. `onStarted` is
 * given what ends all processes of the run at once.
 */
export async function runOnce(
  options: KillOptions,
  seed: number,
  onStarted: (abandon: () => Promise<void>) => void,
): Promise<RunReport> {
  const startedMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), `tequio-kill-${seed}-`));
  const store = await openRunStore(options.store);
  const place = new Place({ folder, sites: options.sites, storeUrl: store.url });
  const abandon = async (): Promise<void> => {
    await place.abandon();
    await store.close();
  };
  onStarted(abandon);
  const violations: string[] = [];
  let told: Told | undefined;
  let books: Books | undefined;
  let figures: Figures | undefined;
  const made: { faults: ReadonlyMap<string, number> } = { faults: new Map() };
  try {
    told = await live(options, seed, place, store, made);
    violations.push(...(await place.stop()));
    violations.push(...leftOvers(folder));
    books = await bookkeeping(store, place);
    const witnesses = { ...told, attempts: readEvidence(evidenceFolder(folder)), books };
    const verdict = check(witnesses);
    figures = verdict.figures;
    violations.push(...verdict.violations, ...checkAnswers(told.answers, books.state));
  } catch (error) {
    violations.push(error instanceof Error ? error.message : String(error));
  } finally {
    await abandon();
  }
  violations.unshift(...place.troubles);
  return {
    folder,
    violations,
    figures,
    faults: made.faults,
    records: books?.records ?? 0,
    boots: books?.boots ?? 0,
    tookMs: performance.now() - startedMs,
  };
}

const evidenceFolder = (folder: string): string => join(folder, "evidence");

interface Told extends Pick<Witnesses, "accepted" | "billed"> {
  readonly answers: readonly JobView[];
}

/** The run itself: from the first job to the last answer of a pool that is whole again. */
async function live(
  options: KillOptions,
  seed: number,
  place: Place,
  store: RunStore,
  made: { faults: ReadonlyMap<string, number> },
): Promise<Told> {
  const { folder } = place;
  const chance = chanceOf(seed);
  const jobs = drawJobs(chance, options.jobs, options.longFaults);
  const { sites, longFaults: long } = options;
  const faults = drawFaults(chance, { sites, long, storeKills: store.server !== undefined });
  mkdirSync(evidenceFolder(folder));
  const script = join(folder, "job.sh");
  writeFileSync(script, JOB_SCRIPT);
  await place.start();
  const trouble = makeTrouble(place, faults, store.server);
  made.faults = trouble.made;
  const accepted = await withTrouble(place, trouble, () =>
    streamJobs({
      ...{ place, seed, jobs, script },
      evidenceOf: (job) => join(evidenceFolder(folder), String(job.index)),
    }),
  );
  await place.allHere();
  await until("every job has ended", () => allEnded(place, accepted), QUIET_MS);
  await until("every lease is settled and forgotten", () => settled(place), QUIET_MS);
  const billed = await place.client.call("getUsage", { query: {} });
  if (!billed.ok) throw new Error(`no statement: ${billed.code}: ${billed.message}`);
  return { accepted, billed: billed.value, answers: await allJobs(place) };
}

async function withTrouble(
  place: Place,
  trouble: Trouble,
  stream: () => Promise<readonly Accepted[]>,
): Promise<readonly Accepted[]> {
  try {
    const accepted = await stream();
    const untilMs = performance.now() + TROUBLE_AFTER_MS;
    while (performance.now() < untilMs && !(await allEnded(place, accepted))) await sleep(500);
    return accepted;
  } finally {
    await trouble.end();
  }
}

async function allEnded(place: Place, accepted: readonly Accepted[]): Promise<boolean> {
  const signal = AbortSignal.timeout(5_000);
  const pool = await place.client.call("getPool", { signal });
  return pool.ok && pool.value.jobsEnded >= accepted.length;
}

/** The sites keep nothing of any lease: the pool has every end and every log. */
async function settled(place: Place): Promise<boolean> {
  return place.sites.every(({ folder }) => {
    const names = readdirSync(join(folder, "engine", "leases"));
    return names.every((name) => name.startsWith("."));
  });
}

async function allJobs(place: Place): Promise<readonly JobView[]> {
  const rows: JobView[] = [];
  let cursor: string | undefined;
  do {
    const page = await place.client.call("listJobs", {
      query: { limit: PAGE_ROWS, ...(cursor === undefined ? {} : { cursor }) },
    });
    if (!page.ok) throw new Error(`no list of jobs: ${page.code}: ${page.message}`);
    rows.push(...page.value.rows);
    cursor = page.value.nextCursor;
  } while (cursor !== undefined);
  return rows;
}

const leftOvers = (folder: string): readonly string[] =>
  processesOf(folder).map((pid) => `process ${pid} is left: ${commandOf(pid)}`);

async function bookkeeping(store: RunStore, place: Place): Promise<Books> {
  const opened = await reopenStore(store, place.data);
  if (!opened.ok) throw new Error(`the store: ${opened.code}: ${opened.message}`);
  try {
    const books = await readBooks(opened.value);
    if (!books.ok) throw new Error(`the journal: ${books.code}: ${books.message}`);
    return books.value;
  } finally {
    await opened.value.close();
  }
}
