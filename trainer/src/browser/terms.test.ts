// Proves that a tab keeps what its owner has set, by the pool's clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TermsWire } from "@tequio/contract";
import { TabTerms } from "./terms.ts";

const OPEN: TermsWire = {
  ...{ devices: [], hours: null, projects: null, walltimeMs: null, recallGraceMs: 0 },
  ...{ recalled: false, recalledDevices: [], maintenance: [] },
};
const HOUR_MS = 3_600_000;
/** Monday, 1970-01-05, midnight UTC. */
const MONDAY_MS = 96 * HOUR_MS;
/** Monday 22:00 to Tuesday 06:00, in minutes of the week. */
const NIGHTS = {
  ...{ zone: "UTC", windows: ["Mon 22:00-06:00"], spans: [{ from: 1_320, to: 1_800 }] },
  offsets: [{ fromMs: 0, minutes: 0 }],
};

function at(nowMs: number, terms: Partial<TermsWire>) {
  let passedMs = 0;
  const tab = new TabTerms(() => passedMs);
  tab.take({ type: "terms", nowMs, terms: { ...OPEN, ...terms } });
  const pass = (ms: number): void => {
    passedMs += ms;
  };
  return { tab, pass };
}

test("a tab computes in its owner's hours only, whatever the clock of its machine says", () => {
  const { tab, pass } = at(MONDAY_MS + 21 * HOUR_MS, { hours: NIGHTS });
  assert.match(tab.closed() ?? "", /owner/);
  pass(2 * HOUR_MS);
  assert.equal(tab.closed(), undefined);
  pass(7 * HOUR_MS);
  assert.match(tab.closed() ?? "", /owner/);
  assert.equal(new TabTerms(() => 0).closed(), undefined, "nothing was told yet");
});

test("a tab stops for a recall and for maintenance", () => {
  assert.match(at(0, { recalled: true }).tab.closed() ?? "", /took/);
  const maintenance = [{ fromMs: 10, toMs: 20, reason: "" }];
  const { tab, pass } = at(0, { maintenance });
  assert.equal(tab.closed(), undefined);
  pass(10);
  assert.match(tab.closed() ?? "", /maintenance/);
  pass(10);
  assert.equal(tab.closed(), undefined);
});

test("the bounds of the hour are said in words", () => {
  const day = { hours: null, upMbitPerS: 8, downMbitPerS: 20 };
  const night = { hours: NIGHTS, upMbitPerS: 2 };
  const { tab, pass } = at(MONDAY_MS + 12 * HOUR_MS, { bandwidth: [day, night] });
  assert.equal(tab.limits(), "8 Mbit/s up, 20 Mbit/s down");
  pass(11 * HOUR_MS);
  assert.equal(tab.limits(), "2 Mbit/s up, 20 Mbit/s down");
  assert.equal(tab.bandwidth.length, 2);
  assert.equal(at(0, {}).tab.limits(), undefined);
});
