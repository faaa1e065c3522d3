// What went wrong at an identity provider, as a refusal that its operator can act on. What the
// provider says is shown in one clipped line; codes, tokens and secrets are never repeated.
import { type Refusal, refuse } from "@tequio/core/pool";

/** Characters of what a provider says; some send whole pages. */
const SAID_CHARS_MAX = 120;

/** Errors of a certificate, as Node's TLS names them. */
const CERTIFICATE = /^(CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT|ERR_SSL|HOSTNAME_MISMATCH)/;

interface Loose {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly error?: unknown;
  readonly error_description?: unknown;
  readonly claim?: unknown;
}

/** An error with those that caused it, the nearest first. */
function causes(error: unknown): readonly Loose[] {
  const found: Loose[] = [];
  let at: unknown = error;
  // Causes go a few levels deep: library, protocol, fetch, socket.
  while (typeof at === "object" && at !== null && found.length < 8) {
    found.push(at);
    at = (at as Loose).cause;
  }
  return found;
}

const clip = (text: unknown): string =>
  String(text)
    .replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, " ")
    .slice(0, SAID_CHARS_MAX);

/** For a provider whose clock is wrong; `what` says how. */
export const clockSkew = (issuer: string, what: string): Refusal =>
  refuse(
    "OIDC_CLOCK_SKEW",
    `The clocks of ${issuer} and of the pool do not agree: ${what}.`,
    "Set both by NTP; or let the pool take more with `--oidc-clock-tolerance SECONDS`.",
  );

/** For an answer that is not what it has to be. */
export const invalid = (issuer: string, why: string): Refusal =>
  refuse(
    "OIDC_INVALID",
    `The answer of ${issuer} cannot be trusted: ${why}.`,
    "Check --oidc-issuer and --oidc-client-id against the provider's settings.",
  );

/** The code of an OAuth error answer, e.g. `authorization_pending`; undefined for other errors. */
export function oauthError(error: unknown): string | undefined {
  const { code, error: said } = error as Loose;
  const answered =
    code === "OAUTH_RESPONSE_BODY_ERROR" || code === "OAUTH_AUTHORIZATION_RESPONSE_ERROR";
  return answered && typeof said === "string" ? said : undefined;
}

/** The refusal for an error of the protocol's library. Throws what is a bug of ours. */
export function oidcTrouble(error: unknown, issuer: string): Refusal {
  const chain = causes(error);
  const said = oauthError(error);
  if (said !== undefined) return answered(said, chain[0]!, issuer);
  const codes = chain.map(({ code }) => (typeof code === "string" ? code : ""));
  if (codes[0] === "OAUTH_WWW_AUTHENTICATE_CHALLENGE") {
    return answered(challengeError(chain[0]!), {}, issuer);
  }
  const certificate = codes.find((code) => CERTIFICATE.test(code));
  if (certificate !== undefined) {
    const message = `The certificate of ${issuer} is not good (${certificate}).`;
    const hint = "Renew it, or name its authority in NODE_EXTRA_CA_CERTS.";
    return refuse("OIDC_UNREACHABLE", message, hint);
  }
  if (codes.includes("OAUTH_JWT_TIMESTAMP_CHECK_FAILED")) {
    const claim = chain.find((one) => one.claim !== undefined)?.claim ?? "time";
    return clockSkew(issuer, `the sign-in's \`${clip(claim)}\` is not of this moment`);
  }
  if (codes.includes("OAUTH_TIMEOUT")) return unreachable(issuer, "no answer in time");
  // A page in the place of the document: an error of the server, or another program.
  const page = ["OAUTH_RESPONSE_IS_NOT_CONFORM", "OAUTH_RESPONSE_IS_NOT_JSON", "OAUTH_PARSE_ERROR"];
  if (codes.some((code) => page.includes(code))) {
    return unreachable(issuer, "its answer is not the one of an OpenID provider");
  }
  const socket = codes.find((code) => /^(E[A-Z]{3,}|UND_ERR)/.test(code));
  if (socket !== undefined) return unreachable(issuer, socket);
  if (chain.some((one) => one instanceof TypeError && one.message === "fetch failed")) {
    return unreachable(issuer, "it cannot be reached");
  }
  if (codes.some((code) => code.startsWith("OAUTH_"))) {
    return invalid(issuer, clip(chain[0]?.message).replace(/\.$/, ""));
  }
  throw error;
}

/** The `error` of a challenge; providers send `invalid_client` so when the secret is wrong. */
function challengeError({ cause }: Loose): string {
  const [first] = Array.isArray(cause) ? (cause as readonly Loose[]) : [];
  const { parameters } = (first ?? {}) as { readonly parameters?: Loose };
  return typeof parameters?.error === "string" ? parameters.error : "invalid_client";
}

const unreachable = (issuer: string, why: string): Refusal =>
  refuse(
    "OIDC_UNREACHABLE",
    `The identity provider at ${issuer} does not answer (${why}).`,
    "Look after the provider; whoever is signed in stays so, and the operator's token works.",
  );

function answered(code: string, { error_description }: Loose, issuer: string): Refusal {
  const words = error_description === undefined ? "" : `: ${clip(error_description)}`;
  const message = `${issuer} answered \`${clip(code)}\`${words}.`;
  switch (code) {
    case "access_denied":
      return refuse("OIDC_REFUSED", message, "Sign in there as somebody who may, and agree.");
    case "invalid_grant":
      return refuse("SIGN_IN_STALE", message, "Begin again.");
    case "expired_token":
      return refuse("SIGN_IN_STALE", message, "The code's time is over: begin again.");
    case "invalid_client":
    case "unauthorized_client":
    case "unsupported_grant_type":
      return refuse("OIDC_REFUSED", message, "Check client id, secret and its allowed flows.");
    case "server_error":
    case "temporarily_unavailable":
      return refuse("OIDC_UNREACHABLE", message, "Try again in a minute.");
    default:
      return refuse("OIDC_REFUSED", message, "Look at the log of the provider.");
  }
}
