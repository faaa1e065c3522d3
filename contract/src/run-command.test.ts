// Proves what goes together in a run with a command: its model, its nodes, its warm-up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { JobWire, toJobSpec } from "./index.ts";

const specOf = (job: Record<string, unknown>) => toJobSpec(JobWire.parse(job), "ann");
const stop = { rounds: 3 };
const OWN = { parameters: 10, windows: 20 };

test("a run starts its job's command, or the embedded trainer without one", () => {
  const commandOf = (job: Record<string, unknown>) => {
    const made = specOf(job);
    assert.ok(made.ok);
    return made.value.spec.groups[0]!.command;
  };
  assert.deepEqual(commandOf({ run: { stop } }), ["tequio:trainer"]);
  assert.deepEqual(commandOf({ command: ["python3", "a.py"], run: { stop } }), ["python3", "a.py"]);
  assert.deepEqual(commandOf({ shell: "a | b", run: { stop } }), ["sh", "-c", "a | b"]);
});

test("a run keeps the model of its command and the labels of its nodes", () => {
  const own = specOf({ command: ["x"], run: { stop, own: OWN } });
  assert.ok(own.ok);
  assert.deepEqual(own.value.spec.run!.own, OWN);
  const mixed = specOf({ command: ["x"], run: { stop, commandOn: { torch: "yes" } } });
  assert.ok(mixed.ok);
  assert.deepEqual(mixed.value.spec.run!.commandOn, { torch: "yes" });
});

test("what does not go together is refused with its place", () => {
  const cases: readonly [Record<string, unknown>, string][] = [
    [{ run: { stop, own: OWN } }, "run.own"],
    [{ run: { stop, commandOn: {} } }, "run.commandOn"],
    [{ command: ["x"], run: { stop, own: OWN, commandOn: {} } }, "run.commandOn"],
    [{ command: ["x"], run: { stop, own: OWN, warmUpSteps: 0 } }, "run.warmUpSteps"],
    [{ command: ["x"], shell: "y", run: { stop } }, "command"],
    [{}, "command"],
  ];
  for (const [job, at] of cases) {
    const made = specOf(job);
    assert.equal(made.ok ? "taken" : made.at, at, JSON.stringify(job));
  }
});
