// The columns of a table of nodes: what each has and what of it is free.
import type { SiteView } from "@tequio/contract";
import { cores, memory, whole } from "../format.ts";
import { TEXTS } from "../texts.ts";
import type { Column } from "../ui/table.tsx";
import { groupAccelerators } from "./member-state.ts";

export type Node = SiteView["nodes"][number];

export const NODE_COLUMNS: readonly Column<Node>[] = [
  { head: TEXTS.members.node, cell: (node) => <b>{node.name}</b> },
  { head: TEXTS.members.system, cell: (node) => `${node.os} ${node.arch}` },
  { head: TEXTS.members.accelerators, wide: true, cell: (node) => devices(node) },
  {
    head: TEXTS.members.free,
    number: true,
    cell: (node) => `${whole(node.freeAccelerators)} / ${whole(node.accelerators.length)}`,
  },
  {
    head: TEXTS.members.cores,
    number: true,
    cell: (node) => `${cores(node.freeMilliCpu)} / ${cores(node.milliCpu)}`,
  },
  {
    head: TEXTS.members.memory,
    number: true,
    cell: (node) => `${memory(node.freeMemoryMiB)} / ${memory(node.memoryMiB)}`,
  },
];

const devices = (node: Node): string =>
  groupAccelerators([node])
    .map(({ count, vendor, model, memoryMiB }) => {
      const size = memoryMiB > 0 ? ` (${memory(memoryMiB)})` : "";
      return `${count} × ${vendor} ${model}${size}`;
    })
    .join(", ") || TEXTS.none;
