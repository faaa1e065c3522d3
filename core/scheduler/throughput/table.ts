// How fast which work runs on which devices: what was measured, completed by a model where nothing
// was. In logarithms the time of a piece of work is
//   time of its kind - (speed of the device + what this kind makes of it + gain of more devices),
// each part shrunk towards what is known without it (a mixed model, solved part by part): the
// device's speed towards the catalogue, the particular towards the general. So one measurement
// changes little, ten change much, and a kind that nobody measured profits from the others.
import {
  type Cell,
  cellKey,
  deviceKey,
  logMedian,
  type Observations,
  weightOf,
} from "./observations.ts";
import { type Device, isCatalogued, priorLogSpeed } from "./prior.ts";

/**
 * Spread of logarithms, for weighing one against the other. The last three were measured on the
 * public throughputs of Gavel (Narayanan and others, OSDI 2020; 26 kinds of jobs on V100, P100 and
 * K80): kinds differ by 0.3 in what they make of a device, and by 0.2 more at another count; n
 * devices together do the work of n to the power of 0.75.
 */
const SPREAD = {
  /** Between a device's speed and what the catalogue lets expect: a factor of 1.6. */
  device: 0.5,
  /** The same where the catalogue knows nothing of the device: a factor of 2.7. */
  stranger: 1,
  kind: 0.3,
  cell: 0.2,
  /** Between times of jobs that only their numbers tell apart; designed. */
  time: 0.5,
};
const COUNT_POWER = 0.75;

/** Passes over the parts; each is exact by itself, and after these the rest is below 1 %. */
const SWEEPS = 20;

interface Row {
  readonly cell: Cell;
  readonly kind: Part;
  readonly device: Part;
  readonly pair: Part;
  /** Logarithm of the measured time, with what the catalogue and the count say added. */
  readonly log: number;
  /** One divided by its variance. */
  readonly weight: number;
}

/** One part of the sum with the measurements that tell of it. */
interface Part {
  value: number;
  /** How strongly it is held at 0; 0: not at all. */
  readonly hold: number;
  readonly rows: Row[];
}

/** What may be asked of the table. */
export interface Expected {
  /** In the unit of the kind's observations. */
  readonly time: number;
  /** Measurements of exactly this kind, device and count that it stands on; old ones count less. */
  readonly observations: number;
}

/** The table as of some observations; make a new one when there are more. */
export class ThroughputTable {
  readonly #kinds = new Map<string, Part>();
  readonly #devices = new Map<string, Part>();
  readonly #pairs = new Map<string, Part>();
  readonly #rows = new Map<string, Row>();

  constructor({ cells }: Observations) {
    // Sorted, so that the order of what was observed cannot change a sum in its last bit.
    const sorted = [...cells].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, cell] of sorted) this.#rows.set(key, this.#rowOf(cell));
    const parts = [...this.#kinds.values(), ...this.#devices.values(), ...this.#pairs.values()];
    for (let sweep = 0; sweep < SWEEPS; sweep += 1) for (const part of parts) settle(part);
  }

  /** Kinds of work that were seen. */
  get kinds(): number {
    return this.#kinds.size;
  }

  #rowOf(cell: Cell): Row {
    const { kind, device, count } = cell;
    const row: Row = {
      cell,
      kind: partOf(this.#kinds, kind, 0),
      device: partOf(this.#devices, deviceKey(device), spreadOf(device)),
      pair: partOf(this.#pairs, pairKey(kind, device), SPREAD.kind),
      log: logMedian(cell) + priorLogSpeed(device) + COUNT_POWER * Math.log(count),
      weight: 1 / (SPREAD.cell ** 2 + SPREAD.time ** 2 / weightOf(cell)),
    };
    for (const part of [row.kind, row.device, row.pair]) part.rows.push(row);
    return row;
  }

  /**
   * Logarithm of the speed of `count` devices at a kind of work; only differences between devices
   * and counts mean anything. Of a kind that was never seen: that of all kinds.
   */
  logSpeed(kind: string, device: Device, count = 1): number {
    const pair = this.#pairs.get(pairKey(kind, device))?.value ?? 0;
    const row = this.#rows.get(cellKey(kind, device, count));
    const own = row === undefined ? 0 : residual(row) * row.weight * SPREAD.cell ** 2;
    return this.logSpeedOfDevice(device) - pair - own + COUNT_POWER * Math.log(count);
  }

  /** The same for all kinds of work: what a device is worth. */
  logSpeedOfDevice(device: Device): number {
    return priorLogSpeed(device) - (this.#devices.get(deviceKey(device))?.value ?? 0);
  }

  /** How long a piece of work of this kind takes; undefined for a kind that was never seen. */
  expected(kind: string, device: Device, count = 1): Expected | undefined {
    const part = this.#kinds.get(kind);
    if (part === undefined) return undefined;
    const row = this.#rows.get(cellKey(kind, device, count));
    return {
      time: Math.exp(part.value - this.logSpeed(kind, device, count)),
      observations: row === undefined ? 0 : weightOf(row.cell),
    };
  }
}

const spreadOf = ({ kind, model }: Device): number =>
  kind === "cpu" || isCatalogued(model) ? SPREAD.device : SPREAD.stranger;

const pairKey = (kind: string, device: Device): string => JSON.stringify([kind, deviceKey(device)]);

function partOf(parts: Map<string, Part>, key: string, spread: number): Part {
  const part = parts.get(key) ?? { value: 0, hold: spread === 0 ? 0 : spread ** -2, rows: [] };
  parts.set(key, part);
  return part;
}

/** What of a measured time its parts do not tell. */
const residual = ({ log, kind, device, pair }: Row): number =>
  log - kind.value - device.value - pair.value;

/** Sets one part to what its measurements say when the others are as they are. */
function settle(part: Part): void {
  let [sum, weight] = [0, part.hold];
  for (const row of part.rows) {
    sum += row.weight * (residual(row) + part.value);
    weight += row.weight;
  }
  part.value = sum / weight;
}
