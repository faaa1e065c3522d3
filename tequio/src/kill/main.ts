// `npm run -s test:kill`: a pool of real processes that are killed, stopped and cut off at random
// moments while jobs stream through it, and what must be true afterwards. One line for each run;
// a failing one says what was broken and how to repeat it, and keeps its folder.
// entry: package.json starts it as `test:kill`.
import { rmSync } from "node:fs";
import { type KillOptions, parseOptions, repeatCommand } from "./options.ts";
import { type RunReport, runOnce } from "./run.ts";

const USAGE = `Usage: npm run -s test:kill -- [--runs N] [--jobs N] [--sites N] [--seed N]
  [--store folder|postgres|postgres://…] [--short] [--keep]`;
/** Broken rules of one run that are printed; the rest are counted. */
const VIOLATIONS_SHOWN = 20;
/** What a shell gives for a program that Ctrl-C ended. */
const INTERRUPTED = 130;

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

function lineOf(options: KillOptions, seed: number, report: RunReport): string {
  const { figures, violations, faults } = report;
  const count = [...faults.values()].reduce((sum, one) => sum + one, 0);
  const verdict = violations.length === 0 ? "ok  " : "FAIL";
  const head = `${verdict} seed ${seed}: ${options.jobs} jobs, ${options.sites} sites`;
  const trouble = `${count} faults, ${report.boots} boots`;
  if (figures === undefined) return `${head}, ${trouble}, ${seconds(report.tookMs)}`;
  const { attempts, again, ledgerMs, livedMs, offBasisPoints } = figures;
  return [
    head,
    trouble,
    `${figures.completed} completed`,
    `${attempts} processes`,
    `${again} further attempts`,
    `${figures.lostJobs} lost with a site (waited ${seconds(figures.longestLostWaitMs)} at most)`,
    `ledger ${seconds(ledgerMs)} of ${seconds(livedMs)} (off ${offBasisPoints / 100} %)`,
    `${report.records} records`,
    seconds(report.tookMs),
  ].join(", ");
}

function show(options: KillOptions, seed: number, report: RunReport): void {
  console.log(lineOf(options, seed, report));
  const { violations } = report;
  if (violations.length === 0) return;
  for (const violation of violations.slice(0, VIOLATIONS_SHOWN)) console.log(`  - ${violation}`);
  const more = violations.length - VIOLATIONS_SHOWN;
  if (more > 0) console.log(`  - and ${more} more`);
  const faults = [...report.faults].map(([kind, times]) => `${kind} ${times}`).join(", ");
  console.log(`  faults: ${faults}`);
  console.log(`  kept: ${report.folder}`);
  console.log(`  repeat: ${repeatCommand(options, seed)}`);
}

async function main(): Promise<number> {
  let options: KillOptions;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 2;
  }
  let abandon = async (): Promise<void> => {};
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => void abandon().finally(() => process.exit(INTERRUPTED)));
  }
  let failed = 0;
  for (let run = 0; run < options.runs; run += 1) {
    const seed = options.seed + run;
    const report = await runOnce(options, seed, (end) => {
      abandon = end;
    });
    show(options, seed, report);
    if (report.violations.length > 0) failed += 1;
    else if (!options.keep) rmSync(report.folder, { recursive: true, force: true });
  }
  if (options.runs > 1) console.log(`${options.runs - failed} of ${options.runs} runs were right.`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
