// Projects as fair share sees them: what each used, faded, with what runs now, and what its owner's
// machines gave for it. The order that follows from it is the scheduler's.
import { creditsOf, type OwnerAccount, usageAt } from "../ledger/index.ts";
import type { ProjectView } from "../scheduler/index.ts";
import { offerOf, projectLine } from "./lending.ts";
import { shareDevices, theJob, theLease } from "./lookup.ts";
import type { State } from "./state.ts";

/** Usage counts while it happens: the books learn of a lease only when it has ended. */
export function projectViews(state: State, nowMs: number): ProjectView[] {
  const used = new Map<string, number>();
  const served = new Map<string, number>();
  const add = (sums: Map<string, number>, name: string, usedMs: number): void => {
    sums.set(name, (sums.get(name) ?? 0) + usedMs);
  };
  const { usage } = state.ledger;
  for (const name of state.projects.keys()) {
    add(used, name, usageAt(usage, "projectShare", name, state.nowMs));
  }
  for (const { openLeases, member } of state.sites.values()) {
    for (const leaseId of openLeases) {
      const { lease, startedAtMs } = theLease(state, leaseId);
      if (startedAtMs === null) continue;
      const usedMs = shareDevices(lease) * Math.max(0, nowMs - startedAtMs);
      add(used, theJob(state, lease.jobId).spec.project, usedMs);
      add(served, member, usedMs);
    }
  }
  const credits = creditsOf(ownerAccounts(state, served), used);
  return [...state.projects.values()].map(({ name, parent, shares, caps }) => {
    const credit = credits.get(name);
    return {
      ...{ name, parent, shares, usage: used.get(name)! },
      ...(credit === undefined ? {} : { credit }),
      ...(caps === undefined ? {} : { caps }),
    };
  });
}

/** Members whose offers name projects as their own; `served` is not yet in the books. */
function ownerAccounts(state: State, served: ReadonlyMap<string, number>): OwnerAccount[] {
  const owned = new Map<string, Set<string>>();
  for (const site of state.sites.values()) {
    const { ownProjects } = offerOf(state, site);
    if (ownProjects.length === 0) continue;
    const names = owned.get(site.member) ?? new Set();
    for (const name of ownProjects) names.add(name);
    owned.set(site.member, names);
  }
  return [...owned].map(([member, names]) => ({
    projects: [...state.projects.keys()].filter((project) =>
      projectLine(state, project).some((name) => names.has(name)),
    ),
    servedMs:
      usageAt(state.ledger.usage, "memberShare", member, state.nowMs) + (served.get(member) ?? 0),
  }));
}
