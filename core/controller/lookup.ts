// Finding things in the state. An unknown id here is a bug: ids from outside are checked before.
import type { HeldAccelerators } from "../ledger/index.ts";
import {
  assert,
  deviceCount,
  type Lease,
  type LeaseEnd,
  type OfferPrices,
  offeredPrice,
  type Placement,
  SHARE_MILLI,
} from "../pool/index.ts";
import type { JobState, LeaseState, Member, Site, State } from "./state.ts";

/** The job by its id. */
export function theJob(state: State, jobId: string): JobState {
  const job = state.jobs.get(jobId);
  assert(job !== undefined, `job ${jobId} is known`);
  return job;
}

/** The lease by its id, ended or not. */
export function theLease(state: State, leaseId: string): LeaseState {
  const lease = state.leases.get(leaseId);
  assert(lease !== undefined, `lease ${leaseId} is known`);
  return lease;
}

/** The site by its id. */
export function theSite(state: State, siteId: string): Site {
  const site = state.sites.get(siteId);
  assert(site !== undefined, `site ${siteId} is known`);
  return site;
}

/** The member by its name. */
export function theMember(state: State, name: string): Member {
  const member = state.members.get(name);
  assert(member !== undefined, `member ${name} is known`);
  return member;
}

/** True if a site's agent would not start the lease because of its owner's terms. */
export const isOutsideOffer = ({ outcome, message }: LeaseEnd): boolean =>
  outcome === "refused" && message.startsWith("OUTSIDE_OFFER");

/** Leases of a job that have not ended, oldest first. */
export const openLeasesOf = (state: State, job: JobState): LeaseState[] =>
  job.leaseIds.map((id) => theLease(state, id)).filter((lease) => lease.stage !== "ended");

/** What the devices of a lease count in fair share, in middling ones; 0 without a device. */
export function shareDevices({ placements, shareMilli }: Lease): number {
  const devices = deviceCount(placements);
  return shareMilli === undefined || devices === 0 ? devices : shareMilli / SHARE_MILLI;
}

/** What one of its devices counts, for the books; nothing where all count alike. */
export function shareRatio(lease: Lease): { readonly share?: number } {
  const devices = deviceCount(lease.placements);
  if (lease.shareMilli === undefined || devices === 0) return {};
  return { share: shareDevices(lease) / devices };
}

/** Accelerators of the placements, counted by model, for the books, with the owner's prices. */
export function heldAccelerators(
  site: Site,
  placements: readonly Placement[],
  prices?: OfferPrices,
): readonly HeldAccelerators[] {
  const counted = new Map<string, HeldAccelerators>();
  for (const placement of placements) {
    const node = site.nodes.find((one) => one.name === placement.node);
    for (const id of placement.acceleratorIds) {
      // An accelerator that was taken out while leased is still charged, as a plain GPU.
      const known = node?.accelerators.find((one) => one.id === id);
      const { kind, vendor, model } = known ?? { kind: "gpu", vendor: "", model: "unknown" };
      const key = `${kind}|${vendor}|${model}`;
      const count = (counted.get(key)?.count ?? 0) + 1;
      const price = prices === undefined ? undefined : offeredPrice(prices, { kind, model });
      const priced = price === undefined ? {} : { microPerDeviceHour: price };
      counted.set(key, { kind, vendor, model, count, ...priced });
    }
  }
  return [...counted.values()];
}
