// Which waiting jobs get one answer: those that ask for the same. The keys by which a pass keeps
// what it found of them, and by which it is asked about jobs that it never looked at.
import type { JobSpec } from "../pool/index.ts";
import { demandKey } from "./demand.ts";
import { acceptsRecall } from "./lending.ts";
import { capKey } from "./order/caps.ts";
import type { Plan, Reason } from "./types.ts";

/** Jobs of one key get one answer in a pass. */
export const requestKey = (spec: JobSpec): string =>
  `${demandKey(spec)} ${spec.walltimeMs} ${acceptsRecall(spec) ? "recall" : ""}`;

/** The same for one project, in a pool where owners choose whom they lend to. */
export const projectKey = (spec: JobSpec): string => `${requestKey(spec)} ${spec.project}`;

/** The same for one user, in a pool where something is kept for single users. */
export const userKey = (spec: JobSpec): string => `${projectKey(spec)} ${spec.user}`;

/** Why a job waits that is not among the plan's waits: what is said of all that are like it. */
export function blockedReasons({ blocked }: Plan, spec: JobSpec): readonly Reason[] | undefined {
  const request = requestKey(spec);
  const keys = [capKey(spec, request), userKey(spec), projectKey(spec), request];
  for (const key of keys) {
    const reasons = blocked.get(key);
    if (reasons !== undefined) return reasons;
  }
  return undefined;
}
