// Measuring the link in a process of its own, and certificates that are read from files.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readIdentity } from "./identity.ts";
import { testFolder, testSite, until } from "./testing/setup.ts";

const PROBE = [process.execPath, fileURLToPath(new URL("./probe.ts", import.meta.url))];

test("a process of its own measures the link, and its token is in no argument", async (t) => {
  const { pool, start } = await testSite(t);
  await start({ probeCommand: PROBE });
  const told = () => pool.received.find((message) => message.type === "calibration");
  const { link } = (await until("the calibration", told)).calibration;
  for (const figure of [link.rttMs, link.upMbitPerS, link.downMbitPerS]) {
    assert.ok(figure > 0 && Number.isFinite(figure), JSON.stringify(link));
  }
});

test("a program that gives no figures fails the measuring and nothing else", async (t) => {
  const { start, pool } = await testSite(t);
  const broken = "console.error('it broke'); process.exit(3)";
  const agent = await start({ probeCommand: [process.execPath, "-e", broken] });
  await until("the welcome", () => agent.connected());
  const outcome = await agent.calibrate();
  assert.equal(outcome.ok ? "" : outcome.code, "POOL_UNREACHABLE");
  assert.match(outcome.ok ? "" : outcome.message, /it broke/);
  assert.ok(!pool.received.some((message) => message.type === "calibration"));
});

test("files that are no certificate, or not there, are refused as such", (t) => {
  const folder = testFolder(t);
  const file = join(folder, "x.pem");
  writeFileSync(file, "nothing");
  for (const path of [file, join(folder, "absent.pem")]) {
    const read = readIdentity({ certFile: path, keyFile: path });
    assert.equal(read.ok ? "" : read.code, "USAGE");
    assert.match(read.ok ? "" : read.hint, /--tls-cert/);
  }
});
