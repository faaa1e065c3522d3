// Members in pages, and the nodes of one in pages: every row once, sums of all nodes on every
// page, and a cost that follows the page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyState, type JobState, newJob, nodeViews, type State } from "@tequio/core/controller";
import { LIMITS, type Node } from "@tequio/core/pool";
import { memberDetail, memberPage, poolView } from "./pool.ts";

const unseen = (): undefined => undefined;

const node = (name: string, devices: number): Node => ({
  ...{ name, os: "linux", arch: "x64", milliCpu: 8_000, memoryMiB: 16_384, labels: {} },
  accelerators: Array.from({ length: devices }, (_, i) => ({
    ...{ id: `gpu${i}`, kind: "gpu", vendor: "NVIDIA", model: i === 0 ? "A100" : "H100" },
    memoryMiB: 81_920,
  })),
});

/** Members with one site each, two for the first. */
function world(members: number, nodesEach: number, devices: number): State {
  const state = emptyState();
  for (let m = 0; m < members; m += 1) {
    const name = `m${m}`;
    const siteIds = m === 0 ? [`s${m}`, `s${m}b`] : [`s${m}`];
    state.members.set(name, {
      ...{ name, invitedAtMs: 1, standing: "active", invitations: [], siteIds },
    });
    for (const siteId of siteIds) {
      const nodes = Array.from({ length: nodesEach }, (_, n) => node(`${siteId}-n${n}`, devices));
      state.sites.set(siteId, {
        ...{ siteId, member: name, publicKey: "", engine: "fake", state: "here" },
        ...{ agentVersion: "1", nodes, calibration: null, leaseUntilMs: 0, changedAtMs: 1 },
        openLeases: [],
      });
    }
  }
  return state;
}

/** A lease on one node of a site. */
function hold(state: State, siteId: string, nodeName: string, acceleratorIds: string[]): void {
  const leaseId = `L${state.nextLease}`;
  state.nextLease += 1;
  const placement = { node: nodeName, acceleratorIds, milliCpu: 1_000, memoryMiB: 1_024 };
  const lease = { leaseId, siteId, jobId: "1", placements: [placement] };
  state.leases.set(leaseId, { lease, stage: "running" } as never);
  const job = newJob("1", { project: "default" } as JobState["spec"], null, 1);
  state.jobs.set("1", { ...job, stage: "active", leaseIds: [leaseId] });
  state.sites.get(siteId)!.openLeases.push(leaseId);
}

test("members come in pages, each once, with sums of all nodes and the first of these", () => {
  const state = world(7, LIMITS.SITE_NODES_SHOWN + 5, 4);
  hold(state, "s3", "s3-n24", ["gpu0", "gpu1"]);
  hold(state, "s3", "gone", ["gpu0"]);
  const names: string[] = [];
  let after: string | undefined;
  do {
    const page = memberPage(state, unseen, { limit: 3, after });
    for (const row of page.rows) {
      names.push(row.name);
      const views = nodeViews(state).filter(({ member }) => member === row.name);
      const free = views.reduce((sum, view) => sum + view.freeAcceleratorIds.length, 0);
      assert.deepEqual([row.accelerators, row.acceleratorsFree], [views.length * 4, free]);
      for (const site of row.sites) {
        assert.equal(site.nodes.length, LIMITS.SITE_NODES_SHOWN);
        assert.equal(site.nodeCount, LIMITS.SITE_NODES_SHOWN + 5);
        const counts = site.devices.map(({ model, count }) => `${count} ${model}`);
        assert.deepEqual(counts, ["75 H100", "25 A100"]);
      }
    }
    after = page.nextCursor;
  } while (after !== undefined);
  assert.deepEqual(names, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
  const { accelerators, acceleratorsFree } = poolView(state, "1", 1);
  assert.deepEqual([accelerators, acceleratorsFree], [800, 798]);
});

test("the nodes of a member come in pages over its sites, each once", () => {
  const state = world(1, 10, 1);
  hold(state, "s0b", "s0b-n3", ["gpu0"]);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = memberDetail(state, unseen, "m0", { limit: 5, cursor });
    assert.ok(page !== undefined && page.nodes.length === 5);
    assert.deepEqual([page.accelerators, page.acceleratorsFree], [20, 19]);
    assert.deepEqual(page.sites[0]?.nodes, []);
    seen.push(...page.nodes.map(({ site, name }) => `${site} ${name}`));
    const held = page.nodes.find(({ name }) => name === "s0b-n3");
    if (held) assert.deepEqual([held.freeAccelerators, held.freeMilliCpu], [0, 7_000]);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  assert.equal(seen.length, 20);
  assert.equal(new Set(seen).size, 20);
  assert.equal(memberDetail(state, unseen, "nobody", { limit: 5, cursor }), undefined);
});

test("100 members of 1,000 nodes are listed from their sums", () => {
  const state = world(100, 1_000, 8);
  memberPage(state, unseen, { limit: 100, after: undefined }); // Sums of an inventory are kept.
  const startMs = performance.now();
  const { rows } = memberPage(state, unseen, { limit: 100, after: undefined });
  const bytes = JSON.stringify(rows).length;
  console.log(`listed in ${Math.round(performance.now() - startMs)} ms, ${bytes} bytes`);
  assert.equal(rows.length, 100);
  assert.ok(bytes < 5_000_000, `${bytes} bytes`);
});
