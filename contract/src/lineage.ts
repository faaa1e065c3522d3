// The lineage of a model: who trained it, on what, from which other model; signed by the pool. The
// bytes that are signed are defined here, so that a card can be checked without any pool.
import { z } from "zod";
import { ModelWire } from "./job.ts";
import { Count, Digest, EpochMs } from "./primitives.ts";

/** Grows when a card says something in another way. */
export const LINEAGE_VERSION = 1;

/** What one owner has put into the model. Counts are of all rounds up to the card's. */
export const LineageOwner = z.strictObject({
  member: z.string(),
  rounds: Count,
  tokens: Count,
  /** Time in which its devices computed, ms. */
  computeMs: z.number(),
  bytesUp: Count,
  bytesDown: Count,
  /** Contributions that did not count, by the code of the reason. */
  refused: z.record(z.string(), Count),
});

export const Ancestor = z.strictObject({ runId: z.string(), round: Count, digest: Digest });

export const LineageCard = z.strictObject({
  version: z.literal(LINEAGE_VERSION),
  poolId: z.string(),
  pool: z.string(),
  runId: z.string(),
  name: z.string(),
  project: z.string(),
  /** The round after which the model was published; 0 may be the first model. */
  round: Count,
  /** Digest of the model: little-endian fp32 in the order of its layout. */
  digest: Digest,
  parameters: Count,
  model: ModelWire,
  /** `sotu`, or the path of the text; and how many windows it was cut into. */
  corpus: z.string(),
  windows: Count,
  seed: Count,
  tokens: Count,
  heldOutLoss: z.number().optional(),
  startedAtMs: EpochMs,
  madeAtMs: EpochMs,
  owners: z.array(LineageOwner),
  /** The models that it was forked from, the nearest first. */
  parents: z.array(Ancestor),
});
export type LineageCard = z.infer<typeof LineageCard>;

export const SignedLineage = z.strictObject({
  card: LineageCard,
  /** First 16 hexadecimal digits of the public key's SHA-256. */
  keyId: z.string().regex(/^[0-9a-f]{16}$/),
  /** Ed25519 public key, DER (SPKI) in base64. */
  publicKey: z.string().max(200),
  /** Ed25519 over `lineageBytes(card)`, in base64. */
  signature: z.string().max(200),
});
export type SignedLineage = z.infer<typeof SignedLineage>;

/** The bytes that are signed: a line that names the format, then JSON with sorted names. */
export const lineageBytes = (card: LineageCard): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(`tequio lineage ${card.version}\n${JSON.stringify(sorted(card))}`);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, one]) => [name, sorted(one)]));
}
