// Writes the fixture of a release: a journal with something of every kind, the snapshot of its
// state, and what it amounts to. Run once when a release changes STATE_FORMAT or adds events:
//   node core/controller/fixture.testing.ts
// It never writes over a fixture that is there. For tests and releases only.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_OFFER } from "../pool/index.ts";
import { STATE_FORMAT, type State } from "./index.ts";
import { SnapshotWriter } from "./snapshot.ts";
import { ended, itself, runSpec, Story, spec } from "./story.testing.ts";
import { totalsOf } from "./totals.testing.ts";

const DAY_MS = 86_400_000;
const CERTIFICATE = {
  ...{ subject: "CN=lab,O=Example", names: ["lab.example"], fingerprint: "cd".repeat(32) },
  validToMs: 1_000 * DAY_MS,
};

/** Two members, people, jobs of every kind and end, a run, and a month that is over. */
export function tell(): Story {
  const story = new Story(2, 4);
  const user = { userId: "u1", name: "ana", origin: "local", subjectHash: null } as const;
  story.ok({ type: "setUser", ...user });
  story.ok({ type: "grantRole", userId: "u1", role: "researcher", scope: "default" });
  story.ok({ type: "setProject", name: "speech", parent: null, shares: 3 });
  const key = { key: "u1 sweep", digest: "aa" };
  const array = { indices: [0, 2, 4], maxRunning: 2 };
  story.ok({ type: "submit", spec: spec({ project: "speech" }), array, key });
  story.ok({ type: "schedule" });
  for (const [i, jobId] of ["1_0", "1_2", "1_4"].entries()) {
    story.report(story.runs(jobId), itself(i === 2 ? 3 : 0, 10_000 * (i + 1)));
    story.ok({ type: "schedule" });
  }
  const first = story.submit();
  const next = story.submit(spec({ dependencies: [{ kind: "afterok", jobId: first }] }));
  story.report(story.runs(first), itself(0, 60_000));
  story.ok({ type: "schedule" });
  story.report(story.runs(next), ended("stop", 5_000));
  story.ok({ type: "cancel", jobId: next });
  const lost = story.runs(story.submit(spec({ requeue: false })));
  story.pass(120_000);
  story.report(lost, ended("deadline", 30_000));
  const estimated = story.submit(spec({ requeue: false }));
  for (const siteId of ["s0", "s1"]) story.ok({ type: "siteHere", siteId, agentVersion: "1" });
  story.ok({ type: "schedule" });
  story.runs(estimated);
  story.pass(120_000);
  const run = story.submit(runSpec());
  const model = { modelDigest: "m", modelBlob: `sha256:${"ab".repeat(32)}`, heldOutLoss: 5 };
  const sizes = { parameters: 1_000, windows: 300, batchSizes: [1, 2, 4, 8, 16] };
  story.ok({ type: "prepareRun", jobId: run, ...model, ...sizes });
  return story;
}

/** Most of it leaves; a new month brings more, and something waits. */
export function tellMore(story: Story): void {
  story.atMs += 40 * DAY_MS;
  while (story.archive({ endedMs: DAY_MS, endedMax: 1_000 }));
  for (const siteId of ["s0", "s1"]) {
    story.ok({ type: "siteHere", siteId, agentVersion: "2", certificate: CERTIFICATE });
  }
  const prices = { models: [{ model: "H100", microPerDeviceHour: 3_000_000 }] };
  const offer = { ...DEFAULT_OFFER, prices, tenants: { allow: ["default"], refuse: [] } };
  story.ok({ type: "setOffer", name: "m0", siteId: null, offer });
  story.ok({ type: "setOffer", name: "m1", siteId: "s1", offer: { ...offer, ownFirst: false } });
  const window = { name: "m1", siteId: "s1", reason: "new disks", toMs: story.atMs + 9 * DAY_MS };
  for (const windowId of ["w1", "w2"]) {
    const fromMs = story.atMs + 8 * DAY_MS;
    story.ok({ type: "planMaintenance", ...window, windowId, fromMs });
  }
  story.ok({ type: "cancelMaintenance", windowId: "w1" });
  story.ok({ type: "changeMember", name: "m1", action: "recall", devices: ["n:gpu3"] });
  story.report(story.runs(story.submit()), itself(0, 90_000));
  story.submit(spec({ resources: { accelerators: 2 } }));
}

/** The lines of the snapshot of a state. */
export function snapshotLines(state: State): string[] {
  const writer = new SnapshotWriter(state);
  const lines: string[] = [];
  for (let line = writer.next(); line !== undefined; line = writer.next()) lines.push(line);
  return lines;
}

function write(name: string, lines: readonly string[]): void {
  const path = join(import.meta.dirname, "fixtures", name);
  if (existsSync(path)) throw new Error(`${name} is there: a fixture is never changed`);
  writeFileSync(path, `${lines.join("\n")}\n`);
}

if (import.meta.main) {
  const story = tell();
  tellMore(story);
  const journal = story.journal.map(({ atMs, text }) => `{"atMs":${atMs},"event":${text}}`);
  write(`journal-${STATE_FORMAT}.jsonl`, journal);
  write(`snapshot-${STATE_FORMAT}.jsonl`, snapshotLines(story.state));
  write(`totals-${STATE_FORMAT}.json`, [JSON.stringify(totalsOf(story.state), null, 2)]);
}
