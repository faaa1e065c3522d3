// The table of worths is what playing series of requests through gives, and sums over parts.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chanceOf } from "../../pool/index.ts";
import { Filling } from "./filling.ts";
import { Mix, NodeTable, type Request, RequestTable } from "./index.ts";

const shape = { model: "A", accelerators: 1, milliCpu: 20_000, memoryMiB: 1_000 };
const wide = { ...shape, accelerators: 4, milliCpu: 80_000 };

const request = (milli: number, cores: number, accelerators = 1, models = ""): Request => ({
  accelerators,
  milli: accelerators === 0 ? 0 : milli,
  milliCpu: cores * 1_000,
  memoryMiB: 1,
  models,
});

function fillingOf(all: readonly Request[]) {
  const nodes = new NodeTable([shape, wide, { ...shape, model: "B" }]);
  const requests = new RequestTable(nodes);
  const mix = new Mix(requests);
  for (const one of all) mix.add(requests.know(one));
  const filling = new Filling(nodes, mix);
  filling.renew();
  assert.equal(filling.advance(true), true);
  return filling;
}

const part = fc.integer({ min: 0, max: 100 }).map((hundredths) => hundredths * 10);
const anyRequest = fc.oneof(
  fc
    .record({ milli: part.filter((milli) => milli > 0), cores: fc.nat(12) })
    .map(({ milli, cores }) => request(milli, cores)),
  fc.integer({ min: 1, max: 12 }).map((cores) => request(0, cores, 0)),
  fc.constant(request(1_000, 40, 4)),
);
const anyMix = fc.array(anyRequest, { minLength: 1, maxLength: 8 });

test("before the first mix nothing is worth anything", () => {
  const nodes = new NodeTable([shape]);
  const filling = new Filling(nodes, new Mix(new RequestTable(nodes)));
  assert.equal(filling.value(0, 20_000, Int16Array.of(1_000), 0, 1), 0);
});

test("the worth of a part is what series of requests use of it in the mean", () => {
  const mix = [
    request(470, 4),
    request(470, 4),
    request(230, 6),
    request(0, 3, 0),
    request(810, 2),
  ];
  const chance = chanceOf(5);
  const series = 40_000;
  let used = 0;
  for (let count = 0; count < series; count += 1) {
    let [free, cores] = [1_000, 20];
    // The series ends with one chance in a hundred, weighed against what fits.
    for (;;) {
      const fitting = mix.filter((one) => one.milli <= free && one.milliCpu <= cores * 1_000);
      const end = mix.length / 100;
      const drawn = chance.next() * (fitting.length + end);
      const next = fitting[Math.floor(drawn)];
      if (next === undefined) break;
      free -= next.milli;
      cores -= next.milliCpu / 1_000;
      used += next.milli;
    }
  }
  const worth = fillingOf(mix).value(0, 20_000, Int16Array.of(1_000), 0, 1);
  assert.ok(Math.abs(worth - used / series) < 5, `${worth} against ${used / series} played`);
});

test("the worth of a node lies between nothing and all that is free", () => {
  fc.assert(
    fc.property(anyMix, fc.array(part, { minLength: 4, maxLength: 4 }), fc.nat(80), (...args) => {
      const [mix, parts, cores] = args;
      const worth = fillingOf(mix).value(1, cores * 1_000, Int16Array.from(parts), 0, 4);
      const free = parts.reduce((sum, milli) => sum + milli, 0);
      assert.ok(worth >= 0 && worth <= free + 1e-9, `${worth} of ${free}`);
    }),
    { numRuns: 60 },
  );
});

test("the best part for a request is the one that leaves the node the highest worth", () => {
  fc.assert(
    fc.property(anyMix, fc.array(part, { minLength: 4, maxLength: 4 }), part, (...args) => {
      const [mix, parts, milli] = args;
      const row = Int16Array.from(parts).sort();
      if (row[3]! < milli) return;
      const filling = fillingOf(mix);
      const after = [...row].flatMap((free, at) => {
        if (free < milli) return [];
        const left = Int16Array.from(row);
        left[at] = free - milli;
        return [{ free, worth: filling.value(1, 40_000, left, 0, 4) }];
      });
      const highest = Math.max(...after.map(({ worth }) => worth));
      const best = filling.best(1, 40_000, milli, row, 0, 4);
      assert.ok(Math.abs(best - highest) < 1e-6);
      const chosen = after.filter(({ free }) => free === filling.part);
      assert.ok(chosen.some(({ worth }) => Math.abs(worth - highest) < 1e-6));
    }),
    { numRuns: 60 },
  );
});

test("what may not run on a model adds nothing to its nodes' worth", () => {
  const filling = fillingOf([request(500, 1, 1, "A")]);
  const row = Int16Array.of(1_000);
  assert.ok(filling.value(0, 20_000, row, 0, 1) > 900);
  assert.equal(filling.value(2, 20_000, row, 0, 1), 0);
});

test("a new mix is computed one table at a time, and the old one holds until all are there", () => {
  const nodes = new NodeTable([shape, wide, { ...shape, model: "B" }]);
  const requests = new RequestTable(nodes);
  const mix = new Mix(requests);
  const filling = new Filling(nodes, mix);
  const worth = (): number => filling.value(0, 20_000, Int16Array.of(1_000), 0, 1);
  mix.add(requests.know(request(500, 1, 1, "A")));
  filling.renew();
  // Tables: of model A on single and on wide nodes, and of model B.
  for (const isDone of [false, false, true]) {
    assert.equal(worth(), 0);
    assert.equal(filling.advance(false), isDone);
  }
  assert.ok(worth() > 900);
});
