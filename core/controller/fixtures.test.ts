// Proves that journals of former releases open. Each line of a fixture is one event with its time,
// as the code of that release wrote it; fixtures are added to and never changed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { statement } from "../ledger/index.ts";
import {
  apply,
  decodeState,
  type Event,
  emptyState,
  encodeState,
  principalOf,
  type State,
  step,
} from "./index.ts";

function opened(file: string): State {
  const state = emptyState();
  const text = readFileSync(join(import.meta.dirname, "fixtures", file), "utf8");
  for (const line of text.trimEnd().split("\n")) {
    const { atMs, event } = JSON.parse(line) as { readonly atMs: number; readonly event: Event };
    apply(state, event, atMs);
  }
  return state;
}

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
