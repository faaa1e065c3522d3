// What the verbs that show something print, for people and for programs.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { BookMonth, WhyView } from "@tequio/contract";
import { type FakePool, openFakePool, TOKEN } from "../testing/fake-pool.ts";
import { NOW_MS, runCli } from "../testing/run-cli.ts";
import {
  endedJob,
  jobDetail,
  jobView,
  memberView,
  poolView,
  projects,
  runDetail,
  statement,
  tokens,
  whyView,
} from "../testing/views.ts";

const { rounds: _, sites: __, ...runView } = runDetail();
const failed = jobView({ id: "16", name: "eval", ...(endedJob("failed", 3) as object) });
const member = memberView();
const invite = { member: "new", joinToken: "tqj1.x", expiresAtMs: NOW_MS + 604_800_000 };
const month = {
  ...{ leases: 2, deviceMs: 3_783_000, cpuMs: 60_000, tokens: 1_234_567 },
  ...{ bytesUp: 2_500_000, bytesDown: 5_000_000, microCredits: 1_033_500 },
};
const [october, november] = [Date.UTC(2026, 9, 1), Date.UTC(2026, 10, 1)];
const books: BookMonth[] = [
  { period: "2026-11", fromMs: november, toMs: Date.UTC(2026, 11, 1), state: "open", ...month },
  {
    ...{ period: "2026-10", fromMs: october, toMs: november, state: "closed" },
    ...{ digest: "ab".repeat(32), ...month },
  },
];

const whyRuns: WhyView = {
  ...{ ...whyView, id: "17", state: "running", changes: [] },
  leases: [
    {
      ...{ leaseId: "L1", attempt: 1, member: "uni-lab", site: "S1", state: "running" },
      ...{ startedAtMs: NOW_MS, endsByMs: NOW_MS + 3_600_000 },
      facts: ["It is not preemptible."],
    },
  ],
};

let pool: FakePool;
before(async () => {
  pool = await openFakePool({
    getPool: () => poolView,
    listJobs: ({ query }) =>
      query.cursor === undefined
        ? { rows: [jobView(), failed], nextCursor: "c1" }
        : { rows: [jobView({ id: "3", name: "oldest" })] },
    getJob: () => jobDetail(),
    whyJob: ({ params }) => (params.id === "18" ? whyView : whyRuns),
    listMembers: () => ({ rows: [member] }),
    inviteMember: () => ({ ...invite, command: "tequio agent --join tqj1.x" }),
    changeMember: () => member,
    listProjects: () => projects,
    changePool: () => poolView,
    changeProject: () => ({
      ...projects.rows[0]!,
      caps: { maxAccelerators: 8, maxQueuedJobs: 3, perUser: { maxRunningJobs: 2 } },
    }),
    createProject: ({ body }) => ({ ...projects.rows[0]!, ...(body as object), parent: "org" }),
    listTokens: () => tokens,
    createToken: () => ({ ...tokens.rows[0]!, token: "tq_new" }),
    revokeToken: () => ({ ...tokens.rows[0]!, revoked: true }),
    getUsage: () => statement,
    listBooks: () => ({ rows: books }),
    listRuns: () => ({ rows: [runView] }),
    getRun: () => runDetail(),
    changeRun: () => ({ ...runView, state: "paused", reason: "paused by admin" }),
    sampleRun: () => ({ text: "We the\npeople\u001b[2J", round: 3 }),
    checkpointJob: ({ params }) => ({ jobId: params.id!, atMs: 1 }),
    cancelJob: ({ params }) =>
      params.id === "404"
        ? { refuse: { status: 404, code: "NOT_FOUND", message: "No job 404.", hint: "" } }
        : { cancelled: [params.id!] },
  });
});
after(async () => {
  await pool.close();
  assert.deepEqual(pool.wrong, []);
});

const run = (line: string, columns?: number) =>
  runCli(line.split(" "), {
    env: { TEQUIO_URL: pool.url, TEQUIO_TOKEN: TOKEN },
    ...(columns === undefined ? {} : { columns }),
  });
const lastAsked = () => pool.asked.at(-1)!;

test("the months of the books say which of them are closed, under which digest", async () => {
  const { out } = await run("books");
  assert.match(out, /2026-11 +open/);
  assert.match(out, /2026-10 +closed .* abababababababab/);
});

test("with --json each verb prints the pool's answer as one document", async () => {
  const expected: readonly (readonly [string, unknown])[] = [
    ["pool", poolView],
    ["jobs --limit 2", [jobView(), failed]],
    ["job 17", jobDetail()],
    ["why 18", whyView],
    ["member list", [member]],
    ["member drain uni-lab", member],
    ["project list", projects.rows],
    ["token list", tokens.rows],
    ["usage", statement],
    ["books", { rows: books }],
    ["runs", [runView]],
    ["run 20", runDetail()],
    ["cancel 17 18", { cancelled: ["17", "18"] }],
  ];
  for (const [line, value] of expected) {
    const ran = await run(`${line} --json`);
    assert.deepEqual([ran.code, ran.err], [0, ""], line);
    assert.deepEqual(ran.json(), value, line);
  }
});

test("jobs are listed with state, age and reason, over several pages up to the limit", async () => {
  const ran = await run("jobs --limit 3 --state all --member uni-lab");
  const [head, first, second, third] = ran.out.split("\n");
  assert.match(head!, /^ID +NAME +PROJECT +STATE +NEEDS +SUBMITTED +RAN +MEMBERS +WHY$/);
  assert.match(
    first!,
    /^17 +train +default +running +1 acc +5 min ago +0:04:00 +uni-lab +on uni-lab$/,
  );
  assert.match(second!, /^16 +eval +default +failed \(3\) .* 0:03:00 .* ended: failed$/);
  assert.match(third!, /^ 3 +oldest /);
  assert.deepEqual(lastAsked().query, {
    ...{ state: "all", member: "uni-lab", limit: "1", cursor: "c1" },
  });
  const two = await run("jobs --limit 2");
  assert.match(two.err, /There are more/);
});

test("a table fits a terminal of 80 columns", async () => {
  for (const line of ["jobs", "member list", "runs", "usage", "run 20", "job 17"]) {
    const ran = await run(line, 80);
    const widest = Math.max(...ran.out.split("\n").map((text) => text.length));
    // A table whose columns may not shrink further is left whole rather than made unreadable.
    assert.ok(widest <= 100, `${line}: ${widest}\n${ran.out}`);
  }
});

test("a job is shown with its command as one would type it, its needs and its leases", async () => {
  const { out } = await run("job 17");
  assert.match(out, /^Command +python train\.py --name 'my run'$/m);
  assert.match(out, /^Needs +1 task, 1 accelerator \(H100\), 0\.5 cores, 2 GiB$/m);
  assert.match(out, /^Only on +not attic; zone=a$/m);
  assert.match(out, /^After +afterok:16$/m);
  assert.match(out, /1 +uni-lab +running +node1 \(1 accelerator\) +0:04:00 +the only member/);
});

test("why says the place, each reason with its nodes, the start and what would help", async () => {
  const { out } = await run("why 18");
  assert.match(out, /^Job 18 \(queued\): No node has two free accelerators\.$/m);
  assert.match(out, /place 2 of 1,500 in the queue: priority 100; ahead: 1 older of project lab$/m);
  assert.match(out, /^ {2}ahead: 16$/m);
  assert.match(out, /- 1 accelerator is free, 2 are needed \(3 nodes\) ACCELERATORS_BUSY/);
  assert.match(out, /\(in 30 min\), probably between 10 min and 1 h from now$/m);
  assert.match(out, /^ {2}change: With `accelerators: 1` it would start now\.$/m);
});

test("a checkpoint is told of the job that is named", async () => {
  assert.equal((await run("checkpoint 17")).out, "Job 17: its work so far is safe.\n");
  const { name, params } = lastAsked();
  assert.deepEqual([name, params], ["checkpointJob", { id: "17" }]);
  assert.equal((await run("checkpoint")).code, 2);
});

test("why shows the leases of a job with facts, and the hint where nothing helps", async () => {
  const { out } = await run("why 17");
  assert.match(out, /^hint: Ask for one accelerator\.$/m);
  assert.match(out, /^ {2}attempt 1 on uni-lab \(running\), until .* at the latest \(in 1 h\)$/m);
  assert.match(out, /^ {4}It is not preemptible\.$/m);
});

test("members are listed with what they have, their link and what they earned", async () => {
  const { out } = await run("member list");
  assert.match(out, /uni-lab +here +2x NVIDIA H100 +1 +80 ms, 50 Mbit\/s +1 +1:02:03 +1\.235/);
});

test("an invitation shows the line to type and when it ends", async () => {
  const { out } = await run("member invite new");
  assert.match(out, /^ {2}tequio agent --join tqj1\.x$/m);
  assert.match(out, /in 7 d\./);
});

test("each action on a member is sent as it is named, recall with its grace", async () => {
  for (const action of ["drain", "resume", "revoke-invitation"]) {
    assert.equal((await run(`member ${action} uni-lab`)).code, 0);
    assert.deepEqual(lastAsked().body, { action });
  }
  await run("member recall uni-lab --grace 30s");
  assert.deepEqual(lastAsked().body, { action: "recall", graceMs: 30_000 });
  assert.deepEqual(lastAsked().params, { name: "uni-lab" });
});

test("ageing is set and switched off", async () => {
  const { out } = await run("pool set --ageing 90m --ageing-max 200");
  assert.deepEqual(lastAsked().body, { ageing: { pointMs: 5_400_000, pointsMax: 200 } });
  assert.equal(out, "Ageing: a point each 1:00:00, 1000 at most.\n");
  const backfill = await run("pool set --backfill conservative");
  assert.deepEqual(lastAsked().body, { backfill: "conservative" });
  assert.equal(backfill.out, "Backfill: easy.\n");
  const moves = await run("pool set --moves on");
  assert.deepEqual(lastAsked().body, { moves: true });
  assert.equal(moves.out, "Moves: off.\n", "what the pool answers is told");
  assert.equal((await run("pool set")).code, 2);
  await run("pool set --ageing off");
  assert.deepEqual(lastAsked().body, { ageing: null });
  assert.equal((await run("pool set")).code, 2);
});

test("caps of a project and of its users are set and taken away, and nothing else", async () => {
  const flags = "--max-accelerators 8 --max-queued none --user-max-running 2";
  const { out, err } = await run(`project set team ${flags}`);
  assert.equal(err, "");
  const { params, body } = pool.asked.at(-1)!;
  assert.deepEqual(params, { name: "team" });
  const caps = { maxAccelerators: 8, maxQueuedJobs: null, perUser: { maxRunningJobs: 2 } };
  assert.deepEqual(body, { caps });
  assert.equal(
    out,
    "Project team has 1 shares, at most 8 accelerators, 3 waiting; a user 2 running.\n",
  );
  assert.equal((await run("project set team --max-running some")).code, 2);
});

test("a project is created with its shares under its parent", async () => {
  const { out } = await run("project create team --parent org --shares 3");
  assert.deepEqual(lastAsked().body, { name: "team", parent: "org", shares: 3 });
  assert.equal(out, "Project team under org has 3 shares.\n");
});

test("a new token stands alone on stdout so that a script can take it", async () => {
  const ran = await run("token create ci --expires 30d");
  assert.equal(ran.out, "tq_new\n");
  assert.match(ran.err, /not shown again/);
  assert.deepEqual(lastAsked().body, { label: "ci", expiresInMs: 2_592_000_000 });
  const list = await run("token list");
  assert.match(list.out, /t1 +ci +admin +everything +1 min ago +good, ends in 1 d/);
  assert.match(list.out, /t0 +old +admin .* revoked/);
  assert.match((await run("token revoke t1")).out, /is revoked/);
  assert.equal(lastAsked().params.name, "t1");
});

test("the statement has a line for each job, device time as h:mm:ss, and the totals", async () => {
  const { out } = await run("usage --project default --from 2d --to 2026-11-22T12:00:00Z");
  assert.match(out, /uni-lab +default +17 +train +1:02:03 +0:01:00 +1\.034$/m);
  assert.match(
    out,
    /attic +speech +18 +speeches +0:01:00 +0:00:00 +12 +1,234,567 +2\.5 MB +-0\.001$/m,
  );
  assert.match(out, /^total +2 lines +1:03:03 +0:01:00 +1,234,567 +2\.5 MB +1\.034$/m);
  assert.deepEqual(lastAsked().query, {
    ...{ project: "default", fromMs: String(NOW_MS - 172_800_000), toMs: String(NOW_MS) },
  });
  assert.equal((await run("usage --from yesterday")).code, 2);
});

test("a run is shown with progress, loss and each member's speed", async () => {
  const { out } = await run("run 20");
  assert.match(out, /^Progress +#{12}\.{12} 50 %, round 2, ends in 1 min$/m);
  assert.match(out, /^Loss +2\.710 on held-out text; 5\.550 before$/m);
  assert.match(out, /uni-lab +training +1,500 +16 +90,000/);
  assert.match(out, /\nNot taking part\n {2}attic: site S2 left out: its link is slow\n$/);
  assert.match((await run("runs")).out, /20 +speeches +training +50 % +2 +2\.710 +98,304/);
});

test("a run's actions are sent, and an unknown one never reaches the pool", async () => {
  assert.equal(
    (await run("run 20 pause")).out,
    "Run 20 is asked to pause. Now it is paused: paused by admin\n",
  );
  assert.deepEqual(lastAsked().body, { action: "pause" });
  const before = pool.asked.length;
  const ran = await run("run 20 explode");
  assert.deepEqual([ran.code, pool.asked.length], [2, before]);
});

test("a sample's text is printed without its escape codes", async () => {
  const ran = await run("run 20 sample --prompt We --bytes 20 --temperature 0.5 --seed 4");
  assert.equal(ran.out, "We the\npeople [2J\n");
  assert.deepEqual(lastAsked().body, { prompt: "We", bytes: 20, temperature: 0.5, seed: 4 });
});

test("cancel tries every id and ends with the first refusal", async () => {
  const ran = await run("cancel 404 17");
  assert.equal(ran.code, 4);
  assert.equal(ran.out, "Cancelled 17.\n");
  assert.match(ran.err, /No job 404/);
});
