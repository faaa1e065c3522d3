// The blobs as a whole, for operators: amounts, quotas, and a pass on demand.
import { ok } from "@tequio/core/pool";
import type { Handlers } from "../table.ts";

export const blobStoreHandlers: Handlers<"getBlobStore" | "collectBlobs"> = {
  getBlobStore({ context }) {
    const { blobs, quotas, graceMs, last } = context.blobCare;
    const report = last();
    return ok({
      blobs: blobs.count(),
      bytes: blobs.bytes(),
      promisedBytes: [...blobs.promised.values()].reduce((sum, size) => sum + size, 0),
      poolBytesMax: quotas.poolBytes,
      projectBytesMax: quotas.projectBytes,
      runBytesMax: quotas.runBytes,
      graceMs,
      ...(report === undefined ? {} : { last: report }),
    });
  },
  // Whoever asked may leave: a pass that was begun does its work.
  collectBlobs: ({ context, body }) => context.blobCare.pass({ dryRun: body.dryRun }),
};
