// The log of a task as a stream: what is there, and with `follow` what comes, over attempts and
// restarts of the control plane, until the job ends. The last bytes of a job that has ended may
// still be on their way from its site: they are waited for in any case. Bytes go to stdout as the
// task wrote them.
import type { Client, LogView } from "@tequio/contract";
import { EXIT } from "./exit-codes.ts";
import type { Interruptible } from "./interrupt.ts";
import type { Outcome } from "./outcome.ts";
import { patiently } from "./patience.ts";
import { dim, writeJson } from "./report.ts";
import { plain } from "./table.ts";
import type { Shell, VerbEnd } from "./verb.ts";

export interface LogWish {
  readonly id: string;
  readonly task: number;
  readonly attempt?: number;
  readonly member?: string;
  readonly follow: boolean;
}

/** One question waits so long at the pool; it keeps a dead connection from hanging for ever. */
const WAIT_MS = 20_000;
/** An ended attempt of a job that goes on: look again so often for the next one. */
const NEXT_ATTEMPT_MS = 1_000;
const CHUNK_BYTES = 262_144;

interface Position {
  attempt: number;
  offset: number;
  dropped: number;
  saidWhy: string;
  /** Questions wait at the pool for more. */
  waits: boolean;
}

/** Streams a log. Ends with 0, 130 after Ctrl-C, or a refusal. */
export async function streamLog(
  shell: Shell,
  pool: Client,
  wish: LogWish,
  interrupt: Interruptible,
): Promise<VerbEnd> {
  const at: Position = { attempt: 0, offset: 0, dropped: 0, saidWhy: "", waits: wish.follow };
  for (;;) {
    const reply = await patiently(shell.terminal, interrupt, () => ask(pool, wish, at, interrupt));
    if (interrupt.signal.aborted) return EXIT.INTERRUPTED;
    if (!reply.ok) return reply;
    const log = reply.value;
    if (log.attempt !== at.attempt) {
      if (at.attempt !== 0) note(shell, `Attempt ${log.attempt} of job ${wish.id}:`);
      const moved = at.offset > 0;
      Object.assign(at, { attempt: log.attempt, offset: 0, dropped: 0 });
      if (moved) continue; // The answer began where the other attempt's log ended.
    }
    write(shell, log, at);
    const all = log.nextOffset === log.offset || log.ended;
    if (!all) continue;
    if (!wish.follow && (log.ended || log.attempt === 0 || !(await isOver(pool, wish.id)))) {
      return emptyNote(shell, pool, wish, at);
    }
    at.waits = true;
    if (!log.ended) {
      if (log.attempt === 0) await sayWhy(shell, pool, wish, at);
      continue;
    }
    if (wish.attempt !== undefined || (await isOver(pool, wish.id))) return EXIT.OK;
    await interrupt.sleep(NEXT_ATTEMPT_MS);
  }
}

function ask(
  pool: Client,
  wish: LogWish,
  at: Position,
  { signal }: Interruptible,
): Promise<Outcome<LogView>> {
  const { id, task, attempt, member } = wish;
  const query = {
    ...{ task, offset: at.offset, limit: CHUNK_BYTES, waitMs: at.waits ? WAIT_MS : 0 },
    ...(attempt === undefined ? {} : { attempt }),
    ...(member === undefined ? {} : { member }),
  };
  return pool.call("readLog", { params: { id }, query, signal });
}

const note = (shell: Shell, text: string): void =>
  shell.terminal.err(`${dim(shell.terminal, plain(text))}\n`);

function write(shell: Shell, log: LogView, at: Position): void {
  if (shell.globals().json) {
    if (log.data !== "" || log.ended) writeJson(shell.terminal, log, "line");
  } else if (log.data !== "") shell.terminal.out(Buffer.from(log.data, "base64"));
  if (log.droppedBytes > at.dropped) {
    note(shell, `[${log.droppedBytes} bytes over the log's limit were not kept]`);
  }
  at.offset = log.nextOffset;
  at.dropped = log.droppedBytes;
}

async function emptyNote(
  shell: Shell,
  pool: Client,
  wish: LogWish,
  at: Position,
): Promise<VerbEnd> {
  if (at.attempt === 0) await sayWhy(shell, pool, wish, at);
  else if (at.offset === 0) note(shell, "The log is empty so far.");
  return EXIT.OK;
}

/** There is no log because nothing has started: says why, once for each reason. */
async function sayWhy(shell: Shell, pool: Client, wish: LogWish, at: Position): Promise<void> {
  const job = await pool.call("getJob", { params: { id: wish.id } });
  if (!job.ok || job.value.reason === at.saidWhy) return;
  at.saidWhy = job.value.reason;
  note(shell, `Job ${wish.id} (${job.value.state}): ${job.value.reason}`);
}

async function isOver(pool: Client, id: string): Promise<boolean> {
  const job = await pool.call("getJob", { params: { id } });
  // Not answered: ask again later rather than end too early.
  return job.ok ? job.value.state === "ended" : job.code === "NOT_FOUND";
}
