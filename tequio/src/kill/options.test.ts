// The flags of the kill test: what is usual, what is refused, and the command that repeats a run.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOptions, repeatCommand } from "./options.ts";

test("without flags twenty runs of two thousand jobs on five sites are meant", () => {
  const { runs, jobs, sites, longFaults } = parseOptions([]);
  assert.deepEqual(
    { runs, jobs, sites, longFaults },
    { runs: 20, jobs: 2_000, sites: 5, longFaults: true },
  );
});

test("a short run has no site gone for longer than its right to run", () => {
  const { runs, longFaults } = parseOptions(["--short"]);
  assert.deepEqual({ runs, longFaults }, { runs: 1, longFaults: false });
});

test("the command that repeats a run asks for the same run", () => {
  const options = parseOptions(["--runs", "7", "--jobs", "600", "--sites", "4", "--seed", "30"]);
  const words = repeatCommand(options, 33).split(" ");
  const again = parseOptions(words.slice(words.indexOf("--") + 1));
  assert.deepEqual(again, { ...options, runs: 1, seed: 33 });
});

test("flags that make no sense are refused", () => {
  for (const args of [
    ["--jobs", "0"],
    ["--runs", "x"],
    ["--store", "mysql://a"],
    ["--store", "postgres://a/b"],
    ["--job", "1"],
  ]) {
    assert.throws(() => parseOptions(args), args.join(" "));
  }
});
