// Tests of the cluster file's shape.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterFile } from "./cluster.ts";
import { parseYaml } from "./parse.ts";

const parse = (text: string) => parseYaml(ClusterFile, text);

test("sizes, counts and labels get their units and defaults", () => {
  const file = parse("members: [{ name: ana, nodes: [{ accelerators: 4, memory: 1T }] }]");
  assert.ok(file.ok);
  const [line] = file.value.members[0]!.nodes!;
  assert.deepEqual(
    [line!.count, line!.memory, line!.cores, line!.labels, line!.unlisted],
    [1, 1_048_576, 64, {}, false],
  );
});

test("what is missing, doubled or absurd is refused at its field", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["members: []", /members/],
    ["members: [{ name: ana }]", /sites` or `nodes/],
    ["members: [{ name: ana, nodes: [{}], sites: [] }]", /members\[0\]/],
    ["members: [{ name: ana, nodes: [{ accelerators: 17 }] }]", /accelerators/],
    ["members: [{ name: ana, nodes: [{ accelerators: -1 }] }]", /accelerators/],
    ["members: [{ name: ana, nodes: [{ count: 99999999 }] }]", /count/],
    ["members: [{ name: ana, nodes: [{ memory: much }] }]", /512G/],
    ["members: [{ name: ana, nodes: [{ price: -1 }] }]", /price/],
    ["members: [{ name: -ana, nodes: [{}] }]", /name/],
  ];
  for (const [text, where] of cases) {
    const file = parse(text);
    assert.ok(!file.ok, text);
    assert.match(`${file.at} ${file.message} ${file.hint}`, where, text);
  }
});
