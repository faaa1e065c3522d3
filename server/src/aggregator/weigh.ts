// The arithmetic of one merge over contributions that lie in the store: norms, clip and gate, the
// weighted sum and the outer step, window by window. Memory is that of the model, its momentum,
// one model to try and some windows, whatever the number of members; and the result is the same
// bit for bit whatever the windows and lanes, and that of `aggregate` in core/training.
import type { Outcome, RunSpec } from "@tequio/core/pool";
import {
  type AggregateRow,
  byContributionId,
  type ClosingEntry,
  type Judgement,
  judge,
  normOfSquares,
  type RoundClosing,
  sizeFlaw,
} from "@tequio/core/training";
import type { BlobStore } from "@tequio/stores";
import type { TrainerPort } from "../ports.ts";
import type { Lanes } from "./lanes.ts";
import { type CodedBlob, openCoded, readWindows, together, windowsFor } from "./windows.ts";

/** What a merge works with. */
export interface WeighTools {
  readonly blobs: BlobStore;
  readonly trainer: Pick<TrainerPort, "gateLoss">;
  readonly lanes: Lanes;
  /** Bytes of windows in memory; absent: the usual bound. */
  readonly windowBytes?: number;
}

/** Model and momentum, owned: they hold the new state afterwards. */
export interface OwnedState {
  readonly exact: Float32Array;
  readonly momentum: Float32Array;
}

interface Entry extends ClosingEntry {
  /** Norm, or in words why there is none. */
  readonly norm: number | string;
  readonly coded: CodedBlob | undefined;
}

/** Merges; gives the rows in the order of the contribution ids. Rejects when a blob that could be
 * read cannot be read any more; the state is then neither the old nor the new one. */
export async function weigh(
  tools: WeighTools,
  spec: RunSpec,
  closing: RoundClosing,
  state: OwnedState,
): Promise<readonly AggregateRow[]> {
  const entries: Entry[] = [];
  for (const entry of closing.contributions.toSorted(byContributionId)) {
    entries.push(await measure(tools, entry, state.exact.length));
  }
  const judged = await gate(tools, spec, closing, state, entries);
  await merge(tools, closing, state, entries, judged);
  return judged.rows;
}

/** Header, form and norm of a contribution; what is wrong is the site's fault, not the merge's. */
async function measure(
  { blobs, lanes, windowBytes }: WeighTools,
  entry: ClosingEntry,
  length: number,
): Promise<Entry> {
  const flawed = (words: string): Entry => ({ ...entry, norm: words, coded: undefined });
  const opened = await openCoded(blobs, entry.blob, entry.bytes);
  if (!opened.ok) return flawed(wordsOf(opened));
  const coded = opened.value;
  const { count } = coded.header;
  if (count !== length) return flawed(sizeFlaw(count, length, 0) ?? "");
  const windows = windowsFor(count, [coded], lanes.width, windowBytes);
  const squares: (readonly number[] | string)[] = [];
  await together(windows, lanes.width, async ([from, to], i) => {
    const [message] = await readWindows(blobs, from, to, [coded]);
    squares[i] = (await lanes.run({ kind: "squares", message: message! })).squares!;
  });
  const flaw = squares.find((one) => typeof one === "string");
  if (flaw !== undefined) return flawed(flaw);
  const norm = normOfSquares(squares.flatMap((one) => one as readonly number[]));
  return { ...entry, norm: sizeFlaw(count, length, norm) ?? norm, coded };
}

const wordsOf = (refusal: Extract<Outcome<never>, { ok: false }>): string =>
  `${refusal.code}: ${refusal.message}`;

/** Clip and gate, with the losses that they ask for. */
async function gate(
  tools: WeighTools,
  spec: RunSpec,
  { round, thresholdNats }: RoundClosing,
  { exact }: OwnedState,
  entries: readonly Entry[],
): Promise<Judgement> {
  const judging = judge(entries, thresholdNats);
  let tried: Float32Array | undefined;
  let asked = judging.next();
  while (asked.done !== true) {
    const { entry, scale } = asked.value;
    if (spec.own !== undefined) {
      // Nobody here can evaluate it: everything of the right form passes, and no loss is noted.
      asked = judging.next(entry === null ? Infinity : -Infinity);
      continue;
    }
    if (entry !== null) {
      tried ??= new Float32Array(exact.length);
      await candidate(tools, entries[entry]!.coded!, scale, exact, tried);
    }
    const parameters = entry === null ? exact : tried!;
    asked = judging.next(await tools.trainer.gateLoss(spec, round, parameters));
  }
  return asked.value;
}

/** The model less `scale` times a delta. */
async function candidate(
  { blobs, lanes, windowBytes }: WeighTools,
  coded: CodedBlob,
  scale: number,
  exact: Float32Array,
  into: Float32Array,
): Promise<void> {
  const windows = windowsFor(exact.length, [coded], lanes.width, windowBytes);
  await together(windows, lanes.width, async ([from, to]) => {
    const [message] = await readWindows(blobs, from, to, [coded]);
    const part = { message: message!, weight: scale };
    const done = await lanes.run({ kind: "candidate", part, model: exact.slice(from, to) });
    into.set(done.model!, from);
  });
}

/** The weighted sum of what passed, and the outer step by it. Without any weight nothing moves. */
async function merge(
  { blobs, lanes, windowBytes }: WeighTools,
  { outer: settings }: RoundClosing,
  { exact, momentum }: OwnedState,
  entries: readonly Entry[],
  { passed }: Judgement,
): Promise<void> {
  const counted = passed.filter(({ weight }) => weight > 0);
  const total = counted.reduce((sum, { weight }) => sum + weight, 0);
  if (counted.length === 0) return;
  const coded = counted.map(({ entry }) => entries[entry]!.coded!);
  const windows = windowsFor(exact.length, coded, lanes.width, windowBytes);
  await together(windows, lanes.width, async ([from, to]) => {
    const messages = await readWindows(blobs, from, to, coded);
    const parts = counted.map(({ factor, weight }, i) => ({
      message: messages[i]!,
      weight: factor * weight,
    }));
    const own = { model: exact.slice(from, to), momentum: momentum.slice(from, to) };
    const done = await lanes.run({ kind: "merge", parts, total, settings, ...own });
    exact.set(done.model!, from);
    momentum.set(done.momentum!, from);
  });
}
