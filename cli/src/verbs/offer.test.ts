// What the verbs about offers and maintenance ask the pool, and what they print.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type OfferView, OfferWire } from "@tequio/contract";
import { type FakePool, openFakePool, TOKEN } from "../testing/fake-pool.ts";
import { NOW_MS, runCli } from "../testing/run-cli.ts";
import { memberView } from "../testing/views.ts";

const offer = OfferWire.parse({
  hours: { zone: "Europe/Berlin", windows: ["Mon-Fri 18:00-08:00"] },
  prices: { gpu: 8_000_000, models: [{ model: "H100", microPerDeviceHour: 12_000_000 }] },
  labels: { tier: "gold" },
  ownProjects: ["lab"],
});
const view: OfferView = {
  ...{ member: "alice", version: 12, changedBy: "ana", changedAtMs: NOW_MS - 60_000, offer },
  ...{ open: false, opensAtMs: NOW_MS + 3_600_000, accelerators: 8, acceleratorsLent: 4 },
  recalledDevices: ["n/gpu7"],
};
const window = {
  ...{ id: "w1", member: "alice", fromMs: NOW_MS + 3_600_000, toMs: NOW_MS + 7_200_000 },
  ...{ reason: "new disks", state: "planned" as const },
};

let pool: FakePool;
const folder = mkdtempSync(join(tmpdir(), "tequio-offer-"));
before(async () => {
  pool = await openFakePool({
    listOffers: () => ({ rows: [view] }),
    setOffer: ({ body }) => ({ ...view, offer: (body as { offer: OfferWire }).offer }),
    resetOffer: () => ({ ...view, version: 0, offer: OfferWire.parse({}) }),
    listMaintenance: () => ({ rows: [window] }),
    planMaintenance: ({ body }) => ({ ...window, ...(body as object) }),
    cancelMaintenance: ({ params }) => ({ id: params.id! }),
    changeMember: () => memberView({ name: "bob" }),
  });
});
after(async () => {
  await pool.close();
  rmSync(folder, { recursive: true, force: true });
  assert.deepEqual(pool.wrong, []);
});

const run = (...args: string[]) => runCli([...args, "--url", pool.url, "--token", TOKEN]);
const asked = () => pool.asked.at(-1)!;
const sent = () => (asked().body as { offer: OfferWire }).offer;

test("an offer is shown in words, and as it is for programs", async () => {
  const { out, code } = await run("offer", "show", "alice");
  assert.equal(code, 0);
  assert.match(out, /^alice \(version 12, set .* by ana\)\n/);
  assert.match(out, /lends +4 of 8 accelerators\n/);
  assert.match(out, /when +Mon-Fri 18:00-08:00 \(Europe\/Berlin\); closed, opens in 1 h/);
  assert.match(out, /prices +gpu 8.* an hour, H100 12.* an hour\n/);
  assert.match(out, /own projects +lab \(first\)\n/);
  assert.match(out, /taken back +n\/gpu7\n/);
  assert.deepEqual((await run("offer", "show", "alice", "--json")).json(), [view]);
});

test("flags change what they name and leave the rest, against a change meanwhile", async () => {
  const flags = ["--device", "node=gpu-*,count=4", "--refuse", "rival", "--price", "H100=9.5"];
  const more = ["--grace", "2m", "--max-time", "12h", "--no-own-first", "--label", "rack=7"];
  const { code, err } = await run("offer", "set", "alice", ...flags, ...more);
  assert.equal(code, 0, err);
  assert.equal((asked().body as { ifVersion: number }).ifVersion, 12);
  assert.deepEqual(sent(), {
    ...offer,
    devices: [{ node: "gpu-*", count: 4 }],
    tenants: { allow: [], refuse: ["rival"] },
    prices: { gpu: 8_000_000, models: [{ model: "H100", microPerDeviceHour: 9_500_000 }] },
    ...{ recallGraceMs: 120_000, ownFirst: false, caps: { walltimeMs: 43_200_000 } },
    labels: { tier: "gold", rack: "7" },
  });
  await run("offer", "set", "alice", "--always");
  assert.equal(sent().hours, null);
  await run("offer", "set", "alice", "--hours", "Sat-Sun", "--hours", "daily 1:00-2:00");
  assert.deepEqual(sent().hours, {
    zone: "Europe/Berlin",
    windows: ["Sat-Sun", "daily 1:00-2:00"],
  });
});

test("a file is the whole offer, and mistakes in it name the field", async () => {
  const file = join(folder, "offer.yaml");
  writeFileSync(file, "hours:\n  windows: [daily 22:00-06:00]\nrecallGraceMs: 5000\n");
  assert.equal((await run("offer", "set", "alice", "--file", file)).code, 0);
  const hours = { zone: "UTC", windows: ["daily 22:00-06:00"] };
  assert.deepEqual(sent(), OfferWire.parse({ hours, recallGraceMs: 5_000 }));
  writeFileSync(file, "ours: 3\n");
  const wrong = await run("offer", "set", "alice", "--file", file);
  assert.match(wrong.err, /UNKNOWN_FIELD[\s\S]*Did you mean `hours`/);
  const both = await run("offer", "set", "alice", "--file", file, "--always");
  assert.match(both.err, /USAGE/);
  const none = await run("offer", "set", "alice", "--file", join(folder, "none"));
  assert.match(none.err, /cannot be read/);
  assert.match((await run("offer", "reset", "alice")).out, /lends/);
});

test("maintenance is planned by times or lengths, listed and cancelled", async () => {
  const plan = ["maintenance", "plan", "alice", "--from", "2h", "--for", "30m"];
  assert.equal((await run(...plan, "--reason", "new disks")).code, 0);
  const fromMs = NOW_MS + 7_200_000;
  const body = { member: "alice", fromMs, toMs: fromMs + 1_800_000, reason: "new disks" };
  assert.deepEqual(asked().body, body);
  assert.match((await run("maintenance", "plan", "alice")).err, /USAGE[\s\S]*--for/);
  assert.match((await run(...plan, "--to", "3h")).err, /USAGE/);
  assert.match((await run("maintenance", "list")).out, /w1 .*alice .*in 1 h.*new disks/);
  assert.match((await run("maintenance", "cancel", "w1")).out, /w1 is cancelled/);
});

test("some devices are recalled by their patterns, with the offer's grace", async () => {
  const { out } = await run("member", "recall", "bob", "--devices", "n/gpu0", "--devices", "x-*");
  assert.deepEqual(asked().body, { action: "recall", devices: ["n/gpu0", "x-*"] });
  assert.match(out, /bob takes these devices back/);
});

test("bounds on the link are set rule by rule, shown in words, and taken away", async () => {
  const rules = ["--bandwidth", "up=20 down=50 Mon-Fri 08:00-18:00", "--bandwidth", "up=100"];
  const { out } = await run("offer", "set", "alice", ...rules, "--zone", "Europe/Berlin");
  assert.deepEqual(sent().bandwidth, [
    {
      ...{ upMbitPerS: 20, downMbitPerS: 50 },
      hours: { zone: "Europe/Berlin", windows: ["Mon-Fri 08:00-18:00"] },
    },
    { upMbitPerS: 100, hours: null },
  ]);
  assert.match(
    out,
    /training +20 up, 50 down Mbit\/s Mon-Fri 08:00-18:00 \(Europe\/Berlin\); 100 up Mbit\/s\n/,
  );
  await run("offer", "set", "alice", "--bandwidth", "none");
  assert.deepEqual(sent().bandwidth, []);
  const bad = await run("offer", "set", "alice", "--bandwidth", "Mon-Fri 08:00-18:00");
  assert.notEqual(bad.code, 0);
  assert.match(bad.err, /names up= or down=/);
});
