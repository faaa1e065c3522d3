// Users, sessions, tokens and ways to sign in of the fake pool: one of each kind, and a user by
// whose roles little is seen.
import type { CallReply, UserView, WhoamiView } from "@tequio/contract";
import { ROLES } from "@tequio/contract";

type Token = CallReply<"listTokens">["rows"][number];
type Session = CallReply<"listSessions">["rows"][number];

const DAY_MS = 86_400_000;

/** Who has which token: the machine's operator, a member's admin, a researcher, nobody's role. */
export const TOKENS: Readonly<Record<string, string>> = {
  "test-token": "admin",
  "ana-token": "ana",
  "bo-token": "bo",
  "cy-token": "cy",
};

function user(name: string, nowMs: number, changes: Partial<UserView>): UserView {
  return {
    ...{ userId: `u-${name}`, name, origin: "local", disabled: false },
    ...{ createdAtMs: nowMs - 20 * DAY_MS, roles: [] },
    ...changes,
  };
}

/** The users at the start. */
export const makeUsers = (nowMs: number): UserView[] => [
  user("ana", nowMs, { roles: [{ role: "member-admin", scope: "aurora", byGroup: false }] }),
  user("bo", nowMs, { roles: [{ role: "researcher", scope: "climate", byGroup: true }] }),
  user("cy", nowMs, { createdAtMs: nowMs - DAY_MS }),
  user("dora", nowMs, {
    origin: "oidc",
    roles: [
      { role: "project-lead", scope: "climate", byGroup: true },
      { role: "auditor", byGroup: false },
    ],
  }),
  user("emil", nowMs, { disabled: true }),
];

/** Who somebody is, with what the roles allow. */
export function whoamiOf(name: string, users: readonly UserView[]): WhoamiView {
  const found = users.find((one) => one.name === name);
  const roles = found?.roles ?? [{ role: "operator" as const, byGroup: false }];
  const reach = new Map<string, string>([
    ["self.read", "own"],
    ["tokens.own", "own"],
    ["sign-in.own", "own"],
  ]);
  for (const { role, scope } of roles) {
    for (const [permission, how] of Object.entries(ROLES[role].may)) {
      const where = how === "own" ? `own in ${scope}` : String(scope);
      reach.set(permission, how === "all" ? "all" : where);
    }
  }
  return {
    ...(found === undefined ? {} : { userId: found.userId }),
    name,
    roles: [...roles],
    permissions: [...reach].map(([permission, where]) => ({ permission, reach: where })),
    tokenId: "t1",
    tokenKind: found === undefined ? "api" : "session",
  };
}

/** API tokens at the start: a good one, one that has expired, a revoked one. */
export const makeTokens = (nowMs: number): Token[] => [
  {
    ...{ tokenId: "t4f0c5d2a9b1e", label: "ci", user: "ana", kind: "api", revoked: false },
    ...{ scopes: ["jobs.read", "jobs.submit"], createdAtMs: nowMs - 5 * DAY_MS },
    expiresAtMs: nowMs + 85 * DAY_MS,
  },
  {
    ...{ tokenId: "t0b77aa210c3d", label: "laptop", user: "ana", kind: "api", revoked: false },
    ...{ createdAtMs: nowMs - 40 * DAY_MS, expiresAtMs: nowMs - 10 * DAY_MS },
  },
  {
    ...{ tokenId: "t99aa00bb11cc", label: "old", user: "ana", kind: "api", revoked: true },
    createdAtMs: nowMs - 90 * DAY_MS,
  },
];

const LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";

/** Open sessions at the start. */
export function makeSessions(nowMs: number): Session[] {
  const one = (sessionId: string, agent: string, how: Session["how"], days: number): Session => ({
    ...{ sessionId, user: "ana", how, agent, current: sessionId === "s1" },
    createdAtMs: nowMs - days * DAY_MS,
    lastUsedMs: nowMs - days * 3_600_000,
    ...{ expiresAtMs: nowMs + 7 * DAY_MS, idleEndsAtMs: nowMs + DAY_MS },
  });
  return [one("s1", LINUX, "passkey", 0), one("s2", "tequio/0.1.0 linux", "device", 2)];
}
