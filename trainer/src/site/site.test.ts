// The parts of a site's worker that speak to the pool, against a small blob server of their own.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import type { AssignmentView, Client } from "@tequio/contract";
import { downlinkStep } from "@tequio/core/training";
import { blobClient, Fatal, Gone } from "./blob-client.ts";
import { Exchange } from "./exchange.ts";
import { ModelCopy } from "./model-copy.ts";
import { decodeMoments, encodeMoments, floatBytes } from "./moments.ts";

const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Keeps blobs; `cutAfter` breaks the next whole upload after so many bytes. */
class BlobServer {
  readonly blobs = new Map<string, Buffer>();
  readonly partial = new Map<string, Buffer>();
  cutAfter: number | undefined;
  failures = 0;
  /** Downloads are cut after so many bytes each time; where they were asked from. */
  cutEvery: number | undefined;
  readonly froms: number[] = [];
  server: Server | undefined;

  async open(): Promise<string> {
    this.server = createServer((request, response) => {
      const digest = decodeURIComponent(request.url!.split("/").at(-1)!);
      if (this.failures > 0) {
        this.failures -= 1;
        response.writeHead(503).end();
        return;
      }
      if (request.method === "HEAD") {
        const offset = this.partial.get(digest)?.length ?? 0;
        const found = this.blobs.has(digest);
        response.writeHead(found ? 200 : 404, { "upload-offset": String(offset) }).end();
      } else if (request.method === "GET") {
        const blob = this.blobs.get(digest);
        if (blob === undefined) return void response.writeHead(404).end();
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
        this.froms.push(from);
        const left = blob.subarray(from);
        response.writeHead(from === 0 ? 200 : 206, { "content-length": left.length });
        if (this.cutEvery === undefined || left.length <= this.cutEvery) {
          return void response.end(left);
        }
        response.write(left.subarray(0, this.cutEvery), () => {
          setTimeout(() => response.destroy(), 20);
        });
      } else {
        const parts: Buffer[] = [this.partial.get(digest) ?? Buffer.alloc(0)];
        request.on("data", (part: Buffer) => {
          parts.push(part);
          const all = Buffer.concat(parts);
          if (this.cutAfter === undefined || all.length < this.cutAfter) return;
          this.partial.set(digest, all.subarray(0, this.cutAfter));
          this.cutAfter = undefined;
          request.socket.destroy();
        });
        request.on("end", () => {
          const all = Buffer.concat(parts);
          const good = digestOf(all) === digest;
          if (good) this.blobs.set(digest, all);
          response.writeHead(good ? 201 : 422).end();
        });
        request.on("error", () => {});
      }
    });
    await new Promise<void>((ready) => this.server!.listen(0, "127.0.0.1", ready));
    return `http://127.0.0.1:${(this.server!.address() as AddressInfo).port}`;
  }
}

describe("a site's worker", () => {
  const pool = new BlobServer();
  let url = "";
  before(async () => {
    url = await pool.open();
  });
  after(() => pool.server?.close());

  test("an upload that was cut goes on where the pool has it", async () => {
    const bytes = new Uint8Array(300_000).map((_, i) => (i * 31) % 251);
    pool.cutAfter = 100_000;
    const digest = await blobClient(url, "t").put(bytes);
    assert.equal(digest, digestOf(bytes));
    assert.deepEqual(new Uint8Array(pool.blobs.get(digest)!), bytes);
    assert.equal(pool.partial.get(digest)?.length, 100_000);
  });

  test("a download that is cut again and again goes on where it was", async () => {
    const bytes = new Uint8Array(900_000).map((_, i) => (i * 17) % 253);
    const client = blobClient(url, "t");
    const digest = await client.put(bytes);
    pool.cutEvery = 100_000;
    pool.froms.length = 0;
    try {
      assert.deepEqual(await client.get(digest), bytes);
    } finally {
      pool.cutEvery = undefined;
    }
    // More cuts than tries are allowed without coming further, and nothing was fetched twice.
    assert.deepEqual(
      pool.froms,
      Array.from({ length: 9 }, (_, i) => i * 100_000),
    );
  });

  test("a pool that stumbles is asked again, one that refuses is not", async () => {
    const client = blobClient(url, "t");
    const digest = await client.put(new Uint8Array([1, 2, 3]));
    pool.failures = 2;
    assert.deepEqual([...(await client.get(digest))], [1, 2, 3]);
    await assert.rejects(client.get(`sha256:${"0".repeat(64)}`), Fatal);
  });

  test("an optimiser state comes back bit for bit, a damaged one is refused", () => {
    const state = { m: Float32Array.of(1, -2), v: Float32Array.of(3, 4), t: 77 };
    const bytes = encodeMoments(state);
    const back = decodeMoments(bytes);
    assert.ok(back.ok);
    assert.deepEqual(back.value, state);
    for (const cut of [0, 11, bytes.length - 1]) {
      assert.equal(decodeMoments(bytes.subarray(0, cut)).ok, false);
    }
    bytes[0] = 0;
    assert.equal(decodeMoments(bytes).ok, false);
  });

  test("the copy follows coded steps and falls back to the whole model", async () => {
    const blobs = blobClient(url, "t");
    const h0 = Float32Array.from({ length: 600 }, (_, i) => Math.sin(i));
    const step = downlinkStep(
      "int8",
      h0.map((value) => value + 0.01),
      h0,
    );
    const h1 = step.sitesCopy;
    const [blob0, blob1, stepBlob] = [
      await blobs.put(floatBytes(h0)),
      await blobs.put(floatBytes(h1)),
      await blobs.put(step.bytes),
    ];
    const at = (round: number, modelBlob: string, steps: AssignmentView["steps"] = []) => {
      const base = { state: "train", reason: "", version: 1 } as const;
      return { ...base, round, modelBlob, modelDigest: modelBlob, steps };
    };
    const copy = new ModelCopy(blobs);
    assert.deepEqual(await copy.fetch(at(0, blob0)), h0);
    const wholeBytes = copy.takeBytes();
    const coded = { round: 1, digest: stepBlob, bytes: step.bytes.length };
    assert.deepEqual(await copy.fetch(at(1, blob1, [coded])), h1);
    assert.ok(copy.takeBytes() < wholeBytes, "a coded step is smaller than the model");
    assert.equal(copy.round, 1);
    // A step that does not lead to the named model: the whole model is fetched instead.
    assert.deepEqual(await copy.fetch(at(2, blob0, [coded])), h0);
    await assert.rejects(
      copy.fetch({ ...at(3, blob1), modelDigest: `sha256:${"1".repeat(64)}` }),
      /does not have the digest/,
    );
  });

  test("a model that is gone when fetched makes the site ask anew, up to a bound", async () => {
    const blobs = blobClient(url, "t");
    const there = await blobs.put(floatBytes(Float32Array.of(1, 2)));
    const gone = `sha256:${"2".repeat(64)}`;
    const lines: string[] = [];
    let models: string[] = [];
    const client = {
      async call(): Promise<unknown> {
        const modelBlob = models.length > 1 ? models.shift()! : models[0]!;
        const base = { state: "train", reason: "", version: 1, round: 1 };
        return { ok: true, value: { ...base, modelBlob, modelDigest: modelBlob } };
      },
    } as unknown as Client;
    const of = { client, blobs, runId: "1", log: (line: string) => lines.push(line) };
    models = [gone, gone, there];
    const next = await new Exchange({ ...of, stopped: () => false }).first();
    assert.deepEqual(next?.model, Float32Array.of(1, 2));
    assert.equal(lines.filter((line) => line.includes("gone already")).length, 2);
    models = [gone];
    await assert.rejects(new Exchange({ ...of, stopped: () => false }).first(), Gone);
  });
});
