// Tests of caps: what is over them waits with its reason and stands in nobody's way.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ProjectCaps } from "../../pool/index.ts";
import { node, occupied, running, snapshot, spec, waiting } from "../fixtures.testing.ts";
import { plan } from "../plan.ts";
import { blockedReasons } from "../request-key.ts";
import type { ProjectView, WaitingView } from "../types.ts";

const project = (name: string, caps?: ProjectCaps, parent: string | null = null): ProjectView => ({
  ...{ name, parent, shares: 1, usage: 0 },
  ...(caps === undefined ? {} : { caps }),
});
const job = (jobId: string, name: string, accelerators = 1, user = "eva"): WaitingView =>
  waiting(jobId, spec({ accelerators }, { project: name, user }));
const ids = (rows: readonly { readonly jobId: string }[]): string[] =>
  rows.map(({ jobId }) => jobId);

test("a project over its cap waits with the cap and its value, and others overtake it", () => {
  const projects = [project("top", { maxAccelerators: 3 }), project("low", undefined, "top")];
  const jobs = [job("1", "low", 2), job("2", "top", 2), job("3", "top", 1), job("4", "free", 2)];
  const { starts, waits } = plan(snapshot({ nodes: [node("a", 8)], projects, waiting: jobs }));
  assert.equal(starts.length, 3);
  assert.ok(ids(starts).includes("3") && ids(starts).includes("4"), "they are not in its way");
  assert.equal(waits.length, 1);
  const held = waits[0]!.jobId === "1" ? 3 : 2;
  assert.deepEqual(waits[0]!.reasons, [
    {
      code: "PROJECT_CAP",
      text: `project top holds ${held} of at most 3 accelerators, the job asks for 2`,
      nodes: 0,
    },
  ]);
});

test("a user over the cap of a project waits, and the project's other users do not", () => {
  const projects = [project("lab", { perUser: { maxRunningJobs: 1 } })];
  const held = running("L1", {
    ...{ spec: spec({ accelerators: 1 }), jobId: "0" },
    placements: [{ node: "a", acceleratorIds: ["gpu0"], milliCpu: 0, memoryMiB: 0 }],
  });
  const line = (user: string, first: number) => {
    const jobs = [0, 1, 2].map((i) => job(`${first + i}`, "lab", 1, user));
    return { priority: 0, project: "lab", count: 3, jobs: () => jobs.values() };
  };
  const made = plan(
    snapshot({
      nodes: occupied([node("a", 8)], [held]),
      ...{ projects, running: [held], lines: [line("eva", 10), line("bo", 20)] },
    }),
  );
  assert.deepEqual(ids(made.starts), ["20"]);
  assert.deepEqual(ids(made.waits).sort(), ["10", "21"]);
  const last = blockedReasons(made, job("12", "lab").spec)!;
  assert.deepEqual(last, [
    {
      code: "USER_CAP",
      text: "the user, in project lab, runs 1 jobs and may run 1 at one time",
      nodes: 0,
    },
  ]);
  assert.equal(blockedReasons(made, job("99", "other").spec), undefined);
});

test("a job that alone is over the cap says so", () => {
  const projects = [project("lab", { maxAccelerators: 2 })];
  const { waits } = plan(
    snapshot({ nodes: [node("a", 8)], projects, waiting: [job("1", "lab", 4)] }),
  );
  assert.match(waits[0]!.reasons[0]!.text, /may hold 2 accelerators, the job alone asks for 4/);
});

test("a gang that may be smaller starts as large as its cap lets it", () => {
  const projects = [project("lab", { maxAccelerators: 5 })];
  const gang = spec({ accelerators: 1 }, { count: 8 });
  const elastic = { ...gang, groups: [{ ...gang.groups[0]!, countMin: 2 }] };
  const jobs = ["1", "2"].map((jobId) => waiting(jobId, elastic));
  const made = plan(snapshot({ nodes: [node("a", 8)], projects, waiting: jobs }));
  assert.deepEqual(
    made.starts.map(({ placements }) => placements.length),
    [5],
  );
  assert.match(made.waits[0]!.reasons[0]!.text, /holds 5 of at most 5 .*, the job asks for 2$/);
});

test("no plan goes over a cap, and with room no job waits for one", () => {
  const caps = fc.record({
    maxAccelerators: fc.integer({ min: 0, max: 6 }),
    maxRunningJobs: fc.integer({ min: 0, max: 4 }),
    perUser: fc.record({ maxAccelerators: fc.integer({ min: 0, max: 4 }) }),
  });
  const jobs = fc.array(
    fc.record({
      accelerators: fc.integer({ min: 0, max: 3 }),
      project: fc.constantFrom("top", "low", "free"),
      user: fc.constantFrom("eva", "bo"),
    }),
    { minLength: 1, maxLength: 12 },
  );
  let [capped, started] = [0, 0];
  const check = fc.property(caps, caps, jobs, (top, low, drawn) => {
    const projects = [project("top", top), project("low", low, "top"), project("free")];
    const all = drawn.map((one, i) => job(`${i}`, one.project, one.accelerators, one.user));
    const answer = plan(snapshot({ nodes: [node("a", 64)], projects, waiting: all }));
    const held = (names: readonly string[], user?: string) => {
      const mine = all.filter(
        ({ jobId, spec: { project: name, user: who } }) =>
          ids(answer.starts).includes(jobId) &&
          names.includes(name) &&
          (user === undefined || user === who),
      );
      const devices = mine.map((one) => one.spec.groups[0]!.resources.accelerators);
      return { jobs: mine.length, devices: devices.reduce((sum, n) => sum + n, 0) };
    };
    for (const [bound, names] of [
      [top, ["top", "low"]],
      [low, ["low"]],
    ] as const) {
      const whole = held(names);
      assert.ok(whole.devices <= bound.maxAccelerators && whole.jobs <= bound.maxRunningJobs);
      for (const user of ["eva", "bo"]) {
        assert.ok(held(names, user).devices <= bound.perUser.maxAccelerators);
      }
    }
    for (const { jobId, reasons } of answer.waits) {
      assert.notEqual(all[Number(jobId)]!.spec.project, "free");
      if (/_CAP$/.test(reasons[0]!.code)) capped += 1;
    }
    started += answer.starts.length;
  });
  fc.assert(check, { numRuns: 200, seed: 11 });
  assert.ok(capped > 200 && started > 200, `${capped} capped, ${started} started`);
});
