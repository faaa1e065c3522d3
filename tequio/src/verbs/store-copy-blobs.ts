// `tequio store copy-blobs`: copies the blobs of a pool between its data folder and a bucket, or
// between two buckets. It can be cut off and called again. The journal stays where it is.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, type Shell, type VerbEnd, writeJson } from "@tequio/cli";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { type BlobSource, type BlobTarget, copyBlobs } from "@tequio/stores";
import { openBlobFolder, openBlobReader, openSqliteStore } from "@tequio/stores/sqlite";
import { openBlobsAt } from "../blobs-place.ts";
import { placeFromFlags } from "./store-blobs.ts";
import { blobWords, progressOf } from "./store-copying.ts";

interface Flags {
  readonly fromEndpoint?: string;
  readonly toEndpoint?: string;
}

/** One end: its blobs, and what lets go of them. */
interface End<T> {
  readonly blobs: T;
  readonly close: () => Promise<void>;
}

/** Adds the verb. */
export function defineCopyBlobs(command: Command, shell: Shell): void {
  const copy = command
    .command("copy-blobs")
    .description("Copy a pool's blobs between its data folder and a bucket")
    .argument("<from>", "Data folder, whose pool may run, or s3://BUCKET/PREFIX")
    .argument("<to>", "The same; the pool of a data folder must be stopped")
    .option("--from-endpoint <url>", "S3-compatible server of <from>; default: AWS")
    .option("--to-endpoint <url>", "S3-compatible server of <to>; default: AWS")
    .addHelpText(
      "after",
      "\nWhat is there already is not sent again, also within a large blob: call it while the" +
        "\npool runs, stop the pool, call it once more, and start it with `--blobs`.",
    );
  copy.action(shell.act((from: string, to: string) => run(from, to, copy.opts<Flags>(), shell)));
}

const isBucket = (text: string): boolean => text.startsWith("s3://");

async function run(from: string, to: string, flags: Flags, shell: Shell): Promise<VerbEnd> {
  const { cwd } = shell.terminal;
  if (from === to && flags.fromEndpoint === flags.toEndpoint) {
    return refuse("USAGE", "Source and target are the same.", "Give two different places.");
  }
  const source = isBucket(from)
    ? await openBucket(from, flags.fromEndpoint, "--from")
    : openSourceFolder(resolve(cwd, from));
  if (!source.ok) return source;
  try {
    const target = isBucket(to)
      ? await openBucket(to, flags.toEndpoint, "--to")
      : await openTargetFolder(resolve(cwd, to));
    if (!target.ok) return target;
    try {
      return await copyOpened(source.value.blobs, target.value.blobs, { from, to }, shell);
    } finally {
      await target.value.close();
    }
  } finally {
    await source.value.close();
  }
}

async function copyOpened(
  source: BlobSource,
  target: BlobTarget,
  said: { readonly from: string; readonly to: string },
  shell: Shell,
): Promise<VerbEnd> {
  const progress = progressOf(shell);
  const copied = await copyBlobs(source, target, {
    onProgress: (done) => progress.tell(blobWords(done)),
  });
  progress.end();
  if (!copied.ok) return copied;
  const { terminal, globals } = shell;
  if (globals().json) {
    writeJson(terminal, { ...said, ...copied.value });
    return undefined;
  }
  const place = isBucket(said.to) ? said.to : "folder";
  terminal.out(
    `${said.from} -> ${said.to}\n  blobs     ${blobWords(copied.value)}; every digest verified\n` +
      `Start the pool with \`--blobs ${place}\`; what it put meanwhile needs another copy.\n`,
  );
  return undefined;
}

async function openBucket(
  blobs: string,
  endpoint: string | undefined,
  flag: string,
): Promise<Outcome<End<BlobSource & BlobTarget>>> {
  const bucket = await openBlobsAt(placeFromFlags(blobs, endpoint) ?? {}, flag);
  if (!bucket.ok) return bucket;
  const there = bucket.value;
  if (there === undefined) return noPool(blobs);
  return ok({ blobs: there.blobs, close: async () => there.close() });
}

function openSourceFolder(data: string): Outcome<End<BlobSource>> {
  if (!existsSync(join(data, "blobs"))) return noPool(data);
  return ok({ blobs: openBlobReader(join(data, "blobs")), close: async () => undefined });
}

/** The pool's lock is taken where the journal lies in the same folder. */
async function openTargetFolder(data: string): Promise<Outcome<End<BlobTarget>>> {
  if (existsSync(join(data, "journal.sqlite"))) {
    const store = await openSqliteStore({ folder: data });
    return store.ok ? ok({ blobs: store.value.blobs, close: store.value.close }) : store;
  }
  if (!existsSync(data)) return noPool(data);
  const { blobs } = await openBlobFolder(join(data, "blobs"));
  return ok({ blobs, close: async () => undefined });
}

const noPool = (place: string) =>
  refuse(
    "NOT_FOUND",
    `There is no pool in ${place}.`,
    "Give a data folder, or s3://BUCKET/PREFIX.",
  );
