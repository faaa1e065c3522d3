// What the pool learns of how fast its devices are: from jobs that completed and from stretches of
// runs. The observations are part of the state, folded from events that the journal has anyway;
// the table made of them is not.
import { priced } from "../ledger/index.ts";
import { deviceCount, type ModelShape, type Node, offeredPrice } from "../pool/index.ts";
import {
  type Device,
  type DeviceFacts,
  kindOf,
  observe,
  runKindOf,
  Speeds,
  type Stock,
  ThroughputTable,
} from "../scheduler/index.ts";
import type { Contribution } from "../training/index.ts";
import { offerOf } from "./lending.ts";
import { heldAccelerators, theJob, theSite } from "./lookup.ts";
import type { JobState, LeaseState, State } from "./state.ts";

/** Shorter jobs tell how fast a program starts and not how fast it works. */
const RAN_MIN_MS = 5_000;

/** Shorter stretches are timed too coarsely. */
const COMPUTED_MIN_MS = 100;

/** Times of runs are kept for so many tokens: the numbers are then those of seconds. */
const TOKENS_TIMED = 1_000_000;

/** A lease has ended. Only what completed says how long the work takes; a killed job says less. */
export function learnSpeed(state: State, { lease, end, estimated }: LeaseState): void {
  if (end?.outcome !== "completed" || end.exitCode !== 0 || estimated) return;
  const { spec } = theJob(state, lease.jobId);
  const { ranMs } = end.usage;
  if (spec.run !== undefined || ranMs < RAN_MIN_MS) return;
  const held = deviceOf(state, lease);
  if (held !== undefined) observe(state.throughput, { kind: kindOf(spec), ...held, time: ranMs });
}

/** A site delivered its part of a round: tokens, and how long they took. */
export function learnStretch(state: State, jobId: string, contribution: Contribution): void {
  const { siteId, computeMs, tokens } = contribution;
  const job = theJob(state, jobId);
  if (job.spec.run === undefined || computeMs < COMPUTED_MIN_MS || tokens <= 0) return;
  const leaseId = latestLeases(state, job).get(siteId);
  const lease = leaseId === undefined ? undefined : state.leases.get(leaseId)?.lease;
  if (lease === undefined) return;
  const held = deviceOf(state, lease);
  if (held === undefined) return;
  const time = (computeMs * TOKENS_TIMED) / tokens;
  observe(state.throughput, { kind: runKindOf(job.spec.run.model), ...held, time });
}

/** The newest lease of a job at each site, made longer as the job gets leases: a run of thousands
 * of sites would otherwise search them all for each contribution. */
const latest = new WeakMap<JobState, { seen: number; readonly bySite: Map<string, string> }>();

function latestLeases(state: State, job: JobState): ReadonlyMap<string, string> {
  let known = latest.get(job);
  if (known === undefined || known.seen > job.leaseIds.length) {
    known = { seen: 0, bySite: new Map() };
    latest.set(job, known);
  }
  for (const leaseId of job.leaseIds.slice(known.seen)) {
    const lease = state.leases.get(leaseId)?.lease;
    if (lease !== undefined) known.bySite.set(lease.siteId, leaseId);
  }
  known.seen = job.leaseIds.length;
  return known.bySite;
}

/** The product that a lease holds and how many of it; undefined for none or several products. */
function deviceOf(
  state: State,
  { siteId, placements }: Pick<LeaseState["lease"], "siteId" | "placements">,
): { readonly device: Device; readonly count: number } | undefined {
  // How fast a part is says nothing of a whole device.
  if (placements.some(({ partMilli }) => partMilli !== undefined)) return undefined;
  const site = theSite(state, siteId);
  const [group, ...others] = heldAccelerators(site, placements);
  // Without a vendor: the device was taken out while it was leased, and nobody knows what it was.
  if (group === undefined || others.length > 0 || group.vendor === "") return undefined;
  const { kind, model } = group;
  return { device: { kind, model }, count: deviceCount(placements) };
}

/** A table is made anew when so much more has been seen: making one takes some milliseconds. */
const RENEWED_AT = 1.05;

const tables = new WeakMap<State, { readonly table: ThroughputTable; readonly seen: number }>();

/** What the pool has learned so far. */
export function throughputOf(state: State): ThroughputTable {
  const { throughput } = state;
  const known = tables.get(state);
  if (known !== undefined && throughput.seen < RENEWED_AT * known.seen + 1) return known.table;
  const table = new ThroughputTable(throughput);
  tables.set(state, { table, seen: throughput.seen });
  return table;
}

/** Products of a site: nodes never change, new ones take their place. */
const stocks = new WeakMap<readonly Node[], ReadonlyMap<string, Stock>>();

function stockOf(nodes: readonly Node[]): ReadonlyMap<string, Stock> {
  const known = stocks.get(nodes);
  if (known !== undefined) return known;
  const stock = new Map<string, Stock>();
  for (const { accelerators } of nodes) {
    for (const { kind, model } of accelerators) {
      const key = `${kind} ${model}`;
      const count = (stock.get(key)?.count ?? 0) + 1;
      stock.set(key, { device: { kind, model }, count });
    }
  }
  stocks.set(nodes, stock);
  return stock;
}

/** Speeds relative to the mean device of the pool as it is. */
export function speedsOf(state: State): Speeds {
  const all = new Map<string, Stock>();
  for (const { nodes } of state.sites.values()) {
    for (const [key, { device, count }] of stockOf(nodes)) {
      all.set(key, { device, count: count + (all.get(key)?.count ?? 0) });
    }
  }
  return new Speeds(throughputOf(state), [...all.values()]);
}

/** Speeds, and what an hour costs by the owner's offer, else by the pool's prices. */
export function deviceFacts(state: State): DeviceFacts {
  return {
    speeds: speedsOf(state),
    priceOf: (siteId, { kind, vendor, model }) => {
      const { prices } = offerOf(state, theSite(state, siteId));
      const offered = offeredPrice(prices, { kind, model });
      const group = { kind, vendor, model, count: 1 };
      return offered ?? priced([group], state.ledger.rates)[0]!.microPerDeviceHour;
    },
  };
}

/** Tokens that `count` devices train in a second, by what was measured; undefined: never was. */
export function learnedTokensPerSecond(
  state: State,
  model: ModelShape,
  device: Device,
  count: number,
): number | undefined {
  const expected = throughputOf(state).expected(runKindOf(model), device, count);
  return expected === undefined ? undefined : (1_000 * TOKENS_TIMED) / expected.time;
}
