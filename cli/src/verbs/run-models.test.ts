// Export, fork and lineage on the command line; cards are checked without a pool.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type LineageCard, lineageBytes, type SignedLineage } from "@tequio/contract";
import { openFakePool, TOKEN } from "../testing/fake-pool.ts";
import { runCli } from "../testing/run-cli.ts";

const CARD: LineageCard = {
  ...{ version: 1, poolId: "p1", pool: "north", runId: "3", name: "demo", project: "default" },
  ...{ round: 9, digest: `sha256:${"a".repeat(64)}`, parameters: 1_000, tokens: 5_000 },
  model: { vocab: 256, context: 32, width: 16, layers: 1, heads: 1 },
  ...{ corpus: "sotu", windows: 77, seed: 1, heldOutLoss: 2.5, startedAtMs: 1, madeAtMs: 2 },
  owners: [
    {
      ...{ member: "uni-lab", rounds: 8, tokens: 5_000, computeMs: 60_000, bytesUp: 10 },
      ...{ bytesDown: 20, refused: { GATE_FAILED: 2 } },
    },
  ],
  parents: [{ runId: "1", round: 4, digest: `sha256:${"b".repeat(64)}` }],
};

function signed(card: LineageCard): SignedLineage {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const spki = publicKey.export({ format: "der", type: "spki" });
  const keyId = createHash("sha256").update(spki).digest("hex").slice(0, 16);
  const signature = sign(null, lineageBytes(card), privateKey).toString("base64");
  return { card, keyId, publicKey: spki.toString("base64"), signature };
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "tequio-cli-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("a card that a pool has signed is good, and a changed one is refused", async (t) => {
  const cwd = folder(t);
  const card = signed(CARD);
  const check = (content: unknown, ...flags: string[]) => {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    writeFileSync(join(cwd, "card.json"), text);
    return runCli(["lineage", "verify", "card.json", ...flags], { cwd });
  };
  const fine = await check(card, "--key", card.keyId);
  assert.equal(fine.code, 0, fine.err);
  assert.match(fine.out, /uni-lab\s+5,000\s+8\s.*2 × GATE_FAILED/);
  assert.match(fine.out, /Goes back to\s+run 1, round 4/);
  assert.match(fine.out, new RegExp(`key ${card.keyId} is good`));
  // The order of names does not matter: what is signed is what the card says.
  const turned = Object.fromEntries(Object.entries(CARD).reverse());
  assert.equal((await check({ ...card, card: turned })).code, 0);
  const richer = { ...CARD, owners: [{ ...CARD.owners[0]!, tokens: 6_000 }] };
  const bad: readonly (readonly [unknown, RegExp])[] = [
    [{ ...card, card: richer }, /changed after it was signed/],
    [{ ...card, card: { ...CARD, parents: [] } }, /changed after it was signed/],
    [{ ...signed(CARD), signature: card.signature }, /changed after it was signed/],
    [{ ...card, keyId: "0".repeat(16) }, /another key than the one it carries/],
    [{ ...card, publicKey: "AAAA" }, /key cannot be read/],
    [{ ...card, card: { ...CARD, round: "9" } }, /round/],
    ["{", /cannot be read/],
  ];
  for (const [content, why] of bad) {
    const ran = await check(content);
    assert.ok(ran.code > 0 && why.test(ran.err), ran.err);
  }
  const other = await check(card, "--key", "1234567890abcdef");
  assert.match(other.err, /signed with key .*, not 1234567890abcdef/);
  const told = await runCli(["lineage", "verify", "card.json", "--json"], { cwd });
  assert.equal((told.json() as { valid: boolean }).valid, true);
});

test("a fork sends its settings as numbers, and lineage is written to a file", async (t) => {
  const cwd = folder(t);
  const card = signed(CARD);
  const from = { runId: "3", round: 7, digest: CARD.digest };
  const pool = await openFakePool({ forkRun: () => ({ id: "8", from }), getLineage: () => card });
  t.after(() => pool.close());
  const options = { cwd, env: { TEQUIO_URL: pool.url, TEQUIO_TOKEN: TOKEN } };
  const set = ["--set", "stop.minutes=2.5", "--set", "codecUp=int8"];
  const forked = await runCli(["run", "3", "fork", "--round", "7", ...set], options);
  assert.equal(forked.out, "Run 8 goes on from run 3, round 7.\n");
  const body = { round: 7, set: { "stop.minutes": 2.5, codecUp: "int8" } };
  assert.deepEqual(pool.asked[0]!.body, body);
  const shown = await runCli(["run", "3", "lineage", "-o", "card.json"], options);
  assert.match(shown.out, /uni-lab/);
  assert.deepEqual(JSON.parse(readFileSync(join(cwd, "card.json"), "utf8")), card);
  assert.equal((await runCli(["lineage", "verify", "card.json"], { cwd })).code, 0);
  assert.deepEqual(pool.wrong, []);
});

test("an export is written whole or not at all", async (t) => {
  const cwd = folder(t);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.headers.authorization} ${request.url}`);
    if (request.url!.includes("round=5")) {
      response.writeHead(404, { "content-type": "application/json" });
      const hint = "there are: 6, 4";
      response.end(JSON.stringify({ code: "NOT_FOUND", message: "none", hint, requestId: "r" }));
      return;
    }
    const headers = { "content-disposition": 'attachment; filename="run-3-round-6.onnx"' };
    response.writeHead(200, { ...headers, "content-length": "8", "tequio-round": "6" });
    if (request.url!.includes("round=1")) response.write("half", () => response.destroy());
    else response.end("contents");
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const run = (...args: string[]) =>
    runCli(["run", "3", "export", ...args], {
      ...{ cwd, env: { TEQUIO_URL: url, TEQUIO_TOKEN: TOKEN } },
    });
  const fine = await run("--format", "onnx");
  assert.equal(fine.code, 0, fine.err);
  assert.equal(readFileSync(join(cwd, "run-3-round-6.onnx"), "utf8"), "contents");
  assert.equal(asked[0], `Bearer ${TOKEN} /v1/runs/3/export?format=onnx`);
  assert.equal((await run("-o", "-")).out, "contents");
  assert.match((await run("--round", "5")).err, /NOT_FOUND[\s\S]*there are: 6, 4/);
  const cut = await run("--round", "1", "-o", "cut.bin");
  assert.ok(cut.code > 0 && /cut\.bin could not be written/.test(cut.err), cut.err);
  assert.deepEqual(readdirSync(cwd), ["run-3-round-6.onnx"]);
  assert.match((await run("--format", "gguf")).err, /safetensors/);
});
