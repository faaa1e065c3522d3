// Tests of the balance between what an owner's projects took and what its machines gave.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_OFFER, SHARE_MILLI } from "../pool/index.ts";
import { projectViews } from "./project-views.ts";
import { itself, Story, spec } from "./story.testing.ts";

const HOUR_MS = 3_600_000;
const view = (story: Story, name: string) =>
  projectViews(story.state, story.atMs).find((project) => project.name === name)!;
const where = (member: string) => ({
  constraints: { members: [member], excludeMembers: [], labels: {} },
});

test("an owner's project gets back what others used of its machines, fading with its use", () => {
  const story = new Story(1, 1);
  for (const name of ["own", "guest"]) story.ok({ type: "setProject", name });
  story.ok({ type: "setProject", name: "own-part", parent: "own" });
  const offer = { ...DEFAULT_OFFER, ownProjects: ["own"] };
  story.ok({ type: "setOffer", name: "m0", siteId: null, offer });
  const walltimeMs = 4 * HOUR_MS;
  const lent = story.submit(spec({ project: "guest", walltimeMs, ...where("m0") }));
  const taken = story.submit(spec({ project: "own-part", walltimeMs, ...where("m1") }));
  for (const id of [lent, taken]) story.runs(id);
  story.pass(HOUR_MS, "s0", "s1");
  // While both run: as much given as taken.
  const running = view(story, "own-part");
  // An hour on an H100 is more than one on a middling device.
  const countedMs = (HOUR_MS * story.newest(lent).lease.shareMilli!) / SHARE_MILLI;
  assert.ok(countedMs > 2 * HOUR_MS, `${countedMs}`);
  assert.equal(Math.round(running.usage), countedMs);
  assert.equal(running.credit, running.usage);
  assert.equal(view(story, "guest").credit, undefined);
  story.ends(lent, itself(0, HOUR_MS));
  story.pass(HOUR_MS, "s0", "s1");
  story.ends(taken, itself(0, 2 * HOUR_MS));
  const after = view(story, "own-part");
  // An hour was lent, which has faded since; two were taken.
  const half = 2 ** (-HOUR_MS / story.state.ledger.usage.halfLifeMs);
  assert.ok(Math.abs(after.credit! - countedMs * half) < 1, `${after.credit}`);
  assert.ok(Math.abs(after.usage - 2 * countedMs) < 1);
  story.pass(HOUR_MS, "s0", "s1");
  const later = view(story, "own-part");
  assert.ok(Math.abs(later.credit! / later.usage - after.credit! / after.usage) < 1e-9);
  story.check();
});

test("who lends goes before who used as much and lends nothing", () => {
  const story = new Story(1, 1);
  for (const name of ["a-guest", "own"]) story.ok({ type: "setProject", name });
  const offer = { ...DEFAULT_OFFER, ownProjects: ["own"], ownFirst: false };
  story.ok({ type: "setOffer", name: "m0", siteId: null, offer });
  const guest = story.submit(spec({ project: "a-guest", ...where("m0") }));
  const own = story.submit(spec({ project: "own", ...where("m1") }));
  for (const id of [guest, own]) story.runs(id);
  story.pass(300_000, "s0", "s1");
  const next = ["a-guest", "own"].map((project) => story.submit(spec({ project, ...where("m1") })));
  story.ends(own, itself(0, 300_000));
  assert.deepEqual(
    next.map((id) => story.job(id).stage),
    ["queued", "active"],
  );
});
