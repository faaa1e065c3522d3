// The curves of a run hold the run's own figures, in whatever order the rounds arrive.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RoundView } from "@tequio/contract";
import { lossCurve, memberNames, speedLines } from "./series.ts";

const row = (member: string, tokens: number): RoundView["rows"][number] => ({
  member,
  tokens,
  batch: 16,
  innerSteps: 10,
  computeMs: 1_000,
  transferMs: 100,
  bytesUp: 10,
  bytesDown: 10,
  weight: 1,
  norm: 1,
  verdict: "merged",
});
const round = (number: number, heldOutLoss: number, rows: RoundView["rows"]): RoundView => ({
  round: number,
  phase: "pooled",
  openedAtMs: 10_000 + number * 2_000,
  mergedAtMs: 12_000 + number * 2_000,
  heldOutLoss,
  rows,
});
const ROUNDS = [
  round(2, 3.5, [row("a", 400)]),
  round(0, 5, [row("a", 200), row("b", 100)]),
  round(1, 4, [row("a", 200), row("b", 100)]),
];

test("the loss starts with the untrained model and follows tokens and time", () => {
  const run = { rounds: ROUNDS, tokens: 1_000, startedAtMs: 10_000, lossBefore: 5.5 };
  assert.deepEqual(lossCurve(run, "tokens"), { x: [0, 300, 600, 1_000], y: [5.5, 5, 4, 3.5] });
  assert.deepEqual(lossCurve(run, "time").x, [0, 2_000, 4_000, 6_000]);
});

test("a run whose first rounds are gone starts at the tokens that they had", () => {
  const run = { rounds: ROUNDS, tokens: 9_000, startedAtMs: 0, lossBefore: 5.5 };
  assert.deepEqual(lossCurve(run, "tokens").x, [8_300, 8_600, 9_000]);
});

test("tokens of a contribution that was not merged do not count", () => {
  const late = { ...row("b", 700), weight: 0, verdict: "late" };
  const run = { rounds: [round(0, 5, [row("a", 300), late])], tokens: 300, startedAtMs: 0 };
  assert.deepEqual(lossCurve(run, "tokens").x, [300]);
});

test("the axis of a curve only grows", () => {
  const twins = [round(0, 5, []), round(1, 4, [])].map((one) => ({ ...one, mergedAtMs: 12_000 }));
  const run = { rounds: twins, tokens: 0, startedAtMs: 10_000 };
  assert.deepEqual(lossCurve(run, "time"), { x: [2_000], y: [4] });
});

test("the members' speeds add up to the run's", () => {
  const lines = speedLines(ROUNDS, ["a", "b"]);
  assert.deepEqual(lines.rounds, [0, 1, 2]);
  assert.deepEqual(lines.byMember.get("a"), [100, 100, 400 / 3]);
  assert.deepEqual(lines.byMember.get("b"), [50, 50, 100 / 3]);
});

test("a member that gave nothing for some rounds has no speed, and no warm-up is mixed in", () => {
  const rounds = [
    { ...round(0, 5, [row("a", 2_000)]), phase: "warm-up" as const },
    round(1, 4, [row("b", 200)]),
    round(2, 4, []),
    round(3, 4, []),
    round(4, 4, [row("b", 600)]),
  ];
  const { byMember } = speedLines(rounds, ["a", "b"]);
  assert.deepEqual(byMember.get("a"), [1_000, null, null, null, null]);
  assert.deepEqual(byMember.get("b"), [null, 100, 50, 100 / 3, 100]);
});

test("a member that only the rounds remember keeps its line", () => {
  assert.deepEqual(memberNames({ members: [], rounds: ROUNDS }), ["a", "b"]);
});
