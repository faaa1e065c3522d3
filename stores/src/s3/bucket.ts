// What the blob store needs from S3: objects by key, and multipart uploads. Written against this
// port, the store's own tests run without a server; client.ts is the port over the real protocol.
// All functions reject with the server's error, which trouble.ts turns into a refusal.

export interface StoredObject {
  readonly key: string;
  readonly size: number;
  /** By the server's clock, milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** A multipart upload under way. */
export interface Multipart {
  readonly key: string;
  readonly id: string;
}

export interface Part {
  /** From 1. */
  readonly number: number;
  readonly size: number;
  readonly etag: string;
}

export interface Bucket {
  /** Bytes of the object; nothing when there is none. */
  head(key: string): Promise<number | undefined>;
  /** Bytes `start` (included) to `end` (excluded); the range is not empty. */
  get(key: string, start: number, end: number): AsyncIterable<Uint8Array>;
  /** Replaces the object as a whole; resolves when it is durable. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Nothing happens when there is no such object. */
  remove(key: string): Promise<void>;
  /** Objects whose key begins with `prefix` and is greater than `after`, in the order of keys;
   * fewer than `limit` only at the end. */
  list(prefix: string, after: string, limit: number): Promise<readonly StoredObject[]>;
  /** Copies on the server; `size` is that of the object. */
  copy(from: string, to: string, size: number): Promise<void>;
  begin(key: string): Promise<Multipart>;
  /** Replaces an earlier part of the same number. */
  part(upload: Multipart, number: number, bytes: Uint8Array): Promise<Part>;
  /** Parts that have arrived, by number; nothing when there is no such upload. */
  parts(upload: Multipart): Promise<readonly Part[] | undefined>;
  /** Makes the object visible, whole. */
  complete(upload: Multipart, parts: readonly Part[]): Promise<void>;
  /** Nothing happens when there is no such upload. */
  abort(upload: Multipart): Promise<void>;
  /** Uploads that were begun before a time by the server's clock and are not over. Some servers
   * list none; then they go by the bucket's own rules. */
  begunBefore(prefix: string, ms: number): Promise<readonly Multipart[]>;
  close(): void;
}
