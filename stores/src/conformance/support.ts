// What the conformance tests share: a place for each test, and short ways to ask and to expect.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Code, Outcome, Refusal } from "@tequio/core/pool";
import type { RecordInput, Store } from "../port.ts";

/** One kind of store, as the suite sees it. */
export interface StoreSubject {
  readonly name: string;
  /** Opens the store at a place: an empty folder at first, whose path may also serve as a key.
   * What one store kept at a place must be there for the next one. */
  open(place: string, options?: { readonly blobBytesMax?: number }): Promise<Outcome<Store>>;
  /** Changes the payload of one record behind the back of a store that is closed. */
  tamper(place: string, seq: number): Promise<void>;
}

/** The value of an outcome that must be good. */
export function good<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) assert.fail(`refused with ${outcome.code}: ${outcome.message}`);
  return outcome.value;
}

/** The refusal of an outcome that must be one, with this code and something to read. */
export function refused(outcome: Outcome<unknown>, code: Code): Refusal {
  if (outcome.ok) assert.fail(`accepted, but should be refused with ${code}`);
  assert.equal(outcome.code, code, outcome.message);
  assert.ok(outcome.message.length > 10 && outcome.hint.length > 10);
  return outcome;
}

/** Runs a test with an empty folder that is removed afterwards. */
export async function withPlace(act: (place: string) => Promise<void>): Promise<void> {
  const place = await mkdtemp(join(tmpdir(), "tequio-store-"));
  try {
    await act(place);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** Runs a test with one open store, which is closed afterwards. */
export function withStore(
  subject: StoreSubject,
  act: (store: Store, place: string) => Promise<void>,
): () => Promise<void> {
  return () =>
    withPlace(async (place) => {
      const store = good(await subject.open(place));
      try {
        await act(store, place);
      } finally {
        await store.close();
      }
    });
}

/** `count` different records, the first of them number `from`. */
export const records = (count: number, from = 1): readonly RecordInput[] =>
  Array.from({ length: count }, (_, at) => ({
    atMs: 1_000 + from + at,
    type: "job.submitted",
    payload: JSON.stringify({ number: from + at, text: "Zürich 東京 🚀" }),
  }));

/** The text of bytes that differ from place to place, for ranges and offsets. */
export const someBytes = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 7 + seed * 13) & 0xff);

/** All chunks as one array. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return new Uint8Array(Buffer.concat(all));
}
