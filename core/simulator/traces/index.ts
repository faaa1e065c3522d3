// Readers of public traces: text in, rows out, or the line that is broken.
export {
  type KindJob,
  parseGavelJobs,
  parseGavelSpeeds,
  type Speeds,
  speedKey,
} from "./gavel.ts";
export { type OwnerJob, type OwnerTrace, ownerTrace, parsePhilly } from "./philly.ts";
export { parseSwf, type SwfJob, type SwfTrace } from "./swf.ts";
