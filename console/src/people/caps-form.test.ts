// Tests of the caps form: there and back, no cap as an empty text, faults.
import assert from "node:assert/strict";
import test from "node:test";
import { ProjectChange } from "@tequio/contract";
import { capFault, capsChangeOf, capsDraftOf, hasCapFault } from "./caps-form.ts";

test("caps come back as they were, and an empty field takes a cap away", () => {
  const draft = capsDraftOf({ maxAccelerators: 8, perUser: { maxRunningJobs: 0 } });
  assert.equal(draft.all.maxAccelerators, "8");
  assert.equal(draft.all.maxQueuedJobs, "");
  assert.equal(draft.perUser.maxRunningJobs, "0");
  const change = capsChangeOf(draft);
  assert.deepEqual(change, {
    ...{ maxAccelerators: 8, maxRunningJobs: null, maxQueuedJobs: null },
    perUser: { maxAccelerators: null, maxRunningJobs: 0, maxQueuedJobs: null },
  });
  assert.ok(ProjectChange.safeParse({ caps: change }).success);
  assert.deepEqual(capsChangeOf(capsDraftOf(undefined)).perUser.maxQueuedJobs, null);
});

test("what is no cap is said beside its field and not sent", () => {
  for (const text of ["-1", "1.5", "many", "9999999999", "1e3"]) {
    assert.ok(capFault(text) !== undefined, text);
  }
  for (const text of ["", " ", "0", "12"]) assert.equal(capFault(text), undefined, text);
  const draft = capsDraftOf(undefined);
  assert.ok(!hasCapFault(draft));
  assert.ok(hasCapFault({ ...draft, perUser: { ...draft.perUser, maxRunningJobs: "x" } }));
});
