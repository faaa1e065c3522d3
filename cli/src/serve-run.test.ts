// Replicas on the command line: what is submitted, where each may run, and how they are shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallReply } from "@tequio/contract";
import fc from "fast-check";
import { shareOf } from "./serve-run.ts";
import { openFakePool, TOKEN } from "./testing/fake-pool.ts";
import { runCli } from "./testing/run-cli.ts";

type Member = CallReply<"listMembers">["rows"][number];

const member = (name: string, acceleratorsFree: number, here: boolean): Member => ({
  ...{ name, state: "active", invitedAtMs: 1, accelerators: 4, acceleratorsFree },
  ...{ runningJobs: 0, deviceMs: 0, earnedMicroCredits: 0 },
  sites: [
    {
      ...{ siteId: `${name}-1`, member: name, engine: "local", nodeCount: 0, accelerators: 4 },
      ...{ state: here ? "here" : "away", acceleratorsFree, devices: [], nodes: [] },
    },
  ],
});

test("replicas share the members out, and none is with two of them while there are enough", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { maxLength: 12 });
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 16 }), (members, of) => {
      const shares = Array.from({ length: of }, (_, at) => shareOf(members, at, of));
      if (members.length === 0) return assert.ok(shares.every((share) => share.length === 0));
      assert.ok(shares.every((share) => share.length > 0));
      const all = shares.flat();
      assert.deepEqual(new Set(all), new Set(members), "every member may serve");
      if (members.length >= of) assert.equal(all.length, members.length, "each only once");
      return undefined;
    }),
  );
});

test("`run ID serve` submits a job for each replica, on members that are here", async (t) => {
  let jobs = 40;
  const pool = await openFakePool({
    listMembers: () => ({
      rows: [member("idle", 1, true), member("gone", 4, false), member("wide", 3, true)],
    }),
    submitJob: () => {
      jobs += 1;
      return { id: String(jobs), tasks: 1, state: "queued" };
    },
  });
  t.after(() => pool.close());
  const cli = (...args: string[]) =>
    runCli(["run", "3", "serve", "--url", pool.url, "--token", TOKEN, ...args]);
  const two = await cli("--replicas", "2", "--cpus", "2");
  assert.equal(two.code, 0, two.err);
  assert.match(two.out, /Run 3 gets 2 replicas: jobs 41, 42/);
  const bodies = () => pool.asked.flatMap(({ name, body }) => (name === "submitJob" ? [body] : []));
  const places = bodies().map((body) => (body as { members: string[] }).members);
  assert.deepEqual(places, [["wide"], ["idle"]]);
  assert.deepEqual((bodies()[0] as { resources: unknown }).resources, { cpus: 2 });
  const named = await cli("--member", "gone", "--time", "2h", "--json");
  assert.deepEqual(JSON.parse(named.out), { run: "3", jobs: ["43"] });
  const last = bodies().at(-1) as Record<string, unknown>;
  assert.deepEqual([last.serve, last.members, last.time], ["3", ["gone"], "2h"]);
  const many = await cli("--replicas", "65");
  assert.equal(many.code, 2);
  assert.deepEqual(pool.wrong, []);
});

test("`run ID sample` hands on top-p", async (t) => {
  const pool = await openFakePool({ sampleRun: () => ({ text: "and so on", round: 4 }) });
  t.after(() => pool.close());
  const flags = ["--url", pool.url, "--token", TOKEN, "--top-p", "0.9", "--seed", "3"];
  const asked = await runCli(["run", "3", "sample", ...flags]);
  assert.equal(asked.code, 0, asked.err);
  const { topP, seed } = pool.asked[0]!.body as { topP: number; seed: number };
  assert.deepEqual([topP, seed], [0.9, 3]);
});
