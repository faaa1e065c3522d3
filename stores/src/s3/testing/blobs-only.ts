// A store whose blobs alone are used, for the suites of blobs: its journal is nobody's.
import { ok } from "@tequio/core/pool";
import { EMPTY_HEAD } from "../../chain.ts";
import type { Store } from "../../port.ts";
import { storeClosed } from "../../refusals.ts";
import type { S3Blobs } from "../blobs.ts";
import { withBlobs } from "../with-blobs.ts";

/** The blobs as part of a store. */
export function blobsOnly(opened: S3Blobs): Store {
  const rest = {
    info: { kind: "none", formatVersion: 1, verifiedAfterSeq: 0, tempFilesRemoved: 0 },
    journal: {
      append: async () => storeClosed(),
      read: async () => ok([]),
      head: () => EMPTY_HEAD,
      verify: async () => ok(EMPTY_HEAD),
    },
    snapshots: { put: async () => storeClosed(), latest: async () => ok(undefined) },
    blobs: opened.blobs,
    close: async () => {},
  };
  return withBlobs(rest, opened);
}
