// The form asks for what was typed, and says what is wrong where it stands.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyOf, EMPTY_FIELDS, faultsOf } from "./reservation-form.ts";

const WINDOW = { from: "2026-12-01T08:00", to: "2026-12-01T18:00" };

test("what is empty is left out, and the window is in the reader's zone", () => {
  const body = bodyOf({
    ...EMPTY_FIELDS,
    ...WINDOW,
    project: "vision",
    amount: "4",
    model: "H100",
  });
  assert.deepEqual(body, {
    ...{ project: "vision", accelerators: 4, model: "H100", reason: "" },
    ...{ fromMs: new Date(2026, 11, 1, 8).getTime(), toMs: new Date(2026, 11, 1, 18).getTime() },
  });
  const nodes = bodyOf({ ...EMPTY_FIELDS, ...WINDOW, user: "ann", unit: "nodes" });
  assert.deepEqual([nodes.nodes, nodes.accelerators, nodes.user], [1, undefined, "ann"]);
});

test("a fault stands at its field, and an unfinished window is no fault yet", () => {
  assert.deepEqual(faultsOf(EMPTY_FIELDS), {});
  const good = { ...EMPTY_FIELDS, ...WINDOW, project: "vision" };
  assert.deepEqual(faultsOf(good), {});
  assert.match(faultsOf({ ...good, to: "2026-12-01T07:00" }).toMs!, /ends after it begins/);
  assert.match(faultsOf({ ...good, project: "" }).project!, /a project, a user or both/);
  assert.ok(faultsOf({ ...good, amount: "0" }).accelerators);
  assert.ok(faultsOf({ ...good, unit: "nodes", amount: "1.5" }).nodes);
});
