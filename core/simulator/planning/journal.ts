// A pool's own journal as a trace: which jobs were asked for and when, how long they really ran,
// and which machines there were. A fold of events; reading them from a store is the command's.
import type { Event } from "../../controller/index.ts";
import type { JobSpec, Node } from "../../pool/index.ts";
import { type Cluster, clusterSlots, type Unit } from "./cluster.ts";
import { type PlanJob, type PlanRequest, type Workload, workloadOf } from "./jobs.ts";

interface Known {
  readonly spec: JobSpec;
  readonly submittedMs: number;
  /** The longest of its attempts; undefined until one has ended. */
  ranMs: number | undefined;
}

interface KnownSite {
  readonly member: string;
  nodes: readonly Node[];
  revoked: boolean;
}

export interface JournalTrace {
  readonly workload: Workload;
  readonly cluster: Cluster;
  /** Jobs that were left out because they never ran, still run, or span several sites. */
  readonly neverRan: number;
  readonly spanning: number;
}

export class JournalFold {
  readonly #jobs = new Map<string, Known>();
  readonly #jobOfLease = new Map<string, string>();
  readonly #sites = new Map<string, KnownSite>();
  readonly #parents = new Map<string, string | null>();
  /** Projects that members call their own, by member; the newest offer counts. */
  readonly #own = new Map<string, readonly string[]>();

  /** Takes the next event of the journal. */
  add(event: Event, atMs: number): void {
    switch (event.type) {
      case "site.joined":
        this.#sites.set(event.siteId, { member: event.member, nodes: [], revoked: false });
        break;
      case "site.inventoried":
        this.#site(event.siteId, (site) => {
          site.nodes = event.nodes;
        });
        break;
      case "site.revoked":
        this.#site(event.siteId, (site) => {
          site.revoked = true;
        });
        break;
      case "member.offered":
        this.#own.set(event.name, event.offer?.ownProjects ?? []);
        break;
      case "project.set":
        this.#parents.set(event.name, event.parent);
        break;
      default:
        this.#addWork(event, atMs);
    }
  }

  #addWork(event: Event, atMs: number): void {
    switch (event.type) {
      case "job.submitted":
        this.#submitted(event.jobId, event.spec, atMs);
        break;
      case "array.submitted":
        for (const index of event.indices) {
          this.#submitted(`${event.arrayId}_${index}`, event.spec, atMs);
        }
        break;
      case "lease.granted":
        this.#jobOfLease.set(event.lease.leaseId, event.lease.jobId);
        break;
      case "lease.ended":
        this.#ran(event.leaseId, event.end.usage.ranMs);
        break;
      case "lease.corrected":
        this.#ran(event.leaseId, event.usage.ranMs);
        break;
      default:
        // All else says nothing of what was asked for, how long it ran, or where.
        break;
    }
  }

  #site(siteId: string, change: (site: KnownSite) => void): void {
    const site = this.#sites.get(siteId);
    if (site !== undefined) change(site);
  }

  #submitted(jobId: string, spec: JobSpec, submittedMs: number): void {
    this.#jobs.set(jobId, { spec, submittedMs, ranMs: undefined });
  }

  #ran(leaseId: string, ranMs: number): void {
    const job = this.#jobs.get(this.#jobOfLease.get(leaseId) ?? "");
    // An attempt that was stopped ran for less than the job needs: the longest tells most.
    if (job !== undefined && ranMs > 0) job.ranMs = Math.max(job.ranMs ?? 0, ranMs);
  }

  /** The jobs and the machines, as far as the journal has been read. */
  trace(): JournalTrace {
    const cluster = this.#cluster();
    const unit: Unit = clusterSlots(cluster, "accelerators") > 0 ? "accelerators" : "cores";
    const requests = new Map<string, PlanRequest>();
    const jobs: PlanJob[] = [];
    let [neverRan, spanning] = [0, 0];
    for (const { spec, submittedMs, ranMs } of this.#jobs.values()) {
      if (spec.run !== undefined) spanning += 1;
      else if (ranMs === undefined) neverRan += 1;
      else {
        jobs.push({
          ...{ name: spec.name, user: spec.user, owner: this.#ownerOf(spec.project) },
          ...{ submitS: submittedMs / 1_000, durationS: ranMs / 1_000 },
          limitS: Math.max(spec.walltimeMs, ranMs) / 1_000,
          request: requestOf(spec, unit, requests),
        });
      }
    }
    return { workload: workloadOf(unit, jobs), cluster, neverRan, spanning };
  }

  #cluster(): Cluster {
    const members = new Map<string, { name: string; nodes: readonly Node[] }[]>();
    for (const [siteId, { member, nodes, revoked }] of this.#sites) {
      if (revoked || nodes.length === 0) continue;
      const sites = members.get(member) ?? [];
      members.set(member, sites);
      sites.push({ name: siteId, nodes });
    }
    return {
      members: [...members].map(([name, sites]) => ({ name, sites })),
    };
  }

  /** The member who calls the project, or one above it, its own; else the topmost project. */
  #ownerOf(project: string): string {
    let [at, top]: [string | null, string] = [project, project];
    // A parent that is its own ancestor cannot be set; the bound is for journals that are broken.
    for (let depth = 0; at !== null && depth < DEPTH_MAX; depth += 1) {
      top = at;
      for (const [member, projects] of this.#own) if (projects.includes(at)) return member;
      at = this.#parents.get(at) ?? null;
    }
    return top;
  }
}

/** Projects above each other; deeper trees are not made by people. */
const DEPTH_MAX = 64;

function requestOf(spec: JobSpec, unit: Unit, known: Map<string, PlanRequest>): PlanRequest {
  const tasks = spec.groups.map(({ count, resources }) => ({ count, resources }));
  const { members, labels } = spec.constraints;
  const key = JSON.stringify([tasks, members, labels, spec.priority]);
  const before = known.get(key);
  if (before !== undefined) return before;
  const width = tasks.reduce((sum, { count, resources }) => {
    const cores = Math.ceil(resources.milliCpu / 1_000);
    return sum + count * (unit === "accelerators" ? resources.accelerators : cores);
  }, 0);
  const made: PlanRequest = { tasks, width, priority: spec.priority, members, labels };
  known.set(key, made);
  return made;
}
