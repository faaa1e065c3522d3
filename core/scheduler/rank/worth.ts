// What a node is still worth to the work that usually comes: how much of its accelerators would be
// used in the end (placement/saturation.ts), for the nodes and requests of a real pool. Kept from
// pass to pass: neither the hardware of a pool nor its mix changes often.
import type { Constraints, JobSpec, Resources } from "../../pool/index.ts";
import { resourceKey } from "../demand.ts";
import { firstObjection, HARDWARE_CHECKERS } from "../feasible/checkers.ts";
import { Mix } from "../placement/mix.ts";
import { ACCELERATORS_PER_NODE_MAX, NodeTable, WHOLE } from "../placement/nodes.ts";
import { type KnownRequest, RequestTable } from "../placement/requests.ts";
import { Saturation } from "../placement/saturation.ts";
import type { NodeView } from "../types.ts";
import type { Arrivals } from "./arrivals.ts";
import { isBound } from "./bound.ts";

/** Processor time is told apart in whole cores, as the table of states does. */
const CORE_MILLI = 1_000;

/** A request of the mix with the hardware that could serve it, and how many tasks asked it. */
export interface MixRow {
  readonly request: KnownRequest;
  readonly count: number;
}

/** Worth of nodes under one mix and one list of hardware. */
export class Worth {
  readonly nodes: NodeTable;
  readonly rows: readonly MixRow[];
  readonly #saturation: Saturation;
  /** By hardware: worth by free accelerators and free cores; NaN: not computed yet. */
  readonly #known: (Float64Array | undefined)[] = [];
  readonly #row: Int16Array;
  readonly #hardware: readonly NodeView[];
  /** Hardware that could serve a request, by the request. */
  readonly #usable = new Map<string, ReadonlySet<number>>();
  readonly #bound = new WeakMap<JobSpec, boolean>();

  constructor(hardware: readonly NodeView[], arrivals: Arrivals) {
    this.#hardware = hardware;
    this.nodes = new NodeTable(
      hardware.map(({ node }, index) => ({
        model: `${index}`,
        // A node of more accelerators has no state that could be kept: it is worth nothing here.
        accelerators:
          node.accelerators.length > ACCELERATORS_PER_NODE_MAX ? 0 : node.accelerators.length,
        milliCpu: node.milliCpu,
        memoryMiB: node.memoryMiB,
      })),
    );
    const requests = new RequestTable(this.nodes);
    const mix = new Mix(requests);
    this.rows = arrivals.mix.map(({ resources, count }): MixRow => {
      const { accelerators, milliCpu, memoryMiB } = resources;
      const usable = this.#usableFor(resources);
      const models = usable.size === 0 ? "none" : [...usable].join("|");
      const request = requests.know({ milliCpu, memoryMiB, accelerators, milli: WHOLE, models });
      mix.add(request, count);
      return { request, count };
    });
    this.#saturation = new Saturation(this.nodes, mix);
    this.#saturation.renew();
    this.#row = new Int16Array(this.nodes.stride);
  }

  /** Whether a job can use but a small part of all accelerators, given by hardware in `all`. */
  isBound(spec: JobSpec, all: Float64Array): boolean {
    let bound = this.#bound.get(spec);
    if (bound === undefined) {
      bound = spec.groups.some(({ resources }) => {
        if (resources.accelerators === 0) return false;
        const usable = this.#usableFor(resources);
        return isBound((hardware) => usable.has(hardware), all);
      });
      this.#bound.set(spec, bound);
    }
    return bound;
  }

  #usableFor(resources: Resources): ReadonlySet<number> {
    const key = resourceKey(resources);
    let usable = this.#usable.get(key);
    if (usable === undefined) {
      usable = new Set(
        this.#hardware.flatMap((view, index) => (serves(view, resources) ? [index] : [])),
      );
      this.#usable.set(key, usable);
    }
    return usable;
  }

  /** Thousandths of accelerators that are expected to be used of what is free. */
  of(hardware: number, freeDevices: number, freeMilliCpu: number): number {
    const { accelerators, milliCpu } = this.nodes.kinds[hardware]!;
    if (accelerators === 0 || freeDevices === 0) return 0;
    const cores = Math.max(0, Math.floor(freeMilliCpu / CORE_MILLI));
    const across = Math.floor(milliCpu / CORE_MILLI) + 1;
    let known = this.#known[hardware];
    if (known === undefined) {
      known = new Float64Array((accelerators + 1) * across).fill(Number.NaN);
      this.#known[hardware] = known;
    }
    const at = freeDevices * across + cores;
    const before = known[at];
    if (before !== undefined && !Number.isNaN(before)) return before;
    const row = this.#row;
    row.fill(0, 0, row.length - freeDevices);
    row.fill(WHOLE, row.length - freeDevices);
    const worth = this.#saturation.value(hardware, cores * CORE_MILLI, row);
    known[at] = worth;
    return worth;
  }
}

const serves = (view: NodeView, resources: Resources): boolean =>
  firstObjection(HARDWARE_CHECKERS, { resources, constraints: NO_CONSTRAINTS }, view) === undefined;

const NO_CONSTRAINTS: Constraints = { members: [], excludeMembers: [], labels: {} };
