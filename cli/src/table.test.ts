// Tables: aligned, cut to the terminal, harmless whatever the cells say.
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type Column, factsText, plain, tableText } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const terminal = (columns: number): Terminal => ({ columns, colour: false }) as Terminal;

interface Row {
  readonly id: string;
  readonly why: string;
}
const columns: readonly Column<Row>[] = [
  { head: "ID", cell: ({ id }) => id, align: "right" },
  { head: "WHY", cell: ({ why }) => why, least: 4 },
];

test("columns are aligned, two characters apart, without anything behind the last one", () => {
  const rows = [
    { id: "7", why: "short" },
    { id: "1234", why: "a longer reason" },
  ];
  assert.equal(
    tableText(terminal(80), columns, rows),
    "  ID  WHY\n   7  short\n1234  a longer reason\n",
  );
});

test("a narrow terminal cuts the columns that may shrink, and marks the cut", () => {
  const rows = [{ id: "7", why: "a reason that does not fit" }];
  assert.equal(tableText(terminal(14), columns, rows), "ID  WHY\n 7  a reason …\n");
  assert.equal(tableText(terminal(1), columns, rows), "ID  WHY\n 7  a r…\n");
});

test("no line is wider than the terminal as long as the columns can shrink", () => {
  const row = fc.record({ id: fc.nat(999).map(String), why: fc.string({ maxLength: 60 }) });
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 12, max: 90 }),
      (rows, width) => {
        for (const line of tableText(terminal(width), columns, rows).split("\n")) {
          assert.ok([...line].length <= width, `${line.length} > ${width}: ${line}`);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("escape codes in other people's names never reach the terminal", () => {
  const evil = "a\u001b[2Jb\r\nc\u202e\u0007";
  const text = tableText(terminal(80), columns, [{ id: "1", why: evil }]);
  for (const code of ["\u001b", "\r", "\u202e", "\u0007"]) assert.ok(!text.includes(code));
  assert.equal(text.split("\n").length, 3);
  assert.equal(plain(evil), "a [2Jb c ");
});

test("facts are aligned and those without a value are left out", () => {
  const facts = [
    ["Job", "17"],
    ["Started", undefined],
    ["Project", "default"],
  ] as const;
  assert.equal(factsText(terminal(80), facts), "Job      17\nProject  default\n");
});
