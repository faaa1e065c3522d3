// Speeds as decisions use them: relative to the pool's mean device, and what a kind of work gains
// on a device compared with the others that wait. The measurements are in table.ts.
import { deviceKey } from "./observations.ts";
import type { Device } from "./prior.ts";
import type { ThroughputTable } from "./table.ts";

/** Devices of one product in the pool. */
export interface Stock {
  readonly device: Device;
  readonly count: number;
}

/** A kind of work that waits, and how much of it, in devices. */
export interface WaitingKind {
  readonly kind: string;
  readonly devices: number;
}

/** All that waits, and the sums of their profiles by device. */
interface Crowd {
  readonly devices: ReadonlyMap<string, number>;
  readonly total: number;
  readonly sums: Map<string, number>;
}

/** Gains below this are the rounding of sums. */
const NOISE = 1e-9;

/** Speeds in one pool, by one table. */
export class Speeds {
  readonly #table: ThroughputTable;
  readonly #stock: readonly Stock[];
  readonly #meanLogs = new Map<string, number>();
  readonly #profiles = new Map<string, number>();
  readonly #crowds = new WeakMap<readonly WaitingKind[], Crowd>();

  /** False while every kind of work is as fast everywhere as any other. */
  get tellsKindsApart(): boolean {
    return this.#table.kinds > 1;
  }

  /** `stock`: the pool's devices in any order, one entry a product. */
  constructor(table: ThroughputTable, stock: readonly Stock[]) {
    this.#table = table;
    this.#stock = stock
      .filter(({ count }) => count > 0)
      .sort((a, b) => (deviceKey(a.device) < deviceKey(b.device) ? -1 : 1));
  }

  /** Speed of one device at a kind of work; 1: the (geometric) mean of the pool's devices. */
  speedOf(kind: string, device: Device): number {
    return Math.exp(this.#profile(kind, device));
  }

  /** What a device is worth, whatever runs on it; 1: the (geometric) mean of the pool's. */
  worthOf(device: Device): number {
    const logs = (one: Device): number => this.#table.logSpeedOfDevice(one);
    return Math.exp(logs(device) - this.#mean("", logs));
  }

  /** Expected run time of a kind of work that takes `timeMs` on the mean device. */
  timeOn(kind: string, device: Device, timeMs: number): number {
    return timeMs / this.speedOf(kind, device);
  }

  /**
   * Comparative advantage: by which part a kind of work gains more from this device than the
   * others that wait gain from it (Ricardo 1817: who should do what is decided by ratios, not by
   * who is fastest). 0.2: 20 % more; 0 while nothing tells the kinds apart or nobody else waits.
   */
  advantage(kind: string, device: Device, waiting: readonly WaitingKind[]): number {
    const all = this.#crowdOf(waiting);
    const own = all.devices.get(kind) ?? 0;
    const weight = all.total - own;
    if (weight <= 0) return 0;
    const profile = this.#profile(kind, device);
    const others = (this.#sumOf(all, device) - own * profile) / weight;
    const gain = profile - others;
    return Math.abs(gain) < NOISE ? 0 : Math.expm1(gain);
  }

  #crowdOf(waiting: readonly WaitingKind[]): Crowd {
    const known = this.#crowds.get(waiting);
    if (known !== undefined) return known;
    const devices = new Map<string, number>();
    let total = 0;
    for (const { kind, devices: count } of waiting) {
      devices.set(kind, (devices.get(kind) ?? 0) + count);
      total += count;
    }
    const crowd = { devices, total, sums: new Map<string, number>() };
    this.#crowds.set(waiting, crowd);
    return crowd;
  }

  #sumOf({ devices, sums }: Crowd, device: Device): number {
    const key = deviceKey(device);
    const known = sums.get(key);
    if (known !== undefined) return known;
    let sum = 0;
    for (const [kind, count] of devices) sum += count * this.#profile(kind, device);
    sums.set(key, sum);
    return sum;
  }

  #profile(kind: string, device: Device): number {
    const key = JSON.stringify([kind, deviceKey(device)]);
    const known = this.#profiles.get(key);
    if (known !== undefined) return known;
    const logs = (one: Device): number => this.#table.logSpeed(kind, one);
    const profile = logs(device) - this.#mean(kind, logs);
    this.#profiles.set(key, profile);
    return profile;
  }

  #mean(kind: string, logs: (device: Device) => number): number {
    const known = this.#meanLogs.get(kind);
    if (known !== undefined) return known;
    let [sum, count] = [0, 0];
    for (const { device, count: here } of this.#stock) {
      sum += here * logs(device);
      count += here;
    }
    const mean = count === 0 ? 0 : sum / count;
    this.#meanLogs.set(kind, mean);
    return mean;
  }
}
