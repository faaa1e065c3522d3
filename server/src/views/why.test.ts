// Tests of the answer to "why?": for jobs that wait, run, were preempted or ended, and for arrays.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ENDPOINTS, type JobWire, type WhyView } from "@tequio/contract";
import { openMemoryStore } from "@tequio/stores/memory";
import { ended, makeSite } from "../testing/agent.ts";
import { good, startServer, until } from "../testing/setup.ts";

/** A pool with one site of two accelerators. */
async function pool(t: TestContext) {
  const server = await startServer(t, good(await openMemoryStore()), {});
  const { client } = server;
  const { agent } = await makeSite(t, server, "uni-lab");
  const submit = async (body: JobWire): Promise<string> =>
    good(await client.call("submitJob", { body: { shell: "true", ...body } })).id;
  const why = async (id: string): Promise<WhyView> => {
    const reply = good(await client.call("whyJob", { params: { id } }));
    const parsed = ENDPOINTS.whyJob.reply.safeParse(reply);
    assert.ok(parsed.success, parsed.error?.message);
    return reply;
  };
  const starts = async (id: string) => {
    const order = await agent.order(id);
    agent.report(order, { kind: "running" });
    await until("it runs", async () => (await why(id)).state === "running");
    return order;
  };
  return { client, agent, submit, why, starts };
}

test("a job that waits is told its place, its start and what would help", async (t) => {
  const { submit, why, starts } = await pool(t);
  await starts(await submit({ resources: { accelerators: 1 }, time: "1h" }));
  const first = await submit({ resources: { accelerators: 2 }, time: "2h" });
  const second = await submit({ resources: { accelerators: 2 }, time: "2h" });
  await until("both wait", async () => (await why(second)).place === 2);
  const told = await why(second);
  assert.deepEqual([told.waiting, told.aheadIds], [2, [first]]);
  assert.match(told.standing!.text, /^priority 100; project default has used .* of its share/);
  assert.match(told.summary, /accelerators are free.*; 1 job is ahead of it$/);
  const { changes, hint } = await why(first);
  assert.equal(changes[0]?.text, "With `accelerators: 1` it would start now.");
  assert.equal(hint, changes.map(({ text }) => text).join(" "));
  const [early, likely, late] = told.startIntervalMs!;
  assert.ok(told.startEstimateMs !== undefined && early <= likely && likely <= late);
  assert.deepEqual(told.leases, []);
});

test("a job that runs says why it is there, when it ends and who may stop it", async (t) => {
  const { submit, why, starts } = await pool(t);
  const fixed = await submit({ resources: { accelerators: 1 }, time: "1h" });
  const order = await starts(fixed);
  const soft = await submit({ resources: { accelerators: 1 }, preemptible: true, priority: 7 });
  await starts(soft);
  const [lease] = (await why(fixed)).leases;
  assert.equal(lease?.endsByMs, lease!.startedAtMs! + 3_600_000);
  assert.match(lease!.facts[0]!, /^Put on uni-lab: first in order .*; best fit: leaves /);
  assert.match(lease!.facts.join(" "), /Its time limit is 1 hour/);
  assert.match(lease!.facts.join(" "), /It is not preemptible: no job stops it/);
  assert.match(lease!.facts.join(" "), /uni-lab may take its machines back at any time/);
  const preemptible = (await why(soft)).leases[0]!.facts.join(" ");
  assert.match(preemptible, /priority above 7 may preempt it, .* queued again, in its old place/);
  assert.equal(order.jobId, fixed);
});

test("a preempted job says for whom, and an ended one how and for how long it ran", async (t) => {
  const { agent, submit, why, starts } = await pool(t);
  const soft = await submit({ resources: { accelerators: 2 }, preemptible: true, priority: 7 });
  const order = await starts(soft);
  const strong = await submit({ resources: { accelerators: 1 }, priority: 500 });
  const stopping = await until("it is stopped", async () => {
    const told = await why(soft);
    return told.state === "stopping" ? told : undefined;
  });
  assert.match(
    stopping.leases[0]!.facts[0]!,
    new RegExp(`stops for job ${strong} \\(priority 500`),
  );
  agent.report(order, { ...ended(null), endedBy: "stop" } as never);
  const again = await until("it waits again", async () => {
    const told = await why(soft);
    return told.state === "queued" ? told : undefined;
  });
  assert.match(again.leases[0]!.facts[0]!, /^Attempt 1 on uni-lab .*: it was preempted/);
  assert.match(again.leases[0]!.facts[1]!, new RegExp(`^Because: stops for job ${strong}`));
  agent.report(await starts(strong), ended(0, 120_000));
  const over = await until("it is over", async () => {
    const told = await why(strong);
    return told.state === "ended" ? told : undefined;
  });
  assert.equal(over.outcome, "completed");
  assert.match(over.leases[0]!.facts[0]!, /^Attempt 1 on uni-lab .*: it completed\.$/);
});

test("an array is answered by its first task that waits, a dependency names the job", async (t) => {
  const { client, submit, why, starts } = await pool(t);
  const array = await submit({ resources: { accelerators: 1 }, array: "0-3%1" });
  await starts(`${array}_0`);
  const told = await why(array);
  assert.equal(told.id, `${array}_1`);
  assert.deepEqual(told.array, {
    ...{ id: array, queued: 3, active: 1, ended: 0 },
    text: `Array ${array} has 4 tasks: 3 wait, 1 run, 0 are over. This is about task ${array}_1.`,
  });
  assert.equal(told.reasons[0]?.code, "ARRAY_LIMIT");
  const later = await submit({ after: [`afterok:${array}_0`] });
  const held = await why(later);
  assert.equal(held.reasons[0]?.code, "DEPENDENCY");
  assert.equal(held.place, undefined);
  assert.match(held.hint!, new RegExp(`^Job ${array}_0 is running\\. Ask \`tequio why`));
  const nobody = await client.call("whyJob", { params: { id: "999" } });
  assert.ok(!nobody.ok && nobody.code === "NOT_FOUND");
});
