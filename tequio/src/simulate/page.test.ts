// Tests of the page: it needs nothing from outside, survives odd names and values, and draws what
// it is given.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LinePlot, Point, Report } from "@tequio/core/simulator";
import { pageOf } from "./page.ts";
import { drawPlot } from "./svg.ts";
import { quoted } from "./words.ts";

const LINES: LinePlot = {
  ...{ kind: "lines", title: "T", xLabel: "x", yLabel: "y", yMax: 100 },
  series: [
    {
      name: "one",
      points: [
        [0, 0],
        [10, 50],
        [20, 250],
      ],
    },
    { name: "none", points: [] },
  ],
};

const FIRST = (): number => 0;

const REPORT: Report = {
  title: '<b>"odd" & \u0007</b>',
  facts: [["command", "tequio <x>"]],
  tables: [{ title: "t", note: "n", columns: ["a", "b"], rows: [["<i>", "1"]] }],
  sentences: ["a < b"],
  plots: [LINES],
  figures: {},
};

test("names from a trace are text on the page, never markup", () => {
  const page = pageOf(REPORT);
  assert.doesNotMatch(page, /<b>|<i>|<x>/);
  assert.ok(!page.includes("\u0007"));
  assert.match(page, /<h1>&lt;b&gt;&quot;odd&quot; &amp;/);
});

test("the page asks nothing of anybody and holds no script", () => {
  assert.doesNotMatch(pageOf(REPORT), /https?:|src=|url\(|@import|<script|<link/);
});

test("a line goes where its numbers say and stays within the frame", () => {
  const drawn = drawPlot(LINES, FIRST);
  const path = /class="line c0" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"/;
  const [x0, y0, x1, y1, x2, y2] = (path.exec(drawn) ?? []).slice(1).map(Number);
  assert.ok(x0! < x1! && x1! < x2!, drawn);
  assert.ok(Math.abs(x2! - x1! - (x1! - x0!)) < 0.2);
  // 50 of 100 is half way; 250 is cut off at the top.
  assert.ok(Math.abs(y0! - y1! - (y1! - y2!)) < 0.2);
  assert.doesNotMatch(drawn, /NaN|Infinity|undefined/);
});

test("a logarithmic axis puts powers of ten at equal distances", () => {
  const points: readonly Point[] = [
    [0, 1],
    [0.1, 2],
    [1, 3],
    [10, 4],
  ];
  const series = [{ name: "a", points }];
  const drawn = drawPlot({ ...LINES, xLog: { least: 0.01 }, series }, FIRST);
  const xs = [...drawn.matchAll(/[ML]([\d.]+) [\d.]+(?=[ML"])/g)].map(([, x]) => Number(x));
  const line = xs.slice(-4);
  assert.equal(line.length, 4);
  assert.ok(Math.abs(line[2]! - line[1]! - (line[3]! - line[2]!)) < 0.2, line.join());
  assert.ok(Math.abs(line[1]! - line[0]! - (line[2]! - line[1]!)) < 0.2, line.join());
});

test("bars leave a gap where there is no value, and many names are tilted", () => {
  const groups = Array.from({ length: 12 }, (_, at) => ({
    name: `g${at}`,
    values: [at, Number.NaN],
  }));
  const drawn = drawPlot(
    { kind: "bars", title: "B", yLabel: "y", series: ["a", "b"], groups },
    FIRST,
  );
  assert.equal(drawn.match(/<rect /g)?.length, 12);
  assert.match(drawn, /rotate\(-35\)/);
  assert.doesNotMatch(drawn, /NaN/);
  const empty = drawPlot({ kind: "bars", title: "B", yLabel: "y", series: [], groups: [] }, FIRST);
  assert.doesNotMatch(empty, /NaN|Infinity/);
});

test("a word of a command can be typed again as it stands", () => {
  assert.equal(quoted("jobs=5,days=1"), "jobs=5,days=1");
  assert.equal(quoted("sizes=1:2|3:4"), "'sizes=1:2|3:4'");
  assert.equal(quoted("it's"), "'it'\\''s'");
});
