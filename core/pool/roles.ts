// Who may do what: the permissions, the roles, and the one table between them. Everything that
// asks "may they?" ends here; docs/reference/roles.md is made from this file. It knows nothing of
// users, tokens or requests: see core/controller/people.ts.

/** What can be permitted, each with what it lets somebody do. */
export const PERMISSIONS = {
  "self.read": "see who they are and what the roles are",
  "sign-in.own": "change how they sign in: their password and their passkeys",
  "tokens.own": "make, list and revoke tokens of their own",
  "tokens.read": "list everybody's tokens, without the secrets",
  "tokens.manage": "make and revoke tokens for others",
  "users.read": "list users with their roles",
  "users.manage": "create, rename, disable and enable users",
  "roles.manage": "grant and revoke roles, as far as the role may give them",
  "pool.read": "see the pool at a glance, and the live stream of what they may see",
  "pool.change": "change how the pool orders its queue",
  "members.read": "list members with their sites and machines",
  "members.invite": "make a join token",
  "members.change": "drain, recall and resume a member",
  "offers.change": "set what a member lends and its terms, and plan its maintenance",
  "projects.read": "list projects with shares and use",
  "projects.change": "create projects, and change their shares and caps",
  "jobs.read": "list jobs and see why they wait",
  "jobs.submit": "submit jobs and runs",
  "jobs.cancel": "cancel jobs and runs",
  "logs.read": "read what jobs wrote, and the values of their environment",
  "runs.read": "watch runs",
  "runs.change": "pause, resume and stop runs",
  "runs.sample": "let a run's newest model write",
  "usage.read": "read statements",
  "blobs.read": "fetch models and other blobs of the runs that they may watch",
  "blobs.write": "put blobs",
  "blobs.manage": "see how many blobs there are, and remove unused ones",
  "metrics.read": "read the metrics",
} as const;
export type Permission = keyof typeof PERMISSIONS;
/** Every permission, in the order of the reference. */
export const PERMISSION_NAMES = Object.keys(PERMISSIONS) as readonly Permission[];

/** True for the name of a permission. */
export const isPermission = (text: string): text is Permission => Object.hasOwn(PERMISSIONS, text);

/**
 * How far a permission of a role reaches: over the whole pool, over the member or project that the
 * grant names (a project with those under it), or over the holder's own things in there.
 */
export type Reach = "all" | "scope" | "own";

/** What a grant of the role names: nothing, a member or a project. */
export type ScopeKind = "none" | "member" | "project";

export const ROLE_NAMES = [
  "operator",
  "member-admin",
  "compliance-officer",
  "programme-manager",
  "project-lead",
  "researcher",
  "auditor",
] as const;
export type Role = (typeof ROLE_NAMES)[number];

export interface RoleRow {
  readonly about: string;
  readonly scope: ScopeKind;
  readonly may: Readonly<Partial<Record<Permission, Reach>>>;
  /** Roles that it may grant and revoke, as far as its `roles.manage` reaches. */
  readonly gives: readonly Role[];
}

/** One role to one person. */
export interface RoleGrant {
  readonly role: Role;
  /** Name of a member or a project, as the role asks; null for roles over the whole pool. */
  readonly scope: string | null;
}

/** What every user may do who is not disabled, with no role at all. */
export const BASE_PERMISSIONS: readonly Permission[] = ["self.read", "sign-in.own", "tokens.own"];

/** Those who check others read everything, and that is all that they do. */
const READ_ALL = {
  "tokens.read": "all",
  "users.read": "all",
  "pool.read": "all",
  "members.read": "all",
  "projects.read": "all",
  "jobs.read": "all",
  "logs.read": "all",
  "runs.read": "all",
  "usage.read": "all",
  "blobs.read": "all",
  "metrics.read": "all",
} as const satisfies RoleRow["may"];

const everything = Object.fromEntries(
  PERMISSION_NAMES.map((permission) => [permission, "all"]),
) as Record<Permission, Reach>;

const OF_PROJECTS: readonly Role[] = ["project-lead", "researcher"];

export const ROLES: Readonly<Record<Role, RoleRow>> = {
  operator: {
    about: "Runs the pool: may do everything.",
    scope: "none",
    may: everything,
    gives: ROLE_NAMES,
  },
  "member-admin": {
    about: "Speaks for one member: its sites, its people, what it lends and what it earns.",
    scope: "member",
    may: {
      "pool.read": "all",
      "users.read": "all",
      "roles.manage": "scope",
      "members.read": "all",
      "members.invite": "scope",
      "members.change": "scope",
      "offers.change": "scope",
      "projects.read": "all",
      "jobs.read": "scope",
      "runs.read": "scope",
      "usage.read": "scope",
    },
    gives: ["member-admin"],
  },
  "compliance-officer": {
    about: "Watches over what is trained and for whom: reads everything.",
    scope: "none",
    may: READ_ALL,
    gives: [],
  },
  "programme-manager": {
    about: "Looks after the portfolio: the projects, their shares and their people.",
    scope: "none",
    may: {
      "pool.read": "all",
      "users.read": "all",
      "roles.manage": "all",
      "members.read": "all",
      "projects.read": "all",
      "projects.change": "all",
      "jobs.read": "all",
      "runs.read": "all",
      "usage.read": "all",
    },
    gives: OF_PROJECTS,
  },
  "project-lead": {
    about: "Leads one project and those under it: its jobs, its people, its sub-projects.",
    scope: "project",
    may: {
      "pool.read": "all",
      "users.read": "all",
      "roles.manage": "scope",
      "members.read": "all",
      "projects.read": "scope",
      "projects.change": "scope",
      "jobs.read": "scope",
      "jobs.submit": "scope",
      "jobs.cancel": "scope",
      "logs.read": "scope",
      "runs.read": "scope",
      "runs.change": "scope",
      "runs.sample": "scope",
      "usage.read": "scope",
      "blobs.read": "scope",
      "blobs.write": "scope",
    },
    gives: OF_PROJECTS,
  },
  researcher: {
    about: "Works in one project and those under it: submits, and changes what is its own.",
    scope: "project",
    may: {
      "pool.read": "all",
      "members.read": "all",
      "projects.read": "scope",
      "jobs.read": "scope",
      "jobs.submit": "scope",
      "jobs.cancel": "own",
      "logs.read": "scope",
      "runs.read": "scope",
      "runs.change": "own",
      "runs.sample": "scope",
      "usage.read": "scope",
      "blobs.read": "scope",
      "blobs.write": "scope",
    },
    gives: [],
  },
  auditor: {
    about: "Checks the pool from outside: reads everything, changes nothing.",
    scope: "none",
    may: READ_ALL,
    gives: [],
  },
};

/** True for the name of a role. */
export const isRole = (text: string): text is Role => Object.hasOwn(ROLES, text);

/** `researcher of speech`, `auditor`: a grant as people say it. */
export const grantText = ({ role, scope }: RoleGrant): string =>
  scope === null ? role : `${role} of ${scope}`;

/** The roles that hold a permission at all, with its reach, for refusals and the reference. */
export const rolesWith = (permission: Permission): readonly Role[] =>
  ROLE_NAMES.filter((role) => ROLES[role].may[permission] !== undefined);

/** True when both grants are the same. */
export const sameGrant = (a: RoleGrant, b: RoleGrant): boolean =>
  a.role === b.role && a.scope === b.scope;
