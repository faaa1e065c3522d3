// Tests that a pool's journal becomes the jobs that were asked for and the machines that there are.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../controller/index.ts";
import {
  DEFAULT_OFFER,
  type JobSpec,
  type LeaseEnd,
  type LeaseOutcome,
  type Node,
  usageOf,
} from "../../pool/index.ts";
import { acceleratorAt } from "./cluster.ts";
import { JournalFold } from "./journal.ts";

const NODE: Node = {
  ...{ name: "n1", os: "linux", arch: "x64", milliCpu: 32_000, memoryMiB: 65_536, labels: {} },
  accelerators: [0, 1].map((at) =>
    acceleratorAt(at, { vendor: "NVIDIA", model: "H100", memoryMiB: 81_920 }),
  ),
};
const spec = (project: string, accelerators: number): JobSpec => ({
  ...{ name: "train", project, user: "eva", priority: 5, preemptible: false, requeue: true },
  ...{ walltimeMs: 3_600_000, dependencies: [] },
  groups: [
    {
      ...{ name: "g", count: 1, command: ["x"], env: {} },
      resources: { accelerators, milliCpu: 4_000, memoryMiB: 1_024 },
    },
  ],
  constraints: { members: [], excludeMembers: [], labels: { zone: "a" } },
});

const submitted = (jobId: string, job: JobSpec): Event => ({
  ...{ type: "job.submitted", jobId, spec: job, place: null, key: null },
});
const granted = (leaseId: string, jobId: string): Event => ({
  type: "lease.granted",
  lease: {
    ...{ leaseId, jobId, attempt: 1, siteId: "s1", placements: [], fence: 1 },
    ...{ walltimeMs: 3_600_000, grantedAtMs: 0, reason: "" },
  },
});
function ended(leaseId: string, ranMs: number, outcome: LeaseOutcome = "completed"): Event {
  const end: LeaseEnd = {
    ...{ outcome, exitCode: 0, signal: null, usage: usageOf([], ranMs), message: "" },
  };
  return { type: "lease.ended", leaseId, end, estimated: false };
}

function fold(events: readonly (readonly [atMs: number, event: Event])[]) {
  const made = new JournalFold();
  for (const [atMs, event] of events) made.add(event, atMs);
  return made.trace();
}

const joined = (siteId: string, member: string): Event => ({
  ...{ type: "site.joined", siteId, member, secretHash: "", publicKey: "", engine: "local" },
});
const SITES: readonly (readonly [number, Event])[] = [
  [1, joined("s1", "ana")],
  [1, joined("s2", "ben")],
  [1, joined("s3", "cleo")],
  [2, { type: "site.inventoried", siteId: "s1", nodes: [NODE] }],
  [2, { type: "site.inventoried", siteId: "s2", nodes: [NODE, { ...NODE, name: "n2" }] }],
  [2, { type: "site.inventoried", siteId: "s3", nodes: [NODE] }],
  [3, { type: "site.revoked", siteId: "s3" }],
  [4, { type: "site.inventoried", siteId: "s2", nodes: [NODE] }],
];

test("the machines are the last inventories of the sites that may still connect", () => {
  const { cluster } = fold(SITES);
  assert.deepEqual(
    cluster.members.map(({ name, sites }) => [name, sites[0]!.nodes.map((node) => node.name)]),
    [
      ["ana", ["n1"]],
      ["ben", ["n1"]],
    ],
  );
});

test("a job has the request, owner, limit and longest run of its attempts", () => {
  const offer = { ...DEFAULT_OFFER, ownProjects: ["lab"] };
  const { workload, neverRan } = fold([
    ...SITES,
    [5, { type: "project.set", name: "lab/x", parent: "lab", shares: 1 }],
    [5, { type: "project.set", name: "lab", parent: null, shares: 1 }],
    [5, { type: "member.offered", name: "ana", siteId: null, offer }],
    [10_000, submitted("1", spec("lab/x", 2))],
    [11_000, granted("7", "1")],
    [20_000, ended("7", 9_000, "preempted")],
    [21_000, granted("8", "1")],
    [25_000, submitted("2", spec("guests", 1))],
    [30_000, ended("8", 4_000)],
    [31_000, granted("9", "2")],
    [40_000, ended("9", 5_000)],
    [50_000, submitted("3", spec("guests", 1))],
  ]);
  assert.equal(neverRan, 1);
  assert.deepEqual(
    workload.jobs.map(({ owner, user, submitS, durationS, limitS, request }) => [
      ...[owner, user, submitS, durationS, limitS, request.width, request.priority],
    ]),
    [
      ["ana", "eva", 0, 9, 3_600, 2, 5],
      ["guests", "eva", 15, 5, 3_600, 1, 5],
    ],
  );
  assert.deepEqual(workload.jobs[0]!.request.labels, { zone: "a" });
});

test("every task of an array is a job, and a corrected time counts", () => {
  const { workload } = fold([
    ...SITES,
    [
      10,
      {
        ...{ type: "array.submitted", arrayId: "4", spec: spec("lab", 1), indices: [0, 3] },
        ...{ maxRunning: 2, key: null },
      },
    ],
    [11, granted("1", "4_0")],
    [11, granted("2", "4_3")],
    [12, ended("1", 1_000)],
    [12, ended("2", 2_000)],
    [13, { type: "lease.corrected", leaseId: "1", usage: usageOf([], 7_000) }],
  ]);
  assert.deepEqual(
    workload.jobs.map(({ durationS }) => durationS),
    [7, 2],
  );
  assert.equal(workload.jobs[0]!.request, workload.jobs[1]!.request);
});
