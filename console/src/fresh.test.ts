// However often things change, the pool is asked only as often as it answers, and once more.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { makeFresh, REST_FACTOR } from "./fresh.ts";

const ANSWER_MS = 20;

test("changes during an answer cost one further question, after a rest", async () => {
  const starts: number[] = [];
  const ends: number[] = [];
  const fresh = makeFresh(async () => {
    starts.push(performance.now());
    await pause(ANSWER_MS);
    ends.push(performance.now());
  });
  for (let i = 0; i < 10; i += 1) fresh.ask();
  assert.equal(starts.length, 1);
  while (ends.length < 2) await pause(5);
  await pause(ANSWER_MS * (REST_FACTOR + 2));
  assert.equal(starts.length, 2);
  const took = ends[0]! - starts[0]!;
  assert.ok(starts[1]! - ends[0]! >= took * (REST_FACTOR - 1));
  fresh.stop();
});

test("a keeper that was stopped asks no more", async () => {
  let asked = 0;
  const fresh = makeFresh(async () => {
    asked += 1;
    await pause(ANSWER_MS);
  });
  fresh.ask();
  fresh.ask();
  fresh.stop();
  await pause(ANSWER_MS * (REST_FACTOR + 3));
  fresh.ask();
  assert.equal(asked, 1);
});
