// The identity provider: what it offers, where a browser is sent, and whom its answers are about.
// The protocol is openid-client's, loaded when the first sign-in comes; a provider that is down
// keeps nobody from starting the pool. What becomes of a claim is decided in provider-user.ts.
import { LIMITS, type Outcome, ok, type Refusal, refuse } from "@tequio/core/pool";
import type { Configuration } from "openid-client";
import { clockSkew, invalid, oauthError, oidcTrouble } from "./oidc-trouble.ts";
import type { OidcSettings } from "./settings.ts";

const MS_PER_S = 1_000;
/** A provider's codes need this much of a break at least, whatever it says (RFC 8628, 3.5). */
const POLL_MS = 5_000;
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
/** Asked for where the provider offers them; `openid` always. */
const SCOPES = ["email", "profile", "groups"];

/** Whom the provider has let in. */
export interface Claims {
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | null;
  readonly displayName: string | null;
  /** Null: it has no such claim. */
  readonly groups: readonly string[] | null;
  /** What the name claim says, if one was asked for. */
  readonly handle: string | null;
}

/** What has to be the same when the browser comes back. */
export interface OidcFlow {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
}

export interface DeviceGrant {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUrl: string;
  readonly completeUrl: string | undefined;
  readonly expiresInMs: number;
  readonly intervalMs: number;
}

const load = () => import("openid-client");
type Library = Awaited<ReturnType<typeof load>>;

interface Ready {
  readonly oidc: Library;
  readonly config: Configuration;
}

/** Plain HTTP is for a provider on this machine: anybody between could sign in as anyone. */
export const isLoopback = ({ hostname }: URL): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127\./.test(hostname);

export class Provider {
  readonly #settings: OidcSettings;
  readonly #now: () => number;
  #ready: { readonly value: Ready; readonly atMs: number } | undefined;
  #failed: { readonly refusal: Refusal; readonly atMs: number } | undefined;
  #asking: Promise<Outcome<Ready>> | undefined;

  /** `now`: the pool's clock, ms since 1970. */
  constructor(settings: OidcSettings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
  }

  get issuer(): string {
    return this.#settings.issuer;
  }

  /** Where the browser goes, and what is to be remembered. Refuses OIDC_UNREACHABLE. */
  async begin(
    redirectUri: string,
  ): Promise<Outcome<{ readonly url: URL; readonly flow: OidcFlow }>> {
    const ready = await this.#open();
    if (!ready.ok) return ready;
    const { oidc, config } = ready.value;
    const verifier = oidc.randomPKCECodeVerifier();
    const flow = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier, redirectUri };
    const url = oidc.buildAuthorizationUrl(config, {
      ...{ redirect_uri: redirectUri, scope: this.#scope(config) },
      ...{ state: flow.state, nonce: flow.nonce },
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    return ok({ url, flow });
  }

  /** Whom the browser brings back; `query`: of the address under which it came. */
  async finish(flow: OidcFlow, query: string): Promise<Outcome<Claims>> {
    return this.#ask(async ({ oidc, config }) => {
      const tokens = await oidc.authorizationCodeGrant(
        config,
        new URL(`${flow.redirectUri}?${query}`),
        {
          ...{ pkceCodeVerifier: flow.verifier, expectedState: flow.state },
          ...{ expectedNonce: flow.nonce, idTokenExpected: true },
        },
      );
      return this.#claimsOf({ oidc, config }, tokens.claims(), tokens.access_token);
    });
  }

  /** Asks for a device's code (RFC 8628). Refuses SIGN_IN_OFF where the provider has none. */
  async beginDevice(): Promise<Outcome<DeviceGrant>> {
    return this.#ask(async ({ oidc, config }) => {
      if (config.serverMetadata().device_authorization_endpoint === undefined) {
        const message = `${this.issuer} has no sign-in for devices.`;
        return refuse("SIGN_IN_OFF", message, "Sign in with a browser.");
      }
      const begun = await oidc.initiateDeviceAuthorization(config, { scope: this.#scope(config) });
      return ok({
        deviceCode: begun.device_code,
        userCode: begun.user_code,
        verificationUrl: begun.verification_uri,
        completeUrl: begun.verification_uri_complete,
        expiresInMs: begun.expires_in * MS_PER_S,
        intervalMs: Math.max(POLL_MS, (begun.interval ?? 0) * MS_PER_S),
      });
    });
  }

  /** Whom the provider has let in on a device; undefined: nobody yet; `slower`: ask less often. */
  async pollDevice(deviceCode: string): Promise<Outcome<Claims | "waiting" | "slower">> {
    return this.#ask<Claims | "waiting" | "slower">(async ({ oidc, config }) => {
      try {
        const grant = { device_code: deviceCode };
        const tokens = await oidc.genericGrantRequest(config, DEVICE_GRANT, grant);
        return await this.#claimsOf({ oidc, config }, tokens.claims(), tokens.access_token);
      } catch (error) {
        const said = oauthError(error);
        if (said === "authorization_pending") return ok("waiting");
        if (said === "slow_down") return ok("slower");
        throw error;
      }
    });
  }

  async #ask<T>(work: (ready: Ready) => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const ready = await this.#open();
    if (!ready.ok) return ready;
    try {
      return await work(ready.value);
    } catch (error) {
      return oidcTrouble(error, this.issuer);
    }
  }

  #scope(config: Configuration): string {
    const { scopes } = this.#settings;
    if (scopes !== undefined) return ["openid", ...scopes].join(" ");
    const offered = config.serverMetadata().scopes_supported ?? [];
    return ["openid", ...SCOPES.filter((scope) => offered.includes(scope))].join(" ");
  }

  /** What the provider says of itself, asked for when it is needed and not too often. */
  async #open(): Promise<Outcome<Ready>> {
    const now = this.#now();
    const known = this.#ready;
    if (known !== undefined && now - known.atMs < LIMITS.OIDC_DISCOVERY_MS) return ok(known.value);
    const failed = this.#failed;
    if (failed !== undefined && now - failed.atMs < LIMITS.OIDC_RETRY_MS) return failed.refusal;
    this.#asking ??= this.#discover().finally(() => {
      this.#asking = undefined;
    });
    const asked = await this.#asking;
    // What was known before is better than nothing: its keys are looked up anew anyway.
    return !asked.ok && known !== undefined ? ok(known.value) : asked;
  }

  async #discover(): Promise<Outcome<Ready>> {
    const oidc = await load();
    const { issuer, clientId, clientSecret, clockToleranceS } = this.#settings;
    const atMs = this.#now();
    try {
      const server = new URL(issuer);
      const plain = server.protocol === "http:" && isLoopback(server);
      const metadata = {
        // The pool's clock is the one that counts, also where the machine's was set back.
        [oidc.clockSkew]: Math.round((atMs - Date.now()) / MS_PER_S),
        [oidc.clockTolerance]: clockToleranceS,
      };
      const found = await oidc.discovery(server, clientId, metadata, oidc.None(), {
        timeout: LIMITS.OIDC_ANSWER_MS / MS_PER_S,
        execute: plain ? [oidc.allowInsecureRequests] : [],
      });
      const auth = authOf(oidc, found, clientSecret);
      const config = new oidc.Configuration(found.serverMetadata(), clientId, metadata, auth);
      config.timeout = LIMITS.OIDC_ANSWER_MS / MS_PER_S;
      if (plain) oidc.allowInsecureRequests(config);
      // Also check the signature, not only the connection over which the token came.
      oidc.enableNonRepudiationChecks(config);
      this.#failed = undefined;
      this.#ready = { value: { oidc, config }, atMs };
      return ok({ oidc, config });
    } catch (error) {
      const refusal = oidcTrouble(error, issuer);
      this.#failed = { refusal, atMs };
      return refusal;
    }
  }

  async #claimsOf(
    { oidc, config }: Ready,
    token: Readonly<Record<string, unknown>> | undefined,
    accessToken: string,
  ): Promise<Outcome<Claims>> {
    if (token === undefined) return invalid(this.issuer, "there is no id_token in it");
    const late = this.#refuseClock(token.iat);
    if (late !== undefined) return late;
    const subject = String(token.sub);
    const { groupsClaim, nameClaim } = this.#settings;
    let all = token;
    const wanted = [groupsClaim, "email", ...(nameClaim === undefined ? [] : [nameClaim])];
    const missing = wanted.some((claim) => token[claim] === undefined);
    if (missing && config.serverMetadata().userinfo_endpoint !== undefined) {
      all = { ...(await oidc.fetchUserInfo(config, accessToken, subject)), ...token };
    }
    return ok({
      ...{ issuer: this.issuer, subject },
      ...{ email: textOf(all.email), displayName: textOf(all.name) },
      groups: groupsOf(all[groupsClaim]),
      handle: nameClaim === undefined ? null : textOf(all[nameClaim]),
    });
  }

  /** A token is some seconds old when it comes: a clock that says otherwise is wrong. */
  #refuseClock(issuedAtS: unknown): Refusal | undefined {
    if (typeof issuedAtS !== "number") return invalid(this.issuer, "its token has no `iat`");
    const off = Math.round(issuedAtS - this.#now() / MS_PER_S);
    if (Math.abs(off) <= this.#settings.clockToleranceS) return undefined;
    const which = off > 0 ? "ahead of" : "behind";
    return clockSkew(this.issuer, `the provider's is ${Math.abs(off)} s ${which} the pool's`);
  }
}

/** How the pool proves itself: as the provider has it, plain `client_secret_basic` by default. */
function authOf(oidc: Library, found: Configuration, secret: string | undefined) {
  if (secret === undefined) return oidc.None();
  const ways = found.serverMetadata().token_endpoint_auth_methods_supported;
  const post = ways !== undefined && !ways.includes("client_secret_basic");
  return post ? oidc.ClientSecretPost(secret) : oidc.ClientSecretBasic(secret);
}

const textOf = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value.slice(0, 320) : null;

/** A list of groups, or one group alone; anything else is no such claim. */
function groupsOf(value: unknown): readonly string[] | null {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) return null;
  return value
    .filter((group): group is string => typeof group === "string")
    .slice(0, LIMITS.OIDC_GROUPS_MAX);
}
