// The logs of tasks as files, `LEASE/task-N.log`, filled by offset from what agents send. A chunk
// may come twice or after a hole: the answer is always the byte that is wanted next. A disk that
// is full costs the log and nothing else: the chunk is not acknowledged and comes again.
// Which lease a log belongs to, and who may read it, is decided elsewhere.
import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LIMITS } from "@tequio/core/pool";
import type { Say } from "../ports.ts";
import type { Topic, Waker } from "../waker.ts";

export interface LogChunk {
  readonly leaseId: string;
  readonly task: number;
  /** Where `data` begins in the whole log. */
  readonly offset: number;
  readonly data: Buffer;
  /** Nothing comes after this chunk. */
  readonly ended: boolean;
  /** Bytes that the site threw away, in all. */
  readonly droppedBytes: number;
}

export interface LogPart {
  readonly offset: number;
  readonly nextOffset: number;
  readonly data: Buffer;
  /** The log is over and this part reaches its end. */
  readonly ended: boolean;
  readonly droppedBytes: number;
  /** Bytes that are kept of the log now. */
  readonly size: number;
}

export interface LogStore {
  /** Takes a chunk; answers the offset that is wanted next, undefined if it could not be kept. */
  append(chunk: LogChunk): Promise<number | undefined>;
  /** Bytes of a log; none for a log that has not begun. */
  read(leaseId: string, task: number, offset: number, limit: number): Promise<LogPart>;
  /** True if a read from `offset` would say more than that there is nothing yet. */
  hasNews(leaseId: string, task: number, offset: number): boolean;
  /** Resolves when everything that was taken has been written. */
  close(): Promise<void>;
}

interface TaskLog {
  /** Bytes in the file. */
  size: number;
  /** Bytes taken, with those over the limit that were thrown away. */
  received: number;
  droppedHere: number;
  droppedThere: number;
  ended: boolean;
}

interface LeaseLogs {
  bytes: number;
  readonly tasks: Map<number, TaskLog>;
  /** The folder exists. */
  made: boolean;
  /** Chunks of one lease are written one after another. */
  last: Promise<unknown>;
}

/** Leases whose logs are known in memory; older ones are read from the disk again. */
const LEASES_KEPT = 2_000;
/** Between two lines about a disk that does not take logs. */
const SAY_EVERY_MS = 60_000;

/** What is waited for by readers of a log. */
export const logTopic = (leaseId: string, task: number): Topic => `log ${leaseId} ${task}`;

const newTask = (): TaskLog => ({
  ...{ size: 0, received: 0, droppedHere: 0, droppedThere: 0 },
  ended: false,
});

/** Opens the logs in a folder, which is made when the first log comes. */
export const openLogs = (folder: string, waker: Waker, say: Say): LogStore =>
  new FolderLogs(folder, waker, say);

class FolderLogs implements LogStore {
  readonly #folder: string;
  readonly #waker: Waker;
  readonly #say: Say;
  readonly #leases = new Map<string, Promise<LeaseLogs>>();
  /** What `hasNews` looks at: the same objects, once they are loaded. */
  readonly #loaded = new Map<string, LeaseLogs>();
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(folder: string, waker: Waker, say: Say) {
    this.#folder = folder;
    this.#waker = waker;
    this.#say = say;
  }

  async append(chunk: LogChunk): Promise<number | undefined> {
    const logs = await this.#lease(chunk.leaseId);
    const written = logs.last.then(() => this.#write(logs, chunk));
    logs.last = written.catch(() => undefined);
    try {
      return await written;
    } catch (error) {
      this.#complain(chunk.leaseId, error);
      return undefined;
    } finally {
      this.#waker.wake(logTopic(chunk.leaseId, chunk.task));
    }
  }

  async read(leaseId: string, task: number, offset: number, limit: number): Promise<LogPart> {
    const log = (await this.#lease(leaseId)).tasks.get(task) ?? newTask();
    const from = Math.min(offset, log.size);
    const size = Math.min(limit, log.size - from);
    const data = Buffer.alloc(size);
    const droppedBytes = log.droppedHere + log.droppedThere;
    let got = 0;
    if (size > 0) {
      const file = await open(this.#path(leaseId, task), "r");
      try {
        got = (await file.read(data, 0, size, from)).bytesRead;
      } finally {
        await file.close();
      }
    }
    const nextOffset = from + got;
    const ended = log.ended && nextOffset === log.size;
    return {
      offset: from,
      nextOffset,
      data: data.subarray(0, got),
      ended,
      droppedBytes,
      size: log.size,
    };
  }

  hasNews(leaseId: string, task: number, offset: number): boolean {
    const log = this.#loaded.get(leaseId)?.tasks.get(task);
    return log !== undefined && (log.size > offset || log.ended);
  }

  async close(): Promise<void> {
    for (const logs of this.#loaded.values()) await logs.last;
  }

  async #write(logs: LeaseLogs, chunk: LogChunk): Promise<number> {
    const log = logs.tasks.get(chunk.task) ?? newTask();
    if (chunk.offset > log.received) return log.received;
    const fresh = chunk.data.subarray(log.received - chunk.offset);
    const room = Math.max(0, LIMITS.LOG_BYTES_PER_ATTEMPT_MAX - logs.bytes);
    const kept = fresh.subarray(0, room);
    if (!logs.made) {
      await mkdir(join(this.#folder, chunk.leaseId), { recursive: true, mode: 0o700 });
      logs.made = true;
    }
    if (kept.length > 0) await this.#writeAt(this.#path(chunk.leaseId, chunk.task), kept, log.size);
    log.size += kept.length;
    logs.bytes += kept.length;
    log.received += fresh.length;
    log.droppedHere += fresh.length - kept.length;
    log.droppedThere = Math.max(log.droppedThere, chunk.droppedBytes);
    logs.tasks.set(chunk.task, log);
    if (chunk.ended && !log.ended && chunk.offset + chunk.data.length === log.received) {
      const droppedBytes = log.droppedHere + log.droppedThere;
      await writeFile(this.#endPath(chunk.leaseId, chunk.task), JSON.stringify({ droppedBytes }));
      log.ended = true;
    }
    return log.received;
  }

  /** Writes at a position: what a failed write left behind is written over by the next one. */
  async #writeAt(path: string, bytes: Buffer, position: number): Promise<void> {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(
          bytes,
          done,
          bytes.length - done,
          position + done,
        );
        done += bytesWritten;
      }
    } finally {
      await file.close();
    }
  }

  #lease(leaseId: string): Promise<LeaseLogs> {
    const known = this.#leases.get(leaseId);
    if (known !== undefined) return known;
    const loading = this.#load(leaseId).then((logs) => {
      this.#loaded.set(leaseId, logs);
      return logs;
    });
    this.#leases.set(leaseId, loading);
    this.#forgetOldest();
    return loading;
  }

  async #load(leaseId: string): Promise<LeaseLogs> {
    const logs: LeaseLogs = { bytes: 0, tasks: new Map(), made: false, last: Promise.resolve() };
    const folder = join(this.#folder, leaseId);
    const names = await readdir(folder).catch(() => undefined);
    logs.made = names !== undefined;
    for (const name of names ?? []) {
      const task = /^task-(\d+)\.log$/.exec(name)?.[1];
      if (task === undefined) continue;
      const { size } = await stat(join(folder, name));
      logs.tasks.set(Number(task), { ...newTask(), size, received: size });
      logs.bytes += size;
    }
    for (const name of names ?? []) {
      const task = /^task-(\d+)\.end$/.exec(name)?.[1];
      if (task === undefined) continue;
      const log = logs.tasks.get(Number(task)) ?? newTask();
      log.ended = true;
      log.droppedThere = await droppedIn(join(folder, name));
      logs.tasks.set(Number(task), log);
    }
    return logs;
  }

  #forgetOldest(): void {
    for (const [leaseId, logs] of this.#loaded) {
      if (this.#leases.size <= LEASES_KEPT) return;
      // Only logs that are over: one that is being written must stay the same object.
      if (![...logs.tasks.values()].every((log) => log.ended)) continue;
      this.#leases.delete(leaseId);
      this.#loaded.delete(leaseId);
    }
  }

  #path(leaseId: string, task: number): string {
    return join(this.#folder, leaseId, `task-${task}.log`);
  }

  #endPath(leaseId: string, task: number): string {
    return join(this.#folder, leaseId, `task-${task}.end`);
  }

  #complain(leaseId: string, error: unknown): void {
    if (performance.now() - this.#saidAtMs < SAY_EVERY_MS) return;
    this.#saidAtMs = performance.now();
    const why = error instanceof Error ? error.message : String(error);
    this.#say("warn", "A log cannot be written; the site keeps it and tries again.", {
      lease: leaseId,
      why,
    });
  }
}

async function droppedIn(path: string): Promise<number> {
  try {
    const { droppedBytes } = JSON.parse(await readFile(path, "utf8")) as { droppedBytes?: unknown };
    return typeof droppedBytes === "number" ? droppedBytes : 0;
  } catch {
    return 0; // A marker that was cut by a crash still marks the end.
  }
}
