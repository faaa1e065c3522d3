// Exchanges: cores that are left over on many nodes come together on one, and nothing is given
// twice or lost on the way.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Holding, Holdings } from "../../scheduler/moves/index.ts";
import {
  fits,
  type KnownRequest,
  NodeTable,
  type Request,
  RequestTable,
} from "../../scheduler/placement/index.ts";
import { CoreExchange } from "./openb-exchange.ts";

const CORE = 1_000;
const shape = { model: "A", accelerators: 2, milliCpu: 12 * CORE, memoryMiB: 1_000 };
const pod = (cores: number, milli = 0): Request => ({
  accelerators: milli === 0 ? 0 : 1,
  ...{ milli, milliCpu: cores * CORE, memoryMiB: 1, models: "" },
});

function cluster(count: number) {
  const nodes = new NodeTable(Array.from({ length: count }, () => shape));
  const requests = new RequestTable(nodes);
  const holdings = new Holdings(nodes);
  const hold = (request: KnownRequest, node: number, at: readonly number[]): Holding => {
    const place = { node, accelerators: at };
    holdings.reserve(request, place);
    return holdings.add(request, place);
  };
  return { nodes, requests, holdings, hold, exchange: new CoreExchange(holdings) };
}

test("where no exchange helps nothing moves", () => {
  const { requests, holdings, hold, exchange } = cluster(2);
  hold(requests.know(pod(10)), 0, []);
  hold(requests.know(pod(8)), 1, []);
  assert.equal(exchange.gather(requests.know(pod(4, 1_000)))?.node, 1, "it has room at once");
  // To change places would only turn the two nodes round.
  assert.equal(exchange.gather(requests.know(pod(5, 1_000))), undefined);
  assert.equal(holdings.take().length, 0);
});

test("whoever wants more cores goes to where cores are left over", () => {
  const { nodes, requests, holdings, hold, exchange } = cluster(2);
  // Three cores are left on each; the difference of one pair of pods is just two.
  for (const cores of [6, 3]) hold(requests.know(pod(cores)), 0, []);
  for (const cores of [4, 5]) hold(requests.know(pod(cores)), 1, []);
  const place = exchange.gather(requests.know(pod(5, 1_000)));
  assert.ok(place !== undefined);
  assert.ok(nodes.freeMilliCpu[place.node]! >= 5 * CORE);
  const moves = holdings.take();
  assert.equal(moves.length, 2);
  assert.deepEqual(moves[0]!.from, moves[1]!.to);
});

test("a shared pod leaves an accelerator to which the cores come as well", () => {
  const { nodes, requests, hold, exchange } = cluster(2);
  for (const at of [0, 1]) hold(requests.know(pod(3, 500)), 0, [at]);
  hold(requests.know(pod(4, 500)), 1, [0]);
  hold(requests.know(pod(1, 800)), 1, [1]);
  const whole = requests.know(pod(6, 1_000));
  const place = exchange.gather(whole);
  assert.ok(place !== undefined && fits(nodes, place.node, whole));
});

test("nothing is given twice, nobody is lost, and what does not help is undone", () => {
  const row = fc.record({
    cores: fc.integer({ min: 1, max: 9 }),
    milli: fc.constantFrom(0, 0, 300, 500, 1_000),
  });
  let helped = 0;
  const check = fc.property(fc.array(row, { minLength: 6, maxLength: 24 }), (rows) => {
    const { nodes, requests, holdings, hold, exchange } = cluster(4);
    const sums = (): number[] => [
      nodes.freeMilliCpu.reduce((sum, free) => sum + free, 0),
      nodes.free.reduce((sum, free) => sum + free, 0),
    ];
    let held = 0;
    for (const { cores, milli } of rows) {
      const request = requests.know(pod(cores, milli));
      const node = [0, 1, 2, 3].find((one) => fits(nodes, one, request));
      if (node !== undefined) {
        const free = [0, 1].find((at) => nodes.free[node * nodes.stride + at]! >= milli)!;
        hold(request, node, milli === 0 ? [] : [free]);
        held += 1;
        continue;
      }
      const before = sums();
      const place = exchange.gather(request);
      assert.deepEqual(sums(), before, "what is held stays held");
      assert.ok(nodes.free.every((free) => free >= 0));
      assert.ok(nodes.freeMilliCpu.every((free) => free >= 0));
      assert.ok(place === undefined || fits(nodes, place.node, request));
      if (place === undefined) assert.equal(holdings.take().length, 0);
      else helped += 1;
      holdings.take();
    }
    assert.equal(
      [0, 1, 2, 3].reduce((sum, node) => sum + holdings.on(node).length, 0),
      held,
    );
  });
  fc.assert(check, { numRuns: 150, seed: 3 });
  assert.ok(helped > 20, `the sample needs exchanges: ${helped}`);
});
