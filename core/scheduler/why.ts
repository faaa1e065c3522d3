// Why a blocked job does not start now: each node gives one reason, and equal ones are counted.
import { WHOLE_MILLI } from "../pool/index.ts";
import { besideReservation, keptFrom, type Stay } from "./backfill/holds.ts";
import type { Demand, Portion } from "./demand.ts";
import { formatCores, formatMiB } from "./feasible/checker.ts";
import { alikeNow } from "./gang/alike.ts";
import { capacity } from "./gang/fit.ts";
import { compareJobIds } from "./order/job-id.ts";
import { partsFree } from "./parts/parts.ts";
import { compareReasons, type Objection, type REASONS, ReasonCount } from "./reasons.ts";
import type { Reason, Wait, WaitingView } from "./types.ts";
import type { NodeState, Room, World } from "./world.ts";

export interface Blocked {
  /** How long the job would stay if it started now. */
  readonly stay: Stay;
  /** Sites where it may not go, and why. */
  readonly excluded: ReadonlyMap<string, Objection>;
}

const HELD: Reason = { code: "HELD", text: "the job is held", nodes: 0 };

/** What is said of jobs that something other than resources holds, by their numbers. */
export const heldWaits = (waiting: readonly WaitingView[]): readonly Wait[] =>
  waiting
    .filter((job) => !job.eligible)
    .sort((a, b) => compareJobIds(a.jobId, b.jobId))
    .map((job) => ({ jobId: job.jobId, reasons: [job.holdReason ?? HELD] }));

/** Reasons of all nodes; never empty. */
export function whyBlocked(demand: Demand, job: Blocked, world: World): readonly Reason[] {
  if (world.sites.length === 0) return [poolReason("NO_NODES", "the pool has no nodes yet")];
  const reasons = new ReasonCount();
  reasons.addAll(demand.objections);
  const busy = demand.portions.map(busyObjections);
  const gang = gangObjection(demand);
  for (const site of world.sites) {
    for (const [node, count] of alikeNow(site).each()) {
      const first = demand.portions.findIndex((p) => p.matching[node.classIndex] !== undefined);
      if (first === -1) continue; // Counted with its class above.
      const excluded = job.excluded.get(site.siteId);
      if (excluded !== undefined) {
        reasons.add(excluded, count);
        continue;
      }
      const portion = demand.portions[first]!;
      const free = (room: Room) => demand.portions.some((p) => capacity(p, node, room, 1) > 0);
      if (free(besideReservation(node, node.room, job.stay))) {
        reasons.add(gang, count);
        continue;
      }
      const kept = free(node.room) ? keptFrom(node, job.stay) : keptForStopping(node);
      reasons.add(kept ?? busyObjection(portion, busy[first]!, node), count);
    }
  }
  return gathered(reasons.list());
}

const keptForStopping = ({ keptFor }: NodeState): Objection | undefined =>
  keptFor === undefined ? undefined : { code: "RESERVED_FOR", text: `kept for job ${keptFor}` };

/** Jobs for which nodes are kept, told one by one. */
const KEPT_TOLD_MAX = 3;

/** Nodes that are kept for many jobs are told as one reason. */
function gathered(reasons: readonly Reason[]): readonly Reason[] {
  const kept = reasons.filter(({ code }) => code === "RESERVED_FOR");
  const [first] = kept;
  if (first === undefined || kept.length <= KEPT_TOLD_MAX) return reasons;
  const nodes = kept.reduce((sum, one) => sum + one.nodes, 0);
  const text = `${first.text} and ${kept.length - 1} others`;
  const rest = reasons.filter(({ code }) => code !== "RESERVED_FOR");
  return [...rest, { code: first.code, text, nodes }].sort(compareReasons);
}

/** A reason that has nothing to do with nodes. */
export const poolReason = (code: keyof typeof REASONS, text: string): Reason => ({
  code,
  text,
  nodes: 0,
});

interface BusyObjections {
  readonly devices: Objection;
  readonly cpu: Objection;
  readonly memory: Objection;
}

function busyObjections({ need }: Portion): BusyObjections {
  const { accelerators, partMilli, milliCpu, memoryMiB } = need.resources;
  const part = `less than ${(partMilli ?? 0) / WHOLE_MILLI} of any matching accelerator is free`;
  const text =
    partMilli !== undefined
      ? part
      : accelerators === 1
        ? "no matching accelerator is free"
        : `fewer than ${accelerators} matching accelerators are free`;
  return {
    devices: { code: "ACCELERATORS_BUSY", text },
    cpu: { code: "CPU_BUSY", text: `less than ${formatCores(milliCpu)} free` },
    memory: {
      code: "NODE_MEMORY_BUSY",
      text: `less than ${formatMiB(memoryMiB)} of memory free`,
    },
  };
}

function busyObjection(portion: Portion, busy: BusyObjections, node: NodeState): Objection {
  const { accelerators, partMilli, milliCpu } = portion.need.resources;
  const matching = portion.matching[node.classIndex] ?? [];
  let free = 0;
  for (const device of matching) free += node.room.devices[device]!;
  if (partMilli !== undefined) free = partsFree(partMilli, matching, node.room);
  if (free < accelerators) return busy.devices;
  return node.room.milliCpu < milliCpu ? busy.cpu : busy.memory;
}

const gangObjection = ({ tasks }: Demand): Objection => ({
  code: "GANG",
  text: `has room for some of the ${tasks} tasks, but its site not for all at one time`,
});
