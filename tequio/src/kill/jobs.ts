// The jobs of a kill test, drawn from a seed, and the shell script that they run. Every job
// writes what it does into a file of its own, outside the pool, so that the truth is known
// without asking the pool.
import type { JobWire } from "@tequio/contract";
import type { Chance } from "@tequio/core/simulator";

export type Fate = "completed" | "failed" | "timeout" | "cancelled";

export interface PlannedJob {
  /** 0 for the first; also the name of its evidence file. */
  readonly index: number;
  /** How long its script works. */
  readonly lengthMs: number;
  readonly how: "sleep" | "spin";
  readonly exitCode: number;
  /** Time limit; absent: the default of a day. */
  readonly limitMs?: number;
  /** Cancelled so long after it was accepted. */
  readonly cancelAfterMs?: number;
  readonly takesDevice: boolean;
  /** The outcomes that are right for it. */
  readonly fates: readonly Fate[];
}

/** Thousandths of a core that each job asks for. */
export const JOB_MILLI_CPU = 500;
/** How often a job says that it still lives. */
export const TICK_MS = 200;

/** Field 22 of /proc/PID/stat is the start of the process in hundredths of a second since the
 * machine started, and /proc/uptime is now on the same clock: see proc(5). Lines are appended by
 * one write each, so that those of two attempts never mix. */
export const JOB_SCRIPT = `#!/bin/sh
file=$1 want=$2 how=$3 code=$4
read -r stat < /proc/$$/stat
set -- \${stat##*) }
shift 19
begun=$1
now() { read -r up _ < /proc/uptime; now=\${up%.*}\${up#*.}; }
say() { now; echo "$1 $TEQUIO_JOB_ID $TEQUIO_ATTEMPT $$ $begun $now" >> "$file"; }
say start
until=$((begun + want))
said=$now
now
while [ $now -lt $until ]; do
  if [ $how = sleep ]; then
    left=$((until - now))
    [ $left -gt ${TICK_MS / 10} ] && left=${TICK_MS / 10}
    [ $left -lt 10 ] && left=0$left
    sleep 0.$left
  fi
  now
  if [ $((now - said)) -ge ${TICK_MS / 10} ]; then say tick; said=$now; fi
done
say end
exit $code
`;

/** Shares of the kinds of jobs; the rest are short ones. */
const SHARE = { middle: 0.06, long: 0.01, failing: 0.02, limited: 0.01, cancelled: 0.02 };
/** One job in ten takes the site's whole device as well. */
const DEVICE_SHARE = 0.1;

/** Draws the jobs of a run. `long` adds jobs that outlast any right to run. */
export function drawJobs(chance: Chance, count: number, long: boolean): readonly PlannedJob[] {
  return Array.from({ length: count }, (_, index) => drawJob(chance, index, long));
}

function drawJob(chance: Chance, index: number, long: boolean): PlannedJob {
  const shortMs = chance.whole(50, 1_000);
  const middleMs = chance.whole(2_000, 8_000);
  const longMs = chance.whole(50_000, 70_000);
  const spin = chance.hits(0.1);
  const takesDevice = chance.hits(DEVICE_SHARE);
  const waitMs = chance.whole(0, 3_000);
  const place = chance.next();
  const base = { index, exitCode: 0, takesDevice, fates: ["completed"] as const };
  let below = SHARE.middle;
  if (place < below) return { ...base, lengthMs: middleMs, how: "sleep" };
  below += SHARE.long;
  // A job that held the only device of its site for a minute would stop the others too long.
  if (place < below && long) {
    return { ...base, lengthMs: longMs, how: "sleep", takesDevice: false };
  }
  below += SHARE.failing;
  if (place < below) {
    return { ...base, lengthMs: shortMs, how: "sleep", exitCode: 3, fates: ["failed"] };
  }
  below += SHARE.limited;
  if (place < below) {
    const limited = { lengthMs: 20_000, limitMs: 1_000, fates: ["timeout"] as const };
    return { ...base, ...limited, how: "sleep" };
  }
  below += SHARE.cancelled;
  if (place < below) {
    const fates = ["cancelled", "completed"] as const;
    return { ...base, lengthMs: middleMs, how: "sleep", cancelAfterMs: waitMs, fates };
  }
  return {
    ...base,
    lengthMs: spin ? Math.min(shortMs, 300) : shortMs,
    how: spin ? "spin" : "sleep",
  };
}

/** What is submitted for a planned job. */
export function wireOf(job: PlannedJob, script: string, evidence: string): JobWire {
  const { index, lengthMs, how, exitCode, limitMs, takesDevice } = job;
  const hundredths = String(Math.max(1, Math.round(lengthMs / 10)));
  return {
    name: `job-${index}`,
    command: ["/bin/sh", script, evidence, hundredths, how, String(exitCode)],
    resources: {
      cpus: JOB_MILLI_CPU / 1_000,
      memory: "16M",
      ...(takesDevice ? { accelerators: 1 } : {}),
    },
    ...(limitMs === undefined ? {} : { time: `${limitMs / 1_000}s` }),
  };
}
