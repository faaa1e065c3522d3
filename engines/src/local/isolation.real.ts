// The walls of the local engine on a real machine, with bubblewrap and, where there are any, the
// kernel's memory groups: what a job can neither see nor do, and that it otherwise behaves as
// every lease does. Needs `apt-get install bubblewrap`.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Node } from "@tequio/core/pool";
import { siteClockMs } from "../clock.ts";
import { engineConformance } from "../conformance.ts";
import type { EndedLease, LeaseStart, TaskLimits } from "../port.ts";
import { endOf, leaseOf, must, PATIENCE_MS, textOf, waitForText } from "../testkit.ts";
import type { IsolationOptions } from "./isolation.ts";
import { signal } from "./processes.ts";
import { leaseFolder, type RunningRecord, readRecord, runningFile, workFolder } from "./records.ts";
import { type TestPlace, testPlace } from "./testplace.ts";

const SANDBOX: IsolationOptions = { level: "sandbox" };

engineConformance("local, isolated", async () => testPlace({ isolation: SANDBOX }));

interface Bench {
  readonly place: TestPlace;
  readonly node: Node;
  readonly run: (script: string, given?: Partial<LeaseStart>) => Promise<[EndedLease, string]>;
}

function withWalls(
  name: string,
  play: (bench: Bench) => Promise<void>,
  given: Partial<IsolationOptions> = {},
): void {
  test(name, { timeout: 2 * PATIENCE_MS }, async () => {
    const place = testPlace({ isolation: { ...SANDBOX, ...given } });
    try {
      const [node] = await place.engine.inventory();
      assert.ok(node !== undefined);
      await place.engine.extend(siteClockMs() + 60_000);
      const run = async (script: string, wish: Partial<LeaseStart> = {}) => {
        const lease = leaseOf(node, [script], wish);
        must(await place.engine.start(lease));
        const end = await endOf(place.engine, lease.leaseId);
        return [end, await textOf(place.engine, lease.leaseId)] satisfies [EndedLease, string];
      };
      await play({ place, node, run });
    } finally {
      await place.dispose();
    }
  });
}

describe("walls around jobs", { concurrency: 2 }, () => {
  withWalls("a job cannot read the engine's folder nor what lies beside it", async (bench) => {
    const secret = mkdtempSync(join(tmpdir(), "tequio-secret-"));
    try {
      writeFileSync(join(secret, "key.pem"), "hush");
      const paths = [join(secret, "key.pem"), join(bench.place.folder, "rights.json")];
      const [end, text] = await bench.run(`cat ${paths.join(" ")}; ls -A ${bench.place.folder}`);
      assert.equal(end.exitCode, 0);
      assert.ok(!text.includes("hush") && !text.includes("bootId"), text);
      assert.equal(text.match(/No such file/g)?.length, 2, text);
      assert.ok(text.endsWith("leases\n"), text);
    } finally {
      rmSync(secret, { recursive: true });
    }
  });

  const hiddenUnderReadable = mkdtempSync(join(tmpdir(), "tequio-readable-"));
  withWalls(
    "what is hidden stays hidden within what is readable",
    async ({ run }) => {
      mkdirSync(join(hiddenUnderReadable, "agent"));
      writeFileSync(join(hiddenUnderReadable, "agent", "key.pem"), "hush");
      writeFileSync(join(hiddenUnderReadable, "program"), "come in");
      const [, text] = await run(`cd ${hiddenUnderReadable}; cat program agent/key.pem; ls agent`);
      rmSync(hiddenUnderReadable, { recursive: true });
      assert.match(text, /come in/);
      assert.doesNotMatch(text, /hush/);
    },
    {
      readable: [hiddenUnderReadable],
      hidden: [join(hiddenUnderReadable, "agent"), join(hiddenUnderReadable, "agent", "deeper")],
    },
  );

  withWalls("a job sees no process but its own, and no home of anybody", async ({ run }) => {
    const script =
      "for p in /proc/[0-9]*; do cat $p/comm; done; ls -A /home /root; cat /etc/shadow";
    const [, text] = await run(`${script}; kill -0 ${process.pid} || echo no-such-agent`);
    assert.ok(!text.includes("node"), text);
    assert.match(text, /no-such-agent/);
    assert.doesNotMatch(text, /root:[^N]/);
  });

  withWalls("a job writes to its own folder and /tmp and nowhere else", async (bench) => {
    const { run, place } = bench;
    const script = `for d in . /tmp /usr /etc / /var ${place.folder}; do
      if echo x > $d/mark; then echo wrote $d; fi; done; echo $HOME`;
    const [end, text] = await run(script);
    assert.deepEqual(text.match(/^wrote .*$/gm), ["wrote .", "wrote /tmp"], text);
    const work = workFolder(leaseFolder(place.folder, end.leaseId));
    assert.ok(existsSync(join(work, "mark")) && !existsSync("/tmp/mark"));
    assert.ok(text.endsWith(`${work}\n`), text);
  });
});

/** Starts `$1` sleepers at once and says how many processes there are. */
const SWARM =
  "n=0; while [ $n -lt $1 ]; do sleep 1 & n=$((n + 1)); done; ls -d /proc/[0-9]* | wc -l";
/** Forks for as long as it can: without a limit it would fill the machine within a second. It ends
 * by itself after 3 s. */
const BOMB = `import os, time
until = time.time() + 3
while time.time() < until:
    try:
        if os.fork() == 0: pass
    except OSError: time.sleep(0.05)
os._exit(0)`;

/** A task with limits of its own, instead of the one that `leaseOf` gives. */
function limited(node: Node, command: readonly string[], limits: TaskLimits): Partial<LeaseStart> {
  const { tasks } = leaseOf(node, ["true"]);
  return { tasks: tasks.map((task) => ({ ...task, command, limits })) };
}

describe("processes and disk of walled jobs", { concurrency: 2 }, () => {
  withWalls("a fork bomb ends at its job's limit, and the machine goes on", async (bench) => {
    const { node, run } = bench;
    if (node.labels["process-limit"] !== "job") {
      // Never a bomb without a limit: then the job must be told that there is none.
      const [, text] = await run("true");
      assert.match(text, /process-limit: none/);
      return;
    }
    const program = ["python3", "-c", BOMB];
    const [end, text] = await run("", limited(node, program, { processes: 50 }));
    assert.equal(end.exitCode, 0, text);
    assert.match(text, /\[tequio\] It has reached its limit of 50 processes/);
    assert.ok(end.ranMs < 20_000);
    const path = readRecord<{ sandbox?: { processRoot?: { path: string } } }>(
      join(leaseFolder(bench.place.folder, end.leaseId), "lease.json"),
    )?.sandbox?.processRoot?.path;
    assert.ok(path !== undefined && !existsSync(join(path, `${end.leaseId}-0`)));
    const [after] = await run("true");
    assert.equal(after.exitCode, 0);
  });

  withWalls("a job has as many processes as it asked for", async ({ node, run }) => {
    const command = ["sh", "-c", SWARM, "sh", "30"];
    const [end, text] = await run("", limited(node, command, { processes: 60 }));
    assert.equal(end.exitCode, 0, text);
    assert.ok(Number(text.match(/^\d+$/m)?.[0]) >= 30, text);
    assert.doesNotMatch(text, /reached its limit/);
  });

  withWalls("a job that outgrows its disk ends with OUT_OF_DISK", async ({ node, run }) => {
    const many = "for i in 1 2 3 4 5 6; do head -c 4000000 /dev/zero > f$i; done; sleep 30";
    const [end] = await run("", limited(node, ["sh", "-c", many], { diskMiB: 16 }));
    assert.match(end.message, /^OUT_OF_DISK: The tasks here wrote more than their 16 MiB/);
    assert.ok(end.ranMs < 20_000);
    const one = "head -c 40000000 /dev/zero > one";
    const [large] = await run("", limited(node, ["sh", "-c", `exec ${one}`], { diskMiB: 16 }));
    assert.notEqual(large.exitCode, 0);
    assert.match(large.message, /^OUT_OF_DISK: /);
    const [small] = await run("", limited(node, ["sh", "-c", one], { diskMiB: 60 }));
    assert.equal(small.exitCode, 0);
  });
});

describe("memory and network of walled jobs", { concurrency: 2 }, () => {
  withWalls("a job that outgrows its memory ends with OUT_OF_MEMORY", async ({ run, node }) => {
    const [end] = await run("head -c 200000000 /dev/zero | tail -c 199999999 | wc -c");
    const byKernel = node.labels["memory-limit"] === "job";
    assert.equal(end.endedBy, "itself");
    assert.notEqual(end.exitCode, 0);
    if (byKernel) assert.match(end.message, /^OUT_OF_MEMORY: Task 0 used more than its 64 MiB/);
  });

  withWalls("a job within its memory is left in peace, and its group is removed", async (bench) => {
    const [end, text] = await bench.run("head -c 20000000 /dev/zero | tail -c 19999999 | wc -c");
    assert.equal(end.exitCode, 0);
    assert.match(text, /19999999/);
    const shape = readRecord<{ sandbox?: { memoryRoot?: { path: string } } }>(
      join(leaseFolder(bench.place.folder, end.leaseId), "lease.json"),
    );
    const path = shape?.sandbox?.memoryRoot?.path;
    if (path !== undefined) assert.ok(!existsSync(join(path, `${end.leaseId}-0`)));
  });

  withWalls(
    "without a network a job reaches nothing, not even this machine",
    async ({ run }) => {
      const [, text] = await run("cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '");
      assert.equal(text, "lo\n");
    },
    { network: "none" },
  );

  withWalls("a walled job ends with its supervisor", async ({ place, node }) => {
    const lease = leaseOf(node, ["echo ready; exec sleep 50"]);
    must(await place.engine.start(lease));
    await waitForText(place.engine, lease.leaseId, "ready");
    const file = runningFile(leaseFolder(place.folder, lease.leaseId));
    const running = readRecord<RunningRecord>(file);
    assert.ok(running !== undefined);
    signal(running.shim.pid, "SIGKILL");
    const end = await endOf(place.engine, lease.leaseId);
    assert.equal(end.endedBy, "lost");
  });

  withWalls("the inventory says how jobs are kept", async ({ node, run }) => {
    assert.equal(node.labels.isolation, "sandbox");
    const [, text] = await run("echo $TEQUIO_ISOLATION");
    assert.equal(text, "sandbox\n");
  });
});
