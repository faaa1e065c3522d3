// What the page of a link for browsers is told before anybody agrees: whose it is, what would be
// trained, and what the owner bounds. Whoever has the link may join, so it may also ask this.
import type { TabInvitation } from "@tequio/contract";
import { memberOfSecret, projectLine, type State } from "@tequio/core/controller";
import {
  DEFAULT_OFFER,
  hoursText,
  type Outcome,
  ok,
  refuseTenant,
  type WeeklyHours,
} from "@tequio/core/pool";

/** Runs that are named; more would be read by nobody who is about to lend a tab. */
const RUNS_MAX = 5;

/** The invitation of this secret. Refuses what joining would refuse, but for a used one. */
export function tabInvitation(
  state: State,
  secretHash: string,
  nowMs: number,
): Outcome<TabInvitation> {
  const joined = usedBy(state, secretHash);
  const member = joined === undefined ? memberOfSecret(state, secretHash, nowMs) : ok(joined);
  if (!member.ok) return member;
  const offer = state.members.get(member.value)?.offer?.offer ?? DEFAULT_OFFER;
  const runs = [...state.jobs.values()].filter(
    ({ stage, spec }) =>
      stage !== "ended" &&
      spec.run !== undefined &&
      refuseTenant(offer, projectLine(state, spec.project)) === undefined,
  );
  const named = runs.slice(-RUNS_MAX).reverse();
  return ok({
    pool: state.name,
    member: member.value,
    joined: joined !== undefined,
    runs: named.map(({ jobId, spec: { name, project } }) => ({
      ...{ name, project },
      parameters: state.runs.get(jobId)?.machine.config.parameters ?? null,
    })),
    moreRuns: runs.length - named.length,
    ...whenOpen(offer.hours),
    bandwidth: (offer.bandwidth ?? []).map(({ hours, ...bounds }) => ({
      ...bounds,
      ...whenOpen(hours),
    })),
  });
}

const whenOpen = (hours: WeeklyHours | null) => (hours === null ? {} : { hours: hoursText(hours) });

/** The member for which a browser or a machine has used the secret. */
function usedBy(state: State, secretHash: string): string | undefined {
  for (const { name, invitations } of state.members.values()) {
    const found = invitations.some((one) => one.state === "used" && one.secretHash === secretHash);
    if (found) return name;
  }
  return undefined;
}
