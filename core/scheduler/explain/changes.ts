// Single changes of a request: which there are, and which of them would let it start soonest.
// When a request could start is asked of the caller, who knows the pass. The words are those of
// a job file, so that a change can be copied from the answer into the file.
import type { JobSpec, Resources } from "../../pool/index.ts";
import { formatMiB } from "../feasible/checker.ts";
import { acceptsRecall } from "../lending.ts";
import type { Reason, WaitingView } from "../types.ts";
import { aboutLong, timeLimit } from "./durations.ts";

/** One thing that would let a job start sooner. */
export interface Change {
  /** One sentence, e.g. "Without `model: H100` it would start now." */
  readonly text: string;
  /** Epoch milliseconds. */
  readonly startMs: number;
  /** True if it would start at once. */
  readonly now: boolean;
  /** How much sooner than as it is; absent if as it is nothing that is lent can take it. */
  readonly gainMs?: number;
}

/** Asks about one request. A step may be left for a moment: nothing changes meanwhile. */
export interface Asked {
  readonly nowMs: number;
  /** True if it would start at once. */
  readonly startsNow: (job: WaitingView) => Steps<boolean>;
  /** Epoch milliseconds of its earliest start; undefined: not on what is lent now. */
  readonly earliestMs: (job: WaitingView) => Steps<number | undefined>;
  /** Its likely start, what is ahead counted; asked of few, as it takes longer. */
  readonly likelyMs: (job: WaitingView) => Steps<number | undefined>;
}

/** Work that may be left between two steps. */
export type Steps<T> = Generator<undefined, T, undefined>;

interface Idea {
  /** E.g. "Without `model: H100`". */
  readonly words: string;
  readonly spec: JobSpec;
}

/** Changes that are told: a longer list is not a hint any more. */
const TOLD_MAX = 3;
/** What is won by less is not worth a change: the estimates are no better than that. */
const GAIN_MIN_MS = 60_000;
/** Labels that are left out one by one. */
const LABELS_MAX = 4;
const MINUTE_MS = 60_000;
const GIB = 1_024;
const CORE = 1_000;

/** The best changes, soonest first; `asItIsMs` is the likely start as it is, if there is one. */
export function* bestChanges(
  job: WaitingView,
  reasons: readonly Reason[],
  asItIsMs: number | undefined,
  asked: Asked,
): Steps<readonly Change[]> {
  const { nowMs } = asked;
  const now: Change[] = [];
  const later: { readonly idea: Idea; readonly earliestMs: number }[] = [];
  const consider = function* (idea: Idea): Steps<void> {
    const earliestMs = yield* asked.earliestMs({ ...job, spec: idea.spec });
    if (earliestMs !== undefined) later.push({ idea, earliestMs });
  };
  const found = (idea: Idea): void => {
    now.push(changeOf(idea.words, nowMs, nowMs, asItIsMs));
  };
  for (const idea of wholeIdeas(job.spec)) {
    if (yield* asked.startsNow({ ...job, spec: idea.spec })) found(idea);
    else yield* consider(idea);
  }
  for (const amount of amounts(job.spec, reasons)) {
    const idea = yield* mostThatStarts(job, amount, asked);
    if (idea !== undefined) found(idea);
    else if (amount.later) yield* consider(amount.at(1));
  }
  const most = TOLD_MAX - now.length;
  if (most <= 0) return now.slice(0, TOLD_MAX);
  const best = later.sort((a, b) => a.earliestMs - b.earliestMs).slice(0, TOLD_MAX);
  const sooner: Change[] = [];
  for (const { idea } of best) {
    const startMs = yield* asked.likelyMs({ ...job, spec: idea.spec });
    if (startMs === undefined || (asItIsMs ?? Infinity) - startMs < GAIN_MIN_MS) continue;
    sooner.push(changeOf(idea.words, startMs, nowMs, asItIsMs));
  }
  return [...now, ...sooner.sort((a, b) => a.startMs - b.startMs).slice(0, most)];
}

function changeOf(
  words: string,
  startMs: number,
  nowMs: number,
  asItIsMs: number | undefined,
): Change {
  const now = startMs <= nowMs;
  const when = now ? "now" : `in about ${aboutLong(startMs - nowMs)}`;
  if (asItIsMs === undefined) {
    const text = `${words} it would start ${when}; as it is, nothing that is lent now can take it.`;
    return { text, startMs, now };
  }
  const instead = now ? "" : ` instead of ${aboutLong(asItIsMs - nowMs)}`;
  const gainMs = Math.max(0, asItIsMs - startMs);
  return { text: `${words} it would start ${when}${instead}.`, startMs, now, gainMs };
}

/** Requests that leave one demand out. */
function wholeIdeas(spec: JobSpec): readonly Idea[] {
  const ideas: Idea[] = [];
  const without = (field: keyof Resources, name: string, show = plainly): void => {
    const given = spec.groups.map(({ resources }) => resources[field]);
    const value = given.find((one) => one !== undefined);
    if (value === undefined) return;
    const drop = ({ [field]: _dropped, ...rest }: Resources): Resources => rest as Resources;
    ideas.push({ words: `Without \`${name}: ${show(value)}\``, spec: withResources(spec, drop) });
  };
  without("model", "model");
  without("vendor", "vendor");
  without("kind", "kind");
  without("acceleratorMemoryMiB", "acceleratorMemory", (value) => sizeOf(Number(value)));
  const { constraints } = spec;
  const constrained = (words: string, change: Partial<JobSpec["constraints"]>): void => {
    ideas.push({ words, spec: { ...spec, constraints: { ...constraints, ...change } } });
  };
  if (constraints.members.length > 0) constrained("Without `members`", { members: [] });
  if (constraints.excludeMembers.length > 0) {
    constrained("Without `excludeMembers`", { excludeMembers: [] });
  }
  for (const [key, value] of Object.entries(constraints.labels).slice(0, LABELS_MAX)) {
    const { [key]: _dropped, ...labels } = constraints.labels;
    constrained(`Without the label \`${key}: ${value}\``, { labels });
  }
  if (!acceptsRecall(spec)) {
    ideas.push({ words: "With `preemptible: true`", spec: { ...spec, preemptible: true } });
  }
  return ideas;
}

/** A number of the request that could be smaller, in whole units. */
interface Amount {
  readonly units: number;
  readonly at: (units: number) => Idea;
  /** True if it is worth knowing when the least of it would start, if not now. */
  readonly later: boolean;
}

/** Numbers that may stand in the way; processors and memory only where a node says so. */
function amounts(spec: JobSpec, reasons: readonly Reason[]): readonly Amount[] {
  const found: Amount[] = [];
  const add = (units: number, later: boolean, at: Amount["at"]): void => {
    if (units > 1) found.push({ units, at, later });
  };
  const told = (codes: readonly string[]): boolean =>
    reasons.some(({ code }) => codes.includes(code));
  add(Math.ceil(spec.walltimeMs / MINUTE_MS), false, (minutes) => {
    const walltimeMs = minutes * MINUTE_MS;
    return { words: `With \`time: ${timeLimit(walltimeMs)}\``, spec: { ...spec, walltimeMs } };
  });
  // A job of unlike groups has no one number of tasks.
  const [group, ...others] = spec.groups;
  if (group === undefined || others.length > 0) return found;
  add(group.count, true, (count) => ({
    words: `With \`tasks: ${count}\``,
    spec: { ...spec, groups: [{ ...group, count }] },
  }));
  const { accelerators, milliCpu, memoryMiB } = group.resources;
  add(accelerators, true, (units) => ({
    words: `With \`accelerators: ${units}\`${group.count > 1 ? " a task" : ""}`,
    spec: withResources(spec, (all) => ({ ...all, accelerators: units })),
  }));
  if (told(["CPU_BUSY", "CPU"])) {
    add(Math.ceil(milliCpu / CORE), false, (cores) => ({
      words: `With \`cpus: ${cores}\``,
      spec: withResources(spec, (all) => ({ ...all, milliCpu: cores * CORE })),
    }));
  }
  if (told(["NODE_MEMORY_BUSY", "NODE_MEMORY"])) {
    add(Math.ceil(memoryMiB / GIB), false, (gib) => ({
      words: `With \`memory: ${sizeOf(gib * GIB)}\``,
      spec: withResources(spec, (all) => ({ ...all, memoryMiB: gib * GIB })),
    }));
  }
  return found;
}

/** The most below the asked amount that would start at once, by halving. */
function* mostThatStarts(
  job: WaitingView,
  { units, at }: Amount,
  asked: Asked,
): Steps<Idea | undefined> {
  const starts = (some: number): Steps<boolean> => asked.startsNow({ ...job, spec: at(some).spec });
  if (!(yield* starts(1))) return undefined;
  let [low, high] = [1, units - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (yield* starts(middle)) low = middle;
    else high = middle - 1;
  }
  return at(low);
}

const withResources = (spec: JobSpec, change: (all: Resources) => Resources): JobSpec => ({
  ...spec,
  groups: spec.groups.map((group) => ({ ...group, resources: change(group.resources) })),
});

const plainly = (value: unknown): string => String(value);

/** `40G` as a job file takes it. */
const sizeOf = (memoryMiB: number): string => formatMiB(memoryMiB).replace(/ ([GM])iB$/, "$1");
