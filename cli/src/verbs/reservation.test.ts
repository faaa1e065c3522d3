// What `tequio reservation` asks the pool, and what it prints.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ReservationView } from "@tequio/contract";
import { type FakePool, openFakePool, TOKEN } from "../testing/fake-pool.ts";
import { NOW_MS, runCli } from "../testing/run-cli.ts";

const HOUR_MS = 3_600_000;
const view: ReservationView = {
  ...{ id: "r-3", project: "class", accelerators: 8, model: "H100", reason: "course" },
  ...{ fromMs: NOW_MS + 2 * HOUR_MS, toMs: NOW_MS + 4 * HOUR_MS, state: "planned", by: "ana" },
  kept: [{ member: "uni", site: "s1", node: "n1", accelerators: ["gpu0"], here: false }],
  overlaps: [{ jobId: "17", endsAtMs: NOW_MS + 3 * HOUR_MS }],
};

let pool: FakePool;
before(async () => {
  pool = await openFakePool({
    listReservations: () => ({ rows: [view] }),
    createReservation: () => view,
    cancelReservation: ({ params }) => ({ id: params.id! }),
  });
});
after(async () => {
  await pool.close();
  assert.deepEqual(pool.wrong, []);
});

const run = (...args: string[]) =>
  runCli(["reservation", ...args, "--url", pool.url, "--token", TOKEN]);

test("a reservation is made from its flags, and says where it is", async () => {
  const flags = ["--project", "class", "--accelerators", "8", "--model", "H100", "--from", "2h"];
  const { out, code, err } = await run("create", ...flags, "--for", "2h", "--reason", "course");
  assert.equal(code, 0, err);
  assert.deepEqual(pool.asked.at(-1)!.body, {
    ...{ project: "class", accelerators: 8, model: "H100", reason: "course" },
    ...{ fromMs: NOW_MS + 2 * HOUR_MS, toMs: NOW_MS + 4 * HOUR_MS },
  });
  assert.match(out, /^Reservation r-3: 8 H100 for class from .*, on uni\/n1 \(away\)\.\n/);
  assert.match(out, /\nJob 17 runs there and may do so until /);
  assert.match((await run("create", "--project", "class")).err, /USAGE[\s\S]*--for/);
  assert.match((await run("create", "--nodes", "none", "--for", "1h")).err, /USAGE/);
});

test("reservations are listed and cancelled", async () => {
  const { out } = await run("list");
  assert.match(out, /r-3 .*class .*8 H100 .*uni\/n1 \(away\) .*in 2 h, behind job 17 .*course/);
  assert.deepEqual((await run("list", "--json")).json(), [view]);
  assert.match((await run("cancel", "r-3")).out, /r-3 is cancelled/);
});
