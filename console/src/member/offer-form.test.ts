// What the form shows of an offer it gives back unchanged, and a fault is said at its field.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import { OfferWire } from "@tequio/contract";
import fc from "fast-check";
import { draftOf, NO_DEVICE, type OfferDraft, readDraft, refusedField } from "./offer-form.ts";

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });
const micro = fc.integer({ min: 0, max: 50_000_000 });
const given = (parts: object) =>
  Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));

const anyOffer = fc
  .record({
    devices: fc.array(
      fc
        .record({
          node: maybe(word),
          kind: maybe(fc.constantFrom("cpu", "gpu")),
          model: maybe(word),
          count: maybe(fc.integer({ min: 0, max: 99 })),
        })
        .map(given),
      { maxLength: 3 },
    ),
    hours: fc.constantFrom(null, {
      zone: "Europe/Berlin",
      windows: ["Mon-Fri 18:00-08:00", "Sun"],
    }),
    tenants: fc.record({ allow: fc.array(word), refuse: fc.array(word) }),
    labels: fc.dictionary(word, word, { maxKeys: 3 }),
    prices: fc
      .record({
        cpu: maybe(micro),
        gpu: maybe(micro),
        models: fc.array(fc.record({ model: word, microPerDeviceHour: micro })),
      })
      .map(given),
    recallGraceMs: fc.integer({ min: 0, max: 600 }).map((seconds) => seconds * 1_000),
    ownProjects: fc.array(word),
    ownFirst: fc.boolean(),
    caps: fc
      .record({
        walltimeMs: maybe(fc.integer({ min: 1, max: 9_999 }).map((seconds) => seconds * 1_000)),
        milliCpuPerNode: maybe(fc.integer({ min: 0, max: 256_000 })),
        memoryMiBPerNode: maybe(fc.integer({ min: 0, max: 2_000_000 })),
      })
      .map(given),
  })
  .map((offer) => OfferWire.parse(offer));

test("an offer that is opened and saved untouched stays as it was", () => {
  fc.assert(
    fc.property(anyOffer, (offer) => {
      const read = readDraft(draftOf(offer));
      assert.ok(read.ok, JSON.stringify(read));
      assert.deepEqual(read.offer, offer);
    }),
    { numRuns: 200 },
  );
});

test("a form that was emptied is the default: everything, always, to everybody", () => {
  const empty: OfferDraft = {
    ...draftOf(OfferWire.parse({})),
    ...{ grace: "", hours: "\n", labels: " ", zone: "UTC" },
  };
  assert.deepEqual(readDraft(empty), { ok: true, offer: OfferWire.parse({}) });
});

test("each fault is said at the field where it was typed", () => {
  const start = draftOf(OfferWire.parse({}));
  const faulty: readonly (readonly [Partial<OfferDraft>, keyof OfferDraft])[] = [
    [{ labels: "fast" }, "labels"],
    [{ priceModels: "H100 two" }, "priceModels"],
    [{ priceModels: "H100 = " }, "priceModels"],
    [{ priceGpu: "-1" }, "priceGpu"],
    [{ priceCpu: "cheap" }, "priceCpu"],
    [{ walltime: "long" }, "walltime"],
    [{ memory: "all" }, "memory"],
    [{ cores: "-2" }, "cores"],
    [{ grace: "999999999" }, "grace"],
    [{ allow: "a/b" }, "allow"],
    [{ ownProjects: "-" }, "ownProjects"],
    [{ devices: [{ ...NO_DEVICE, count: "1.5x" }] }, "devices"],
    [{ hours: "daily", zone: "x".repeat(99) }, "zone"],
  ];
  for (const [change, field] of faulty) {
    const read = readDraft({ ...start, ...change });
    assert.ok(!read.ok, JSON.stringify(change));
    assert.deepEqual(Object.keys(read.faults), [field]);
  }
});

test("a refusal of the pool finds its field by where it points", () => {
  assert.equal(refusedField("offer.hours.zone"), "zone");
  assert.equal(refusedField("body.offer.tenants.allow[0]"), "allow");
  assert.equal(refusedField("hours"), "hours");
  assert.equal(refusedField("member"), undefined);
  assert.equal(refusedField(undefined), undefined);
});
