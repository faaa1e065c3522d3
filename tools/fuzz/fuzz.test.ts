// The fuzzer finds what is planted, repeats what it found, and finds nothing in a short run over
// every parser of this repository.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { JobWire, parseYaml, toJobSpec } from "@tequio/contract";
import { chance, mutateBytes, mutateText, mutateValue, randomValue } from "./mutate.ts";
import { runTargets, SLOW_MS, type Target } from "./run.ts";
import { JOBS, openTargets } from "./targets.ts";

const target = (feed: Target["feed"], cost = 1): Target => ({ name: "planted", cost, feed });

describe("the judge", () => {
  test("an exception is found, and its number makes the same input again", async () => {
    const fed: string[] = [];
    const planted = target((next) => {
      const text = mutateText(next, "abcdef");
      fed.push(text);
      if (text.includes("\0")) throw new Error(`met ${JSON.stringify(text)}`);
    });
    const end = await runTargets([planted], { inputs: 5_000, seed: 1 });
    const [finding] = end.findings;
    assert.ok(finding !== undefined, "no NUL in 5,000 inputs");
    const text = fed[finding.index];
    const again = await runTargets([planted], { inputs: 1, seed: 1, only: finding.index });
    assert.equal(fed.at(-1), text);
    assert.equal(again.findings[0]?.index, finding.index);
  });

  test("a rejected promise is found as an exception is", async () => {
    const planted = target(async () => Promise.reject(new Error("late")));
    const end = await runTargets([planted], { inputs: 1, seed: 1 });
    assert.match(end.findings[0]?.what ?? "", /late/);
  });

  test("an answer that takes longer than a second is found", async () => {
    const planted = target(() => {
      const endMs = performance.now() + SLOW_MS + 20;
      while (performance.now() < endMs);
    });
    const end = await runTargets([planted], { inputs: 1, seed: 1 });
    assert.match(end.findings[0]?.what ?? "", /took 1\d\d\d ms/);
  });

  test("inputs are shared out by cost, and every target gets one", async () => {
    const targets = [target(() => undefined), target(() => undefined, 3), target(() => {}, 1e9)];
    const end = await runTargets(targets, { inputs: 400, seed: 1 });
    assert.deepEqual(
      end.perTarget.map(({ inputs }) => inputs),
      [300, 100, 1],
    );
  });
});

describe("inputs", () => {
  test("are the same for the same seed and nearly always others for another", () => {
    const make = (seed: number) => {
      const next = chance(seed);
      const bytes = mutateBytes(next, new Uint8Array(50));
      return JSON.stringify([mutateText(next, "some text"), [...bytes], randomValue(next)]);
    };
    assert.equal(make(1), make(1));
    const made = new Set(Array.from({ length: 500 }, (_, seed) => make(seed)));
    assert.ok(made.size > 490, `${made.size} of 500 differ`);
  });

  test("a changed value keeps most of its shape", () => {
    const value = { a: 1, b: { c: [1, 2, 3], d: "text" }, e: null };
    const kept = Array.from({ length: 300 }, (_, seed) => mutateValue(chance(seed), value)).filter(
      (changed) => typeof changed === "object" && changed !== null && "b" in changed,
    );
    assert.ok(kept.length > 200, `${kept.length} of 300`);
  });
});

test("the examples that damage starts from are right before it", () => {
  for (const job of JOBS) {
    const parsed = parseYaml(JobWire, job);
    assert.ok(parsed.ok, parsed.ok ? "" : `${parsed.message}\n${job}`);
    assert.ok(toJobSpec(parsed.value, "ann").ok, job);
  }
});

test("20,000 inputs find nothing in any parser", { timeout: 60_000 }, async () => {
  const targets = await openTargets();
  const end = await runTargets(targets, { inputs: 20_000, seed: 42 });
  assert.deepEqual(end.findings, []);
  assert.ok(end.inputs >= 19_900 && targets.length >= 14, `${end.inputs} inputs`);
});
