// The processor share, measured on real processes. This machine may be busy with other things, so
// only the upper bound is sharp; that the share is also reached is limiter.test.ts's, on a clock
// of its own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { siteClockMs } from "../clock.ts";
import { endOf, leaseOf, must, waitForText } from "../testkit.ts";
import { localEngine } from "./engine.ts";
import { testPlace } from "./testplace.ts";

const SPIN = "while :; do :; done";
/** Beyond the share a lease may have used what it overdraws in one turn. */
const OVERDRAFT_MS = 150;

test("busy threads of two leases together stay within the share, and can be stopped", async () => {
  const place = testPlace({ cpuShare: 0.3 });
  try {
    const { engine } = place;
    const [node] = await engine.inventory();
    assert.ok(node !== undefined && node.milliCpu === 300);
    await engine.extend(siteClockMs() + 45_000);
    const leases = [leaseOf(node, [`${SPIN} & echo up; ${SPIN}`]), leaseOf(node, [SPIN])];
    for (const lease of leases) must(await engine.start(lease));
    await waitForText(engine, leases[0]?.leaseId ?? "", "up");
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    let usedMs = 0;
    let ranMs = 0;
    for (const { leaseId } of leases) await engine.stop(leaseId, { graceMs: 5_000, why: "test" });
    for (const { leaseId } of leases) {
      const end = await endOf(engine, leaseId);
      assert.deepEqual([end.endedBy, end.signal], ["stop", "SIGTERM"]);
      usedMs += end.cpuTimeMs ?? Number.POSITIVE_INFINITY;
      ranMs = Math.max(ranMs, end.ranMs);
    }
    const mostMs = 0.3 * ranMs * 1.05 + leases.length * OVERDRAFT_MS;
    assert.ok(usedMs <= mostMs, `used ${usedMs} ms of ${mostMs} in ${ranMs} ms`);
    assert.ok(usedMs > 50, `used only ${usedMs} ms: nothing was measured`);
  } finally {
    await place.dispose();
  }
});

test("a measurement runs under the share too", async () => {
  const place = testPlace({ cpuShare: 0.25 });
  try {
    const script = `
      const end = process.hrtime.bigint() + 1500000000n;
      while (process.hrtime.bigint() < end);
      const { user, system } = process.cpuUsage();
      console.log((user + system) / 1000);`;
    const command = [process.execPath, "-e", script];
    const request = { command, env: {}, timeoutMs: 20_000 };
    const measured = must(await place.engine.measure(request));
    const usedMs = Number(measured.stdout);
    assert.ok(usedMs > 20 && usedMs < 1_500 * 0.6, `used ${usedMs} ms in 1,500 ms`);
  } finally {
    await place.dispose();
  }
});

test("a share that is not above zero is a mistake of the caller", () => {
  assert.throws(() => localEngine({ folder: "never-made", cpuShare: 0 }), RangeError);
});
