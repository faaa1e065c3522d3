// What `tequio plan` asks and shows.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunPlanView } from "@tequio/contract";
import { openFakePool, TOKEN } from "../testing/fake-pool.ts";
import { runCli } from "../testing/run-cli.ts";

const choice = {
  ...{ innerSteps: 15, durationMs: 125_000, startMs: 5_000, rounds: 9, roundMs: 13_000 },
  ...{ tokens: 2_000_000, tokensPerSecond: 16_000, bytesUp: 3_000_000, bytesDown: 7_000_000 },
  ...{ computing: 0.93, costMicro: 70_000, pace: 1 },
};
const PLAN: RunPlanView = {
  parameters: 837_888,
  sites: [
    {
      ...{ siteId: "s1", member: "uni-lab", devices: 1, tokensPerSecond: 4_964.7 },
      ...{ known: "calibrated", upMbitPerS: 0.25, downMbitPerS: 940.2, microPerHour: 1_000_000 },
    },
  ],
  choices: [
    { ...choice, sites: ["s1"], why: "what the pool would do" },
    { ...choice, sites: ["s1"], codecUp: "fp16", pace: 0.7, why: "everything up as fp16" },
  ],
};

test("a plan is asked for from a job file and shown as tables", async (t) => {
  const pool = await openFakePool({ planRun: () => PLAN });
  t.after(() => pool.close());
  const env = { TEQUIO_URL: pool.url, TEQUIO_TOKEN: TOKEN };
  const stdin = "name: big\nrun:\n  stop: { tokens: 2000000 }\n";
  const ran = await runCli(["plan", "-"], { env, stdin });
  assert.equal(ran.code, 0, ran.err);
  assert.deepEqual((pool.asked[0]!.body as { run: { stop: object } }).run.stop, { tokens: 2e6 });
  assert.match(ran.out, /837,888 parameters/);
  assert.match(ran.out, /uni-lab\s+4,965\s+calibrated\s+0\.25 Mbit\/s\s+940 Mbit\/s/);
  assert.match(ran.out, /2:05\s+100 %\s+2,000,000.*what the pool would do/);
  assert.match(ran.out, /70 %.*fp16.*everything up as fp16/);
  const json = await runCli(["plan", "-", "--json"], { env, stdin });
  assert.deepEqual(json.json(), PLAN);
  const wrong = await runCli(["plan", "-"], { env, stdin: "run: { stop: { hours: 1 } }" });
  assert.match(wrong.err, /hours/);
  assert.deepEqual(pool.wrong, []);
});
