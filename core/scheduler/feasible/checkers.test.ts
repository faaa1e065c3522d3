// Tests of the single checkers and of what they say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type JobSpec, type Resources, TRAINER_COMMAND } from "../../pool/index.ts";
import { gpu, node, nodeWith, spec } from "../fixtures.testing.ts";
import type { NodeView } from "../types.ts";
import { firstObjection, LASTING_CHECKERS, STATE_CHECKERS } from "./checkers.ts";
import { trainsIn } from "./program.ts";

const objection = (
  view: NodeView,
  resources: Partial<Resources>,
  constraints: Partial<JobSpec["constraints"]> = {},
): string | undefined => {
  const { groups, constraints: none } = spec(resources);
  const need = { resources: groups[0]!.resources, constraints: { ...none, ...constraints } };
  const answer = firstObjection([...LASTING_CHECKERS, ...STATE_CHECKERS], need, view)?.objection;
  return answer === undefined ? undefined : `${answer.code}: ${answer.text}`;
};

const h100 = node("a", 2);
const a100 = nodeWith("b", [gpu(0, "A100 PCIe 40GB", 40_960)]);
const plain = node("c", 0);

test("a model is matched by its first whole words, without case", () => {
  assert.equal(objection(h100, { accelerators: 1, model: "H100" }), undefined);
  assert.equal(objection(h100, { accelerators: 1, model: "h100  sxm5" }), undefined);
  assert.equal(objection(h100, { accelerators: 1, model: "H100 SXM5 80GB" }), undefined);
  assert.equal(
    objection(a100, { accelerators: 1, model: "A10" }),
    "MODEL: model A100 PCIe 40GB, not A10",
  );
  assert.equal(
    objection(h100, { accelerators: 1, model: "SXM5" }),
    "MODEL: model H100 SXM5 80GB, not SXM5",
  );
});

test("a browser tab takes what trains, and no command", () => {
  const tab: NodeView = { ...plain, node: { ...plain.node, os: "browser" } };
  assert.match(objection(tab, {}) ?? "", /^BROWSER: a browser tab trains runs/);
  const { groups, constraints } = spec({});
  const need = { resources: groups[0]!.resources, constraints, trains: true };
  assert.equal(firstObjection(LASTING_CHECKERS, need, tab), undefined);
  const run = { ...spec({}), run: {} } as JobSpec;
  const training = { ...groups[0]!, command: [TRAINER_COMMAND] };
  assert.equal(trainsIn(run, training), true);
  assert.equal(trainsIn(run, { ...training, command: ["python3", "train.py"] }), false);
  assert.equal(trainsIn(spec({}), training), false);
});

test("a vendor is matched without case", () => {
  assert.equal(objection(h100, { accelerators: 1, vendor: "nvidia" }), undefined);
  assert.equal(
    objection(h100, { accelerators: 1, vendor: "AMD" }),
    "VENDOR: vendor NVIDIA, not AMD",
  );
});

test("each shortage of a node is told with both values", () => {
  assert.equal(
    objection(a100, { accelerators: 1, acceleratorMemoryMiB: 81_920 }),
    "MEMORY: accelerator memory 40 GiB < 80 GiB",
  );
  assert.equal(objection(h100, { accelerators: 3 }), "COUNT: 2 matching accelerators < 3");
  assert.equal(objection(h100, { milliCpu: 9_500 }), "CPU: 8 cores < 9.5 cores");
  assert.equal(objection(h100, { memoryMiB: 65_537 }), "NODE_MEMORY: memory 64 GiB < 65537 MiB");
  assert.equal(objection(plain, { accelerators: 1 }), "KIND: no accelerator");
  assert.equal(
    objection(h100, { accelerators: 1, kind: "cpu" }),
    "KIND: no accelerator of kind cpu",
  );
});

test("conditions on accelerators do not matter to a task that uses none", () => {
  assert.equal(objection(plain, { accelerators: 0, vendor: "AMD", model: "MI300" }), undefined);
});

test("members and labels are respected", () => {
  assert.match(objection(h100, {}, { excludeMembers: ["ana"] })!, /^MEMBER_EXCLUDED: .*ana/);
  assert.match(objection(h100, {}, { members: ["bob"] })!, /^MEMBER_EXCLUDED: .*ana/);
  assert.equal(objection(h100, {}, { members: ["bob", "ana"] }), undefined);
  assert.equal(objection(h100, {}, { labels: { zone: "eu" } }), "LABEL: no label zone=eu");
  const labelled = { ...h100, node: { ...h100.node, labels: { zone: "us" } } };
  assert.equal(
    objection(labelled, {}, { labels: { zone: "eu" } }),
    "LABEL: label zone is us, not eu",
  );
  assert.equal(objection(labelled, {}, { labels: { zone: "us" } }), undefined);
});

test("a node that is away says so only if it could serve the job", () => {
  const away = { ...h100, schedulable: false, unavailableReason: "site away" };
  assert.equal(objection(away, { accelerators: 1 }), "SITE_AWAY: site away");
  assert.match(objection(away, { accelerators: 5 })!, /^COUNT/);
});
