// Blobs somewhere else than in the data folder: a bucket, as `tequio up --blobs` names it. Loads
// the client of S3 only for a pool that uses one.
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Store } from "@tequio/stores";
import type { S3Blobs } from "@tequio/stores/s3";

export interface BlobsPlace {
  /** `s3://BUCKET/PREFIX`; absent: the data folder. */
  readonly blobs?: string;
  /** URL of the server; absent: AWS. */
  readonly blobsEndpoint?: string;
}

/** The store with its blobs at the place. Closes the store when the place cannot be opened. */
export async function withBlobsAt(store: Store, place: BlobsPlace): Promise<Outcome<Store>> {
  const opened = await openBlobsAt(place);
  if (!opened.ok) {
    await store.close();
    return opened;
  }
  if (opened.value === undefined) return ok(store);
  const { withBlobs } = await import("@tequio/stores/s3");
  return ok(withBlobs(store, opened.value));
}

/** The bucket of the place; nothing when it names none. `flag` is how the user said it. */
export async function openBlobsAt(
  { blobs: text, blobsEndpoint: endpoint }: BlobsPlace,
  flag = "--blobs",
): Promise<Outcome<S3Blobs | undefined>> {
  if (text === undefined && endpoint === undefined) return ok(undefined);
  if (text === undefined) {
    const hint = `Say \`${flag} s3://BUCKET/PREFIX\` too.`;
    return refuse("USAGE", `\`${flag}-endpoint\` names a server and no bucket.`, hint);
  }
  const { openS3Blobs, parseS3Place } = await import("@tequio/stores/s3");
  const parsed = parseS3Place(text);
  if (!parsed.ok) return parsed;
  if (endpoint !== undefined && !isServer(endpoint)) {
    const hint = "Write `https://HOST` or `https://HOST:PORT`, without a name and password.";
    return refuse("USAGE", `\`${flag}-endpoint\` is not the URL of a server.`, hint);
  }
  return openS3Blobs({ ...parsed.value, ...(endpoint === undefined ? {} : { endpoint }) });
}

/** True for the URL of a server that says nothing secret: command lines are seen by all. */
function isServer(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return false;
  return url.username === "" && url.password === "";
}
