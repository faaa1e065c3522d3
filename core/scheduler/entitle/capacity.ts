// What an owner's machines could hold if they were empty: devices by class of node, processor time
// and memory. It counts whole sites and not nodes, as who is entitled to how much is a question of
// amounts; where a job really goes is decided with all that stands in its way.
import { WHOLE_MILLI } from "../../pool/index.ts";
import type { Demand, Portion } from "../demand.ts";
import type { World } from "../world.ts";

export class Capacity {
  /** By class of nodes, then by device of a node: thousandths of it on all nodes together. */
  readonly #devices = new Map<number, Uint32Array>();
  #milliCpu = 0;
  #memoryMiB = 0;

  /** Of the sites that take work now. */
  constructor({ sites, classes }: World, own: ReadonlySet<string>) {
    for (const { siteId, nodes } of sites) {
      if (!own.has(siteId)) continue;
      for (const { view, classIndex } of nodes) {
        if (!view.schedulable) continue;
        const count = classes[classIndex]!.view.node.accelerators.length;
        const devices = this.#devices.get(classIndex) ?? new Uint32Array(count);
        this.#devices.set(classIndex, devices);
        for (let device = 0; device < count; device += 1) devices[device]! += WHOLE_MILLI;
        this.#milliCpu += view.node.milliCpu;
        this.#memoryMiB += view.node.memoryMiB;
      }
    }
  }

  /** Takes what a job needs; false, and nothing is taken, if there is not so much left. */
  take({ portions }: Demand): boolean {
    const sum = (of: "milliCpu" | "memoryMiB"): number =>
      portions.reduce((all, { need, tasks }) => all + tasks * need.resources[of], 0);
    const [milliCpu, memoryMiB] = [sum("milliCpu"), sum("memoryMiB")];
    if (milliCpu > this.#milliCpu || memoryMiB > this.#memoryMiB) return false;
    const taken: (() => void)[] = [];
    for (const portion of portions) {
      if (this.#takeDevices(portion, taken)) continue;
      for (const undo of taken) undo();
      return false;
    }
    this.#milliCpu -= milliCpu;
    this.#memoryMiB -= memoryMiB;
    return true;
  }

  #takeDevices({ need, tasks, matching }: Portion, taken: (() => void)[]): boolean {
    const { accelerators, partMilli } = need.resources;
    // What is asked for whole is taken whole.
    const unit = partMilli === undefined ? WHOLE_MILLI : 1;
    let wanted = tasks * (partMilli ?? accelerators * WHOLE_MILLI);
    for (const [classIndex, devices] of this.#devices) {
      for (const device of matching[classIndex] ?? []) {
        const milli = Math.min(wanted, Math.floor(devices[device]! / unit) * unit);
        if (milli === 0) continue;
        devices[device]! -= milli;
        taken.push(() => {
          devices[device]! += milli;
        });
        wanted -= milli;
      }
    }
    return wanted === 0;
  }
}
