// Snapshots as bytes: lines of text, made in short turns so that everybody else gets theirs, and
// never put together into one string, which could be longer than a string may be.
import { SnapshotReader, SnapshotWriter, type State } from "@tequio/core/controller";

/** Work of one turn. Whoever waits for an answer waits so much longer at most. */
const TURN_MS = 4;
/** Lines are gathered into pieces of this size. */
const PIECE_CHARS = 1_048_576;
const NEWLINE = 10;

/** The state as it is when this is called; it may change while the promise is open. */
export async function makeSnapshot(state: State): Promise<{ seq: number; bytes: Uint8Array }> {
  const writer = new SnapshotWriter(state);
  const pieces: Buffer[] = [];
  let piece = "";
  let turnMs = performance.now();
  for (let line = writer.next(); line !== undefined; line = writer.next()) {
    piece += `${line}\n`;
    if (piece.length >= PIECE_CHARS) {
      pieces.push(Buffer.from(piece));
      piece = "";
    }
    if (performance.now() - turnMs < TURN_MS) continue;
    await new Promise((turn) => setImmediate(turn));
    turnMs = performance.now();
  }
  pieces.push(Buffer.from(piece));
  return { seq: writer.seq, bytes: Buffer.concat(pieces) };
}

/** The state that the bytes of a snapshot tell of. */
export function readSnapshot(bytes: Uint8Array): State {
  const reader = new SnapshotReader();
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf(NEWLINE, from);
    reader.take(text.toString("utf8", from, end));
    from = end + 1;
  }
  return reader.state;
}
