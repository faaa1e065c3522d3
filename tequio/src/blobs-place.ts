// Blobs somewhere else than in the data folder: a bucket, as `tequio up --blobs` names it. Loads
// the client of S3 only for a pool that uses one.
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import type { Store } from "@tequio/stores";

export interface BlobsPlace {
  /** `s3://BUCKET/PREFIX`; absent: the data folder. */
  readonly blobs?: string;
  /** URL of the server; absent: AWS. */
  readonly blobsEndpoint?: string;
}

/** The store with its blobs at the place. Closes the store when the place cannot be opened. */
export async function withBlobsAt(store: Store, place: BlobsPlace): Promise<Outcome<Store>> {
  if (place.blobs === undefined && place.blobsEndpoint === undefined) return ok(store);
  const opened = await openBucket(place);
  if (opened.ok) return opened.value(store);
  await store.close();
  return opened;
}

async function openBucket(place: BlobsPlace): Promise<Outcome<(store: Store) => Outcome<Store>>> {
  if (place.blobs === undefined) {
    const hint = "Say `--blobs s3://BUCKET/PREFIX` too.";
    return refuse("USAGE", "`--blobs-endpoint` names a server and no bucket.", hint);
  }
  const { openS3Blobs, parseS3Place, withBlobs } = await import("@tequio/stores/s3");
  const parsed = parseS3Place(place.blobs);
  if (!parsed.ok) return parsed;
  const endpoint = place.blobsEndpoint;
  if (endpoint !== undefined && !isServer(endpoint)) {
    const hint = "Write `https://HOST` or `https://HOST:PORT`, without a name and password.";
    return refuse("USAGE", "`--blobs-endpoint` is not the URL of a server.", hint);
  }
  const blobs = await openS3Blobs({
    ...parsed.value,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  return blobs.ok ? ok((store) => ok(withBlobs(store, blobs.value))) : blobs;
}

/** True for the URL of a server that says nothing secret: command lines are seen by all. */
function isServer(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return false;
  return url.username === "" && url.password === "";
}
