// What the fake pool answers to each endpoint that the console calls.
import type { EndpointName, JobView, MemberView } from "@tequio/contract";
import { makeJobs, makeStatement, makeWhy } from "./jobs.ts";
import { makeMembers } from "./members.ts";
import { peopleAnswers } from "./people-answers.ts";
import { type Answers, found, type Input, Refused } from "./refused.ts";
import { makeRun } from "./runs.ts";

export interface World {
  readonly nowMs: number;
  seq: number;
  /** Rounds merged since the start. */
  rounds: number;
  paused: boolean;
  /** States that members were put into. */
  readonly changes: Map<string, MemberView["state"]>;
}

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly status: number; readonly problem: Record<string, string> };

const LOG_LINES = 120;
const logOf = (lines: number): string =>
  Array.from({ length: lines }, (_, i) => `step ${i} loss ${(5 * 0.985 ** i).toFixed(4)}\n`).join(
    "",
  );

function views(world: World): readonly JobView[] {
  return makeJobs(world.nowMs).map((job) => {
    const { command, env, constraints, resources, dependencies, ...rest } = job;
    const { preemptible, requeue, leases, ...view } = rest;
    return view;
  });
}

function members(world: World): MemberView[] {
  return makeMembers(world.nowMs).map((member) => ({
    ...member,
    state: world.changes.get(member.name) ?? member.state,
  }));
}

const isShown = (job: JobView, state: unknown): boolean => {
  if (state === "all") return true;
  if (state === "active") return job.state !== "queued" && job.state !== "ended";
  return job.state === state;
};

function memberAnswers(world: World): Answers {
  return {
    listMembers: () => ({ rows: members(world) }),
    getMember: ({ params }) => {
      const member = found(
        members(world).find(({ name }) => name === params.name),
        `The member ${params.name}`,
      );
      const nodes = member.sites.flatMap((site) =>
        site.nodes.map((node) => ({ ...node, site: site.siteId })),
      );
      return { ...member, sites: member.sites.map((site) => ({ ...site, nodes: [] })), nodes };
    },
    inviteMember: ({ body }) => {
      if (body.name === "aurora") {
        const hint = "Drain or recall it instead, or choose another name.";
        throw new Refused(409, "ALREADY_EXISTS", "aurora is a member already.", hint);
      }
      return {
        member: String(body.name),
        joinToken: "tqj1.eyJ1cmwiOiJodHRwOi8vMTAuMC4wLjE6ODQyMCJ9",
        expiresAtMs: world.nowMs + 604_800_000,
        command: "tequio join tqj1.eyJ1cmwiOiJodHRwOi8vMTAuMC4wLjE6ODQyMCJ9",
      };
    },
    changeMember: ({ params, body }) => {
      const next = { drain: "draining", recall: "recalled", resume: "active" } as const;
      const action = body.action as keyof typeof next;
      world.changes.set(params.name!, next[action]);
      return found(
        members(world).find((member) => member.name === params.name),
        `The member ${params.name}`,
      );
    },
  };
}

function poolAnswers(world: World): Answers {
  return {
    getPool: () => ({
      poolId: "pool-7f3a",
      name: "Valley of Oaxaca pool",
      version: "0.1.0",
      nowMs: Date.now(),
      seq: world.seq,
      members: 5,
      sitesHere: 3,
      accelerators: 29,
      acceleratorsFree: 13,
      jobsQueued: 1,
      jobsRunning: 2,
      jobsEnded: 69,
      ageing: { pointMs: 3_600_000, pointsMax: 1_000 },
      backfill: "easy",
      moves: false,
      runs: 1,
    }),
    listProjects: () => ({
      rows: ["default", "climate"].map((name, i) => ({
        name,
        parent: null,
        shares: i + 1,
        usage: 3_600_000 * (i + 1.5),
        credit: 0,
        jobsQueued: 1 - i,
        jobsRunning: 2 * i,
      })),
    }),
    createProject: ({ body }) => ({
      name: String(body.name),
      parent: null,
      shares: Number(body.shares),
      usage: 0,
      credit: 0,
      jobsQueued: 0,
      jobsRunning: 0,
    }),
    getUsage: ({ query }) => {
      const statement = makeStatement(world.nowMs);
      const lines = statement.lines.filter(
        (line) =>
          (query.member === undefined || line.member === query.member) &&
          (query.project === undefined || line.project === query.project),
      );
      return { ...statement, lines };
    },
  };
}

function jobAnswers(world: World): Answers {
  return {
    submitJob: ({ body }) => ({
      id: body.run === undefined ? "84" : "21",
      tasks: 1,
      state: "queued",
    }),
    listJobs: ({ query }) => {
      const from = Number(query.cursor ?? 0);
      const rows = views(world).filter(
        (job) =>
          isShown(job, query.state) &&
          (query.project === undefined || job.project === query.project) &&
          (query.member === undefined || job.members.includes(String(query.member))),
      );
      const end = from + Number(query.limit);
      const page = rows.slice(from, end);
      return end < rows.length ? { rows: page, nextCursor: String(end) } : { rows: page };
    },
    getJob: ({ params }) =>
      found(
        makeJobs(world.nowMs).find((job) => job.id === params.id),
        `The job ${params.id}`,
      ),
    cancelJob: () => {
      throw new Refused(409, "WRONG_STATE", "Job 84 has ended.", "There is nothing to cancel.");
    },
    whyJob: ({ params }) => {
      const job = makeJobs(world.nowMs).find((one) => one.id === params.id);
      return makeWhy(world.nowMs, found(job, `The job ${params.id}`));
    },
    readLog: async ({ query }) => {
      const bytes = Buffer.from(logOf(LOG_LINES + world.rounds));
      const offset = Number(query.offset);
      if (offset >= bytes.length) await new Promise((done) => setTimeout(done, 300));
      return {
        attempt: 2,
        task: Number(query.task),
        offset,
        nextOffset: bytes.length,
        data: bytes.subarray(offset).toString("base64"),
        ended: false,
        droppedBytes: 0,
      };
    },
  };
}

function runAnswers(world: World): Answers {
  const run = () => {
    const made = makeRun(world.nowMs, world.rounds);
    return world.paused ? { ...made, state: "paused" as const, reason: "Paused by maria." } : made;
  };
  const runView = () => {
    const { rounds: _, sites: __, ...view } = run();
    return view;
  };
  return {
    listRuns: () => ({ rows: [runView()] }),
    getRun: ({ params }) => found(params.id === "21" ? run() : undefined, `The run ${params.id}`),
    changeRun: ({ body }) => {
      world.paused = body.action === "pause";
      return runView();
    },
    sampleRun: ({ body }) => ({
      text: `${body.prompt}people of the United States have before them the great work of peace.`,
      round: run().round,
    }),
  };
}

/** Answers of a world; an endpoint that the console never calls is a fault of the test. */
export function makeAnswers(world: World) {
  const table: Answers = {
    ...poolAnswers(world),
    ...memberAnswers(world),
    ...jobAnswers(world),
    ...runAnswers(world),
    ...peopleAnswers(world.nowMs),
  };
  return async (name: EndpointName, input: Input): Promise<Answer<unknown>> => {
    const answer = table[name];
    if (answer === undefined) throw new Error(`The fake pool has no answer for ${name}`);
    try {
      return { ok: true, value: await answer(input) };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { status, code, message, hint } = error;
      return { ok: false, status, problem: { code, message, hint } };
    }
  };
}
