// Owners and jobs drawn by chance, with an agent that obeys: no lease is ever granted outside of an
// offer, and whatever runs is asked to stop in time.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DEFAULT_OFFER, LIMITS, type Offer, parseHours } from "../pool/index.ts";
import { lendingOf, lentNodesOf } from "./lending.ts";
import { ended, itself, Story, spec } from "./story.testing.ts";

const MINUTE_MS = 60_000;
/** Monday 2026-03-02 12:00 UTC. */
const NOON_MS = Date.UTC(2026, 2, 2, 12);

const hoursOf = (...windows: readonly string[]): Offer["hours"] => {
  const spans = parseHours(windows);
  assert.ok(spans.ok);
  return { zone: "UTC", windows, spans: spans.value, offsets: [{ fromMs: 0, minutes: 0 }] };
};

const offer = (story: Story, change: Partial<Offer>): unknown =>
  story.ok({ type: "setOffer", name: "m0", siteId: null, offer: { ...DEFAULT_OFFER, ...change } });

const offerArbitrary: fc.Arbitrary<Partial<Offer>> = fc.record({
  devices: fc.constantFrom<Offer["devices"]>(
    [],
    [{ count: 1 }],
    [{ node: "x*" }],
    [{ model: "H100" }],
  ),
  hours: fc.constantFrom(null, hoursOf("daily 12:00-13:00"), hoursOf("Mon 0:00-12:20"), hoursOf()),
  tenants: fc.constantFrom<Offer["tenants"]>(
    { allow: [], refuse: [] },
    { allow: ["lab"], refuse: [] },
    { allow: [], refuse: ["lab"] },
  ),
  ownProjects: fc.constantFrom<readonly string[]>([], ["lab"], ["default"]),
  recallGraceMs: fc.constantFrom(0, 10_000, 120_000),
  caps: fc.constantFrom<Offer["caps"]>({}, { walltimeMs: 1_800_000 }),
});

const moveArbitrary = fc.oneof(
  fc.record({ do: fc.constant("offer" as const), offer: offerArbitrary }),
  fc.record({
    do: fc.constant("submit" as const),
    project: fc.constantFrom("default", "lab"),
    minutes: fc.constantFrom(5, 25, 50, 300),
    preemptible: fc.boolean(),
  }),
  fc.record({ do: fc.constant("pass" as const), minutes: fc.constantFrom(1, 7, 25) }),
  fc.record({ do: fc.constant("end" as const) }),
  fc.record({ do: fc.constant("window" as const), inMinutes: fc.constantFrom(0, 10, 45) }),
);

test("no lease is ever granted outside of an offer, and what runs is over when it must be", () => {
  let [granted, recalled] = [0, 0];
  const check = fc.property(fc.array(moveArbitrary, { minLength: 10, maxLength: 40 }), (moves) => {
    const story = new Story(3);
    story.atMs = NOON_MS;
    story.ok({ type: "heartbeat", siteId: "s0" });
    story.ok({ type: "setProject", name: "lab", parent: null, shares: 1 });
    const site = story.state.sites.get("s0")!;
    const due = new Map<string, number>();
    for (const [i, move] of moves.entries()) {
      if (move.do === "offer") offer(story, move.offer);
      else if (move.do === "submit") {
        const { project, preemptible, minutes } = move;
        story.submit(spec({ project, preemptible, walltimeMs: minutes * MINUTE_MS }), false);
      } else if (move.do === "window") {
        const fromMs = story.atMs + move.inMinutes * MINUTE_MS;
        const window = { name: "m0", windowId: `w${i}`, siteId: null, reason: "" };
        story.ok({ type: "planMaintenance", ...window, fromMs, toMs: fromMs + 10 * MINUTE_MS });
      } else if (move.do === "end") {
        const leaseId = site.openLeases[0];
        if (leaseId !== undefined) story.report(leaseId, itself(0));
      } else {
        const endMs = story.atMs + move.minutes * MINUTE_MS;
        while (story.atMs < endMs) {
          story.atMs += 30_000;
          story.ok({ type: "heartbeat", siteId: "s0" });
          story.ok({ type: "tick" });
          recalled += endAsAsked(story, due);
        }
      }
      story.ok({ type: "schedule" });
      for (const event of story.events) {
        if (event.type !== "lease.granted") continue;
        granted += 1;
        const { offer: terms, closed, until } = lendingOf(story.state, site, story.atMs);
        const { lease } = event;
        const { spec: job } = story.job(lease.jobId);
        assert.equal(closed, undefined, "nothing is granted while it is closed");
        const own = terms.ownProjects.includes(job.project);
        const { allow, refuse } = terms.tenants;
        assert.ok(own || !refuse.includes(job.project), "a refused project gets nothing");
        assert.ok(own || allow.length === 0 || allow.includes(job.project));
        assert.ok(job.walltimeMs <= (terms.caps.walltimeMs ?? Infinity));
        const left = (until?.atMs ?? Infinity) - story.atMs;
        assert.ok(
          left >= job.walltimeMs ||
            (job.preemptible && left >= Math.min(job.walltimeMs, LIMITS.OFFER_STAY_MIN_MS)),
        );
        const lent = lentNodesOf(story.state, site)?.get("n") ?? site.nodes[0]!;
        for (const id of lease.placements.flatMap((place) => place.acceleratorIds)) {
          assert.ok(
            lent.accelerators.some((one) => one.id === id),
            "only what is lent is granted",
          );
        }
        story.report(lease.leaseId, { kind: "running" });
      }
      recalled += endAsAsked(story, due);
    }
    story.check();
  });
  fc.assert(check, { numRuns: 120, seed: 5 });
  assert.ok(granted > 100 && recalled > 30, `${granted} granted, ${recalled} recalled`);
});

/** The simulated agent: every lease that was asked to stop is over when its grace is. */
function endAsAsked(story: Story, due: Map<string, number>): number {
  let count = 0;
  const site = story.state.sites.get("s0")!;
  const lendingNow = lendingOf(story.state, site, story.atMs);
  for (const leaseId of [...site.openLeases]) {
    const { stop } = story.lease(leaseId);
    if (stop === null) {
      assert.equal(
        lendingNow.closed,
        undefined,
        "whatever runs while it is closed is asked to stop",
      );
      continue;
    }
    const dueMs = Math.min(due.get(leaseId) ?? Infinity, story.atMs + stop.graceMs);
    due.set(leaseId, dueMs);
    if (story.atMs < dueMs) continue;
    story.report(leaseId, ended("stop"));
    count += 1;
  }
  return count;
}
