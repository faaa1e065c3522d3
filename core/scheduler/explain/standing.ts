// Where a waiting job stands in the order and what decides that: who is ahead by priority, by the
// shares of projects, and by age and deadlines. Counts whole lines, so that a million waiting jobs
// cost little more than the requests that differ. Asked after a pass, when nothing more can start.
import { agedPriority } from "../../pool/index.ts";
import { ESTIMATES } from "../estimates/bounds.ts";
import { JobQueue } from "../order/queue.ts";
import {
  classOf,
  compareOrdered,
  type Ordered,
  type OrderRules,
  TIMELESS,
} from "../order/rules.ts";
import type { ShareTree } from "../order/share-tree.ts";
import type { WaitingLine, WaitingView } from "../types.ts";

/** Jobs that wait, as the order knows them: those that may start, and not those that are held. */
export interface Waiting {
  readonly waiting: readonly WaitingView[];
  readonly lines: readonly WaitingLine[];
}

/** Jobs of one project that go first because of its share. */
export interface ProjectAhead {
  readonly project: string;
  readonly jobs: number;
  /** What it has used of its share, in percent; absent while nothing is used. */
  readonly usedPercent?: number;
}

export interface Standing {
  /** The job's priority with what waiting has added; absent: nothing. */
  readonly agedPriority?: number;
  readonly ahead: number;
  /** The first of them, in order. */
  readonly first: readonly WaitingView[];
  readonly ofHigherPriority: number;
  /** Of the same priority, most jobs first. */
  readonly ofOtherProjects: readonly ProjectAhead[];
  /** Older ones of the same priority and project. */
  readonly older: number;
  /** What the job's own project has used of its share, in percent. */
  readonly usedPercent?: number;
}

/** Counts who goes before the job; `tree` is as the pass has left it, and is left so again. */
export function standingOf(
  job: WaitingView,
  { waiting, lines }: Waiting,
  tree: ShareTree,
  rules: OrderRules = TIMELESS,
): Standing {
  const eligible = waiting.filter((other) => other.eligible);
  const reaches = classesOf(eligible, lines, rules);
  const own = reaches(job);
  const { project } = job.spec;
  const isHigher = (other: Ordered): boolean => reaches(other) > own;
  const isPeer = (other: Ordered): boolean => reaches(other) >= own;
  const isBefore = (other: Ordered): boolean =>
    reaches(other) > own || (reaches(other) === own && compareOrdered(other, job, rules) < 0);
  let [ofHigherPriority, older] = [0, 0];
  const peers = new Map<string, number>();
  const add = (of: string, higher: number, peer: number, before: number): void => {
    ofHigherPriority += higher;
    if (of === project) older += before - higher;
    peers.set(of, (peers.get(of) ?? 0) + peer - higher);
  };
  const one = (holds: boolean): number => (holds ? 1 : 0);
  for (const other of eligible) {
    if (other.jobId === job.jobId) continue;
    add(other.spec.project, one(isHigher(other)), one(isPeer(other)), one(isBefore(other)));
  }
  for (const line of lines) {
    const before = line.project === project ? leading(line, isBefore) : 0;
    add(line.project, leading(line, isHigher), leading(line, isPeer), before);
  }
  const ofOtherProjects = projectsAhead(project, peers, tree);
  const usedPercent = tree.usedPercent(project);
  const aged = agedPriority(job.spec.priority, rules.nowMs - job.submittedAtMs, rules.ageing);
  return {
    ...(aged === job.spec.priority ? {} : { agedPriority: aged }),
    ahead: ofHigherPriority + older + ofOtherProjects.reduce((sum, { jobs }) => sum + jobs, 0),
    first: firstAhead(job, eligible, lines, tree, rules),
    ofHigherPriority,
    ofOtherProjects,
    older,
    ...(usedPercent === undefined ? {} : { usedPercent }),
  };
}

/** The class of priority that a job has reached, by itself or by waiting. */
function classesOf(
  eligible: readonly WaitingView[],
  lines: readonly WaitingLine[],
  rules: OrderRules,
): (job: Ordered) => number {
  const asked = new Set(eligible.map(({ spec }) => spec.priority));
  for (const { priority } of lines) asked.add(priority);
  const all = [...asked].sort((a, b) => a - b);
  return ({ spec, submittedAtMs }) => classOf(spec.priority, submittedAtMs, all, rules);
}

/** Jobs of a line up to the first for which it does not hold; the line stands in its order. */
function leading(line: WaitingLine, holds: (job: Ordered) => boolean): number {
  const { count, jobs, countLeading } = line;
  if (countLeading !== undefined) return Math.min(count, countLeading(holds));
  let leads = 0;
  const all = jobs();
  for (let at = all.next().value; at !== undefined; at = all.next().value) {
    if (leads === count || !holds(at)) break;
    leads += 1;
  }
  return leads;
}

/** Projects that have their turn before `own`, with the jobs that they have waiting. */
function projectsAhead(
  own: string,
  peers: ReadonlyMap<string, number>,
  tree: ShareTree,
): readonly ProjectAhead[] {
  const left = new Map(peers).set(own, (peers.get(own) ?? 0) + 1);
  for (const [project, jobs] of left) tree.changeWaiting(project, jobs);
  const ahead: ProjectAhead[] = [];
  for (let next = tree.next(); next !== undefined && next !== own; next = tree.next()) {
    const jobs = left.get(next);
    if (jobs === undefined) break;
    left.delete(next);
    tree.changeWaiting(next, -jobs);
    const usedPercent = tree.usedPercent(next);
    ahead.push({ project: next, jobs, ...(usedPercent === undefined ? {} : { usedPercent }) });
  }
  for (const [project, jobs] of left) tree.changeWaiting(project, -jobs);
  return ahead.sort((a, b) => b.jobs - a.jobs);
}

/** The first jobs in order, up to the job itself. The queue is emptied: the tree counts it. */
function firstAhead(
  job: WaitingView,
  eligible: readonly WaitingView[],
  lines: readonly WaitingLine[],
  tree: ShareTree,
  rules: OrderRules,
): readonly WaitingView[] {
  const queue = new JobQueue(eligible, tree, lines, rules);
  const ahead: WaitingView[] = [];
  let listing = true;
  for (let next = queue.next(); next !== undefined; next = queue.next()) {
    if (next.jobId === job.jobId || ahead.length === ESTIMATES.AHEAD_PLAYED_MAX) listing = false;
    if (listing) ahead.push(next);
    else queue.dropLine();
  }
  return ahead;
}

/** Projects that are named. */
const PROJECTS_TOLD_MAX = 3;

/** What decides the place, as one sentence; the largest part first. */
export function standingSentence({ spec }: WaitingView, standing: Standing): string {
  const { agedPriority: aged, ofHigherPriority, ofOtherProjects, older, usedPercent } = standing;
  const age = aged === undefined ? "" : ` (${aged} with its age)`;
  const own = `project ${spec.project} has used ${percent(usedPercent)} of its share`;
  const first = `priority ${spec.priority}${age}; ${own}`;
  const parts: { readonly jobs: number; readonly text: string }[] = [
    { jobs: ofHigherPriority, text: "of a higher priority" },
    { jobs: older, text: `older or more urgent of project ${spec.project}` },
    {
      jobs: ofOtherProjects.reduce((sum, { jobs }) => sum + jobs, 0),
      text: `of projects that have used less of theirs (${projectsTold(ofOtherProjects)})`,
    },
  ];
  const ahead = parts.filter(({ jobs }) => jobs > 0).sort((a, b) => b.jobs - a.jobs);
  if (ahead.length === 0) return `${first}; it is first in order`;
  return `${first}; ahead: ${ahead.map(({ jobs, text }) => `${jobs} ${text}`).join(", ")}`;
}

function projectsTold(projects: readonly ProjectAhead[]): string {
  const named = projects
    .slice(0, PROJECTS_TOLD_MAX)
    .map(({ project, usedPercent }) => `${project} ${percent(usedPercent)}`);
  const more = projects.length - named.length;
  return more === 0 ? named.join(", ") : `${named.join(", ")} and ${more} more`;
}

const percent = (used: number | undefined): string => `${Math.round(used ?? 0)} %`;
