// A heap gives what a sort would give, whatever is put in and taken out in between.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ScoreHeap } from "./score-heap.ts";

const entry = fc.record({
  score: fc.integer({ min: -40, max: 40 }).map((tenths) => tenths / 10),
  rank: fc.nat(4_000_000),
  group: fc.nat(4_000_000),
  version: fc.nat(1_000_000),
  pops: fc.boolean(),
});

test("the highest score comes first, then the lowest rank, with its group and version", () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 200 }), (entries) => {
      const heap = new ScoreHeap();
      const sorted: (typeof entries)[number][] = [];
      for (const one of entries) {
        heap.push(one.score, one.rank, one.group, one.version);
        sorted.push(one);
        sorted.sort((a, b) => b.score - a.score || a.rank - b.rank);
        const [best] = sorted;
        const alike = sorted.filter(
          ({ score, rank }) => score === best!.score && rank === best!.rank,
        );
        const isBest = ({ group, version }: typeof one): boolean =>
          heap.topGroup === group && heap.topVersion === version;
        assert.ok(alike.some(isBest));
        assert.equal(heap.size, sorted.length);
        if (!one.pops) continue;
        sorted.splice(sorted.indexOf(alike.find(isBest)!), 1);
        heap.pop();
      }
    }),
  );
});

test("what is put back by its key stands where it stood", () => {
  const heap = new ScoreHeap();
  heap.push(1, 7, 3, 1);
  heap.push(1, 2, 4, 1);
  const { topKey } = heap;
  heap.pop();
  heap.put(topKey, 4, 1);
  assert.equal(heap.topGroup, 4);
  heap.clear();
  assert.equal(heap.size, 0);
});
