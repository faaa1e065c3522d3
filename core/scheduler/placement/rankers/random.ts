// Random: any node that fits, any of its accelerators that has room. The floor for all others.
import { type Chance, chanceOf } from "../../../pool/index.ts";
import type { NodeTable } from "../nodes.ts";
import type { Ranker } from "../ranker.ts";

/** Random, repeatable by its seed. */
export function random(nodes: NodeTable, seed: number): Ranker {
  const chance: Chance = chanceOf(seed);
  return {
    name: "random",
    volatile: true,
    rate: () => chance.next(),
    choose: (request, node) => {
      const from = node * nodes.stride;
      const room: number[] = [];
      for (let at = 0; at < nodes.accelerators(node); at += 1) {
        if (nodes.free[from + at]! >= request.milli) room.push(at);
      }
      return chance.pick(room);
    },
  };
}
