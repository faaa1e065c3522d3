// Keeps uploads within bounds: room on the disk is looked at before the first byte is taken and
// with every piece, so that blobs never take the room that the journal needs; and one caller sends
// only so many at a time.
import type { IncomingMessage } from "node:http";
import { LIMITS, type Outcome, type Refusal, refuse } from "@tequio/core/pool";
import type { BlobStore } from "@tequio/stores";
import type { Context } from "../context.ts";
import type { Caller } from "./caller.ts";

/** So long a sender that was refused may still send, and read why. */
const LINGER_MS = 2_000;

/**
 * Ends the connection of a sender that was refused in the middle, a moment later: closing at once
 * would take the answer away from it while it writes (RFC 9112, 9.6). What comes meanwhile is
 * thrown away, and nothing is read after that: there may be gigabytes of it.
 */
export function closeLater(request: IncomingMessage): void {
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
  request.once("end", () => clearTimeout(timer));
  request.resume();
}

/** STORE_FULL when so many bytes more would touch what is kept for the journal. */
export async function refuseWithoutRoom(
  { health }: Pick<Context, "health">,
  bytes: number,
): Promise<Refusal | undefined> {
  const free = await health.freeBytes();
  if (free === undefined || free - LIMITS.DISK_RESERVE_BYTES >= bytes) return undefined;
  const room = Math.max(0, free - LIMITS.DISK_RESERVE_BYTES);
  const hint = "Free space on the control plane's disk, then send it again.";
  return refuse("STORE_FULL", `${bytes} bytes are to come; there is room for ${room}.`, hint);
}

/** The store's way to add a piece to an upload, which refuses those that have no room. */
export function guardedAppend(
  context: Pick<Context, "health">,
  blobs: BlobStore,
): BlobStore["appendUpload"] {
  return async (digest, offset, chunk) =>
    (await refuseWithoutRoom(context, chunk.length)) ?? blobs.appendUpload(digest, offset, chunk);
}

const callerKey = (caller: Caller): string => {
  if (caller.kind === "person") return `person ${caller.tokenId}`;
  return caller.kind === "task" ? `task ${caller.lease.lease.leaseId}` : caller.kind;
};

/** Uploads under way by caller. */
export class UploadSlots {
  readonly #open = new Map<string, number>();

  /** Runs an upload unless its caller has LIMITS.UPLOADS_PER_CALLER_MAX under way: TOO_MANY. */
  async during<T>(caller: Caller, work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const key = callerKey(caller);
    const open = this.#open.get(key) ?? 0;
    if (open >= LIMITS.UPLOADS_PER_CALLER_MAX) {
      const hint = "Send them one after another.";
      return refuse("TOO_MANY", `${open} uploads with this token are under way.`, hint);
    }
    this.#open.set(key, open + 1);
    try {
      return await work();
    } finally {
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left === 0) this.#open.delete(key);
      else this.#open.set(key, left);
    }
  }
}
