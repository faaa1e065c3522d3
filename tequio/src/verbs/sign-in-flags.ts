// The flags of `tequio up` that say how people sign in, and what follows from them. What they mean
// is in docs/guide/sign-in.md.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { badValue, type Command, Option } from "@tequio/cli";
import { LIMITS, type Outcome, ok, refuse } from "@tequio/core/pool";
import {
  type GroupRole,
  isLoopback,
  type OidcSettings,
  parseGroupRole,
  type SignInSettings,
} from "@tequio/server";

export interface SignInFlags {
  readonly oidcIssuer?: string;
  readonly oidcClientId?: string;
  readonly oidcClientSecretFile?: string;
  readonly oidcGroupsClaim: string;
  readonly oidcNameClaim?: string;
  readonly oidcRole: readonly GroupRole[];
  readonly oidcScope?: readonly string[];
  readonly oidcClockTolerance: number;
  readonly passwords: boolean;
  readonly onDisabledUser: "keep" | "cancel";
}

/** Beyond ten minutes the time of a token says nothing any more. */
const CLOCK_TOLERANCE_MAX_S = 600;

function groupRole(text: string, earlier: readonly GroupRole[]): readonly GroupRole[] {
  const parsed = parseGroupRole(text);
  if (!parsed.ok) throw badValue(parsed.hint);
  return [...earlier, parsed.value];
}

const words = (text: string): readonly string[] => text.split(/[\s,]+/).filter(Boolean);

function clockTolerance(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= 0) {
    if (value <= CLOCK_TOLERANCE_MAX_S) return value;
  }
  throw badValue(`Give whole seconds, up to ${CLOCK_TOLERANCE_MAX_S}.`);
}

/** Adds the flags. */
export const addSignInFlags = (command: Command): Command =>
  command
    .option("--oidc-issuer <url>", "Identity provider (OpenID Connect) that lets people in")
    .option("--oidc-client-id <id>", "The pool's client id at the provider")
    .option("--oidc-client-secret-file <file>", "File with its secret; absent: a public client")
    .option("--oidc-groups-claim <claim>", "Claim that lists a user's groups", "groups")
    .option("--oidc-name-claim <claim>", "Claim for the handle of a new user; absent: a random one")
    .option("--oidc-role <GROUP=role>", "Role of a group: GROUP=role[:SCOPE]", groupRole, [])
    .option("--oidc-scope <scopes>", "Scopes to ask for; absent: those that it offers", words)
    .option(
      "--oidc-clock-tolerance <s>",
      "Seconds by which the provider's clock may differ",
      clockTolerance,
      LIMITS.OIDC_CLOCK_TOLERANCE_S,
    )
    .option("--no-passwords", "Local users have passkeys only")
    .addOption(
      new Option("--on-disabled-user <what>", "What becomes of a disabled user's jobs")
        .choices(["keep", "cancel"])
        .default("keep"),
    );

/** How people sign in. Refuses USAGE for flags and files that make no sense. */
export function signInOf(flags: SignInFlags, cwd: string): Outcome<SignInSettings> {
  const { passwords, onDisabledUser, oidcIssuer } = flags;
  if (oidcIssuer === undefined) {
    const alone = flags.oidcClientId ?? flags.oidcClientSecretFile;
    if (alone === undefined && flags.oidcRole.length === 0) {
      return ok({ passwords, onDisabledUser });
    }
    const hint = "Give `--oidc-issuer URL`.";
    return refuse("USAGE", "The identity provider's address is missing.", hint);
  }
  const oidc = oidcOf(flags, oidcIssuer, cwd);
  return oidc.ok ? ok({ passwords, onDisabledUser, oidc: oidc.value }) : oidc;
}

function oidcOf(flags: SignInFlags, issuer: string, cwd: string): Outcome<OidcSettings> {
  const { oidcClientId, oidcClientSecretFile, oidcNameClaim, oidcScope } = flags;
  const url = URL.parse(issuer);
  if (url === null || (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url))))
    return refuse(
      "USAGE",
      `\`--oidc-issuer ${issuer}\` is not the address of a provider.`,
      "It starts with https://; http:// is for a provider on this machine.",
    );
  if (oidcClientId === undefined) {
    const hint = "Give `--oidc-client-id ID`, as the provider has it.";
    return refuse("USAGE", "The pool has no name at the identity provider.", hint);
  }
  const secret = secretOf(oidcClientSecretFile, cwd);
  if (!secret.ok) return secret;
  return ok({
    ...{ issuer, clientId: oidcClientId, groupsClaim: flags.oidcGroupsClaim },
    ...(secret.value === undefined ? {} : { clientSecret: secret.value }),
    ...(oidcNameClaim === undefined ? {} : { nameClaim: oidcNameClaim }),
    ...(oidcScope === undefined ? {} : { scopes: oidcScope }),
    ...{ clockToleranceS: flags.oidcClockTolerance, roles: flags.oidcRole },
  });
}

/** The secret in a file, without the line's end: on the command line all users would see it. */
function secretOf(file: string | undefined, cwd: string): Outcome<string | undefined> {
  if (file === undefined) return ok(undefined);
  try {
    const secret = readFileSync(resolve(cwd, file), "utf8").trim();
    if (secret !== "") return ok(secret);
    return refuse("USAGE", `${file} is empty.`, "Put the client's secret into it.");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const hint = "Give the path of a file that the control plane may read.";
    return refuse("USAGE", `\`--oidc-client-secret-file\` cannot be read (${why}).`, hint);
  }
}
