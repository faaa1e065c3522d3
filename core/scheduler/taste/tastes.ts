// The tastes of one pass: made once from what it is given, asked for each job that has its turn.
import type { Accelerator } from "../../pool/index.ts";
import type { Demand, Portion } from "../demand.ts";
import { kindOf, type Speeds, type WaitingKind } from "../throughput/index.ts";
import type { SchedulerInput, WaitingView } from "../types.ts";
import type { NodeState, SiteState } from "../world.ts";
import { type TasteWorld, tasteOf, tasteSentence } from "./taste.ts";

/** What is known of devices beside what they are. */
export interface DeviceFacts {
  readonly speeds: Speeds;
  /** Millionths of a credit for an hour of a device of a site. */
  readonly priceOf: (siteId: string, device: Accelerator) => number;
}

/** Lines and single jobs that are looked at to know what waits: more would not change it much. */
const WAITING_LOOKED_AT_MAX = 500;

/** Where a job goes, as far as a sentence needs it. */
interface TasteFit {
  readonly site: { readonly siteId: string };
  readonly places: readonly { readonly node: NodeState; readonly devices: readonly number[] }[];
}

/** Nothing to prefer by, where nothing is known of devices. */
export class Tastes {
  readonly #input: SchedulerInput;
  readonly #flavoured = new WeakMap<Demand, Map<string, Demand>>();
  #made: TasteWorld | undefined;

  constructor(input: SchedulerInput) {
    this.#input = input;
  }

  get #world(): TasteWorld | undefined {
    const { facts } = this.#input;
    if (facts === undefined) return undefined;
    this.#made ??= { ...facts(), waiting: waitingKinds(this.#input) };
    return this.#made;
  }

  /** The demand with what this job would rather have. */
  flavoured(demand: Demand, job: WaitingView): Demand {
    const world = this.#world;
    if (world === undefined) return demand;
    const { spec, lastSiteId = "" } = job;
    // All that rankers look at of a job: jobs of one kind share what was worked out.
    const key = `${spec.prefer ?? ""} ${lastSiteId} ${kindOf(spec)}`;
    const known = this.#flavoured.get(demand) ?? new Map<string, Demand>();
    this.#flavoured.set(demand, known);
    const flavoured = known.get(key) ?? withTaste(demand, tasteOf(job, world));
    known.set(key, flavoured);
    return flavoured;
  }

  /** Why the job goes to a place, as far as taste goes; may be empty. */
  sentence(job: WaitingView, { site: { siteId }, places }: TasteFit): string {
    const world = this.#world;
    const first = places[0];
    const device = first?.node.view.node.accelerators[first.devices[0] ?? -1];
    return world === undefined ? "" : tasteSentence(job, world, { siteId, device });
  }
}

type Points = NonNullable<ReturnType<typeof tasteOf>>;

/** The demand with these points; they are asked for once for each hardware of a site. */
function withTaste(demand: Demand, points: Points | undefined): Demand {
  if (points === undefined) return demand;
  const portions = demand.portions.map((portion): Portion => {
    const known = new Map<SiteState, number[]>();
    const taste = ({ view, site, hardware, classIndex }: NodeState): number => {
      let ofSite = known.get(site);
      if (ofSite === undefined) {
        ofSite = [];
        known.set(site, ofSite);
      }
      const before = ofSite[hardware];
      if (before !== undefined) return before;
      const device = view.node.accelerators[portion.matching[classIndex]?.[0] ?? -1];
      const value = points({ siteId: site.siteId, device });
      ofSite[hardware] = value;
      return value;
    };
    return { ...portion, taste };
  });
  return { ...demand, portions };
}

/** Devices that waiting work asks for, by kind of work. */
function waitingKinds({ waiting, lines = [] }: SchedulerInput): readonly WaitingKind[] {
  const kinds = new Map<string, number>();
  const add = ({ spec }: WaitingView, jobs: number): void => {
    const devices = spec.groups.reduce(
      (sum, { count, resources }) => sum + count * resources.accelerators,
      0,
    );
    if (devices === 0) return;
    kinds.set(kindOf(spec), (kinds.get(kindOf(spec)) ?? 0) + devices * jobs);
  };
  for (const job of waiting.slice(0, WAITING_LOOKED_AT_MAX)) if (job.eligible) add(job, 1);
  for (const line of lines.slice(0, WAITING_LOOKED_AT_MAX)) {
    const head = line.jobs().next().value;
    if (head !== undefined) add(head, line.count);
  }
  return [...kinds]
    .map(([kind, devices]) => ({ kind, devices }))
    .sort((a, b) => (a.kind < b.kind ? -1 : 1));
}
