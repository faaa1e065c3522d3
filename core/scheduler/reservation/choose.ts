// Which machines a new reservation keeps: best on one site and on few nodes, and where nothing that
// runs reaches into its window. What is lent then, and to whom, is sorted out by the caller.
import type { AcceleratorKind, KeptPart, Placement, Reservation } from "../../pool/index.ts";
import { matches } from "../feasible/matching.ts";
import { byText } from "../reasons.ts";
import type { NodeView } from "../types.ts";

/** What is to be kept, and from what. */
export interface KeepQuestion {
  readonly unit: Reservation["unit"];
  readonly count: number;
  readonly kind?: AcceleratorKind;
  readonly model?: string;
  /** Nodes that may be taken; those that take no work count as not there. */
  readonly nodes: readonly NodeView[];
  /** Leases of jobs that may not use the reservation and may reach into its window. */
  readonly late: readonly { readonly siteId: string; readonly placements: readonly Placement[] }[];
  /** What other reservations keep in that window. */
  readonly kept: readonly KeptPart[];
}

export interface KeepAnswer {
  readonly parts: readonly KeptPart[];
  /** Matching accelerators, or nodes, that there are and that no other reservation keeps. */
  readonly there: number;
  /** Of the matching ones so many are kept by other reservations. */
  readonly keptByOthers: number;
}

/** Chooses what to keep; `parts` is empty if there is less than was asked for. */
export function chooseKept(question: KeepQuestion): KeepAnswer {
  // Whoever asks for just any accelerator means a GPU where there are enough of them.
  if (question.unit === "accelerators" && question.kind === undefined) {
    const gpus = choose({ ...question, kind: "gpu" });
    if (gpus.parts.length > 0) return gpus;
  }
  return choose(question);
}

/** Something that is kept whole: an accelerator or a node. */
interface Unit {
  readonly ids: readonly string[];
  /** Held by a lease that may reach into the window. */
  readonly late: boolean;
}

interface Stock {
  readonly siteId: string;
  readonly node: string;
  readonly units: readonly Unit[];
  readonly onTime: number;
}

function choose(question: KeepQuestion): KeepAnswer {
  const { count } = question;
  const found = stocksOf(question);
  const there = found.stocks.reduce((sum, { units }) => sum + units.length, 0);
  const answer = { there, keptByOthers: found.keptByOthers };
  if (there < count) return { ...answer, parts: [] };
  const sites = [...Map.groupBy(found.stocks, ({ siteId }) => siteId).values()].map(siteOf);
  const fitting = sites.filter(({ units }) => units >= count);
  const lateOf = ({ onTime }: SiteStock): number => Math.max(0, count - onTime);
  // Nothing that runs is in the way, then the site that has least to spare.
  const [best] = fitting.sort(
    (a, b) => lateOf(a) - lateOf(b) || a.units - b.units || byText(a.siteId, b.siteId),
  );
  const from = best === undefined ? found.stocks : best.stocks;
  return { ...answer, parts: take(from, count) };
}

interface SiteStock {
  readonly siteId: string;
  readonly stocks: readonly Stock[];
  readonly units: number;
  readonly onTime: number;
}

const siteOf = (stocks: readonly Stock[]): SiteStock => ({
  siteId: stocks[0]!.siteId,
  stocks,
  units: stocks.reduce((sum, { units }) => sum + units.length, 0),
  onTime: stocks.reduce((sum, { onTime }) => sum + onTime, 0),
});

/** As few nodes as possible: one that has all that is left, else the one that has most. */
function take(stocks: readonly Stock[], count: number): readonly KeptPart[] {
  const parts: KeptPart[] = [];
  const rest = new Set(stocks);
  let left = count;
  // What is free in time goes before what a lease may still hold.
  for (const sizeOf of [({ onTime }: Stock) => onTime, ({ units }: Stock) => units.length]) {
    while (left > 0) {
      let best: Stock | undefined;
      for (const stock of rest) {
        const size = Math.min(left, sizeOf(stock));
        if (size === 0) continue;
        const than = best === undefined ? -1 : Math.min(left, sizeOf(best));
        if (size > than || (size === than && sizeOf(stock) < sizeOf(best!))) best = stock;
      }
      if (best === undefined) break;
      rest.delete(best);
      const some = best.units.slice(0, Math.min(left, sizeOf(best)));
      left -= some.length;
      const { siteId, node } = best;
      parts.push({ siteId, node, acceleratorIds: some.flatMap(({ ids }) => ids) });
      const more = best.units.slice(some.length);
      if (more.length > 0) rest.add({ ...best, units: more, onTime: 0 });
    }
  }
  return merged(parts);
}

/** One part a node, in the order of sites and nodes. */
function merged(parts: readonly KeptPart[]): readonly KeptPart[] {
  const byNode = new Map<string, KeptPart>();
  for (const part of parts) {
    const key = keyOf(part.siteId, part.node);
    const ids = [...(byNode.get(key)?.acceleratorIds ?? []), ...part.acceleratorIds];
    byNode.set(key, { ...part, acceleratorIds: ids.sort() });
  }
  return [...byNode.values()].sort((a, b) => byText(a.siteId, b.siteId) || byText(a.node, b.node));
}

const keyOf = (siteId: string, node: string): string => `${siteId}\n${node}`;

interface Taken {
  readonly ids: Set<string>;
}

function takenBy(
  parts: readonly {
    readonly siteId: string;
    readonly part: Pick<KeptPart, "node" | "acceleratorIds">;
  }[],
): ReadonlyMap<string, Taken> {
  const taken = new Map<string, Taken>();
  for (const { siteId, part } of parts) {
    const key = keyOf(siteId, part.node);
    const one = taken.get(key) ?? { ids: new Set() };
    for (const id of part.acceleratorIds) one.ids.add(id);
    taken.set(key, one);
  }
  return taken;
}

function stocksOf(question: KeepQuestion): {
  readonly stocks: readonly Stock[];
  readonly keptByOthers: number;
} {
  const kept = takenBy(question.kept.map((part) => ({ siteId: part.siteId, part })));
  const late = takenBy(
    question.late.flatMap(({ siteId, placements }) => placements.map((part) => ({ siteId, part }))),
  );
  const stocks: Stock[] = [];
  let keptByOthers = 0;
  for (const view of question.nodes) {
    if (!view.schedulable) continue;
    const key = keyOf(view.siteId, view.node.name);
    const all = unitsOf(question, view, late.get(key));
    const others = kept.get(key);
    const units = all.filter(({ ids }) => !isKept(question, ids, others));
    keptByOthers += all.length - units.length;
    if (units.length === 0) continue;
    units.sort((a, b) => Number(a.late) - Number(b.late));
    const onTime = units.filter((unit) => !unit.late).length;
    stocks.push({ siteId: view.siteId, node: view.node.name, units, onTime });
  }
  stocks.sort((a, b) => byText(a.siteId, b.siteId) || byText(a.node, b.node));
  return { stocks, keptByOthers };
}

const isKept = (
  { unit }: KeepQuestion,
  ids: readonly string[],
  others: Taken | undefined,
): boolean => others !== undefined && (unit === "nodes" || ids.some((id) => others.ids.has(id)));

/** The accelerators of a node that match, or the node itself. */
function unitsOf(
  { unit, kind, model }: KeepQuestion,
  { node }: NodeView,
  late: Taken | undefined,
): Unit[] {
  const wanted = {
    ...{ accelerators: 1, milliCpu: 0, memoryMiB: 0 },
    ...(kind === undefined ? {} : { kind }),
    ...(model === undefined ? {} : { model }),
  };
  const matching = node.accelerators.filter((have) => matches(wanted, have));
  if (unit === "accelerators") {
    return matching.map(({ id }) => ({ ids: [id], late: late?.ids.has(id) ?? false }));
  }
  if (matching.length === 0 && (kind !== undefined || model !== undefined)) return [];
  return [{ ids: node.accelerators.map(({ id }) => id), late: late !== undefined }];
}
