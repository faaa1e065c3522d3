// Proves that journals and snapshots of former releases open. Each line of a journal is one event
// with its time, as the code of that release wrote it, beside what it amounts to; the snapshot is
// of the state after it. Fixtures are written by fixture.testing.ts, and never changed.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { statement } from "../ledger/index.ts";
import { noObservations } from "../scheduler/index.ts";
import { snapshotLines, tell, tellMore } from "./fixture.testing.ts";
import {
  apply,
  decodeState,
  type Event,
  emptyState,
  encodeState,
  principalOf,
  SnapshotReader,
  STATE_FORMAT,
  STATE_FORMATS_READ,
  type State,
  step,
} from "./index.ts";
import { totalsOf } from "./totals.testing.ts";

const FOLDER = join(import.meta.dirname, "fixtures");

const linesOf = (file: string): string[] =>
  readFileSync(join(FOLDER, file), "utf8").trimEnd().split("\n");

function opened(file: string): State {
  const state = emptyState();
  for (const line of linesOf(file)) {
    const { atMs, event } = JSON.parse(line) as { readonly atMs: number; readonly event: Event };
    apply(state, event, atMs);
  }
  return state;
}

const formatsOf = (kind: string): number[] =>
  readdirSync(FOLDER)
    .flatMap((file) => new RegExp(`^${kind}-([0-9]+)\\.jsonl$`).exec(file)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);

test("every journal that a release left opens and amounts to what it did", () => {
  assert.deepEqual(formatsOf("journal"), [1, 3, STATE_FORMAT]);
  for (const format of formatsOf("journal")) {
    const totals: unknown = JSON.parse(linesOf(`totals-${format}.json`).join("\n"));
    assert.deepEqual(totalsOf(opened(`journal-${format}.jsonl`)), totals, `format ${format}`);
  }
});

/** Snapshots of format 4 and before came without run times: those of archived leases are gone. */
const encodeBare = (state: State): string =>
  encodeState({ ...state, runTimes: new Map(), throughput: noObservations() });

test("every snapshot that is read is the state of its journal, to the byte, and goes on", () => {
  assert.deepEqual(formatsOf("snapshot"), STATE_FORMATS_READ);
  for (const format of STATE_FORMATS_READ) {
    const reader = new SnapshotReader();
    for (const line of linesOf(`snapshot-${format}.jsonl`)) reader.take(line);
    const { state } = reader;
    const folded = opened(`journal-${format}.jsonl`);
    assert.equal(encodeBare(state), encodeBare(folded));
    for (const one of [state, folded]) {
      step(one, { type: "schedule", atMs: one.nowMs + 1_000 });
      step(one, { type: "tick", atMs: one.nowMs + 60_000 });
    }
    assert.equal(encodeBare(state), encodeBare(folded));
  }
});

test("a snapshot from before run times were kept knows those of the leases that it holds", () => {
  const reader = new SnapshotReader();
  for (const line of linesOf("snapshot-3.jsonl")) reader.take(line);
  const { runTimes } = reader.state;
  assert.deepEqual([...runTimes], [...opened("journal-3.jsonl").runTimes]);
  assert.equal(runTimes.get("")?.samples.length, 6);
});

test("what the next fixture will hold is told as it will be read", () => {
  const story = tell();
  tellMore(story);
  story.check();
  const reader = new SnapshotReader();
  for (const line of snapshotLines(story.state)) reader.take(line);
  assert.equal(encodeState(reader.state), encodeState(story.state));
  const kinds = new Set(story.journal.map(({ text }) => (JSON.parse(text) as Event).type));
  assert.ok(kinds.size >= 20, `it has something of ${kinds.size} kinds`);
});

test("a journal of the first format opens with its jobs, books and members", () => {
  const state = opened("journal-1.jsonl");
  assert.equal(state.seq, 75);
  const stages = [...state.jobs.values()].map(({ jobId, stage }) => `${jobId} ${stage}`);
  assert.deepEqual(stages.slice(0, 4), ["1 ended", "2 ended", "3_0 queued", "3_1 active"]);
  assert.equal(statement(state.ledger).totals.deviceMs, 195_000 - 15_000);
  assert.equal(state.projects.get("speech-asr")!.parent, "speech");
  assert.equal(state.runs.size, 1);
});

test("a token of the first journals is the operator's", () => {
  const state = opened("journal-1.jsonl");
  const token = state.tokens.get("t1")!;
  assert.deepEqual(token.scopes, null);
  assert.equal(token.kind, "api");
  assert.equal(state.tokenHashes.get("aa".repeat(32)), "t1");
  const who = principalOf(state, token);
  assert.equal(who.name, "admin");
  assert.deepEqual(who.grants, [{ role: "operator", scope: null }]);
  assert.equal(state.tokens.get("t3")!.revoked, true);
  assert.equal(state.tokens.get("t2")!.expiresAtMs, 5_000_000);
});

test("a pool goes on from an old journal, and its snapshot is its state", () => {
  const state = opened("journal-1.jsonl");
  const atMs = state.nowMs + 1_000;
  const user = { userId: "u1", name: "ana", origin: "local", subjectHash: null } as const;
  assert.ok(step(state, { type: "setUser", ...user, atMs }).outcome.ok);
  assert.ok(step(state, { type: "schedule", atMs }).outcome.ok);
  assert.ok(step(state, { type: "tick", atMs: atMs + 60_000 }).outcome.ok);
  assert.ok(state.seq > 75);
  assert.equal(encodeState(decodeState(encodeState(state))), encodeState(state));
});
