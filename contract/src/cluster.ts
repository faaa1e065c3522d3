// The cluster file of `tequio simulate`: members, their sites and nodes, as people write them down
// before there is a pool. Whether a model exists is asked of the catalogue, elsewhere.
import { z } from "zod";
import { Name, parseSizeMiB } from "./primitives.ts";

/** Nodes of one line of the file; a larger cluster takes several. */
const NODES_MAX = 20_000;
/** Accelerators of one node: the scheduler's tables have room for so many. */
const ACCELERATORS_MAX = 16;
const CORES_MAX = 4_096;
const PRICE_MAX = 1_000_000;

const Size = z.union([z.string(), z.number()]).transform((value, context) => {
  const mib = parseSizeMiB(String(value));
  if (mib !== undefined) return mib;
  context.addIssue({ code: "custom", message: "a size is `512G`, `1.5T` or a number of GiB" });
  return z.NEVER;
});

const Nodes = z.strictObject({
  /** Equal nodes. */
  count: z.number().int().min(1).max(NODES_MAX).default(1),
  /** Product of the catalogue or its first words, e.g. `H100 SXM5 80GB`, `H100`. */
  model: z.string().min(1).max(80).optional(),
  /** True for a model that the catalogue does not know. */
  unlisted: z.boolean().default(false),
  /** On each node. */
  accelerators: z.number().int().min(0).max(ACCELERATORS_MAX).default(0),
  /** Memory of one accelerator; absent: what the product's name tells. */
  acceleratorMemory: Size.optional(),
  cores: z.number().positive().max(CORES_MAX).default(64),
  /** Main memory. */
  memory: Size.default(1_048_576),
  labels: z.record(z.string().max(63), z.string().max(200)).default({}),
  /** Credits for an accelerator-hour. */
  price: z.number().min(0).max(PRICE_MAX).optional(),
});

const Site = z.strictObject({ name: Name, nodes: z.array(Nodes).min(1) });

/** One site a member may be written without its name: its nodes stand at the member. */
const Member = z
  .strictObject({
    name: Name,
    sites: z.array(Site).min(1).optional(),
    nodes: z.array(Nodes).min(1).optional(),
  })
  .refine(({ sites, nodes }) => (sites === undefined) !== (nodes === undefined), {
    message: "give either `sites` or `nodes`",
  });

export const ClusterFile = z.strictObject({ members: z.array(Member).min(1).max(1_000) });
export type ClusterFile = z.output<typeof ClusterFile>;
export type ClusterFileNodes = z.output<typeof Nodes>;
