// The slow, obvious answer to "do these tasks fit on these nodes?", for tests of the quick one.
import type { Resources } from "../pool/index.ts";
import { matches } from "./feasible/matching.ts";
import type { NodeView } from "./types.ts";

interface Left {
  readonly view: NodeView;
  readonly free: ReadonlySet<string>;
  readonly milliCpu: number;
  readonly memoryMiB: number;
}

/** Tries every way to place the tasks on nodes that all belong to one site. */
export function fitsSomehow(tasks: readonly Resources[], nodes: readonly NodeView[]): boolean {
  const left = nodes.map((view) => ({
    view,
    free: new Set(view.freeAcceleratorIds),
    milliCpu: view.freeMilliCpu,
    memoryMiB: view.freeMemoryMiB,
  }));
  return placeRest(tasks, left);
}

function placeRest([task, ...rest]: readonly Resources[], left: readonly Left[]): boolean {
  if (task === undefined) return true;
  return left.some((node, index) => {
    if (node.milliCpu < task.milliCpu || node.memoryMiB < task.memoryMiB) return false;
    const usable = node.view.node.accelerators
      .filter((have) => node.free.has(have.id) && matches(task, have))
      .map(({ id }) => id);
    return subsets(usable, task.accelerators).some((chosen) =>
      placeRest(
        rest,
        left.with(index, {
          view: node.view,
          free: node.free.difference(new Set(chosen)),
          milliCpu: node.milliCpu - task.milliCpu,
          memoryMiB: node.memoryMiB - task.memoryMiB,
        }),
      ),
    );
  });
}

function subsets(ids: readonly string[], size: number): readonly (readonly string[])[] {
  if (size === 0) return [[]];
  return ids.flatMap((id, index) =>
    subsets(ids.slice(index + 1), size - 1).map((others) => [id, ...others]),
  );
}
