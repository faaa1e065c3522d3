// Submitting: flags and files become the contract's job, and waiting ends as the job did.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import { type JobParsed, JobWire } from "@tequio/contract";
import { type Answers, type FakePool, openFakePool, TOKEN } from "../testing/fake-pool.ts";
import { type RunOptions, runCli } from "../testing/run-cli.ts";
import { endedJob, jobDetail, jobView, logView } from "../testing/views.ts";

const folder = mkdtempSync(join(tmpdir(), "tequio-submit-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let pool: FakePool;
let answers: { -readonly [N in keyof Answers]: Answers[N] };
beforeEach(async () => {
  answers = { submitJob: () => ({ id: "17", tasks: 1, state: "queued" }) };
  pool = await openFakePool(
    new Proxy({}, { get: (_, name) => answers[name as keyof Answers] }) as Answers,
  );
});
afterEach(async () => {
  await pool.close();
  assert.deepEqual(pool.wrong, []);
});

const run = (args: readonly string[], options: RunOptions = {}) =>
  runCli(["submit", ...args], {
    ...{ env: { TEQUIO_URL: pool.url, TEQUIO_TOKEN: TOKEN }, cwd: folder },
    ...options,
  });
const sent = (): JobParsed => pool.asked[0]!.body as JobParsed;
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return name;
};

test("every flag reaches its field in the contract's form", async () => {
  const flags = [
    ...["--name", "train", "--project", "speech", "--tasks", "2", "--accelerators", "4"],
    ...["--kind", "gpu", "--vendor", "NVIDIA", "--model", "H100", "--accelerator-memory", "40G"],
    ...["--cpus", "0.5", "--memory", "16GB", "--member", "a", "--member", "b"],
    ...["--exclude-member", "c", "--label", "zone=a", "--label", "ssd=yes", "--priority", "7"],
    ...["--preemptible", "--no-requeue", "--time", "2h", "--array", "0-3%2"],
    ...["--after", "afterok:1", "--after", "2", "--env", "A=1", "--env", "B=x=y"],
  ];
  const ran = await run([...flags, "--", "python", "train.py", "--json", "--", "-x"]);
  assert.equal(ran.code, 0, ran.err);
  assert.deepEqual(sent(), {
    ...{ name: "train", project: "speech", tasks: 2, priority: 7 },
    command: ["python", "train.py", "--json", "--", "-x"],
    env: { A: "1", B: "x=y" },
    resources: {
      ...{ accelerators: 4, kind: "gpu", vendor: "NVIDIA", model: "H100" },
      ...{ acceleratorMemory: "40G", cpus: 0.5, memory: "16GB" },
    },
    ...{ members: ["a", "b"], excludeMembers: ["c"], labels: { zone: "a", ssd: "yes" } },
    ...{ preemptible: true, requeue: false, time: "2h", array: "0-3%2", after: ["afterok:1", "2"] },
  });
});

test("what no flag names keeps the contract's default", async () => {
  await run(["--", "ls"]);
  assert.deepEqual(sent(), JobWire.parse({ command: ["ls"] }));
  assert.equal(sent().requeue, true);
});

test("a model with a count stays a text, a count becomes a number", async () => {
  await run(["--accelerators", "H100:8", "--", "ls"]);
  assert.equal(sent().resources.accelerators, "H100:8");
});

test("flags go over the file, field by field", async () => {
  const text = "name: a\ntime: 1h\nenv: {A: file, B: file}\nresources: {cpus: 4, memory: 1G}\n";
  const name = file("job.yaml", `${text}command: [sleep, "1"]\n`);
  await run([name, "--time", "2h", "--env", "A=flag", "--cpus", "8"]);
  const { command, time, env, resources } = sent();
  assert.deepEqual(command, ["sleep", "1"]);
  assert.equal(time, "2h");
  assert.deepEqual(env, { A: "flag", B: "file" });
  assert.deepEqual(resources, { cpus: 8, memory: "1G" });
});

test("a command on the line stands for whatever the file would run", async () => {
  const name = file("run.yaml", "run: {stop: {minutes: 1}}\n");
  await run([name, "--shell", "echo hi"]);
  assert.equal(sent().shell, "echo hi");
  assert.equal(sent().run, undefined);
});

test("a job comes from standard input too, as JSON as well", async () => {
  await run(["-"], { stdin: '{"command": ["ls"], "name": "json"}' });
  assert.equal(sent().name, "json");
});

test("each call has an idempotency key of its own", async () => {
  await run(["--", "ls"]);
  await run(["--", "ls"]);
  const [first, second] = pool.asked.map(({ idempotencyKey }) => idempotencyKey);
  assert.match(first!, /^[0-9a-f-]{36}$/);
  assert.notEqual(first, second);
});

test("malformed YAML is refused with its line and column before the pool is asked", async () => {
  const ran = await run([file("bad.yaml", "name: a\ncommand: [ls\n")]);
  assert.equal(ran.code, 3);
  assert.match(ran.err, /error INVALID_YAML: bad\.yaml: .*line \d+, column \d+/);
  assert.equal(pool.asked.length, 0);
});

test("an unknown field is refused with its place and the nearest known one", async () => {
  const name = file("field.yaml", "command: [ls]\nresources:\n  acelerators: 2\n");
  const ran = await run([name]);
  assert.equal(ran.code, 3);
  assert.match(ran.err, /error UNKNOWN_FIELD: field\.yaml: .*resources\.acelerators.*line 3/);
  assert.match(ran.err, /Did you mean `accelerators`\?/);
  const json = await run([name, "--json"]);
  assert.equal(
    (JSON.parse(json.err) as { at: string }).at,
    "resources.acelerators, line 3, column 16",
  );
});

test("a bad flag value is refused by the contract, with what would be good", async () => {
  const ran = await run(["--time", "soon", "--", "ls"]);
  assert.equal(ran.code, 3);
  assert.match(ran.err, /`time`: got "soon"/);
  assert.equal(pool.asked.length, 0);
});

test("what was probably meant is said when the -- is missing", async () => {
  const two = await run(["echo", "hello"]);
  assert.deepEqual([two.code, two.err.includes("`-- echo hello`")], [2, true]);
  const one = await run(["ls"]);
  assert.deepEqual([one.code, one.err.includes("`tequio submit -- ls`")], [2, true]);
  assert.equal((await run([])).code, 2);
  assert.equal((await run(["--"])).code, 2);
});

test("a submission prints its id, and its next steps beside the result", async () => {
  const ran = await run(["--", "ls"]);
  assert.equal(ran.out, "Submitted job 17\n");
  assert.match(ran.err, /tequio logs 17 -f/);
  const json = await run(["--json", "--", "ls"]);
  assert.deepEqual(json.json(), { id: "17", tasks: 1, state: "queued" });
});

test("--wait shows each change of state and ends with the job's exit code", async () => {
  const states = [
    jobDetail({ state: "queued", reason: "waits for uni-lab" }),
    jobDetail(),
    jobDetail(),
    jobDetail(endedJob("failed", 3)),
  ];
  answers.getJob = () => (states.length > 1 ? states.shift()! : states[0]!);
  const ran = await run(["--wait", "--", "ls"]);
  assert.equal(ran.code, 3);
  const lines = ran.err.split("\n").filter((line) => /^\d\d:/.test(line));
  assert.deepEqual(
    lines.map((line) => line.slice(9)),
    ["queued: waits for uni-lab", "running: on uni-lab", "failed (3): ended: failed"],
  );
});

test("--wait ends with 0 for a completed job and with 1 for an end without a code", async () => {
  answers.getJob = () => jobDetail(endedJob("completed", 0));
  assert.equal((await run(["--wait", "--", "ls"])).code, 0);
  answers.getJob = () => jobDetail(endedJob("cancelled", null));
  const cancelled = await run(["--wait", "--json", "--", "ls"]);
  assert.equal(cancelled.code, 1);
  assert.equal((cancelled.json() as { outcome: string }).outcome, "cancelled");
});

test("--wait on an array ends with its highest exit code", async () => {
  answers.submitJob = () => ({ id: "17", tasks: 2, state: "queued" });
  const task = (id: string, code: number) =>
    jobView({ id, ...(endedJob(code === 0 ? "completed" : "failed", code) as object) });
  answers.listJobs = ({ query }) => {
    assert.equal(query.arrayId, "17");
    return { rows: [task("17_1", 5), task("17_0", 0)] };
  };
  const ran = await run(["--wait", "--array", "0-1", "--", "ls"]);
  assert.equal(ran.code, 5);
  assert.match(ran.err, /2 tasks: 1 failed \(5\), 1 completed/);
});

test("Ctrl-C while waiting ends with 130 and says that the job goes on", async () => {
  let interrupt = (): void => {};
  answers.getJob = () => {
    setTimeout(interrupt, 20);
    return jobDetail();
  };
  const ran = await run(["--wait", "--", "ls"], {
    onInterruptible: (act) => {
      interrupt = act;
    },
  });
  assert.equal(ran.code, 130);
  assert.match(ran.err, /Job 17 goes on; `tequio cancel 17` ends it/);
});

test("--follow streams the log to stdout and ends as the job did", async () => {
  answers.readLog = () => logView("hello\n");
  answers.getJob = () => jobDetail(endedJob("failed", 4));
  const ran = await run(["--follow", "--", "ls"]);
  assert.equal(ran.out, "hello\n");
  assert.equal(ran.code, 4);
});
