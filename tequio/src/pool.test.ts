// The whole thing as a user starts it: a control plane, agents and jobs as real processes, killed
// and cut as life does it.
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { RealPool, runTequio, until } from "./testing/real-pool.ts";

describe("a pool of real processes", { timeout: 240_000 }, () => {
  const pool = new RealPool();
  before(async () => {
    await pool.up();
    await pool.agent("lab", "--cpus", "2", "--memory", "2G");
  });
  after(() => pool.close());

  test("a job runs, its log and its bill are there", async () => {
    const id = await pool.submit("echo hello; echo $TEQUIO_JOB_ID; sleep 0.5", {
      resources: { cpus: 0.5, accelerators: 1 },
    });
    const job = await pool.ended(id);
    assert.equal(job.outcome, "completed");
    assert.equal(await pool.log(id), `hello\n${id}\n`);
    const lease = job.leases[0]!;
    assert.ok(lease.reason.length > 0);
    assert.ok(lease.deviceMs! >= 500 && lease.deviceMs! < 5_000, `${lease.deviceMs} device-ms`);
    const usage = await pool.client.call("getUsage", { query: { member: "lab" } });
    assert.ok(usage.ok);
    const line = usage.value.lines.find((one) => one.jobId === id);
    assert.equal(line?.deviceMs, lease.deviceMs);
  });

  test("a failing job keeps its exit code, and its dependants end with a reason", async () => {
    const bad = await pool.submit("echo oops >&2; exit 3");
    const next = await pool.submit("echo never", { after: [`afterok:${bad}`] });
    const other = await pool.submit("echo instead", { after: [`afternotok:${bad}`] });
    assert.equal((await pool.ended(bad)).exitCode, 3);
    assert.equal((await pool.ended(next)).outcome, "dependency");
    assert.equal((await pool.ended(other)).outcome, "completed");
  });

  test("an array keeps its limit and every task knows its index", async () => {
    const id = await pool.submit('echo "task $SLURM_ARRAY_TASK_ID"', { array: "0-3%2" });
    const last = await pool.ended(`${id}_3`);
    assert.equal(last.outcome, "completed");
    assert.equal(await pool.log(`${id}_2`), "task 2\n");
  });

  test("a job that no member could ever serve is refused at once", async () => {
    const reply = await pool.client.call("submitJob", {
      body: { shell: "true", resources: { accelerators: "H100:8" } },
    });
    assert.equal(reply.ok ? "" : reply.code, "IMPOSSIBLE_REQUEST");
  });

  test("a job is cancelled while it runs, with what it started", async () => {
    const id = await pool.submit("sleep 300 & sleep 300");
    await until("it runs", async () => (await pool.job(id))?.state === "running");
    const reply = await pool.client.call("cancelJob", { params: { id } });
    assert.ok(reply.ok && reply.value.cancelled.includes(id));
    assert.equal((await pool.ended(id)).outcome, "cancelled");
  });

  test("kill -9 of the agent loses no job and doubles none", async () => {
    const file = join(pool.folder, "agent-kill");
    writeFileSync(file, "");
    const id = await pool.submit(`echo start >> ${file}; sleep 4; echo end >> ${file}`);
    await until("it runs", async () => (await pool.job(id))?.state === "running");
    await pool.kill("lab");
    await pool.agent("lab", "--cpus", "2", "--memory", "2G");
    const job = await pool.ended(id);
    assert.equal(job.outcome, "completed");
    assert.equal(job.attempt, 1);
    assert.equal(readFileSync(file, "utf8"), "start\nend\n");
  });

  test("kill -9 of the control plane loses no job and doubles none", async () => {
    const file = join(pool.folder, "pool-kill");
    writeFileSync(file, "");
    const running = await pool.submit(`echo start >> ${file}; sleep 4; echo end >> ${file}`);
    await until("it runs", async () => (await pool.job(running))?.state === "running");
    const waiting = await pool.submit("echo later", { after: [running] });
    await pool.kill("up");
    await pool.up();
    assert.equal((await pool.ended(running, 60_000)).attempt, 1);
    assert.equal((await pool.ended(waiting, 60_000)).outcome, "completed");
    assert.equal(readFileSync(file, "utf8"), "start\nend\n");
  });

  test("a recalled member's job is queued again and runs when it is back", async () => {
    const id = await pool.submit("sleep 2");
    await until("it runs", async () => (await pool.job(id))?.state === "running");
    const act = (action: "recall" | "resume") =>
      pool.client.call("changeMember", { params: { name: "lab" }, body: { action, graceMs: 0 } });
    assert.ok((await act("recall")).ok);
    await until("it waits again", async () => (await pool.job(id))?.state === "queued");
    const why = await pool.client.call("whyJob", { params: { id } });
    assert.ok(why.ok && JSON.stringify(why.value).includes("recalled"));
    assert.ok((await act("resume")).ok);
    const job = await pool.ended(id);
    assert.equal(job.outcome, "completed");
    assert.equal(job.attempt, 2);
  });

  test("a second control plane on the same folder is refused", async () => {
    const args = ["up", "--no-member", "--json", "--data", pool.data, "--port", "0"];
    const { code, out } = await runTequio(pool.home, args);
    assert.notEqual(code, 0);
    assert.match(out, /STORE_LOCKED/);
  });
});

describe("starting a control plane", { timeout: 120_000 }, () => {
  test("a port that is taken is said, with a hint", async () => {
    const pool = new RealPool();
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((ready) => server.once("listening", ready));
    const port = String((server.address() as AddressInfo).port);
    const args = ["up", "--no-member", "--data", pool.data, "--port", port];
    const { code, errors } = await runTequio(pool.home, args);
    server.close();
    assert.notEqual(code, 0);
    assert.match(errors, /PORT_TAKEN[\s\S]*hint/);
    await pool.close();
  });

  test("an unknown join token is refused with what to do", async () => {
    const pool = new RealPool();
    await pool.up();
    const bad = await runTequio(pool.home, ["agent", "--join", "tqj1.abc", "--folder", pool.home]);
    assert.notEqual(bad.code, 0);
    assert.match(bad.errors, /UNAUTHENTICATED/);
    await pool.close();
  });

  test("a torn end of the journal is recovered from, and said", async () => {
    const pool = new RealPool();
    await pool.up();
    await pool.client.call("createProject", { body: { name: "kept" } });
    await pool.kill("up");
    appendFileSync(join(pool.data, "journal.sqlite-wal"), Buffer.alloc(1_000, 7));
    await pool.up();
    const projects = await pool.client.call("listProjects", {});
    assert.ok(projects.ok && projects.value.rows.some((row) => row.name === "kept"));
    await pool.close();
  });
});
