// Throughput by kind of work and device: names found in the catalogue, observations that are
// bounded and exact, estimates that get better with measurements, and what follows for choices.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chanceOf } from "../../pool/index.ts";
import { kindOf, logMedian, noObservations, observe, runKindOf, stepOf } from "./observations.ts";
import { type Device, isCatalogued, priorLogSpeed } from "./prior.ts";
import { Speeds } from "./speeds.ts";
import { ThroughputTable } from "./table.ts";

const gpu = (model: string): Device => ({ kind: "gpu", model });
const [T4, A10, H100] = [gpu("T4"), gpu("A10"), gpu("H100 SXM5 80GB")];
const DEVICES = [T4, A10, gpu("V100 SXM2 16GB"), H100, gpu("Some New Chip")];

test("names as drivers print them are found in the catalogue, strangers are not", () => {
  const same = (a: string, b: string): void =>
    assert.equal(priorLogSpeed(gpu(a)), priorLogSpeed(gpu(b)), `${a} is ${b}`);
  same("NVIDIA H100 80GB HBM3", "H100 SXM5 80GB");
  same("Tesla T4", "T4");
  same("NVIDIA A100-SXM4-40GB", "A100 SXM4 40GB");
  same("NVIDIA GeForce RTX 3090", "RTX 3090");
  same("V100M32", "V100 SXM2 16GB");
  assert.ok(isCatalogued("AMD Instinct MI300X"));
  for (const name of ["", "Quadro P2200", "Chip 2", "80GB"]) assert.ok(!isCatalogued(name), name);
});

test("the prior orders devices as everybody knows them, processors last", () => {
  const models = ["T4", "A10", "A100 SXM4 80GB", "H100 SXM5 80GB", "B200 SXM"];
  const speeds = models.map((model) => priorLogSpeed(gpu(model)));
  assert.deepEqual(
    speeds.toSorted((a, b) => a - b),
    speeds,
  );
  assert.ok(priorLogSpeed({ kind: "cpu", model: "Xeon" }) < speeds[0]!);
});

test("jobs that only numbers tell apart are one kind, and so are runs of one shape", () => {
  assert.equal(
    kindOf({ project: "lab", name: "fit-12" }),
    kindOf({ project: "lab", name: "fit-7" }),
  );
  assert.notEqual(kindOf({ project: "lab", name: "fit" }), kindOf({ project: "art", name: "fit" }));
  const shape = { vocab: 256, context: 16, width: 16, layers: 1 };
  assert.notEqual(runKindOf(shape), runKindOf({ ...shape, width: 32 }));
});

test("a step of the scale is exact at powers of two and grows with the time", () => {
  assert.equal(stepOf(1), 0);
  assert.equal(stepOf(2 ** 40), 640);
  assert.equal(stepOf(2 ** -3), -48);
  fc.assert(
    fc.property(
      fc.double({ min: 1e-6, max: 1e12, noNaN: true }),
      fc.double({ min: 1, max: 3, noNaN: true }),
      (time, factor) => stepOf(time) <= stepOf(time * factor),
    ),
  );
});

test("absurd times among many do not move a median", () => {
  const state = noObservations();
  const see = (time: number): void => observe(state, { kind: "k", device: T4, count: 1, time });
  for (let i = 0; i < 20; i += 1) see(60_000);
  for (const time of [1e-9, 1e15, 1e15, 1, 1e12]) see(time);
  const [cell] = state.cells.values();
  assert.ok(Math.abs(logMedian(cell!) - Math.log(60_000)) < 0.05);
});

test("memory is bounded whatever is observed, and new times win over old ones", () => {
  const state = noObservations();
  for (let i = 0; i < 2_500; i += 1) {
    observe(state, { kind: `k${i}`, device: A10, count: 1, time: 1_000 });
  }
  assert.equal(state.cells.size, 2_000);
  assert.ok(![...state.cells.values()].some(({ kind }) => kind === "k0"));
  for (let i = 0; i < 1_000; i += 1) {
    observe(state, { kind: "k", device: A10, count: 1, time: 1_000 + 97 * i });
  }
  for (let i = 0; i < 200; i += 1) observe(state, { kind: "k", device: A10, count: 1, time: 7 });
  const cell = [...state.cells.values()].at(-1)!;
  assert.ok(cell.times.length <= 128, `${cell.times.length} times are kept`);
  assert.ok(Math.abs(logMedian(cell) - Math.log(7)) < 0.05);
  assert.equal(state.seen, 3_700);
});

/** A world in which kinds and devices differ at random; times are noisy. */
function worldOf(seed: number) {
  const chance = chanceOf(seed);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - chance.next())) * Math.cos(2 * Math.PI * chance.next());
  const ownOf = new Map(DEVICES.map((device) => [device, 0.4 * normal()]));
  const truth = new Map<string, number>();
  const kinds = Array.from({ length: 12 }, (_, i) => `kind ${i}`);
  for (const kind of kinds) {
    const size = 10 + 2 * normal();
    for (const device of DEVICES) {
      const speed = priorLogSpeed(device) + ownOf.get(device)! + 0.3 * normal();
      truth.set(kind + device.model, size - speed);
    }
  }
  const timeOf = (kind: string, device: Device): number => truth.get(kind + device.model)!;
  const measure = (kind: string, device: Device): number =>
    Math.exp(timeOf(kind, device) + 0.3 * normal());
  return { chance, kinds, timeOf, measure };
}

/** Mean error of the logarithm of the speed between two devices. */
function errorOf(world: ReturnType<typeof worldOf>, table: ThroughputTable): number {
  let [sum, count] = [0, 0];
  for (const kind of world.kinds) {
    for (const a of DEVICES) {
      for (const b of DEVICES) {
        const truth = world.timeOf(kind, b) - world.timeOf(kind, a);
        sum += Math.abs(table.logSpeed(kind, a) - table.logSpeed(kind, b) - truth);
        count += 1;
      }
    }
  }
  return sum / count;
}

test("the error falls as more is observed, also for kinds that ran on few devices", () => {
  const errors = [0, 20, 80, 400].map((observations) => {
    let sum = 0;
    for (let seed = 1; seed <= 8; seed += 1) {
      const world = worldOf(seed);
      const state = noObservations();
      for (let i = 0; i < observations; i += 1) {
        const kind = world.kinds[Math.floor(world.chance.next() * world.kinds.length)]!;
        const device = DEVICES[Math.floor(world.chance.next() * DEVICES.length)]!;
        observe(state, { kind, device, count: 1, time: world.measure(kind, device) });
      }
      sum += errorOf(world, new ThroughputTable(state)) / 8;
    }
    return sum;
  });
  assert.ok(errors[1]! < errors[0]! && errors[2]! < errors[1]!, `${errors}`);
  assert.ok(errors[3]! < 0.5 * errors[0]!, `${errors}`);
});

const anyObservation = fc.record({
  kind: fc.constantFrom("a", "b", "c"),
  device: fc.constantFrom(...DEVICES, { kind: "cpu" as const, model: "Xeon" }),
  count: fc.integer({ min: 1, max: 64 }),
  time: fc.double({ min: 1e-6, max: 1e14, noNaN: true }),
});

test("speeds are finite, positive and the same in whatever order times were seen", () => {
  fc.assert(
    fc.property(fc.array(anyObservation, { maxLength: 30 }), fc.nat(), (seen, seed) => {
      const chance = chanceOf(seed);
      const other = seen
        .map((one) => ({ one, at: chance.next() }))
        .sort((a, b) => a.at - b.at)
        .map(({ one }) => one);
      const [first, second] = [seen, other].map((all) => {
        const state = noObservations();
        for (const one of all) observe(state, one);
        return new ThroughputTable(state);
      });
      const stock = DEVICES.map((device, i) => ({ device, count: i + 1 }));
      const [speeds, again] = [new Speeds(first!, stock), new Speeds(second!, stock.toReversed())];
      for (const device of DEVICES) {
        for (const kind of ["a", "b", "never seen"]) {
          const speed = speeds.speedOf(kind, device);
          assert.ok(speed > 0 && Number.isFinite(speed), `${speed}`);
          assert.equal(speed, again.speedOf(kind, device));
          const expected = first!.expected(kind, device, 2);
          assert.ok(expected === undefined || (expected.time > 0 && expected.time < Infinity));
        }
        assert.equal(speeds.worthOf(device), again.worthOf(device));
      }
    }),
    { numRuns: 60 },
  );
});

test("one measurement changes an estimate little, ten change it most of the way", () => {
  const expectedAfter = (times: number): number => {
    const state = noObservations();
    const see = (kind: string, device: Device, time: number): void => {
      for (let i = 0; i < times; i += 1) observe(state, { kind, device, count: 1, time });
    };
    // On the H100 this work is no faster than on the T4, whatever the catalogue says.
    see("small", T4, 100_000);
    see("small", H100, 100_000);
    const table = new ThroughputTable(state);
    return table.logSpeed("small", H100) - table.logSpeed("small", T4);
  };
  const [none, one, ten] = [expectedAfter(0), expectedAfter(1), expectedAfter(10)];
  assert.ok(one > 0.3 * none && one < none, `${none} ${one}`);
  assert.ok(ten < 0.15 * none, `${none} ${ten}`);
});

test("who gains most from a device is told by ratios, not by who is fastest", () => {
  const state = noObservations();
  const see = (kind: string, device: Device, time: number): void => {
    for (let i = 0; i < 10; i += 1) observe(state, { kind, device, count: 1, time });
  };
  see("wide", T4, 100_000);
  see("wide", H100, 5_000);
  see("narrow", T4, 100);
  see("narrow", H100, 80);
  const stock = [
    { device: T4, count: 4 },
    { device: H100, count: 4 },
  ];
  const speeds = new Speeds(new ThroughputTable(state), stock);
  const waiting = ["wide", "narrow"].map((kind) => ({ kind, devices: 1 }));
  assert.ok(speeds.advantage("wide", H100, waiting) > 0.5);
  assert.ok(speeds.advantage("wide", T4, waiting) < -0.3);
  assert.ok(speeds.advantage("narrow", T4, waiting) > 0.5);
  assert.equal(speeds.advantage("wide", H100, []), 0);
  assert.ok(Math.abs(speeds.speedOf("wide", H100) * speeds.speedOf("wide", T4) - 1) < 1e-9);
  assert.ok(speeds.timeOn("wide", T4, 1_000) > 1_000);
});
