// What a lease is charged for: the time of its processes, and not what is prepared before them.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { siteClockMs } from "../clock.ts";
import { endOf, leaseOf, must } from "../testkit.ts";
import { testPlace } from "./testplace.ts";

/** What the preparation takes here; a job that does nothing takes a small part of it. */
const PREPARATION_S = 1;

test("what is prepared before the first process is not charged to the job", async () => {
  const tools = mkdtempSync(join(tmpdir(), "tequio-slow-tools-"));
  mkdirSync(tools, { recursive: true });
  // The pipe of a task's log is made by the system's mkfifo: a slow one makes a slow start.
  const path = process.env.PATH ?? "";
  const script = `#!/bin/sh\nsleep ${PREPARATION_S}\nPATH='${path}' exec mkfifo "$@"\n`;
  writeFileSync(join(tools, "mkfifo"), script, { mode: 0o755 });
  const place = testPlace();
  process.env.PATH = `${tools}:${path}`;
  try {
    const [node] = await place.engine.inventory();
    assert.ok(node !== undefined);
    await place.engine.extend(siteClockMs() + 45_000);
    const lease = leaseOf(node, ["true"]);
    must(await place.engine.start(lease));
    const end = await endOf(place.engine, lease.leaseId);
    assert.equal(end.exitCode, 0);
    assert.ok(end.ranMs < PREPARATION_S * 500, `${end.ranMs} ms are charged`);
  } finally {
    process.env.PATH = path;
    await place.dispose();
    rmSync(tools, { recursive: true, force: true });
  }
});
