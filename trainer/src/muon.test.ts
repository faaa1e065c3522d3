/** Muon's step: directions of plain arithmetic, what it leaves to AdamW, the same everywhere. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { InnerOptimiser } from "@tequio/core/training";
import { initialParameters, type LayoutEntry, layoutOf, parameterCount } from "./layout.ts";
import { MUON_MOMENTUM, muonGraph, openMuon } from "./muon.ts";
import { openVectors } from "./optimiser.ts";
import { mulberry32, normal } from "./random.ts";
import { Trainee } from "./stretch.ts";
import { anyExecutor, executorOf, randomTokens, TINY } from "./testing.ts";

const executor = await anyExecutor();
const muon = await openMuon(executor, TINY);
after(() => muon.release());

const isMatrix = ({ name, shape }: LayoutEntry): boolean =>
  name.startsWith("layers.") && shape.length === 2;

function noise(seed: number): Float32Array {
  const random = mulberry32(seed);
  return Float32Array.from({ length: parameterCount(TINY) }, () => normal(random));
}

type Matrix = number[][];
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, x, k) => sum + x * b[k]![j]!, 0)));
const turned = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
const mix = (a: Matrix, f: number, b: Matrix, h: number): Matrix =>
  a.map((row, i) => row.map((x, j) => f * x + h * b[i]![j]!));

/** Five steps of Newton-Schulz in double precision, for any shape. */
function plainOrthogonal(u: Matrix): Matrix {
  const norm = Math.sqrt(u.flat().reduce((sum, x) => sum + x * x, 0)) + 1e-7;
  let x = u.map((row) => row.map((value) => value / norm));
  for (let i = 0; i < 5; i += 1) {
    const gram = times(x, turned(x));
    x = mix(x, 3.4445, times(mix(gram, -4.775, times(gram, gram), 2.0315), x), 1);
  }
  const scale = 0.2 * Math.sqrt(Math.max(u.length, u[0]!.length));
  return x.map((row) => row.map((value) => value * scale));
}

/** Rows of a part of a matrix that lies in the vector, columns `from` to `to`. */
function matrixAt(vector: Float32Array, at: number, shape: readonly number[], from: number) {
  return (to: number): Matrix =>
    Array.from({ length: shape[0]! }, (_, row) => [
      ...vector.subarray(at + row * shape[1]! + from, at + row * shape[1]! + to),
    ]);
}

test("every matrix moves as plain arithmetic says, queries, keys and values apart", async () => {
  const session = await executor.open(muonGraph(TINY));
  const u = noise(3);
  const { direction } = await session.run({ u });
  await session.release();
  let at = 0;
  for (const { offset, size, shape, name } of layoutOf(TINY).filter(isMatrix)) {
    const wide = name.endsWith(".qkv") ? shape[1]! / 3 : shape[1]!;
    for (let from = 0; from < shape[1]!; from += wide) {
      const expected = plainOrthogonal(matrixAt(u, offset, shape, from)(from + wide)).flat();
      const actual = matrixAt(direction!, at, shape, from)(from + wide).flat();
      const worst = actual.reduce((most, x, i) => Math.max(most, Math.abs(x - expected[i]!)), 0);
      assert.ok(worst < 1e-4, `${name} from column ${from} differs by ${worst}`);
    }
    at += size;
  }
  assert.equal(direction!.length, at);
});

test("a step moves momentum and matrices by the rate and leaves everything else", async () => {
  const { p, m, g } = openVectors(parameterCount(TINY));
  p.set(noise(5));
  m.set(noise(6));
  g.set(noise(7));
  const before = { p: p.slice(), m: m.slice(), g: g.slice() };
  await muon.step({ p, m, g }, 0.01);
  const others = new Set<number>();
  for (const { from, to } of muon.others) for (let i = from; i < to; i += 1) others.add(i);
  for (const { offset, size, name, shape } of layoutOf(TINY)) {
    const entry = { offset, size, name, shape, start: "normal" } as const;
    for (let i = offset; i < offset + size; i += 1) {
      assert.equal(others.has(i), !isMatrix(entry), name);
      const expected = MUON_MOMENTUM * before.m[i]! + before.g[i]!;
      if (isMatrix(entry)) assert.ok(Math.abs(m[i]! - expected) < 1e-6);
      else assert.deepEqual([p[i], m[i], g[i]], [before.p[i], before.m[i], before.g[i]]);
    }
    if (!isMatrix(entry)) continue;
    let squares = 0;
    for (let i = offset; i < offset + size; i += 1) {
      squares += (p[i]! - before.p[i]! * (1 - 0.01 * 0.1)) ** 2;
    }
    // Singular values are near 1, so that the root mean square is near 0.2 of the rate for every
    // shape: sqrt(least side / size) x 0.2 sqrt(largest side) = 0.2.
    const rms = Math.sqrt(squares / size) / 0.01;
    assert.ok(rms > 0.13 && rms < 0.24, `${name}: ${rms}`);
  }
});

test("no gradient and no momentum leave the matrices to their decay", async () => {
  const { p, m, g } = openVectors(parameterCount(TINY));
  p.fill(1);
  await muon.step({ p, m, g }, 0.5);
  const { offset, size } = layoutOf(TINY).find(isMatrix)!;
  for (const value of p.subarray(offset, offset + size)) {
    assert.ok(Math.abs(value - 0.95) < 1e-6);
  }
});

function trainee(on: typeof executor, optimiser: InnerOptimiser): Trainee {
  return new Trainee(on, TINY, { optimiser });
}

async function trained(one: Trainee, from: Float32Array, innerSteps: number, first = 0) {
  const done = await one.runStretch({
    parameters: from,
    batches: (step) => randomTokens(TINY, 2, 100 + first + step),
    ...{ innerSteps, batch: 2, lrStart: 0.01, lrEnd: 0.01 },
  });
  assert.ok(done.ok, done.ok ? "" : done.message);
  return done.value;
}

test("a stretch goes on from exported moments with the same bits", async () => {
  const start = initialParameters(TINY, 1);
  const [whole, first, second] = [0, 1, 2].map(() => trainee(executor, "muon"));
  const atOnce = await trained(whole!, start, 6);
  const half = await trained(first!, start, 3);
  assert.ok(second!.importState(first!.exportState()).ok);
  const rest = await trained(second!, half.parameters, 3, 3);
  assert.deepEqual(rest.parameters, atOnce.parameters);
  for (const one of [whole, first, second]) await one!.release();
});

test("Muon ends elsewhere than AdamW, and in WebAssembly where it ends natively", async (t) => {
  const start = initialParameters(TINY, 1);
  const adamw = trainee(executor, "adamw");
  const here = trainee(executor, "muon");
  const other = await executorOf("wasm").catch((error: unknown) => String(error));
  const [a, b] = [await trained(adamw, start, 8), await trained(here, start, 8)];
  assert.notDeepEqual(a.parameters, b.parameters);
  if (typeof other === "string") return t.skip(other);
  const there = trainee(other, "muon");
  const c = await trained(there, start, 8);
  assert.ok(Math.abs(b.meanLoss - c.meanLoss) < 1e-4, `${b.meanLoss} and ${c.meanLoss}`);
  for (const one of [adamw, here, there]) await one.release();
});
