// The training job that the demonstration submits, as a user would write it in a file.
import { readFileSync } from "node:fs";
import { type JobParsed, JobWire, parseYaml } from "@tequio/contract";
import type { Outcome } from "@tequio/core/pool";

const FILE = new URL("../../jobs/demo.yaml", import.meta.url);

/** Share of the training time that one site trains alone first, so that others start warm. */
const WARM_UP_SHARE = 0.12;
/** Steps of the warm-up for each second of it: about what one core does on the shipped model. */
const WARM_UP_STEPS_PER_S = 20;

/** The shipped job with its time set; `members` restricts it, for the comparison in bench. */
export function demoJob(
  trainMinutes: number,
  seed: number,
  members: readonly string[] = [],
): Outcome<JobParsed> {
  const parsed = parseYaml(JobWire, readFileSync(FILE, "utf8"));
  if (!parsed.ok) return parsed;
  const job = parsed.value;
  const warmUpSteps = Math.round(trainMinutes * 60 * WARM_UP_SHARE * WARM_UP_STEPS_PER_S);
  const run = { ...job.run!, seed, warmUpSteps, stop: { minutes: trainMinutes } };
  return { ok: true, value: { ...job, members: [...members], run } };
}
