// Cookies: the one of a session, and the short-lived one that binds a sign-in at the provider to
// the browser in which it began. No script can read them, and no other site's page sends them,
// except when it leads the browser here (SameSite=Lax).
import type { FastifyRequest } from "fastify";

/** `__Host-`: browsers take it only over TLS, for this host alone and for all of it. */
const SECURE_PREFIX = "__Host-";
export type CookieName = "tequio-session" | "tequio-sign-in";

type Head = Pick<FastifyRequest, "headers" | "protocol" | "host">;
/** What is known of the pool's own address. */
interface Own {
  readonly publicUrl: string | undefined;
}

const nameFor = (name: CookieName, secure: boolean): string =>
  secure ? SECURE_PREFIX + name : name;

/** True when the browser speaks TLS: to us, to a proxy on this machine, or to one before the
 * public address, wherever that proxy is. */
function isSecure({ publicUrl }: Own, { protocol, host }: Omit<Head, "headers">): boolean {
  if (protocol === "https") return true;
  const url = publicUrl === undefined ? null : URL.parse(publicUrl);
  return url?.protocol === "https:" && url.host === host;
}

/** Value of a cookie of a request. */
export function cookieOf(own: Own, request: Head, name: CookieName): string | undefined {
  const wanted = `${nameFor(name, isSecure(own, request))}=`;
  for (const part of (request.headers.cookie ?? "").split(";")) {
    const pair = part.trim();
    if (pair.startsWith(wanted)) return pair.slice(wanted.length);
  }
  return undefined;
}

/** A `Set-Cookie` line. `maxAgeMs` 0 removes the cookie. */
export function cookieLine(
  own: Own,
  request: Omit<Head, "headers">,
  name: CookieName,
  value: string,
  maxAgeMs: number,
): string {
  const secure = isSecure(own, request);
  const age = Math.floor(maxAgeMs / 1_000);
  const line = `${nameFor(name, secure)}=${value}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax`;
  return secure ? `${line}; Secure` : line;
}

/** Tokens of sessions begin so; an API token in a cookie is none of ours. */
export const SESSION_PREFIX = "tqs_";

/** True when a request is known by nothing but its cookie. */
export const byCookie = (own: Own, request: Head): boolean =>
  request.headers.authorization === undefined &&
  (cookieOf(own, request, "tequio-session")?.startsWith(SESSION_PREFIX) ?? false);

/** What a request shows of its caller, in the form of an `Authorization` header. */
export const credentialOf = (own: Own, request: Head): string | undefined =>
  byCookie(own, request)
    ? `Bearer ${cookieOf(own, request, "tequio-session")}`
    : request.headers.authorization;
