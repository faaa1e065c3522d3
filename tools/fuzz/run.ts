// Feeds inputs to targets and judges what they do: an exception that the target does not declare,
// an answer that takes too long, or memory that is kept, is a finding with the line that repeats
// it. It leaves the inputs to targets.ts and a parser that never returns to main.ts's watch.
import { chance, type Next } from "./mutate.ts";

/** One parser under test. */
export interface Target {
  readonly name: string;
  /** One input costs as much as so many cheap ones, e.g. because it opens files. */
  readonly cost: number;
  /** Makes an input and parses it. Returns what was fed, for the finding; throws for a bug. */
  readonly feed: (next: Next) => void | Promise<void>;
  readonly close?: () => void | Promise<void>;
}

export interface Finding {
  readonly target: string;
  readonly index: number;
  readonly what: string;
}

export interface RunOptions {
  readonly inputs: number;
  readonly seed: number;
  /** Only this input of each target; to repeat a finding. */
  readonly only?: number;
  readonly onInput?: (target: number, index: number) => void;
}

export interface RunEnd {
  readonly inputs: number;
  readonly perTarget: readonly { readonly name: string; readonly inputs: number }[];
  readonly findings: readonly Finding[];
  readonly slowestMs: number;
}

/** An answer that takes longer is a finding: one thread serves everybody. */
export const SLOW_MS = 1_000;
/** What a process may hold more than before its first inputs. Garbage comes and goes within it. */
const KEPT_BYTES_MAX = 768 * 1_048_576;
/** Findings of one target, beyond which it is left: they are mostly one bug. */
const FINDINGS_MAX = 5;
/** Memory is looked at this often: asking for it costs more than most inputs. */
const LOOK_EVERY = 512;

/** Splits `inputs` over the targets by their cost and runs them all. */
export async function runTargets(targets: readonly Target[], options: RunOptions): Promise<RunEnd> {
  const shares = targets.reduce((sum, { cost }) => sum + 1 / cost, 0);
  const findings: Finding[] = [];
  const perTarget: { name: string; inputs: number }[] = [];
  let slowestMs = 0;
  for (const [place, target] of targets.entries()) {
    const wanted = Math.max(1, Math.round(options.inputs / target.cost / shares));
    const ran = await runTarget(target, place, wanted, options);
    findings.push(...ran.findings);
    slowestMs = Math.max(slowestMs, ran.slowestMs);
    perTarget.push({ name: target.name, inputs: ran.inputs });
    await target.close?.();
  }
  const inputs = perTarget.reduce((sum, row) => sum + row.inputs, 0);
  return { inputs, perTarget, findings, slowestMs };
}

async function runTarget(
  target: Target,
  place: number,
  wanted: number,
  { seed, only, onInput }: RunOptions,
): Promise<{ inputs: number; findings: readonly Finding[]; slowestMs: number }> {
  const findings: Finding[] = [];
  const found = (index: number, what: string): void => {
    findings.push({ target: target.name, index, what });
  };
  const first = only ?? 0;
  const end = only === undefined ? wanted : only + 1;
  const heldBefore = process.memoryUsage.rss();
  let slowestMs = 0;
  let index = first;
  for (; index < end && findings.length < FINDINGS_MAX; index += 1) {
    onInput?.(place, index);
    const startedMs = performance.now();
    try {
      // A promise is waited for only where there is one: a million turns of the loop add up.
      const fed = target.feed(chance(seedOf(seed, target.name, index)));
      if (fed !== undefined) await fed;
    } catch (error) {
      found(index, error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    let tookMs = performance.now() - startedMs;
    // Another program may have had the processor: what is slow is slow again.
    if (tookMs > SLOW_MS) tookMs = Math.min(tookMs, await timeAgain(target, seed, index));
    slowestMs = Math.max(slowestMs, tookMs);
    if (tookMs > SLOW_MS) found(index, `took ${Math.round(tookMs)} ms`);
    if (index % LOOK_EVERY === 0) {
      const kept = process.memoryUsage.rss() - heldBefore;
      if (kept > KEPT_BYTES_MAX) found(index, `the process holds ${kept} bytes more`);
    }
  }
  return { inputs: index - first, findings, slowestMs };
}

async function timeAgain(target: Target, seed: number, index: number): Promise<number> {
  const startedMs = performance.now();
  try {
    await target.feed(chance(seedOf(seed, target.name, index)));
  } catch {
    // It was found already.
  }
  return performance.now() - startedMs;
}

/** Every input has its own seed (FNV-1a over all that names it), so it is made alone, too. */
function seedOf(seed: number, name: string, index: number): number {
  let mixed = 0x811c9dc5;
  for (const letter of `${seed}/${name}/${index}`) {
    mixed = Math.imul(mixed ^ letter.charCodeAt(0), 0x01000193);
  }
  return mixed >>> 0;
}
