// What owners used and what their machines gave, as production's books tell the scheduler: faded,
// with what runs now, and with the credit of those who lend.
import { addUsage, creditsOf, emptyUsage, usageAt } from "../../ledger/index.ts";
import { deviceCount, LIMITS } from "../../pool/index.ts";
import type { ProjectView, RunningView } from "../../scheduler/index.ts";
import type { PoolNodes } from "./pool-nodes.ts";

export class PoolUsage {
  readonly #nodes: PoolNodes;
  readonly #books = emptyUsage(LIMITS.FAIRSHARE_HALF_LIFE_MS);
  readonly #projects: readonly Omit<ProjectView, "usage">[];

  /** Every owner is a project; its shares are what it brings. */
  constructor(owners: Iterable<string>, nodes: PoolNodes) {
    this.#nodes = nodes;
    this.#projects = [...new Set(owners)].sort().map((name) => ({
      ...{ name, parent: null },
      shares: Math.max(1, nodes.slotsOf(name)),
    }));
  }

  /** A lease is over. */
  ended(view: RunningView, user: string, atMs: number): void {
    const ranMs = atMs - view.startedAtMs;
    addUsage(this.#books, {
      ...{ project: view.project, user, member: this.#nodes.memberOf(view.siteId), atMs },
      deviceMs: deviceCount(view.placements) * ranMs,
      shareMs: devices(view) * ranMs,
    });
  }

  /** The projects at a moment. */
  views(running: Iterable<RunningView>, nowMs: number): readonly ProjectView[] {
    const used = new Map<string, number>();
    const served = new Map<string, number>();
    const add = (sums: Map<string, number>, name: string, ms: number): void => {
      sums.set(name, (sums.get(name) ?? 0) + ms);
    };
    for (const { name } of this.#projects) {
      add(used, name, usageAt(this.#books, "projectShare", name, nowMs));
      add(served, name, usageAt(this.#books, "memberShare", name, nowMs));
    }
    for (const view of running) {
      const ms = devices(view) * (nowMs - view.startedAtMs);
      add(used, view.project, ms);
      add(served, this.#nodes.memberOf(view.siteId), ms);
    }
    const lenders = this.#projects.filter(({ name }) => this.#nodes.slotsOf(name) > 0);
    const accounts = lenders.map(({ name }) => ({
      ...{ projects: [name], servedMs: served.get(name) ?? 0 },
    }));
    const credits = creditsOf(accounts, used);
    return this.#projects.map((project) => {
      const credit = credits.get(project.name);
      const view = { ...project, usage: used.get(project.name) ?? 0 };
      return credit === undefined ? view : { ...view, credit };
    });
  }
}

/** Devices that a lease counts for in fair share. */
const devices = ({ shareMilli, placements }: RunningView): number =>
  shareMilli === undefined ? deviceCount(placements) : shareMilli / 1_000;
