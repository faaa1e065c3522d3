// Waiting for the end of a job or an array: a line for each change of state, and at the end the
// exit code of the job, or the highest one of an array.
import type { Client, JobView } from "@tequio/contract";
import { EXIT } from "./exit-codes.ts";
import { counted, timeOfDay } from "./format.ts";
import type { Interruptible } from "./interrupt.ts";
import type { Outcome } from "./outcome.ts";
import { readRows } from "./pages.ts";
import { dim, writeJson } from "./report.ts";
import { exitCodeOfJob, paintState, stateText } from "./states.ts";
import { plain } from "./table.ts";
import type { Shell, VerbEnd } from "./verb.ts";

export interface Submitted {
  readonly id: string;
  /** The id is that of an array; its tasks are jobs of their own. */
  readonly array: boolean;
}

export interface WaitHow {
  readonly interrupt: Interruptible;
  readonly ask: <T>(call: () => Promise<Outcome<T>>) => Promise<Outcome<T>>;
  /** Says only how it ended; somebody reads the log already. */
  readonly quiet: boolean;
}

/** Short jobs end within a second: look often at first. */
const POLL_FIRST_MS = 100;
const POLL_MAX_MS = 1_000;
/** Tasks of an array; LIMITS.ARRAY_TASKS_MAX. */
const ARRAY_ROWS = 10_000;

/** Resolves with the exit code, or with a refusal. */
export async function waitForEnd(
  job: Submitted,
  pool: Client,
  shell: Shell,
  how: WaitHow,
): Promise<VerbEnd> {
  const say = (line: string): void => shell.terminal.err(`${line}\n`);
  let shown = "";
  let reasonShown = "";
  for (let pauseMs = POLL_FIRST_MS; ; pauseMs = Math.min(POLL_MAX_MS, pauseMs * 1.5)) {
    const reply = await how.ask(() => read(job, pool));
    if (how.interrupt.signal.aborted) return EXIT.INTERRUPTED;
    if (!reply.ok) return reply;
    const jobs = reply.value;
    const over = jobs.length > 0 && jobs.every(({ state }) => state === "ended");
    const { state, reason } = summary(jobs, shell);
    if (state + reason !== shown && (!how.quiet || over)) {
      const why = reason === reasonShown ? "" : `: ${reason}`;
      say(`${dim(shell.terminal, timeOfDay(shell.terminal.nowMs()))} ${state}${why}`);
      shown = state + reason;
      reasonShown = reason;
    }
    if (over) return finish(job, jobs, pool, shell);
    await how.interrupt.sleep(pauseMs);
  }
}

async function read(job: Submitted, pool: Client): Promise<Outcome<readonly JobView[]>> {
  if (job.array) {
    const rows = await readRows(pool, "listJobs", { arrayId: job.id }, ARRAY_ROWS);
    return rows.ok ? { ok: true, value: rows.rows } : (rows as never);
  }
  const reply = await pool.call("getJob", { params: { id: job.id } });
  return reply.ok ? { ok: true, value: [reply.value] } : reply;
}

interface Summary {
  readonly state: string;
  readonly reason: string;
}

function summary(jobs: readonly JobView[], { terminal }: Shell): Summary {
  const [only] = jobs;
  if (jobs.length === 1 && only !== undefined) {
    return { state: paintState(terminal, stateText(only), only), reason: plain(only.reason) };
  }
  const counts = new Map<string, number>();
  for (const job of jobs) counts.set(stateText(job), (counts.get(stateText(job)) ?? 0) + 1);
  const parts = [...counts].map(([state, count]) => `${count} ${state}`);
  return { state: counted(jobs.length, "task"), reason: parts.join(", ") };
}

async function finish(
  job: Submitted,
  jobs: readonly JobView[],
  pool: Client,
  shell: Shell,
): Promise<VerbEnd> {
  if (shell.globals().json) {
    const detail = job.array ? undefined : await pool.call("getJob", { params: { id: job.id } });
    writeJson(shell.terminal, detail?.ok === true ? detail.value : jobs);
  }
  return Math.max(...jobs.map(exitCodeOfJob));
}
