// Certificates that clients show (mutual TLS). The handshake takes whatever is shown, so that here
// a code and a hint can be answered instead of a broken connection. It leaves keys of sites to the
// gateway: a certificate is a second proof beside them, never instead of them.
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { SiteCertificate } from "@tequio/core/controller";
import { type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { FastifyInstance } from "fastify";
import { sendProblem } from "./api/problem.ts";
import type { Context } from "./context.ts";

/** Whom the pool asks for a certificate. */
export interface TlsClients {
  /** PEM: the authorities whose certificates are good. */
  readonly ca: string;
  /** `agents`: to join and on the gateway; `all`: for every request but those named below. */
  readonly who: "agents" | "all";
  /** `match`: an agent's certificate has to name its site or its member. */
  readonly names: "any" | "match";
}

/** Subjects and names are told to people and kept in the journal; no honest one is longer. */
const NAME_CHARS_MAX = 256;
/** As above: how many names are kept. */
const NAMES_MAX = 16;

const HINT = "Give the agent --tls-cert and --tls-key; commands take TEQUIO_TLS_CERT and _KEY.";

/** The certificate that was shown on a connection, if it is a good one. Refuses
 * CERTIFICATE_REQUIRED, CERTIFICATE_EXPIRED and CERTIFICATE_UNTRUSTED. */
export function certificateOf(socket: Socket, nowMs: number): Outcome<SiteCertificate> {
  const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (shown === undefined || !(socket instanceof TLSSocket)) {
    return refuse("CERTIFICATE_REQUIRED", "No certificate was shown.", HINT);
  }
  const subject = oneLine(shown.subject);
  const [fromMs, validToMs] = [Date.parse(shown.validFrom), Date.parse(shown.validTo)];
  // Also when the handshake was long ago: a resumed session repeats what was found then.
  if (nowMs > validToMs || nowMs < fromMs) {
    const when = nowMs > validToMs ? `ended at ${shown.validTo}` : `begins at ${shown.validFrom}`;
    const hint = "Renew it; an agent reads its files again each time it dials.";
    return refuse("CERTIFICATE_EXPIRED", `The certificate of ${subject} ${when}.`, hint);
  }
  if (!socket.authorized) {
    const why = String(socket.authorizationError ?? "unknown");
    const hint = "Show one that an authority of the pool's --tls-client-ca has signed for clients.";
    return refuse("CERTIFICATE_UNTRUSTED", `${subject} is not believed (${why}).`, hint);
  }
  const fingerprint = shown.fingerprint256.replaceAll(":", "").toLowerCase();
  const names = namesOf(shown.subject, shown.subjectAltName);
  return ok({ subject, names, fingerprint, validToMs });
}

/** Why this certificate is not the site's; undefined when it is. */
export function refuseMismatch(
  { names, subject }: SiteCertificate,
  { siteId, member }: { readonly siteId: string; readonly member: string },
): Refusal | undefined {
  const wanted = [siteId, member].map((name) => name.toLowerCase());
  if (names.some((name) => wanted.includes(name.toLowerCase()))) return undefined;
  const message = `The certificate of ${subject} is not for ${siteId} of ${member}.`;
  const hint = `Have one issued with the common name or DNS name ${member} or ${siteId}.`;
  return refuse("CERTIFICATE_MISMATCH", message, hint);
}

/** The most telling part first, as people write it. */
const oneLine = (subject: string | undefined): string =>
  (subject ?? "").split("\n").reverse().join(",").slice(0, NAME_CHARS_MAX) || "(no subject)";

/** The common name and the alternative names of kinds that name machines. */
function namesOf(subject: string | undefined, alternative: string | undefined): readonly string[] {
  const common = /^CN=(.+)$/m.exec(subject ?? "")?.[1];
  // With a quote in it, some entry has a comma, as no name of ours has: nothing is read from it.
  const others = alternative?.includes('"') ? [] : (alternative ?? "").split(", ");
  const named = others.flatMap((one) => /^(?:DNS|URI|IP Address):(.+)$/.exec(one)?.[1] ?? []);
  const all = [...new Set([...(common === undefined ? [] : [common]), ...named])];
  return all.map((name) => name.slice(0, NAME_CHARS_MAX)).slice(0, NAMES_MAX);
}

/** For monitors on the machine, which may know nothing else. */
const HEALTH: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);
const BEARER = /^Bearer +(\S+)$/i;

/** Refuses requests of whoever has to show a certificate and shows no good one. */
export function registerTlsClients(
  app: FastifyInstance,
  { tlsClients: clients, signer, now }: Context,
): void {
  if (clients === undefined) return;
  // Tokens that only a site gets, for its tasks and its link, over a connection that has shown a
  // certificate: tasks have none of their own.
  const isSites = (header: string | undefined): boolean =>
    signer.read(BEARER.exec(header ?? "")?.[1] ?? "") !== undefined;
  app.addHook("onRequest", (request, reply, done) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const asked =
      clients.who === "all"
        ? !HEALTH.has(path) && !isSites(request.headers.authorization)
        : path === "/v1/join";
    const shown = asked ? certificateOf(request.raw.socket, now()) : undefined;
    if (shown === undefined || shown.ok) done();
    else sendProblem(request, reply, shown);
  });
}
