// The flags of `tequio up` about blobs: where they lie, quotas and how long unused ones stay. What
// they mean is in docs/guide/blobs.md.
import { badValue, type Command } from "@tequio/cli";
import { parseDurationMs } from "@tequio/contract";
import type { BlobCareSettings } from "@tequio/server";
import type { BlobsPlace } from "../blobs-place.ts";
import { sizeMiB } from "./flags.ts";

export interface BlobFlags extends BlobsPlace {
  /** MiB. */
  readonly blobQuota?: number;
  readonly blobQuotaProject?: number;
  readonly blobQuotaRun?: number;
  readonly blobGrace?: number;
}

const MIB = 2 ** 20;

function grace(text: string): number {
  const value = parseDurationMs(text);
  if (value !== undefined && value > 0) return value;
  throw badValue("A time is `90m`, `24h` or `7d`.");
}

/** Adds the flags. */
export function addBlobFlags(command: Command): Command {
  return command
    .option(
      "--blobs <place>",
      "Bucket for the blobs, s3://BUCKET/PREFIX; remembered; `folder`: back",
    )
    .option("--blobs-endpoint <url>", "S3-compatible server of --blobs; default: AWS")
    .option("--blob-quota <size>", "Bytes of all blobs, e.g. 2T; default: 16T", sizeMiB)
    .option("--blob-quota-project <size>", "Bytes of one project's runs; default: 4T", sizeMiB)
    .option("--blob-quota-run <size>", "Bytes of one run; default: 1T", sizeMiB)
    .option("--blob-grace <time>", "Blobs that nothing names stay so long; default: 24h", grace);
}

/** What the flags set; what they do not name keeps its default. */
export function blobCareOf(flags: BlobFlags): BlobCareSettings {
  const { blobQuota, blobQuotaProject, blobQuotaRun, blobGrace } = flags;
  return {
    quotas: {
      ...(blobQuota === undefined ? {} : { poolBytes: blobQuota * MIB }),
      ...(blobQuotaProject === undefined ? {} : { projectBytes: blobQuotaProject * MIB }),
      ...(blobQuotaRun === undefined ? {} : { runBytes: blobQuotaRun * MIB }),
    },
    ...(blobGrace === undefined ? {} : { graceMs: blobGrace }),
  };
}
