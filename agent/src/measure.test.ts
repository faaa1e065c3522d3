// Measuring a site: true figures from a true process and a true link, within its time.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ok, refuse } from "@tequio/core/pool";
import type { Measured, MeasureRequest } from "@tequio/engines";
import { multiply } from "./benchmark.ts";
import { AGENT_TIMING } from "./options.ts";
import { FakeEngine } from "./testing/engine.ts";
import { aMoment, runOrder, testSite, until } from "./testing/setup.ts";

const CALIBRATE = [process.execPath, fileURLToPath(new URL("./calibrate.ts", import.meta.url))];

/** Measures with a process, as a real engine does. */
class ProcessEngine extends FakeEngine {
  override measure(request: MeasureRequest): Promise<{ ok: true; value: Measured }> {
    this.measures.push(request);
    const [program = "", ...rest] = request.command;
    return new Promise((done) => {
      execFile(program, rest, { timeout: request.timeoutMs }, (error, stdout) =>
        done(ok({ stdout, exitCode: error === null ? 0 : null })),
      );
    });
  }
}

test("a first start measures machine and link once, in about five seconds", async (t) => {
  const { pool, start } = await testSite(t);
  const engine = new ProcessEngine();
  pool.probeTakesMs = 5;
  const startedAt = performance.now();
  // A fifth of the real times; the process takes its own time to start.
  const timing = { gemmMs: 200, memoryMs: 100, probeMs: 200 };
  const first = await start({ engine, calibrationCommand: CALIBRATE, timing });
  const told = () => pool.received.filter((message) => message.type === "calibration");
  const { calibration } = await until("the calibration", () => told()[0]);
  const tookMs = performance.now() - startedAt;
  const { gemmGflops, memoryGBPerS, link } = calibration;
  for (const figure of [gemmGflops, memoryGBPerS, link.rttMs, link.upMbitPerS]) {
    assert.ok(figure > 0 && Number.isFinite(figure), JSON.stringify(calibration));
  }
  // 16 MiB in at least 5 ms.
  assert.ok(link.downMbitPerS > 0 && link.downMbitPerS < 27_000);
  const { gemmMs, memoryMs, probeMs } = AGENT_TIMING;
  const realMs = tookMs - 700 + gemmMs + memoryMs + 2 * probeMs;
  t.diagnostic(`${tookMs.toFixed()} ms here, ${realMs.toFixed()} ms with the real times`);
  t.diagnostic(JSON.stringify(calibration));
  assert.ok(tookMs < 3_000, `took ${tookMs} ms`);

  // The next agent tells what is known and does not measure again before its time.
  await first.stop();
  await start({ engine, calibrationCommand: CALIBRATE, timing });
  await until("the calibration again", () => told().length === 2);
  await aMoment();
  assert.deepEqual(told()[1]?.calibration, calibration);
  assert.equal(engine.measures.length, 1);
});

test("after its time a site is measured again, but not beside a running lease", async (t) => {
  const { pool, engine, start } = await testSite(t);
  let nowMs = 1e12;
  const first = await start({ nowMs: () => nowMs });
  await until("the calibration", () => engine.measures.length === 1);
  await until("its arrival", () => pool.received.some(({ type }) => type === "calibration"));
  pool.want(runOrder("L1"));
  await until("the start", () => engine.starts.length === 1);
  nowMs += AGENT_TIMING.calibrateEveryMs + 1;
  await aMoment();
  assert.equal(engine.measures.length, 1);
  engine.end("L1", { exitCode: 0 });
  await until("the second calibration", () => engine.measures.length === 2);
  assert.equal((await first.calibrate()).ok, true);
});

test("a site that cannot be measured works all the same and says why", async (t) => {
  const { pool, engine, lines, start } = await testSite(t);
  engine.measured = refuse("ENGINE_FAILED", "The quota is too small.", "Lend more.");
  const agent = await start();
  await until("the word", () => lines.some((line) => line.includes("The quota is too small.")));
  engine.measured = ok({ stdout: "no figures", exitCode: 1 });
  const outcome = await agent.calibrate();
  assert.equal(outcome.ok ? "" : outcome.code, "ENGINE_FAILED");
  assert.ok(agent.connected());
  assert.ok(!pool.received.some((message) => message.type === "calibration"));
});

test("the matrix product is one", () => {
  const side = 192;
  const a = Float32Array.from({ length: side * side }, (_, i) => ((i * 7) % 11) - 5);
  const b = Float32Array.from({ length: side * side }, (_, i) => ((i * 3) % 13) - 6);
  const c = new Float32Array(side * side);
  multiply(a, b, c);
  for (const [row, column] of [
    [0, 0],
    [1, 2],
    [191, 191],
    [77, 130],
  ] as const) {
    let sum = 0;
    for (let k = 0; k < side; k += 1) sum += a[row * side + k]! * b[k * side + column]!;
    assert.equal(c[row * side + column], sum);
  }
});
