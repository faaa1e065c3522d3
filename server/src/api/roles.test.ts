// Proves docs/reference/roles.md: every request is sent with the token of every role, for what is
// its own, for what is in its scope and for what is outside, and is refused exactly where the
// page's table says so. Further: no token, and every kind of bad one.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ENDPOINTS, type Endpoint, type EndpointName, STREAM_ENDPOINTS } from "@tequio/contract";
import { type JobSpec, ROLE_NAMES, ROLES, type Role } from "@tequio/core/pool";
import { openMemoryStore } from "@tequio/stores/memory";
import { makeSite } from "../testing/agent.ts";
import { addUser, type TestUser } from "../testing/people.ts";
import { good, startServer, type TestServer, until } from "../testing/setup.ts";

const PAGE = join(import.meta.dirname, "../../../docs/reference/roles.md");
const PLACES = ["own", "scope", "outside"] as const;
type Place = (typeof PLACES)[number];
type Cell = "all" | "scope" | "own" | "no";

/** The page's table of requests: request -> role -> cell. */
function promised(): Map<string, Map<string, Cell>> {
  const text = readFileSync(PAGE, "utf8");
  const lines = text.slice(text.indexOf("## Requests")).split("\n");
  const cells = (line: string): string[] =>
    line
      .split("|")
      .slice(1, -1)
      .map((one) => one.trim());
  const rows = lines.filter((line) => line.startsWith("|")).map(cells);
  const [, , ...roles] = rows[0]!;
  return new Map(
    rows
      .slice(2)
      .map(([request, , ...reaches]) => [
        request!.replaceAll("`", ""),
        new Map(roles.map((role, i) => [role, reaches[i] as Cell])),
      ]),
  );
}

interface World {
  readonly server: TestServer;
  readonly role: Role;
  readonly user: TestUser;
  readonly other: TestUser;
  /** Ids of a job and of a run at each place. */
  readonly jobs: Readonly<Record<Place, string>>;
  readonly runs: Readonly<Record<Place, string>>;
  readonly tokens: Readonly<Record<Place, string>>;
}

const spec = (user: string, project: string, run: boolean): JobSpec => ({
  ...{ name: "job", project, user, priority: 1, preemptible: false, walltimeMs: 60_000 },
  groups: [
    {
      ...{ name: "main", count: 1, command: ["work"], env: {} },
      resources: { accelerators: 1, milliCpu: 1, memoryMiB: 1 },
    },
  ],
  constraints: { members: ["ours"], excludeMembers: [], labels: {} },
  ...{ dependencies: [], requeue: true },
  ...(run ? { run: RUN } : {}),
});

const RUN: NonNullable<JobSpec["run"]> = {
  model: { vocab: 256, context: 16, width: 16, layers: 1, heads: 1 },
  ...{ corpus: "sotu", seed: 1, stop: { rounds: 1 }, innerSteps: 1, referenceBatch: 8 },
  ...{ maxBatch: 8, learningRate: 0.001, warmUpSteps: 0 },
};

async function submitted(server: TestServer, job: JobSpec): Promise<string> {
  const { pump } = server.server;
  const taken = good(await pump.submit({ type: "submit", spec: job, array: null, key: null }));
  return (taken as { jobId: string }).jobId;
}

/** A job or run at each place; whoever speaks for a member finds that its machines served it. */
async function places(
  { server, role, user, other }: Pick<World, "server" | "role" | "user" | "other">,
  leases: Readonly<Record<"ours" | "theirs", string>>,
  run: boolean,
): Promise<Record<Place, string>> {
  const make = async (owner: TestUser, at: "ours" | "theirs"): Promise<string> => {
    const id = await submitted(server, spec(owner.userId, at, run));
    if (ROLES[role].scope === "member") {
      server.server.pump.state.jobs.get(id)!.leaseIds.push(leases[at]);
    }
    return id;
  };
  const [own, scope] = [await make(user, "ours"), await make(other, "ours")];
  return { own, scope, outside: await make(other, "theirs") };
}

/** A request of an endpoint for something at a place. What is not named here goes out empty. */
const REQUESTS: Partial<
  Record<
    EndpointName,
    (world: World, at: Place) => { readonly id?: string; readonly body?: object }
  >
> = {
  inviteMember: (_, at) => ({ body: { name: nameAt(at) } }),
  changeMember: (_, at) => ({ id: nameAt(at), body: { action: "resume" } }),
  setOffer: (_, at) => ({ id: nameAt(at), body: { offer: {} } }),
  resetOffer: (_, at) => ({ id: nameAt(at) }),
  planMaintenance: (_, at) => ({ body: { member: nameAt(at), fromMs: 0, toMs: 1 } }),
  cancelMaintenance: (_, at) => ({ id: `w-${nameAt(at)}` }),
  createProject: (_, at) => ({ body: { name: `new-${at}`, parent: nameAt(at) } }),
  changeProject: (_, at) => ({ id: `new-${at}`, body: {} }),
  submitJob: (_, at) => ({ body: { shell: "true", project: nameAt(at) } }),
  getJob: ({ jobs }, at) => ({ id: jobs[at] }),
  cancelJob: ({ jobs }, at) => ({ id: jobs[at] }),
  checkpointJob: ({ jobs }, at) => ({ id: jobs[at] }),
  whyJob: ({ jobs }, at) => ({ id: jobs[at] }),
  readLog: ({ jobs }, at) => ({ id: jobs[at] }),
  getRun: ({ runs }, at) => ({ id: runs[at] }),
  changeRun: ({ runs }, at) => ({ id: runs[at], body: { action: "pause" } }),
  sampleRun: ({ runs }, at) => ({ id: runs[at], body: {} }),
  forkRun: ({ runs }, at) => ({ id: runs[at], body: {} }),
  getLineage: ({ runs }, at) => ({ id: runs[at] }),
  planRun: (_, at) => ({ body: { run: { stop: { rounds: 1 } }, project: nameAt(at) } }),
  createToken: ({ user, other }, at) => ({
    body: { label: "new", user: at === "own" ? user.name : other.name },
  }),
  revokeToken: ({ tokens }, at) => ({ id: tokens[at] }),
  endSession: ({ tokens }, at) => ({ id: tokens[at] }),
  endSessions: ({ user, other }, at) => ({ body: { user: (at === "own" ? user : other).name } }),
  getUser: ({ other }) => ({ id: other.name }),
  setUser: ({ other }) => ({ id: other.name, body: {} }),
  changeUser: ({ other }) => ({ id: other.name, body: { action: "enable" } }),
  grantRole: ({ role, other }, at) => ({ id: other.name, body: grantAt(role, at) }),
  revokeRole: ({ role, other }, at) => ({ id: other.name, body: grantAt(role, at) }),
};

const nameAt = (at: Place): string => (at === "outside" ? "theirs" : "ours");
const grantAt = (role: Role, at: Place) =>
  role === "member-admin"
    ? { role: "member-admin", scope: nameAt(at) }
    : { role: "researcher", scope: nameAt(at) };

/** Endpoints of lists and of the whole pool: there is no place to be outside of. */
const isPlaced = (name: EndpointName): boolean => REQUESTS[name] !== undefined;

async function send(world: World, name: EndpointName, at: Place, token: string | null) {
  const { method, path }: Endpoint = ENDPOINTS[name];
  const { id = "1", body } = REQUESTS[name]?.(world, at) ?? {};
  const sends = method !== "GET" && method !== "DELETE";
  const reply = await world.server.http(path.replace(/:\w+/, id), {
    ...{ method, token },
    ...(sends
      ? { body: JSON.stringify(body ?? {}), headers: { "content-type": "application/json" } }
      : {}),
  });
  const text = await reply.text();
  return { status: reply.status, code: (JSON.parse(text) as { code?: string }).code ?? "", text };
}

const allowed = (cell: Cell, at: Place): boolean =>
  cell === "all" || (cell === "scope" && at !== "outside") || (cell === "own" && at === "own");

async function start(t: TestContext): Promise<{
  readonly server: TestServer;
  readonly leases: Readonly<Record<"ours" | "theirs", string>>;
}> {
  const server = await startServer(t, good(await openMemoryStore()));
  const leases: Record<string, string> = {};
  for (const name of ["ours", "theirs"]) {
    good(await server.client.call("createProject", { body: { name } }));
    const { agent } = await makeSite(t, server, name);
    const body = { shell: "true", members: [name] };
    const { id } = good(await server.client.call("submitJob", { body }));
    leases[name] = (await agent.order(id)).leaseId;
  }
  return { server, leases: leases as Record<"ours" | "theirs", string> };
}

async function worldOf(
  { server, leases }: Awaited<ReturnType<typeof start>>,
  role: Role,
): Promise<World> {
  const scope = ROLES[role].scope === "none" ? "" : ":ours";
  const user = await addUser(server, `r-${role}`, role + scope);
  const other = await addUser(server, `o-${role}`);
  const own = good(await user.client.call("createToken", { body: { label: "own" } })).tokenId;
  const base = { server, role, user, other };
  for (const name of ["ours", "theirs"]) {
    const window = { windowId: `w-${name}`, siteId: null, reason: "" };
    const [fromMs, toMs] = [
      server.server.pump.state.nowMs + 1e9,
      server.server.pump.state.nowMs + 2e9,
    ];
    const input = { type: "planMaintenance", name, ...window, fromMs, toMs } as const;
    good(await server.server.pump.submit(input));
  }
  return {
    ...base,
    jobs: await places(base, leases, false),
    runs: await places(base, leases, true),
    tokens: { own, scope: other.tokenId, outside: other.tokenId },
  };
}

test("every role may send exactly the requests that the reference promises it", async (t) => {
  const page = promised();
  const pool = await start(t);
  const names = Object.keys(ENDPOINTS) as EndpointName[];
  let asked = 0;
  for (const role of ROLE_NAMES) {
    const world = await worldOf(pool, role);
    for (const name of names) {
      const { method, path, callers }: Endpoint = ENDPOINTS[name];
      if (callers.includes("anyone")) continue;
      const cell = callers.includes("person") ? page.get(`${method} ${path}`)?.get(role) : "no";
      assert.ok(cell !== undefined, `${method} ${path} is on the page`);
      const at = isPlaced(name) ? PLACES : (["own"] as const);
      for (const place of at) {
        const { status, text } = await send(world, name, place, world.user.token);
        const wanted: boolean = isPlaced(name) ? allowed(cell, place) : cell !== "no";
        assert.equal(status !== 403, wanted, `${role} ${name} ${place} (${cell}): ${text}`);
        assert.notEqual(status, 401, `${role} ${name}`);
        assert.ok(status < 500, `${role} ${name}: ${text}`);
        asked += 1;
      }
    }
  }
  assert.ok(asked > names.length * ROLE_NAMES.length, "places were asked for, too");
});

const NOTHING = `sha256:${"0".repeat(64)}`;

test("streams and blobs keep to the table, too", async (t) => {
  const page = promised();
  const pool = await start(t);
  for (const role of [...ROLE_NAMES, undefined]) {
    const scoped = role !== undefined && ROLES[role].scope !== "none" ? `${role}:ours` : role;
    const user = await addUser(pool.server, `s-${role ?? "none"}`, scoped);
    for (const { method, path, callers } of STREAM_ENDPOINTS) {
      if (!(callers as readonly string[]).includes("person")) continue;
      const cell = role === undefined ? "no" : page.get(`${method} ${path}`)!.get(role)!;
      const abort = new AbortController();
      const reply = await pool.server.http(path.replace(":digest", NOTHING), {
        ...{ method, token: user.token, signal: abort.signal },
        ...(method === "PUT" ? { body: "x" } : {}),
      });
      abort.abort();
      // The bytes belong to no run: whoever reads only those of its runs does not get them.
      const bounded = cell === "scope" && method === "GET" && path.includes(":digest");
      assert.equal(reply.status === 403, cell === "no" || bounded, `${role} ${method} ${path}`);
      assert.notEqual(reply.status, 401);
    }
  }
});

test("without a good token nothing answers but joining, health and the reference", async (t) => {
  let skew = 0;
  const store = good(await openMemoryStore());
  const server = await startServer(t, store, { now: () => 1_700_000_000_000 + skew });
  const expired = good(
    await server.client.call("createToken", { body: { label: "x", expiresInMs: 1 } }),
  );
  const revoked = good(await server.client.call("createToken", { body: { label: "y" } }));
  good(await server.client.call("revokeToken", { params: { name: revoked.tokenId } }));
  skew = 10;
  const disabled = await addUser(server, "gone", "operator");
  const off = { params: { name: "gone" }, body: { action: "disable" as const } };
  good(await server.client.call("changeUser", off));
  const { agent } = await makeSite(t, server, "ours");
  const { siteToken } = await agent.nth("welcome");
  good(await server.client.call("submitJob", { body: { shell: "true" } }));
  const task = (await agent.order("1")).start!.taskToken;
  await until("the token's end", async () => {
    const reply = await server.http("/v1/me", { token: expired.token });
    return reply.status === 401;
  });
  const bad: readonly (readonly [string | null, number, string])[] = [
    [null, 401, "UNAUTHENTICATED"],
    ["tq_unknown", 401, "UNAUTHENTICATED"],
    [expired.token, 401, "TOKEN_EXPIRED"],
    [revoked.token, 401, "TOKEN_REVOKED"],
    [disabled.token, 401, "TOKEN_REVOKED"],
    [siteToken, 403, "FORBIDDEN"],
    [task, 403, "FORBIDDEN"],
  ];
  const rows = [...Object.values<Endpoint>(ENDPOINTS), ...STREAM_ENDPOINTS];
  let asked = 0;
  for (const { method, path, callers } of rows) {
    const kinds: readonly string[] = callers;
    if (path === "/v1/gateway") continue; // Its agents sign a challenge; see gateway.test.ts.
    for (const [token, status, code] of bad) {
      if (token === siteToken && kinds.includes("site")) continue;
      if (token === task && kinds.includes("task")) continue;
      // Wrong tokens are rationed by address: every request here comes from one of its own.
      asked += 1;
      const headers = { "x-forwarded-for": `10.0.${asked >> 8}.${asked & 255}` };
      const reply = await server.http(path.replace(/:\w+/, "1"), { method, token, headers });
      if (kinds.includes("anyone")) {
        assert.notEqual(reply.status, 401, `${method} ${path}`);
        await reply.body?.cancel();
        continue;
      }
      assert.equal(reply.status, status, `${method} ${path} with ${code}`);
      // Programs for OpenAI's API are answered in its own shape; see serving.test.ts.
      if (method === "HEAD" || path.startsWith("/openai/")) continue;
      assert.equal(((await reply.json()) as { code: string }).code, code, `${method} ${path}`);
    }
  }
});

test("a token that was cut down does what it was given and nothing else", async (t) => {
  const pool = await start(t);
  const { server } = pool;
  const base = await worldOf(pool, "operator");
  const user = await addUser(server, "narrow", "operator", ["jobs.read"]);
  const world = { ...base, user };
  for (const name of Object.keys(ENDPOINTS) as EndpointName[]) {
    const { callers, permission }: Endpoint = ENDPOINTS[name];
    if (!callers.includes("person")) continue;
    const { status, text } = await send(world, name, "scope", user.token);
    const wanted = permission === "jobs.read" || permission === "self.read";
    assert.equal(status !== 403, wanted, `${name}: ${text}`);
  }
});
