// `tequio simulate` on a trace, a pool's journal or a generated workload: the thread that computes,
// and what is written. A report is written whole or not at all. The flags are simulate-flags.ts's.
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import {
  EXIT,
  loadTables,
  type Shell,
  type Terminal,
  type Trouble,
  usage,
  type VerbEnd,
  writeJson,
} from "@tequio/cli";
import type { Report } from "@tequio/core/simulator";
import { pageOf } from "../simulate/page.ts";
import type { SimulateRequest, Told } from "../simulate/request.ts";
import { requestOf, type TraceFlags } from "./simulate-flags.ts";

const WORKER = new URL("./simulate-trace-worker.ts", import.meta.url);
/** Width of the bar of progress. */
const BAR_CHARACTERS = 24;
/** Longest line of progress. */
const LINE_CHARACTERS = 120;

/** Plays, shows and writes. */
export async function runTrace(flags: TraceFlags, shell: Shell): Promise<VerbEnd> {
  const { terminal } = shell;
  const { json } = shell.globals();
  const request = requestOf(flags, terminal);
  if ("code" in request) return request;
  const bar = new Bar(terminal, terminal.isTty && !json);
  const ended = await inThread(request, terminal, (told) => bar.show(told));
  bar.clear();
  if (ended === undefined) return EXIT.INTERRUPTED;
  if (ended.type === "refused") return ended.refusal;
  const { report } = ended;
  const written = flags.out === undefined ? [] : writeOut(flags.out, report, terminal.cwd);
  if (!Array.isArray(written)) return written;
  if (json) writeJson(terminal, jsonOf(report));
  else {
    await writeReport(report, terminal);
    for (const path of written) terminal.out(`Wrote ${path}\n`);
  }
  return EXIT.OK;
}

type Ended = Exclude<Told, { readonly type: "progress" }>;

/** Computes in a thread; undefined when Ctrl-C came first. Nothing has been written then. */
async function inThread(
  request: SimulateRequest,
  terminal: Terminal,
  onProgress: (told: Extract<Told, { type: "progress" }>) => void,
): Promise<Ended | undefined> {
  const thread = new Worker(WORKER, { execArgv: [], workerData: request });
  let unhook = (): void => {};
  try {
    return await new Promise<Ended | undefined>((done, fail) => {
      unhook = terminal.onInterrupt(() => done(undefined));
      thread.on("message", (told: Told) => {
        if (told.type === "progress") onProgress(told);
        else done(told);
      });
      thread.on("error", fail);
      thread.on("exit", (code) => fail(new Error(`the simulator's thread ended with ${code}`)));
    });
  } finally {
    unhook();
    await thread.terminate();
  }
}

const jsonOf = ({ title, facts, sentences, figures }: Report): object => ({
  title,
  facts: Object.fromEntries(facts),
  sentences,
  ...(figures as object),
});

async function writeReport(report: Report, terminal: Terminal): Promise<void> {
  const { tableText, factsText } = await loadTables();
  terminal.out(`${report.title}\n\n${factsText(terminal, report.facts)}\n`);
  for (const { columns, rows } of report.tables) {
    const shown = columns.map((head, at) => ({
      head,
      cell: (row: readonly string[]) => row[at] ?? "",
      ...(at === 0 || head === "scenario" ? {} : { align: "right" as const }),
    }));
    terminal.out(`${tableText({ ...terminal, columns: Number.POSITIVE_INFINITY }, shown, rows)}\n`);
  }
  for (const sentence of report.sentences) terminal.out(`${sentence}\n`);
}

/** The files of a report, each put in place in one step: a page, or a folder with page and JSON. */
function writeOut(out: string, report: Report, cwd: string): string[] | Trouble {
  const path = resolve(cwd, out);
  const page = /^\.html?$/i.test(extname(path));
  const files: readonly (readonly [string, string])[] = page
    ? [[path, pageOf(report)]]
    : [
        [join(path, "report.html"), pageOf(report)],
        [join(path, "report.json"), `${JSON.stringify(jsonOf(report), null, 2)}\n`],
      ];
  try {
    for (const [file, text] of files) {
      mkdirSync(dirname(file), { recursive: true });
      const part = join(dirname(file), `.${basename(file)}.part-${process.pid}`);
      try {
        writeFileSync(part, text);
        renameSync(part, file);
      } finally {
        rmSync(part, { force: true });
      }
    }
  } catch (error) {
    const message = `The report cannot be written: ${(error as Error).message}.`;
    return usage(message, "Name a file or a folder that you may write to with --out.");
  }
  return files.map(([file]) => file);
}

/** One line that is written over and over, for a person who waits. */
class Bar {
  readonly #terminal: Terminal;
  readonly #on: boolean;

  constructor(terminal: Terminal, on: boolean) {
    this.#terminal = terminal;
    this.#on = on;
  }

  show({ what, done, of }: Extract<Told, { type: "progress" }>): void {
    if (!this.#on) return;
    const part = of === 0 ? 0 : Math.min(1, done / of);
    const full = Math.round(part * BAR_CHARACTERS);
    const bar = `${"#".repeat(full)}${".".repeat(BAR_CHARACTERS - full)}`;
    const text = of === 0 ? what : `[${bar}] ${Math.floor(part * 100)} % ${what}`;
    // A terminal that does not tell its width says 0.
    const width = Math.min(this.#terminal.columns || LINE_CHARACTERS, LINE_CHARACTERS) - 1;
    this.#terminal.err(`\r\u001b[2K${text.slice(0, width)}`);
  }

  clear(): void {
    if (this.#on) this.#terminal.err("\r\u001b[2K");
  }
}
