// The verbs that only speak to a pool. The composition root adds those that need concrete parts.
import type { Verb } from "./verb.ts";

export const GROUPS = {
  START: "Start something:",
  RUN: "Run things:",
  WATCH: "See what happens:",
  POOL: "Look after the pool:",
} as const;

export const POOL_VERBS: readonly Verb[] = [
  {
    name: "submit",
    summary: "Submit a job, an array or a training",
    group: GROUPS.RUN,
    takesDashes: true,
    load: () => import("./verbs/submit.ts"),
  },
  {
    name: "plan",
    summary: "Say what a training would take: time, bytes, cost",
    group: GROUPS.RUN,
    load: () => import("./verbs/plan.ts"),
  },
  {
    name: "cancel",
    summary: "Cancel jobs",
    group: GROUPS.RUN,
    load: () => import("./verbs/cancel.ts"),
  },
  {
    name: "checkpoint",
    summary: "Say that a job's work so far is safe",
    group: GROUPS.RUN,
    load: () => import("./verbs/checkpoint.ts"),
  },
  {
    name: "jobs",
    summary: "List jobs, newest first",
    group: GROUPS.WATCH,
    load: () => import("./verbs/jobs.ts"),
  },
  {
    name: "job",
    summary: "Show one job with its leases",
    group: GROUPS.WATCH,
    load: () => import("./verbs/job.ts"),
  },
  {
    name: "logs",
    summary: "Print what a job wrote, -f to follow",
    group: GROUPS.WATCH,
    load: () => import("./verbs/logs.ts"),
  },
  {
    name: "why",
    summary: "Say why a job waits, or runs where it runs",
    group: GROUPS.WATCH,
    load: () => import("./verbs/why.ts"),
  },
  {
    name: "runs",
    summary: "List spanning trainings",
    group: GROUPS.WATCH,
    load: () => import("./verbs/runs.ts"),
  },
  {
    name: "run",
    summary: "Watch, pause, resume, stop, sample, fork or export a training",
    group: GROUPS.WATCH,
    load: () => import("./verbs/run.ts"),
  },
  {
    name: "lineage",
    summary: "Check a model's signed lineage, offline",
    group: GROUPS.WATCH,
    load: () => import("./verbs/lineage.ts"),
  },
  {
    name: "usage",
    summary: "The statement: who used what, what is owed",
    group: GROUPS.WATCH,
    load: () => import("./verbs/usage.ts"),
  },
  {
    name: "books",
    summary: "The months of the books and their totals",
    group: GROUPS.WATCH,
    load: () => import("./verbs/books.ts"),
  },
  {
    name: "pool",
    summary: "The pool at a glance",
    group: GROUPS.POOL,
    load: () => import("./verbs/pool.ts"),
  },
  {
    name: "member",
    summary: "Invite, list, drain, recall members",
    group: GROUPS.POOL,
    load: () => import("./verbs/member.ts"),
  },
  {
    name: "offer",
    summary: "Show and set what a member lends, and its terms",
    group: GROUPS.POOL,
    load: () => import("./verbs/offer.ts"),
  },
  {
    name: "maintenance",
    summary: "Plan, list and cancel maintenance windows",
    group: GROUPS.POOL,
    load: () => import("./verbs/maintenance.ts"),
  },
  {
    name: "reservation",
    summary: "Keep capacity for a project or a user in a time window",
    group: GROUPS.POOL,
    load: () => import("./verbs/reservation.ts"),
  },
  {
    name: "project",
    summary: "List and create projects",
    group: GROUPS.POOL,
    load: () => import("./verbs/project.ts"),
  },
  {
    name: "user",
    summary: "List, make, disable and enable users",
    group: GROUPS.POOL,
    load: () => import("./verbs/user.ts"),
  },
  {
    name: "role",
    summary: "Give users roles and take them back",
    group: GROUPS.POOL,
    load: () => import("./verbs/role.ts"),
  },
  {
    name: "whoami",
    summary: "Whose token this is, and what it may do",
    group: GROUPS.POOL,
    load: () => import("./verbs/whoami.ts"),
  },
  {
    name: "blobs",
    summary: "Show the blobs' amounts and quotas, remove unused ones",
    group: GROUPS.POOL,
    load: () => import("./verbs/blobs.ts"),
  },
  {
    name: "login",
    summary: "Sign in: with a code in a browser, or with a password",
    group: GROUPS.POOL,
    load: () => import("./verbs/login.ts"),
  },
  {
    name: "logout",
    summary: "End this command line's session",
    group: GROUPS.POOL,
    load: () => import("./verbs/logout.ts"),
  },
  {
    name: "session",
    summary: "List and end sessions",
    group: GROUPS.POOL,
    load: () => import("./verbs/session.ts"),
  },
  {
    name: "token",
    summary: "List, create and revoke API tokens",
    group: GROUPS.POOL,
    load: () => import("./verbs/token.ts"),
  },
];
