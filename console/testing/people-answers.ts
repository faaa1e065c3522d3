// What the fake pool answers about people, how they sign in, and offers.
import type { CallReply, OfferView, UserView } from "@tequio/contract";
import { OfferWire } from "@tequio/contract";
import { makeSessions, makeTokens, makeUsers, whoamiOf } from "./people.ts";
import { type Answers, found, Refused } from "./refused.ts";

type Window = CallReply<"listMaintenance">["rows"][number];
type Account = CallReply<"getAccount">;

function userAnswers(users: UserView[]): Answers {
  const of = (name: unknown) => {
    return found(
      users.find((user) => user.name === name),
      `The user ${name}`,
    );
  };
  const put = (user: UserView): UserView => {
    users.splice(
      users.findIndex(({ name }) => name === user.name),
      1,
      user,
    );
    return user;
  };
  return {
    whoami: ({ caller }) => whoamiOf(caller, users),
    listUsers: ({ query }) => {
      const { search = "", role, scope } = query;
      const rows = users.filter(
        (user) =>
          user.name.includes(String(search)) &&
          ((role === undefined && scope === undefined) ||
            user.roles.some(
              (one) =>
                (role === undefined || one.role === role) &&
                (scope === undefined || one.scope === scope),
            )),
      );
      return { rows };
    },
    getUser: ({ params }) => of(params.name),
    setUser: ({ params }) => {
      const name = params.name ?? "";
      const known = users.find((user) => user.name === name);
      if (known !== undefined) return known;
      const made = { ...users[2]!, userId: `u-${name}`, name, createdAtMs: Date.now() };
      users.push(made);
      return made;
    },
    changeUser: ({ params, body }) => ({
      user: put({ ...of(params.name), disabled: body.action === "disable" }),
      cancelled: [],
    }),
    grantRole: ({ params, body }) => {
      const grant = { ...body, byGroup: false } as unknown as UserView["roles"][number];
      const user = of(params.name);
      return put({ ...user, roles: [...user.roles, grant] });
    },
    revokeRole: ({ params, body }) => {
      const user = of(params.name);
      const left = user.roles.filter(
        ({ role, scope }) => role !== body.role || scope !== body.scope,
      );
      return put({ ...user, roles: left });
    },
    inviteUser: ({ params, url }) => ({
      user: params.name ?? "",
      url: `${url}/#/invite/one-time`,
      expiresAtMs: Date.now() + 3 * 86_400_000,
    }),
  };
}

function tokenAnswers(nowMs: number): Answers {
  const tokens = makeTokens(nowMs);
  const sessions = makeSessions(nowMs);
  return {
    listTokens: ({ query }) => ({ rows: tokens.filter(({ user }) => user === query.user) }),
    createToken: ({ body, caller }) => {
      const token = {
        ...{ tokenId: `t${tokens.length}`, label: String(body.label), kind: "api" as const },
        ...{ user: String(body.user ?? caller), createdAtMs: Date.now(), revoked: false },
        ...(body.scopes === undefined ? {} : { scopes: body.scopes as string[] }),
      };
      tokens.push(token);
      return { ...token, token: "tq_3vXq9sTn0eVkq1Wc7mZ5uA" };
    },
    revokeToken: ({ params }) => {
      const at = tokens.findIndex(({ tokenId }) => tokenId === params.name);
      const revoked = { ...found(tokens[at], "The token"), revoked: true };
      tokens[at] = revoked;
      return revoked;
    },
    listSessions: ({ query }) => ({ rows: sessions.filter(({ user }) => user === query.user) }),
    endSession: ({ params }) => {
      const at = sessions.findIndex(({ sessionId }) => sessionId === params.id);
      return { ended: sessions.splice(at, 1).map(({ sessionId }) => sessionId) };
    },
    endSessions: () => ({ ended: sessions.splice(1).map(({ sessionId }) => sessionId) }),
  };
}

function accountAnswers(nowMs: number): Answers {
  let account: Account = {
    ...{ user: "ana", origin: "local", hasPassword: true },
    passwordChangedAtMs: nowMs - 86_400_000,
    passkeys: [
      {
        ...{ passkeyId: "p1", name: "blue key", createdAtMs: nowMs - 864_000_000 },
        ...{ lastUsedMs: nowMs - 3_600_000, synced: false },
      },
    ],
  };
  return {
    getSignIn: () => ({
      oidc: { name: "Universidad de Oaxaca", path: "/v1/sign-in/oidc" },
      ...{ password: true, passkey: true, passwordCharsMin: 15 },
    }),
    signInPassword: () => {
      const hint = "Check both, or ask the operator for a new sign-in link.";
      throw new Refused(401, "SIGN_IN_FAILED", "Name or password is wrong.", hint);
    },
    readInvite: ({ body }) => {
      if (body.invite === "one-time") {
        return { user: "cy", expiresAtMs: nowMs + 86_400_000, again: false };
      }
      const hint = "Ask the operator of the pool for a new one.";
      throw new Refused(403, "INVITE_INVALID", "The link was used or is too old.", hint);
    },
    getAccount: () => account,
    getUserSignIn: () => account,
    setPassword: () => account,
    renamePasskey: ({ body }) => {
      account = { ...account, passkeys: [{ ...account.passkeys[0]!, name: String(body.name) }] };
      return account;
    },
    removePasskey: () => {
      account = { ...account, passkeys: [] };
      return account;
    },
    readDevice: ({ body }) => ({
      ...{ userCode: String(body.userCode), agent: "tequio/0.1.0 linux", address: "10.0.0.7" },
      ...{ startedAtMs: nowMs, approved: false },
    }),
    approveDevice: ({ body }) => ({
      ...{ userCode: String(body.userCode), agent: "tequio/0.1.0 linux", address: "10.0.0.7" },
      ...{ startedAtMs: nowMs, approved: true },
    }),
  };
}

const START: unknown = {
  devices: [{ model: "H100", count: 12 }],
  hours: { zone: "America/Mexico_City", windows: ["Mon-Fri 18:00-08:00", "Sat-Sun"] },
  tenants: { allow: [], refuse: ["games"] },
  labels: { network: "infiniband" },
  prices: { gpu: 2_500_000, models: [] },
  recallGraceMs: 120_000,
  ownProjects: ["climate"],
  caps: { walltimeMs: 43_200_000 },
};

function offerAnswers(nowMs: number): Answers {
  let view: OfferView = {
    ...{ member: "aurora", version: 3, changedBy: "ana", changedAtMs: nowMs - 86_400_000 },
    ...{ offer: OfferWire.parse(START), open: true, openUntilMs: nowMs + 7_200_000 },
    ...{ accelerators: 16, acceleratorsLent: 12, recalledDevices: [] },
  };
  const windows: Window[] = [];
  return {
    listOffers: ({ params }) => ({ rows: [{ ...view, member: params.name ?? "" }] }),
    setOffer: ({ body }) => {
      if (body.ifVersion !== view.version) {
        const hint = "Open it again: somebody else has changed it.";
        throw new Refused(409, "WRONG_STATE", "The offer is another by now.", hint);
      }
      view = { ...view, version: view.version + 1, offer: OfferWire.parse(body.offer) };
      return view;
    },
    resetOffer: () => {
      view = { ...view, version: view.version + 1, offer: OfferWire.parse({}) };
      return view;
    },
    listReservations: () => ({ rows: [] }),
    listMaintenance: () => ({ rows: windows }),
    planMaintenance: ({ body }) => {
      const window = { ...body, id: `w${windows.length}`, state: "planned" } as unknown as Window;
      windows.push(window);
      return window;
    },
    cancelMaintenance: ({ params }) => {
      windows.pop();
      return { id: params.id ?? "" };
    },
  };
}

/** All of them, over one set of users. */
export const peopleAnswers = (nowMs: number): Answers => ({
  ...userAnswers(makeUsers(nowMs)),
  ...tokenAnswers(nowMs),
  ...accountAnswers(nowMs),
  ...offerAnswers(nowMs),
});
