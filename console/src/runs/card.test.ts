// A card that a key has signed is good; a changed one, and one with another key's name, are not.
/// <reference types="node" />
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { type LineageCard, lineageBytes, type SignedLineage } from "@tequio/contract";
import { verdictOn } from "./card.ts";

const CARD: LineageCard = {
  ...{ version: 1, poolId: "p1", pool: "north", runId: "3", name: "demo", project: "default" },
  ...{ round: 9, digest: `sha256:${"a".repeat(64)}`, parameters: 1_000, tokens: 5_000 },
  model: { vocab: 256, context: 32, width: 16, layers: 1, heads: 1 },
  ...{ corpus: "sotu", windows: 77, seed: 1, startedAtMs: 1, madeAtMs: 2, owners: [], parents: [] },
};

test("a card is good only as it was signed, with the key that it names", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const spki = publicKey.export({ format: "der", type: "spki" });
  const signed: SignedLineage = {
    ...{ card: CARD, publicKey: spki.toString("base64") },
    keyId: createHash("sha256").update(spki).digest("hex").slice(0, 16),
    signature: sign(null, lineageBytes(CARD), privateKey).toString("base64"),
  };
  assert.equal(await verdictOn(signed), "good");
  const richer = { ...signed, card: { ...CARD, tokens: 5_001 } };
  assert.equal(await verdictOn(richer), "changed");
  assert.equal(await verdictOn({ ...signed, keyId: "0".repeat(16) }), "other key");
  assert.equal(await verdictOn({ ...signed, publicKey: "" }), "other key");
});
