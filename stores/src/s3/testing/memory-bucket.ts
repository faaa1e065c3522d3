// A bucket in memory with the rules of S3 that the store relies on, and with faults on request, so
// that the store's own tests need no server. The real protocol is proved by s3.real.ts.
import { assert } from "@tequio/core/pool";
import type { Bucket, Multipart, Part } from "../bucket.ts";

/** S3's own bound for all parts but the last. */
const PART_BYTES_MIN = 5_242_880;

interface Begun {
  readonly key: string;
  readonly atMs: number;
  readonly parts: Map<number, Uint8Array>;
}

/** What the server keeps; it outlives the buckets that are opened on it. */
export interface MemoryServer {
  readonly objects: Map<string, { readonly bytes: Uint8Array; readonly modifiedMs: number }>;
  readonly begun: Map<string, Begun>;
  /** Called before each request: may throw what the server or the link would answer. */
  before: (verb: string, key: string) => void;
  /** Called after each request that changed something: the answer may be lost. */
  after: (verb: string, key: string) => void;
  nowMs: number;
  nextId: number;
}

/** An empty server. */
export const createMemoryServer = (): MemoryServer => ({
  objects: new Map(),
  begun: new Map(),
  before: () => {},
  after: () => {},
  nowMs: 1_000,
  nextId: 1,
});

/** An error as the client raises it. */
export function s3Error(name: string, status: number): Error {
  const error = new Error(`${name} from the server`);
  error.name = name;
  return Object.assign(error, { $metadata: { httpStatusCode: status } });
}

/** A bucket on a server in memory. */
export function memoryBucket(server: MemoryServer): Bucket {
  return { ...objectVerbs(server), ...partVerbs(server), close: () => {} };
}

type Verbs = Pick<Bucket, "head" | "get" | "put" | "remove" | "list" | "copy">;

function objectVerbs(server: MemoryServer): Verbs {
  const keep = (key: string, bytes: Uint8Array): void => {
    server.objects.set(key, { bytes: Uint8Array.from(bytes), modifiedMs: server.nowMs });
  };
  const theObject = (key: string): Uint8Array => {
    const found = server.objects.get(key)?.bytes;
    if (found === undefined) throw s3Error("NoSuchKey", 404);
    return found;
  };
  return {
    async head(key) {
      server.before("head", key);
      return server.objects.get(key)?.bytes.length;
    },
    async *get(key, start, end) {
      server.before("get", key);
      const bytes = theObject(key).subarray(start, end);
      const half = Math.ceil(bytes.length / 2);
      yield bytes.subarray(0, half);
      server.before("get-rest", key);
      if (half < bytes.length) yield bytes.subarray(half);
    },
    async put(key, bytes) {
      server.before("put", key);
      keep(key, bytes);
      server.after("put", key);
    },
    async remove(key) {
      server.before("remove", key);
      server.objects.delete(key);
    },
    async list(prefix, after, limit) {
      server.before("list", prefix);
      const keys = [...server.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
      return keys
        .filter((key) => key > after)
        .slice(0, limit)
        .map((key) => {
          const { bytes, modifiedMs } = server.objects.get(key)!;
          return { key, size: bytes.length, modifiedMs };
        });
    },
    async copy(from, to, size) {
      server.before("copy", from);
      assert(theObject(from).length === size, "the caller knows the size");
      keep(to, theObject(from));
      server.after("copy", to);
    },
  };
}

function partVerbs(server: MemoryServer): Omit<Bucket, keyof Verbs | "close"> {
  const theUpload = ({ id }: Multipart): Begun => {
    const found = server.begun.get(id);
    if (found === undefined) throw s3Error("NoSuchUpload", 404);
    return found;
  };
  return {
    async begin(key) {
      server.before("begin", key);
      const id = `upload-${server.nextId}`;
      server.nextId += 1;
      server.begun.set(id, { key, atMs: server.nowMs, parts: new Map() });
      return { key, id };
    },
    async part(upload, number, bytes) {
      server.before("part", upload.key);
      theUpload(upload).parts.set(number, Uint8Array.from(bytes));
      server.after("part", upload.key);
      return { number, size: bytes.length, etag: `etag-${number}` };
    },
    async parts(upload) {
      server.before("parts", upload.key);
      const rows = [...(server.begun.get(upload.id)?.parts ?? [])];
      if (!server.begun.has(upload.id)) return undefined;
      return rows
        .map(([number, bytes]): Part => ({ number, size: bytes.length, etag: `etag-${number}` }))
        .sort((a, b) => a.number - b.number);
    },
    async complete(upload, parts) {
      server.before("complete", upload.key);
      const there = theUpload(upload).parts;
      const bytes = parts.map(({ number }) => there.get(number)!);
      if (bytes.slice(0, -1).some((part) => part.length < PART_BYTES_MIN)) {
        throw s3Error("EntityTooSmall", 400);
      }
      const whole = Buffer.concat(bytes);
      server.objects.set(upload.key, { bytes: whole, modifiedMs: server.nowMs });
      server.begun.delete(upload.id);
      server.after("complete", upload.key);
    },
    async abort({ key, id }) {
      server.before("abort", key);
      server.begun.delete(id);
    },
    async begunBefore(prefix, ms) {
      const rows = [...server.begun].filter(
        ([, { key, atMs }]) => key.startsWith(prefix) && atMs < ms,
      );
      return rows.map(([id, { key }]) => ({ key, id }));
    },
  };
}
