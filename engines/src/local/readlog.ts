// Reads a piece of a task's log from the folder of its lease.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { LeaseStatus, LogChunk, LogRequest } from "../port.ts";
import {
  type DroppedRecord,
  type EndRecord,
  endFile,
  type LeaseRecord,
  type RunningRecord,
  readRecord,
  runningFile,
  taskLogFile,
} from "./records.ts";

/** One answer stays small, whatever was asked for: it travels in a message of the agent. */
const CHUNK_BYTES_MAX = 1_048_576;

/**
 * `status` must have been read before the log: a lease that had ended by then writes no more, so
 * the end of its file is the end of its log.
 */
export function readTaskLog(
  folder: string,
  lease: LeaseRecord,
  status: LeaseStatus,
  request: LogRequest,
): Outcome<LogChunk> {
  const { taskIndex, offset } = request;
  if (!lease.tasks.some((task) => task.taskIndex === taskIndex)) {
    const message = `Lease ${lease.leaseId} has no task ${taskIndex} at this site.`;
    return refuse("NOT_FOUND", message, "Ask for a task of this lease.");
  }
  const { bytes, size } = readPiece(taskLogFile(folder, taskIndex), request);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > size) {
    const message = `Offset ${offset} lies outside the log of ${size} bytes.`;
    return refuse("RANGE_INVALID", message, "Start again at offset 0.");
  }
  const dropped = droppedIn(folder).find((one) => one.taskIndex === taskIndex);
  const nextOffset = offset + bytes.length;
  return ok({
    bytes,
    offset,
    nextOffset,
    ended: status.state === "ended" && nextOffset >= size,
    droppedBytes: dropped?.bytes ?? 0,
  });
}

function droppedIn(folder: string): readonly DroppedRecord[] {
  const end = readRecord<EndRecord>(endFile(folder));
  const record = end ?? readRecord<RunningRecord>(runningFile(folder));
  return record?.dropped ?? [];
}

interface Piece {
  readonly bytes: Uint8Array;
  readonly size: number;
}

function readPiece(path: string, request: LogRequest): Piece {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return { bytes: new Uint8Array(0), size: 0 }; // the task has not started, or never did
  }
  try {
    const { size } = fstatSync(file);
    const { offset, maxBytes } = request;
    const length = Math.min(maxBytes, CHUNK_BYTES_MAX, size - offset);
    if (!(length > 0) || offset < 0) return { bytes: new Uint8Array(0), size };
    const bytes = new Uint8Array(length);
    const read = readSync(file, bytes, 0, length, offset);
    return { bytes: bytes.subarray(0, read), size };
  } finally {
    closeSync(file);
  }
}
