// Hierarchical fair share: at each level of the project tree the child goes first that has used
// least of what it was promised, less what its owner gave. Usage counts for all ancestors, and what
// was promised in this pass counts at once. The work of a project that also has children competes
// with them as if it were one more child with their mean share.
import { assert } from "../../pool/index.ts";
import { byText } from "../reasons.ts";
import type { ProjectView } from "../types.ts";

interface Branch {
  readonly name: string;
  readonly shares: number;
  parent: Branch | undefined;
  readonly children: Branch[];
  /** Device-milliseconds of the project itself, and with all that is below it. */
  own: number;
  subtree: number;
  /** Jobs that wait for their turn, of the project itself and with all below. */
  waitingOwn: number;
  waitingSubtree: number;
}

export class ShareTree {
  readonly #branches = new Map<string, Branch>();
  readonly #top: Branch = newBranch("", 1);

  /** Projects in any order. A parent that is not given counts as none; a circle is a bug. */
  constructor(projects: readonly ProjectView[]) {
    const sorted = [...projects].sort((a, b) => byText(a.name, b.name));
    for (const { name, shares } of sorted) this.#branches.set(name, newBranch(name, shares));
    for (const { name, parent } of sorted) {
      this.#attach(this.#branches.get(name)!, parent);
    }
    for (const { name, usage, credit = 0 } of sorted) {
      assertNoCircle(this.#branches.get(name)!, this.#branches.size);
      this.charge(name, Math.max(0, usage - credit));
    }
  }

  /** Adds device-milliseconds to a project and its ancestors. */
  charge(project: string, deviceMs: number): void {
    const branch = this.#branch(project);
    branch.own += deviceMs;
    for (let at: Branch | undefined = branch; at !== undefined; at = at.parent) {
      at.subtree += deviceMs;
    }
  }

  /** Adds jobs that wait, or takes them away again (a negative number). */
  changeWaiting(project: string, jobs: number): void {
    const branch = this.#branch(project);
    branch.waitingOwn += jobs;
    for (let at: Branch | undefined = branch; at !== undefined; at = at.parent) {
      at.waitingSubtree += jobs;
    }
  }

  /** The project whose turn it is, or undefined if nobody waits. */
  next(): string | undefined {
    let at = this.#top;
    if (at.waitingSubtree === 0) return undefined;
    for (;;) {
      const child = leastServedChild(at);
      if (child === undefined) return at.name;
      if (at.waitingOwn > 0 && at !== this.#top) {
        const own = { shares: meanShares(at), used: at.own, name: at.name };
        if (compareClaims(own, claimOf(child)) <= 0) return at.name;
      }
      at = child;
    }
  }

  /** Used part of the promised part of the pool, in percent; undefined while nothing is used. */
  usedPercent(project: string): number | undefined {
    const branch = this.#branch(project);
    if (this.#top.subtree <= 0) return undefined;
    let promised = 1;
    for (let at = branch; at.parent !== undefined; at = at.parent) {
      const siblings = at.parent.children.reduce((sum, child) => sum + child.shares, 0);
      promised *= siblings > 0 ? at.shares / siblings : 0;
    }
    return promised > 0 ? (100 * branch.subtree) / this.#top.subtree / promised : undefined;
  }

  /** A project that nobody described stands at the top with one share. */
  #branch(name: string): Branch {
    let branch = this.#branches.get(name);
    if (branch === undefined) {
      branch = newBranch(name, 1);
      this.#branches.set(name, branch);
      this.#attach(branch, null);
    }
    return branch;
  }

  #attach(branch: Branch, parentName: string | null): void {
    const parent = parentName === null ? undefined : this.#branches.get(parentName);
    branch.parent = parent ?? this.#top;
    branch.parent.children.push(branch);
  }
}

interface Claim {
  readonly shares: number;
  readonly used: number;
  readonly name: string;
}

const claimOf = ({ shares, subtree, name }: Branch): Claim => ({ shares, used: subtree, name });

/** Negative if `a` goes first: least used per share, then more shares, then the name. */
function compareClaims(a: Claim, b: Claim): number {
  const usedA = a.shares > 0 ? a.used / a.shares : Number.MAX_VALUE;
  const usedB = b.shares > 0 ? b.used / b.shares : Number.MAX_VALUE;
  return usedA - usedB || b.shares - a.shares || byText(a.name, b.name);
}

function leastServedChild(branch: Branch): Branch | undefined {
  let best: Branch | undefined;
  for (const child of branch.children) {
    if (child.waitingSubtree === 0) continue;
    if (best === undefined || compareClaims(claimOf(child), claimOf(best)) < 0) best = child;
  }
  return best;
}

const meanShares = ({ children }: Branch): number =>
  children.reduce((sum, child) => sum + child.shares, 0) / children.length;

function newBranch(name: string, shares: number): Branch {
  return {
    name,
    shares,
    parent: undefined,
    children: [],
    own: 0,
    subtree: 0,
    waitingOwn: 0,
    waitingSubtree: 0,
  };
}

function assertNoCircle(branch: Branch, branches: number): void {
  let steps = 0;
  for (let at: Branch | undefined = branch; at !== undefined; at = at.parent) {
    assert(steps <= branches, `project ${branch.name} is not its own ancestor`);
    steps += 1;
  }
}
