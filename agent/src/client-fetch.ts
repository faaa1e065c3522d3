// `fetch` with a certificate of the client's own: Node's has no way to give one. It knows what the
// pool's client and the probes of a link use of it, and no more.
import { request } from "node:https";
import { Readable } from "node:stream";
import { readIdentity } from "./identity.ts";
import type { TlsFiles } from "./options.ts";

/** Statuses whose answers have no body, as `Response` demands. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** A `fetch` that shows the certificate in `files`, read anew for every request; for addresses
 * with https only. Rejects as `fetch` does, and when the files cannot be used. */
export function fetchShowing(files: TlsFiles): typeof fetch {
  const plain = globalThis.fetch; // The one before somebody puts this in its place.
  return async (input, init) => {
    const asked = new Request(input, { ...init, duplex: "half" } as RequestInit);
    if (!asked.url.startsWith("https:")) return plain(asked);
    const identity = readIdentity(files);
    if (!identity.ok) throw new Error(`${identity.code}: ${identity.message}`);
    const body = asked.body === null ? undefined : Buffer.from(await asked.arrayBuffer());
    const headers = {
      ...Object.fromEntries(asked.headers),
      ...(body === undefined ? {} : { "content-length": String(body.length) }),
    };
    return new Promise((done, fail) => {
      const { method, url, signal } = asked;
      const call = request(url, { method, headers, signal, ...identity.value }, (reply) => {
        const status = reply.statusCode ?? 500;
        const pairs = Object.entries(reply.headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value]),
        );
        if (BODILESS.has(status)) reply.resume();
        const stream = BODILESS.has(status) ? null : (Readable.toWeb(reply) as ReadableStream);
        done(new Response(stream, { status, headers: pairs }));
      });
      call.once("error", fail);
      call.end(body);
    });
  };
}
