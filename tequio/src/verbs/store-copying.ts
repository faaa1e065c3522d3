// One copy of a pool from place to place, for `store copy`, `backup` and `restore`: opens both
// ends, copies, closes, and says how far it is. How a place is opened is in store-places.ts.
import { rmSync } from "node:fs";
import { dim, type Shell, type VerbEnd, writeJson } from "@tequio/cli";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import { type BlobsCopied, type Copied, copyStore, type StoreSource } from "@tequio/stores";
import type { BlobsPlace } from "../blobs-place.ts";
import { copyPeopleOf } from "../people-place.ts";
import { endWithBlobs, rememberBlobs, sameBucket } from "./store-blobs.ts";
import {
  copyBeside,
  makeScratch,
  openRunning,
  openStopped,
  openTarget,
  type Place,
  whyBesideTaken,
} from "./store-places.ts";

const MIB = 2 ** 20;

/** Where the blobs of both ends lie, and how a user names that. */
export interface CopiedBlobs {
  readonly from: BlobsPlace;
  readonly to: BlobsPlace;
  readonly flags: { readonly from: string; readonly to: string };
}

export interface Copying {
  readonly from: Place;
  readonly to: Place;
  readonly blobs: CopiedBlobs;
  /** `stopped`: nobody else has the source open, and nobody may; `running`: it may go on. */
  readonly source: "stopped" | "running";
  readonly untilSeq?: number;
  /** Looks at the source before anything is written. */
  readonly check?: (source: StoreSource) => Refusal | undefined;
}

/** Copies; what is refused on the way leaves a target that says it is incomplete. */
export async function copyPlace(copying: Copying, shell: Shell): Promise<Outcome<Copied>> {
  const { from, to } = copying;
  if (from.data === to.data && from.url === to.url) {
    return refuse("USAGE", "Source and target are the same.", "Give two different places.");
  }
  const scratch = makeScratch(to);
  if (!scratch.ok) return scratch;
  try {
    const { source: how, blobs } = copying;
    const opened = await (how === "stopped" ? openStopped(from) : openRunning(from, scratch.value));
    const source = await endWithBlobs(opened, blobs.from, blobs.flags.from);
    if (!source.ok) return source;
    try {
      return await copyOpened(copying, source.value, shell);
    } finally {
      await source.value.close();
    }
  } finally {
    rmSync(scratch.value, { recursive: true, force: true });
  }
}

async function copyOpened(
  { from, to, blobs, untilSeq, check }: Copying,
  source: StoreSource,
  shell: Shell,
): Promise<Outcome<Copied>> {
  // Before the target is touched, so that what cannot be done leaves no mark on it.
  const refusal = check?.(source) ?? refuseUntil(source, untilSeq) ?? whyBesideTaken(from, to);
  if (refusal !== undefined) return refusal;
  const target = await endWithBlobs(await openTarget(to), blobs.to, blobs.flags.to);
  if (!target.ok) return target;
  try {
    await copyBeside(from, to);
    const people = await copyPeopleOf(from, to);
    if (!people.ok) return people;
    const total = untilSeq ?? source.journal.head().seq;
    const progress = progressOf(shell);
    const copied = await copyStore(source, target.value, {
      onProgress: (done) => progress.tell(`${done.seq}/${total} records, ${blobWords(done)}`),
      blobsStay: sameBucket(blobs.from, blobs.to),
      ...(untilSeq === undefined ? {} : { untilSeq }),
    });
    progress.end();
    if (copied.ok) rememberBlobs(to.data, blobs.to);
    return copied;
  } finally {
    await target.value.close();
  }
}

/** Says how far something is, on one line of a terminal and nowhere else. */
export function progressOf({ terminal }: Shell) {
  return {
    tell(words: string): void {
      if (terminal.isTty) terminal.err(`\r${dim(terminal, words)}`);
    },
    end(): void {
      if (terminal.isTty) terminal.err("\n");
    },
  };
}

/** Blobs that are in the target now. */
export const blobWords = ({ blobs, blobBytes, blobsThere }: BlobsCopied): string =>
  `${blobs} blobs, ${(blobBytes / MIB).toFixed(1)} MiB, ${blobsThere} were there`;

function refuseUntil(source: StoreSource, untilSeq: number | undefined): Refusal | undefined {
  const { seq } = source.journal.head();
  if (untilSeq === undefined || untilSeq <= seq) return undefined;
  return refuse(
    "RANGE_INVALID",
    `The journal ends at record ${seq}, before ${untilSeq}.`,
    `Give a number up to ${seq}, or none for all.`,
  );
}

/** Tells what was copied, and how to go on. */
export function report(
  { from, to, blobs: places }: Pick<Copying, "from" | "to" | "blobs">,
  copied: Copied,
  next: string,
  { terminal, globals }: Shell,
): VerbEnd {
  if (globals().json) {
    writeJson(terminal, { from: from.said, to: to.said, ...copied });
    return undefined;
  }
  const { seq, hash, snapshotSeq } = copied;
  const stay = sameBucket(places.from, places.to);
  const blobs = stay ? `stay in ${places.to.blobs}` : `${blobWords(copied)}; every digest verified`;
  const lines = [
    `${from.said} -> ${to.said}`,
    `  journal   ${seq} records, every one verified; head ${hash.slice(0, 16)}`,
    `  snapshot  ${snapshotSeq === undefined ? "none" : `of record ${snapshotSeq}`}`,
    `  blobs     ${blobs}`,
    next,
  ];
  terminal.out(`${lines.join("\n")}\n`);
  return undefined;
}

/** Both ends of a copy, or the first refusal. */
export function both<A, B>(
  a: Outcome<A>,
  b: Outcome<B>,
): Outcome<{ readonly a: A; readonly b: B }> {
  if (!a.ok) return a;
  return b.ok ? ok({ a: a.value, b: b.value }) : b;
}
