// What is asked for, each distinct request once: everything that is learned or kept about requests
// is kept by their number. It does not know which of them wait.
import { assert } from "../../pool/index.ts";
import { type NodeTable, WHOLE } from "./nodes.ts";

/** One task's wish. */
export interface Request {
  readonly milliCpu: number;
  readonly memoryMiB: number;
  readonly accelerators: number;
  /** Thousandths of each accelerator: 1000 for whole ones, less only with a single one. */
  readonly milli: number;
  /** Models that will do, joined by `|` as the trace writes them; empty: any. */
  readonly models: string;
}

/** A request as it is kept: with where it could ever go. */
export interface KnownRequest extends Request {
  readonly id: number;
  /** All it takes of accelerators, in thousandths. */
  readonly wholeMilli: number;
  /** 1 for each kind of node that could hold it when empty. */
  readonly kinds: Uint8Array;
  /** 1 for each kind of node whose model it allows, whatever else it lacks. */
  readonly models01: Uint8Array;
}

export class RequestTable {
  readonly all: KnownRequest[] = [];
  readonly #nodes: NodeTable;
  readonly #known = new Map<string, KnownRequest>();

  constructor(nodes: NodeTable) {
    this.#nodes = nodes;
  }

  /** The known form of a request; equal requests give the same object. */
  know(request: Request): KnownRequest {
    const { milliCpu, memoryMiB, accelerators, milli, models } = request;
    const key = `${milliCpu}/${memoryMiB}/${accelerators}/${milli}/${models}`;
    const before = this.#known.get(key);
    if (before !== undefined) return before;
    assert(accelerators === 1 || milli === WHOLE || accelerators === 0, "only one is shared");
    const allowed = models === "" || accelerators === 0 ? undefined : new Set(models.split("|"));
    const { kinds } = this.#nodes;
    const models01 = Uint8Array.from(kinds, ({ model }) =>
      allowed === undefined || allowed.has(model) ? 1 : 0,
    );
    const known: KnownRequest = {
      ...request,
      id: this.all.length,
      wholeMilli: accelerators * milli,
      models01,
      kinds: Uint8Array.from(kinds, (shape, kind) =>
        models01[kind] === 1 &&
        shape.milliCpu >= milliCpu &&
        shape.memoryMiB >= memoryMiB &&
        shape.accelerators >= accelerators
          ? 1
          : 0,
      ),
    };
    this.all.push(known);
    this.#known.set(key, known);
    return known;
  }
}

/** Whether a request fits a node as it is now. */
export function fits(nodes: NodeTable, node: number, request: KnownRequest): boolean {
  if (nodes.freeMilliCpu[node]! < request.milliCpu) return false;
  if (nodes.freeMemoryMiB[node]! < request.memoryMiB) return false;
  if (request.accelerators === 0) return true;
  if (request.models01[nodes.kind[node]!] === 0) return false;
  const from = node * nodes.stride;
  let room = 0;
  for (let at = from; at < from + nodes.stride; at += 1) {
    if (nodes.free[at]! >= request.milli) room += 1;
  }
  return room >= request.accelerators;
}
