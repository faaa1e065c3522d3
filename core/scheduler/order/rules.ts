// Which of two jobs goes first, as far as fair share has no say: the class of priority that a job
// has reached by waiting, and within one class and project the deadlines that are near, then time.
// A pass asks here; so does who counts a job's place in the queue.
import {
  AGEING_DEFAULT,
  type Ageing,
  agedPriority,
  type JobSpec,
  latestStartMs,
} from "../../pool/index.ts";
import { compareJobIds } from "./job-id.ts";

/** A deadline is near when less than the job's own time limit is left until its latest start, and
 * never later than this: time enough for some leases to end, and for the job to get its turn. */
const DEADLINE_NEAR_MS = 3_600_000;

export interface OrderRules {
  readonly nowMs: number;
  /** Null: waiting adds nothing to a priority. */
  readonly ageing: Ageing | null;
}

/** No deadline is near and waiting adds nothing. */
export const TIMELESS: OrderRules = { nowMs: -Infinity, ageing: null };

/** What the rules look at in a job. */
export interface Ordered {
  readonly jobId: string;
  readonly spec: JobSpec;
  readonly submittedAtMs: number;
}

/** The rules of a moment; without a setting of the pool the default ageing holds. */
export const orderRules = (nowMs: number, ageing: Ageing | null | undefined): OrderRules => ({
  nowMs,
  ageing: ageing === undefined ? AGEING_DEFAULT : ageing,
});

/**
 * The class in which a job competes: the highest priority that somebody has asked for and that
 * this one has reached, by itself or by waiting. So waiting carries a job into higher classes, and
 * the jobs of one class, long there or not, are still told apart by fair share. `asked` is in
 * ascending order.
 */
export function classOf(
  priority: number,
  submittedAtMs: number,
  asked: readonly number[],
  { nowMs, ageing }: OrderRules,
): number {
  const aged = agedPriority(priority, nowMs - submittedAtMs, ageing);
  let [low, high] = [0, asked.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (asked[middle]! <= aged) low = middle + 1;
    else high = middle;
  }
  return Math.max(priority, asked[low - 1] ?? priority);
}

/** What waiting has added to the job's priority so far. */
export const pointsOf = ({ spec, submittedAtMs }: Ordered, { nowMs, ageing }: OrderRules): number =>
  agedPriority(spec.priority, nowMs - submittedAtMs, ageing) - spec.priority;

/** True when the job must have its turn now, or will hardly be able to start in time. */
function isUrgent({ spec, submittedAtMs }: Ordered, nowMs: number): boolean {
  if (spec.deadline === undefined) return false;
  const slackMs = latestStartMs(spec, submittedAtMs) - nowMs;
  return slackMs <= Math.max(DEADLINE_NEAR_MS, spec.walltimeMs);
}

/** True when waiting has added all that it can: then no deadline overtakes any more. */
const isAged = ({ submittedAtMs }: Ordered, { nowMs, ageing }: OrderRules): boolean =>
  ageing !== null && nowMs - submittedAtMs >= ageing.pointMs * ageing.pointsMax;

/**
 * Within one class and project, negative if `a` goes first: what has waited longest beyond all
 * measure, then near deadlines by the latest start, then the time of submission, then the id.
 */
export function compareOrdered(a: Ordered, b: Ordered, rules: OrderRules): number {
  const [rankA, rankB] = [rankOf(a, rules), rankOf(b, rules)];
  if (rankA !== rankB) return rankA - rankB;
  const starts = rankA === NEAR ? latest(a) - latest(b) : 0;
  return starts || a.submittedAtMs - b.submittedAtMs || compareJobIds(a.jobId, b.jobId);
}

const latest = ({ spec, submittedAtMs }: Ordered): number => latestStartMs(spec, submittedAtMs);

const [AGED, NEAR, PLAIN] = [0, 1, 2];

function rankOf(job: Ordered, rules: OrderRules): number {
  if (job.spec.deadline === undefined) return isAged(job, rules) ? AGED : PLAIN;
  if (isAged(job, rules)) return AGED;
  return isUrgent(job, rules.nowMs) ? NEAR : PLAIN;
}

/** Jobs that ask for the same go by their deadlines among themselves: it costs nobody else. */
export const compareDeadlines = (a: Ordered, b: Ordered): number =>
  latest(a) - latest(b) || a.submittedAtMs - b.submittedAtMs || compareJobIds(a.jobId, b.jobId);
