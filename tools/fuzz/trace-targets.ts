// Traces of other clusters, damaged: a broken file is refused with the line, and what is read is
// within its bounds.
import type { Outcome } from "@tequio/core/pool";
import {
  parseGavelJobs,
  parseGavelSpeeds,
  parseOpenbArrivals,
  parseOpenbNodes,
  parseOpenbPods,
  parsePhilly,
  parseSwf,
} from "@tequio/core/simulator";
import { mutateText, type Next, pick } from "./mutate.ts";
import type { Target } from "./run.ts";

const NODES = "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\nn1,96000,393216,8,G2\n";
const PODS =
  "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n" +
  "p0,12000,16384,1,1000,\np1,6000,12288,1,460,T4|P100\np2,8000,100,0,0,\np3,9000,9,8,1000,G2\n";
const ARRIVALS = '{"42":{"pods":[3,0,1,2],"nodeRank":[1,0]}}';
const PHILLY =
  "timestamp,duration,num_gpus,gpu_time,cluster\n" +
  "2017-08-07 10:00:01,3600,2,7200,abc\n2017-08-07 10:00:02,60.5,1,60.5,def\n";
const SWF =
  "; comment\n1 0 5 100 4 -1 -1 4 200 -1 1 1 1 1 1 1 -1 -1\n" +
  "2 7 -1 9 1 -1 -1 1 9 -1 0 1 1 1 1 1 -1 -1\n";
const GAVEL = "job_type,num_gpus,total_steps,arrival_s\nResNet-18 (batch size 32),1,5000,0\n";

const READERS: readonly (readonly [seed: string, read: (text: string) => Outcome<unknown>])[] = [
  [NODES, parseOpenbNodes],
  [PODS, parseOpenbPods],
  [ARRIVALS, (text) => parseOpenbArrivals(text, { nodes: 2, pods: 4 })],
  [PHILLY, parsePhilly],
  [SWF, parseSwf],
  [GAVEL, parseGavelJobs],
  [GAVEL, parseGavelSpeeds],
];
/** A file of a few lines is read in some microseconds more than a word. */
const COST = 2;

function feed(next: Next): void {
  const [seed, read] = pick(next, READERS);
  const outcome = read(mutateText(next, seed));
  if (outcome.ok || (outcome.message !== "" && outcome.hint !== "")) return;
  throw new Error("Broken: a refusal has a message and a hint");
}

/** The target of all trace readers. */
export const traceTarget: Target = { name: "traces", cost: COST, feed };
