// What `tequio run ID` does with models: export to a file, fork, lineage. Files are written beside
// their place and renamed at the end, so that a file that is there is whole.
import { createWriteStream, writeFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { Problem } from "@tequio/contract";
import { bytes, whole } from "./format.ts";
import { lineageText } from "./lineage-view.ts";
import { dim, writeJson } from "./report.ts";
import { type Shell, type Trouble, usage, type VerbEnd } from "./verb.ts";

export interface ModelFlags {
  readonly format?: "safetensors" | "onnx";
  readonly round?: number;
  readonly out?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly name?: string;
}

/** Writes a model of the run to a file, `-` being the standard output. */
export async function exportModel(id: string, flags: ModelFlags, shell: Shell): Promise<VerbEnd> {
  const { format = "safetensors", round } = flags;
  const { terminal } = shell;
  const pool = await shell.pool();
  const query = new URLSearchParams({ format });
  if (round !== undefined) query.set("round", String(round));
  const url = `${pool.url}/v1/runs/${encodeURIComponent(id)}/export?${query}`;
  const headers = pool.token === undefined ? {} : { authorization: `Bearer ${pool.token}` };
  const reply = await fetch(url, { headers }).catch((error: unknown) =>
    unreachable(pool.url, error),
  );
  if (!(reply instanceof Response)) return reply;
  if (!reply.ok) return problemOf(reply);
  const name = /filename="([\w.-]+)"/.exec(reply.headers.get("content-disposition") ?? "")?.[1];
  const out = flags.out ?? name ?? `run-${id}.${format}`;
  const body = Readable.fromWeb(reply.body as ReadableStream);
  if (out === "-") {
    for await (const chunk of body) terminal.out(chunk as Uint8Array);
    return undefined;
  }
  const written = await writeWhole(resolve(terminal.cwd, out), body);
  if (written !== undefined) return written;
  const size = Number(reply.headers.get("content-length"));
  const fact = {
    ...{ file: out, format, bytes: size, round: Number(reply.headers.get("tequio-round")) },
    digest: reply.headers.get("tequio-digest"),
  };
  if (shell.globals().json) return void writeJson(terminal, fact);
  terminal.out(`${out}: ${bytes(size)}, the model after round ${fact.round}.\n`);
  terminal.err(`${dim(terminal, `Digest of its values: ${fact.digest}`)}\n`);
  return undefined;
}

async function writeWhole(path: string, body: Readable): Promise<Trouble | undefined> {
  const part = `${path}.part`;
  try {
    await pipeline(body, createWriteStream(part));
    await rename(part, path);
    return undefined;
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    return usage(`${path} could not be written (${messageOf(error)}).`, "Choose another with -o.");
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

const unreachable = (url: string, error: unknown): Trouble => ({
  code: "POOL_UNREACHABLE",
  message: `The pool at ${url} does not answer (${messageOf(error)}).`,
  hint: "Start it with `tequio up`, or give its address with --url or TEQUIO_URL.",
});

async function problemOf(reply: Response): Promise<Trouble> {
  const problem = Problem.safeParse(await reply.json().catch(() => undefined));
  if (problem.success) return problem.data;
  const message = `The pool answered ${reply.status}.`;
  return { code: "INTERNAL", message, hint: "Look at the pool's log." };
}

/** Submits a run that goes on from a model of this one. */
export async function forkRun(id: string, flags: ModelFlags, shell: Shell): Promise<VerbEnd> {
  const { round, name } = flags;
  const set = Object.entries(flags.set ?? {}).map(([key, text]) => [key, settingOf(text)] as const);
  const reply = await (await shell.pool()).call("forkRun", {
    params: { id },
    body: {
      ...(round === undefined ? {} : { round }),
      ...(name === undefined ? {} : { name }),
      set: Object.fromEntries(set),
    },
  });
  if (!reply.ok) return reply;
  const { terminal } = shell;
  if (shell.globals().json) return void writeJson(terminal, reply.value);
  const { id: fork, from } = reply.value;
  terminal.out(`Run ${fork} goes on from run ${from.runId}, round ${whole(from.round)}.\n`);
  return undefined;
}

/** Numbers and lists as they are in YAML; whatever is no JSON is a text. */
function settingOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Shows the lineage of the newest model, or writes the signed card to a file. */
export async function showLineage(id: string, flags: ModelFlags, shell: Shell): Promise<VerbEnd> {
  const reply = await (await shell.pool()).call("getLineage", { params: { id } });
  if (!reply.ok) return reply;
  const { terminal } = shell;
  const text = `${JSON.stringify(reply.value, null, 2)}\n`;
  if (flags.out === "-") return void terminal.out(text);
  if (flags.out !== undefined) {
    const path = resolve(terminal.cwd, flags.out);
    try {
      writeFileSync(path, text);
    } catch (error) {
      return usage(`${path} could not be written (${messageOf(error)}).`, "Choose another place.");
    }
  }
  if (shell.globals().json) return void writeJson(terminal, reply.value);
  lineageText(terminal, reply.value);
  if (flags.out !== undefined) terminal.err(`Written to ${flags.out}.\n`);
  return undefined;
}
