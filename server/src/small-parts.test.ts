// Proves the clock, the signer and the waker, each alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makeClock } from "./clock.ts";
import { makeSigner, sameText } from "./signer.ts";
import { makeWaker } from "./waker.ts";

test("the clock never goes back, whatever the wall clock and the last event say", () => {
  const steps = fc.array(
    fc.record({ wall: fc.nat(10_000), gone: fc.nat(50), least: fc.nat(9_000) }),
  );
  fc.assert(
    fc.property(steps, (all) => {
      let wall = 5_000;
      let monotonic = 0;
      const clock = makeClock(
        () => wall,
        () => monotonic,
      );
      let last = clock.now();
      for (const step of all) {
        wall = step.wall;
        monotonic += step.gone;
        clock.atLeast(step.least);
        const now = clock.now();
        assert.ok(now >= last && now >= step.least && Number.isInteger(now));
        last = now;
      }
    }),
  );
});

test("a signed token says what it was made for, and nothing else is ours", () => {
  const signer = makeSigner(new Uint8Array(32).fill(1), "pool");
  const token = signer.taskToken("L7", 12);
  assert.deepEqual(signer.read(token), { kind: "task", leaseId: "L7", fence: 12 });
  const other = makeSigner(new Uint8Array(32).fill(1), "other pool");
  assert.equal(other.read(token), undefined);
  for (const wrong of ["", "task", "task.L7.12", `${token}x`, token.replace("L7", "L8")]) {
    assert.equal(signer.read(wrong), undefined, wrong);
  }
  const site = signer.siteToken("s1", 1_000);
  assert.equal(signer.read(site.replace("site", "task")), undefined);
  assert.ok(sameText("abc", "abc") && !sameText("abc", "abd") && !sameText("abc", "abcd"));
});

test("a wake reaches those who wait for it, and nobody waits beyond a time or an end", async () => {
  const waker = makeWaker();
  const end = new AbortController();
  const order: string[] = [];
  const done = (name: string) => () => order.push(name);
  const a = waker.wait("a", 60_000, end.signal).then(done("a"));
  const b = waker.wait("b", 60_000, end.signal).then(done("b"));
  const c = waker.wait("c", 5, end.signal).then(done("c"));
  waker.wake("a");
  await a;
  await c;
  assert.deepEqual(order, ["a", "c"]);
  end.abort();
  await b;
  await waker.wait("b", 60_000, end.signal);
});
