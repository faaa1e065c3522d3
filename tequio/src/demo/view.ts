// What the demonstration shows in the terminal: a few lines that are redrawn, or, where nobody
// watches, a line for each round. It only formats; what is asked of the pool is in main.ts.
import type { RunDetail, StatementView } from "@tequio/contract";

const BAR_CELLS = 30;

const bytesText = (bytes: number): string =>
  bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e3).toFixed(0)} kB`;

const lossText = (loss: number | undefined): string => (loss === undefined ? "-" : loss.toFixed(3));

/** `3:07`: minutes and seconds; times below 0 read as 0:00. */
export function timeText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const number = (value: number): string => Math.round(value).toLocaleString("en-US");

/** The lines of one frame. */
export function frameOf(run: RunDetail, note: string, nowMs: number): string[] {
  const done = Math.round(run.progress * BAR_CELLS);
  const bar = "█".repeat(done) + "░".repeat(BAR_CELLS - done);
  const left = run.endEstimateMs === undefined ? "" : `${timeText(run.endEstimateMs - nowMs)} left`;
  const head =
    `  ${bar} ${String(Math.round(run.progress * 100)).padStart(3)} %  ${left}   ` +
    `round ${run.round}   held-out loss ${lossText(run.lossNow)} ` +
    `(began at ${lossText(run.lossBefore)})`;
  const rows = run.members.map(
    (member) =>
      `  ${member.member.padEnd(10)} ${member.state.padEnd(12)}` +
      `${number(member.tokensPerSecond).padStart(7)} tokens/s  ` +
      `batch ${String(member.batch).padStart(2)}` +
      `${number(member.tokens).padStart(12)} tokens  ` +
      `up ${bytesText(member.bytesUp).padStart(8)}  ` +
      `down ${bytesText(member.bytesDown).padStart(8)}`,
  );
  return [head, ...rows, `  ${note}`];
}

/** One line for each new round, for logs and pipes. */
export function roundLines(run: RunDetail, shown: number): string[] {
  return run.rounds
    .filter((round) => round.round > shown)
    .sort((a, b) => a.round - b.round)
    .map((round) => {
      const parts = round.rows.map((row) => {
        const speed = row.computeMs > 0 ? (row.tokens * 1_000) / row.computeMs : 0;
        const verdict = row.verdict === "merged" ? "" : ` (${row.verdict})`;
        return `${row.member} ${number(row.tokens)} at ${number(speed)}/s${verdict}`;
      });
      const head = `round ${round.round}  loss ${lossText(round.heldOutLoss)}`;
      return `${head}  tokens: ${parts.join(", ")}`;
    });
}

/** Redraws lines in place; on a terminal only. */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  #lines = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  draw(lines: readonly string[]): void {
    const width = Math.max(40, this.#out.columns ?? 120) - 1;
    const up = this.#lines > 0 ? `\x1b[${this.#lines}A` : "";
    this.#out.write(up + lines.map((line) => `\x1b[2K${line.slice(0, width)}\n`).join(""));
    // Fewer lines than before would leave old ones standing.
    const rest = this.#lines - lines.length;
    if (rest > 0) this.#out.write(`${"\x1b[2K\n".repeat(rest)}\x1b[${rest}A`);
    this.#lines = lines.length;
  }
}

/** The statement of who contributed and earned what. */
export function statementLines(run: RunDetail, statement: StatementView): string[] {
  const head =
    `  ${"member".padEnd(10)} ${"tokens".padStart(12)} ${"rounds".padStart(7)} ` +
    `${"device time".padStart(12)} ${"sent".padStart(9)} ${"credits".padStart(9)}`;
  const rows = run.members.map((member) => {
    const lines = statement.lines.filter(
      (line) => line.member === member.member && line.jobId === run.id,
    );
    const sum = (pick: (line: StatementView["lines"][number]) => number): number =>
      lines.reduce((total, line) => total + pick(line), 0);
    return (
      `  ${member.member.padEnd(10)} ${number(sum((line) => line.tokens)).padStart(12)} ` +
      `${String(member.rounds).padStart(7)} ` +
      `${timeText(sum((line) => line.deviceMs)).padStart(12)} ` +
      `${bytesText(sum((line) => line.bytesUp)).padStart(9)} ` +
      `${(sum((line) => line.microCredits) / 1e6).toFixed(4).padStart(9)}`
    );
  });
  return [head, ...rows];
}
