// The form knows only fields of the contract, and what it writes the pool reads back alike.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import { JobWire, parseYaml } from "@tequio/contract";
import {
  BATCH_FIELDS,
  type Draft,
  fieldAt,
  RUN_FIELDS,
  textAt,
  toJobFile,
  withText,
} from "./job-form.ts";

test("every field of the form stands in the contract's schema", () => {
  for (const path of [...BATCH_FIELDS, ...RUN_FIELDS]) assert.equal(fieldAt(path).path, path);
  assert.throws(() => fieldAt("resources.gpus"));
  assert.equal(fieldAt("resources.cpus").kind, "number");
  assert.equal(fieldAt("preemptible").kind, "flag");
  assert.equal(fieldAt("run.corpus").fallback, "sotu");
});

test("a field that is emptied leaves no trace in the job", () => {
  const field = fieldAt("resources.cpus");
  const draft = withText({ shell: "true" }, field, "4");
  assert.deepEqual(draft, { shell: "true", resources: { cpus: 4 } });
  assert.equal(textAt(draft, "resources.cpus"), "4");
  assert.deepEqual(withText(draft, field, ""), { shell: "true" });
});

test("accelerators may be a count or a model with a count", () => {
  const field = fieldAt("resources.accelerators");
  assert.equal(textAt(withText({}, field, "8"), field.path), "8");
  assert.deepEqual(withText({}, field, "H100:8"), { resources: { accelerators: "H100:8" } });
});

test("a job file reads back as the job that was written", () => {
  const drafts: readonly Draft[] = [
    { shell: "echo hello\n\n  python train.py --lr 1e-3\n# done: yes", name: "true", tasks: 2 },
    { shell: "single: tricky # line", env: { A: "1", B: "yes", C: "", D: " x " } },
    { command: ["sh", "-c", 'echo "hi"'], members: ["north"], time: "12:30:00", array: "0-7%2" },
    { name: "r1", run: { stop: { minutes: 5 }, model: { width: 64 } }, preemptible: true },
  ];
  for (const draft of drafts) {
    const read = parseYaml(JobWire, toJobFile(draft));
    const straight = JobWire.parse(draft);
    assert.ok(read.ok, JSON.stringify(read));
    assert.deepEqual(read.value, straight);
  }
});
