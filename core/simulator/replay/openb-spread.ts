// Which free accelerators pods of protocol A should find when not all can be served. A pod of 810
// thousandths leaves 190 that nobody wants; when more will be asked for than is free, a small pod
// is moved onto each accelerator that is wholly free. Then those who fill what the small one
// leaves, or for whom it moves away again, find room, and those who would waste it do not. No pod
// is refused while a node has room for it; only no room is made for wasteful ones. That ends when
// enough is free for all others that will still come.
import type { Future, Holding, Holdings } from "../../scheduler/moves/index.ts";
import { type KnownRequest, type NodeTable, WHOLE } from "../../scheduler/placement/index.ts";
import { type Region, Regions } from "./openb-regions.ts";

/** Sizes that want at least this part of all that is shared are expected to come again. Fewer
 * cannot fill what all the others leave. */
const COMMON_PART = 0.015;
/** Who leaves more than this of an accelerator unused, in the best company, is wasteful. */
const WASTEFUL_MILLI = 150;
/** Two such share an accelerator, so each leaves room for another. */
const OPENER_MILLI_MAX = 500;
/** Part of what will be asked for that must be free, or spreading begins. */
const SPREAD_AT = 1;
/** Part of what comes that may want less processor time than counts as usual. */
const USUAL_CPU_PART = 0.3;
/** From this part of all processors on they are what is short, and spreading would waste them. */
const CPU_FULL_PART = 0.97;
/** Arrivals between two looks at all accelerators. */
const LOOK_EVERY = 50;

export class Spreading {
  readonly #regions: Regions;
  readonly #nodes: NodeTable;
  readonly #holdings: Holdings;
  readonly #allowed: boolean;
  readonly #counts = new Map<KnownRequest, number>();
  #arrivals = 0;
  #arrivedMilli = 0;
  #arrivedCpu = 0;
  readonly #allCpu: number;
  /** By free thousandths: what of them is used at best by common sizes. */
  readonly #used = new Int32Array(WHOLE + 1);
  #wastefulMilli = Number.POSITIVE_INFINITY;
  #wastefulCpu = 0;
  /** Processor time that usually goes with a whole accelerator. */
  #milliCpu = 0;

  /** Unless it is `allowed` to spread it only says what is expected to come. */
  constructor(nodes: NodeTable, holdings: Holdings, allowed: boolean) {
    this.#allowed = allowed;
    this.#nodes = nodes;
    this.#holdings = holdings;
    // Until something is known, everything is of use.
    for (let free = 0; free <= WHOLE; free += 1) this.#used[free] = free;
    this.#allCpu = nodes.kind.reduce((sum, kind) => sum + nodes.kinds[kind]!.milliCpu, 0);
    this.#regions = new Regions(nodes);
  }

  /** What is expected to come, for those who choose places. */
  readonly expected: Future = {
    used: (free) => (free <= 0 ? 0 : this.#used[free]!),
    milliCpu: () => this.#milliCpu,
  };

  isWasteful(request: KnownRequest): boolean {
    return this.#wasteOf(request) > WASTEFUL_MILLI;
  }

  /** Tells of an arrival; spreads pods from time to time. The moves are tried, not taken. */
  arrive(request: KnownRequest): void {
    this.#counts.set(request, (this.#counts.get(request) ?? 0) + 1);
    this.#arrivals += 1;
    this.#arrivedCpu += request.milliCpu;
    this.#arrivedMilli += request.wholeMilli;
    if (this.#arrivals % LOOK_EVERY !== 0) return;
    this.#learn();
    if (!this.#allowed || this.#wastefulMilli > WHOLE || this.#isCpuShort()) return;
    this.#regions.divide(this.#wanted());
    for (const region of this.#regions.all) {
      region.tight = this.#usable(region) < SPREAD_AT * this.#expected(region);
      region.wasTight ||= region.tight;
      if (region.tight) this.#spread(region);
    }
  }

  /** Whether pods have been spread anywhere. */
  get active(): boolean {
    return this.#regions.all.some(({ wasTight }) => wasTight);
  }

  /** Whether no room is made for the pod, because it would waste what others will ask for. */
  isUnwanted(request: KnownRequest): boolean {
    return this.isWasteful(request) && this.#regions.of(request).tight;
  }

  /** What each request takes of the cluster at a load of 100 %, with what it leaves unused. */
  *#wanted(): Generator<readonly [KnownRequest, number]> {
    const atFullLoad = this.#nodes.wholeMilli / Math.max(1, this.#arrivedMilli);
    for (const [request, count] of this.#counts) {
      yield [request, count * atFullLoad * (request.wholeMilli + this.#wasteOf(request))];
    }
  }

  /** Thousandths of its accelerator that nobody uses beside a pod. */
  #wasteOf({ accelerators, milli }: KnownRequest): number {
    return accelerators === 1 ? WHOLE - milli - this.#filled(milli) : 0;
  }

  /** Thousandths used at best beside a pod on the same accelerator. */
  #filled(milli: number): number {
    return milli === WHOLE ? 0 : this.#used[WHOLE - milli]!;
  }

  #learn(): void {
    const bySize = new Map<number, number>();
    let shared = 0;
    for (const [{ accelerators, milli }, count] of this.#counts) {
      if (accelerators !== 1 || milli === WHOLE) continue;
      bySize.set(milli, (bySize.get(milli) ?? 0) + count * milli);
      shared += count * milli;
    }
    const common = [...bySize].flatMap(([milli, sum]) =>
      sum >= COMMON_PART * shared ? [milli] : [],
    );
    const used = this.#used;
    for (let free = 1; free < WHOLE; free += 1) {
      used[free] = 0;
      for (const milli of common) {
        if (milli <= free) used[free] = Math.max(used[free]!, milli + used[free - milli]!);
      }
    }
    this.#wastefulMilli = Number.POSITIVE_INFINITY;
    for (const request of this.#counts.keys()) {
      if (!this.isWasteful(request) || request.milli > this.#wastefulMilli) continue;
      this.#wastefulMilli = request.milli;
      this.#wastefulCpu = request.milliCpu;
    }
    this.#milliCpu = this.#usualCpu();
  }

  /** Processor time beside a whole accelerator that most of what comes wants at least. */
  #usualCpu(): number {
    const rows: { readonly milliCpu: number; readonly milli: number }[] = [];
    let sum = 0;
    for (const [request, count] of this.#counts) {
      if (request.accelerators === 0 || this.isWasteful(request)) continue;
      const milli = count * request.wholeMilli;
      rows.push({ milliCpu: (request.milliCpu * WHOLE) / request.wholeMilli, milli });
      sum += milli;
    }
    rows.sort((a, b) => a.milliCpu - b.milliCpu);
    let below = 0;
    for (const { milliCpu, milli } of rows) {
      below += milli;
      if (below >= USUAL_CPU_PART * sum) return milliCpu;
    }
    return 0;
  }

  /** Whether processors run out before accelerators do. */
  #isCpuShort(): boolean {
    const atFullLoad = this.#nodes.wholeMilli / Math.max(1, this.#arrivedMilli);
    return this.#arrivedCpu * atFullLoad > CPU_FULL_PART * this.#allCpu;
  }

  /** Thousandths that are free and of use. */
  #usable({ kinds }: Region): number {
    const { nodes } = this.#holdings;
    let sum = 0;
    for (let node = 0; node < nodes.count; node += 1) {
      if (kinds[nodes.kind[node]!] === 0) continue;
      const from = node * nodes.stride;
      for (let at = from; at < from + nodes.stride; at += 1) sum += this.#used[nodes.free[at]!]!;
    }
    return sum;
  }

  /** Thousandths that will still be taken by those who waste little, at a load of 100 %. */
  #expected(region: Region): number {
    let milli = 0;
    for (const [request, count] of this.#counts) {
      if (this.isWasteful(request) || this.#regions.of(request) !== region) continue;
      const waste = (this.#wasteOf(request) * request.milli) / WHOLE;
      milli += count * request.accelerators * (request.milli + waste);
    }
    const left = this.#nodes.wholeMilli - this.#arrivedMilli;
    return (milli * left) / Math.max(1, this.#arrivedMilli);
  }

  #spread({ kinds }: Region): void {
    const { nodes } = this.#holdings;
    const openers = this.#openers();
    for (let rank = 0; rank < nodes.count; rank += 1) {
      const node = nodes.byRank[rank]!;
      if (kinds[nodes.kind[node]!] === 0) continue;
      for (let at = 0; at < nodes.accelerators(node); at += 1) {
        if (nodes.freeMilliCpu[node]! < this.#wastefulCpu) break;
        if (nodes.free[node * nodes.stride + at]! < this.#wastefulMilli) continue;
        const index = openers.findIndex((opener) => this.#opens(opener, node, at));
        if (index < 0) continue;
        this.#holdings.move(openers[index]!, { node, accelerators: [at] });
        openers.splice(index, 1);
      }
    }
  }

  /** Pods that could be moved, the smallest first. */
  #openers(): Holding[] {
    const { nodes } = this.#holdings;
    const openers: Holding[] = [];
    for (let node = 0; node < nodes.count; node += 1) {
      for (const holding of this.#holdings.on(node)) {
        const { accelerators, milli } = holding.request;
        if (accelerators !== 1 || milli > OPENER_MILLI_MAX) continue;
        if (milli > WHOLE - this.#wastefulMilli) openers.push(holding);
      }
    }
    return openers.sort((a, b) => a.request.milli - b.request.milli);
  }

  /** Whether one that moves here opens neither this accelerator nor its own to wasteful ones. */
  #opens({ request, place }: Holding, node: number, at: number): boolean {
    const { free, stride, kind, freeMilliCpu, freeMemoryMiB } = this.#nodes;
    const own = free[place.node * stride + place.accelerators[0]!]! + request.milli;
    return (
      own < this.#wastefulMilli &&
      free[node * stride + at]! - request.milli < this.#wastefulMilli &&
      request.kinds[kind[node]!] === 1 &&
      freeMilliCpu[node]! >= request.milliCpu &&
      freeMemoryMiB[node]! >= request.memoryMiB
    );
  }
}
