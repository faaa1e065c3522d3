// Blobs over HTTP, from the side of a site: put and get by digest, resumed after a cut. What is in
// them is not looked at here.
import type { BandwidthRule } from "@tequio/core/pool";
import { Throttle } from "./throttle.ts";

/** Blob requests that fail this often in a row are given up; the caller starts over. */
const TRIES_MAX = 6;
const RETRY_MS = 250;

/** Statuses of a reply to a question for a part: here it is, and there is no such part. */
const PARTIAL = 206;
const RANGE_REFUSED = 416;

export interface BlobClient {
  /** Digest of the bytes, as `sha256:` and hexadecimal digits. */
  digestOf(bytes: Uint8Array): Promise<string>;
  /** Puts the bytes; true when the pool has them whole. */
  put(bytes: Uint8Array): Promise<string>;
  /** Gets a blob and checks its digest. */
  get(digest: string): Promise<Uint8Array>;
}

/** By WebCrypto, which Node and browsers have alike; it hashes outside of the calling thread. */
async function digestOf(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  const digits = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0"));
  return `sha256:${digits.join("")}`;
}

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** A bounded way up that cannot be streamed is cut into requests of so much of the rate. */
const PART_S = 0.2;
const PART_BYTES_MIN = 16_384;

/** Browsers stream no body over HTTP/1.1, so there each part is a request of its own. */
const streamsBodies = (): boolean => typeof process !== "undefined";

/** A client for one lease's token. Throws when the pool cannot be reached for long. */
export function blobClient(
  url: string,
  token: string,
  bandwidth: readonly BandwidthRule[] = [],
  down = new Throttle(bandwidth, "downMbitPerS"),
  streams = streamsBodies(),
): BlobClient {
  const up = new Throttle(bandwidth, "upMbitPerS");
  const address = (digest: string): string => `${url}/v1/blobs/${encodeURIComponent(digest)}`;
  const authorization = `Bearer ${token}`;

  async function put(bytes: Uint8Array): Promise<string> {
    const digest = await digestOf(bytes);
    await retried(`put of ${digest}`, async (again) => {
      const from = again ? await uploadOffset(address(digest), authorization) : 0;
      if (from === undefined) return true;
      return streams || bandwidth.length === 0
        ? putFrom(digest, bytes, from)
        : putParts(digest, bytes, from);
    });
    return digest;
  }

  async function putParts(digest: string, bytes: Uint8Array, from: number): Promise<boolean> {
    for (let at = from; at < bytes.length; ) {
      const fitting = Math.floor(up.bytesPerMs * 1_000 * PART_S);
      const end = Math.min(bytes.length, at + Math.max(PART_BYTES_MIN, fitting));
      await up.take(end - at);
      if (!(await putFrom(digest, bytes, at, end))) return false;
      at = end;
    }
    return true;
  }

  async function putFrom(
    digest: string,
    bytes: Uint8Array,
    from: number,
    to = bytes.length,
  ): Promise<boolean> {
    const range = `bytes ${from}-${to - 1}/${bytes.length}`;
    const reply = await fetch(address(digest), {
      method: "PUT",
      headers: {
        authorization,
        "content-type": "application/octet-stream",
        ...(from === 0 && bandwidth.length === 0 ? {} : { "content-range": range }),
      },
      ...bodyOf(bytes.slice(from, to)),
    });
    if (!reply.ok && reply.status < 500 && reply.status !== 409) {
      throw new Fatal(`The pool refused a blob: ${reply.status} ${await reply.text()}`);
    }
    await reply.arrayBuffer();
    return reply.ok;
  }

  /** A bounded way up needs the bytes one after another. */
  function bodyOf(bytes: Uint8Array<ArrayBuffer>): RequestInit {
    if (bandwidth.length === 0 || !streams) return { body: bytes };
    return { body: ReadableStream.from(up.paced(bytes)), duplex: "half" } as RequestInit;
  }

  const get = (digest: string): Promise<Uint8Array> =>
    download(digest, address(digest), authorization, down);

  return { digestOf, put, get };
}

/** Bytes that the pool has of an unfinished upload; undefined when it has the whole blob. */
async function uploadOffset(address: string, authorization: string): Promise<number | undefined> {
  const reply = await fetch(address, { method: "HEAD", headers: { authorization } });
  if (reply.ok) return undefined;
  return Number(reply.headers.get("upload-offset") ?? 0);
}

/** Gets a blob; a cut costs only what was cut off. */
async function download(
  digest: string,
  address: string,
  authorization: string,
  down: Throttle,
): Promise<Uint8Array> {
  const got = new Received();
  let whole: Uint8Array | undefined;
  await retried(`get of ${digest}`, async () => {
    const range = got.size === 0 ? {} : { range: `bytes=${got.size}-` };
    const reply = await fetch(address, { headers: { authorization, ...range } });
    if (reply.status === 404) throw new Gone(`The pool does not have ${digest}.`);
    if (reply.status === RANGE_REFUSED) return got.clear();
    if (!reply.ok && reply.status < 500) {
      throw new Fatal(`The pool refused ${digest}: ${reply.status}`);
    }
    if (!reply.ok || reply.body === null) return false;
    if (reply.status !== PARTIAL) got.clear();
    const before = got.size;
    try {
      await readPaced(reply.body, down, (piece) => got.add(piece));
    } catch {
      // Cut on the way: what came is kept, and a try that brought something is not counted.
      return got.size > before ? "further" : false;
    }
    const bytes = got.whole();
    if ((await digestOf(bytes)) !== digest) return got.clear();
    whole = bytes;
    return true;
  });
  return whole!;
}

/** Reads a body no faster than it may; by a reader, since Safari cannot iterate over a stream. */
export async function readPaced(
  body: ReadableStream<Uint8Array>,
  down: Throttle,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    take(value);
    await down.take(value.length);
  }
}

/** Trouble that another try cannot mend. */
export class Fatal extends Error {}

/** The pool does not have the blob, or no longer. */
export class Gone extends Fatal {}

/** The parts of a blob that have come so far. */
class Received {
  #pieces: Uint8Array[] = [];
  size = 0;

  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.size += piece.length;
  }

  /** Starts over. Always false: the try has not brought the blob. */
  clear(): false {
    this.#pieces = [];
    this.size = 0;
    return false;
  }

  whole(): Uint8Array {
    const all = new Uint8Array(this.size);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }
}

/** Tries until it is done; one that came further is not counted. */
async function retried(
  what: string,
  act: (again: boolean) => Promise<boolean | "further">,
): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    try {
      const done = await act(tries > 0);
      if (done === true) return;
      if (done === "further") tries = 0;
    } catch (error) {
      if (error instanceof Fatal || tries === TRIES_MAX - 1) throw error;
    }
    await wait(RETRY_MS * 2 ** tries);
  }
  throw new Error(`The ${what} failed ${TRIES_MAX} times.`);
}
