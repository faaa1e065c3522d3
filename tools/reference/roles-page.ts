// roles.md: what each role may do, permission by permission and request by request, from the table
// in core/pool/roles.ts and the permissions of the endpoints. A test of the server reads this page
// and asks a real control plane every question that it answers.
import { ENDPOINTS, type Endpoint, STREAM_ENDPOINTS } from "@tequio/contract";
import {
  BASE_PERMISSIONS,
  PERMISSION_NAMES,
  PERMISSIONS,
  type Permission,
  ROLE_NAMES,
  ROLES,
  type Role,
} from "@tequio/core/pool";
import { code, type Page, page, table, wrap } from "./markdown.ts";

const ROLES_FILE = "core/pool/roles.ts";

type Row = Pick<Endpoint, "path" | "callers" | "permission" | "forOthers"> & {
  readonly method: string;
};

const reachOf = (role: Role, permission: Permission): string =>
  BASE_PERMISSIONS.includes(permission) ? "own" : (ROLES[role].may[permission] ?? "no");

function cell(role: Role, { permission, forOthers }: Row): string {
  if (permission === null) return "no";
  const wider = forOthers === undefined ? "no" : reachOf(role, forOthers);
  return wider === "no" ? reachOf(role, permission) : wider;
}

function requestTable(): string {
  const rows: readonly Row[] = [...Object.values<Endpoint>(ENDPOINTS), ...STREAM_ENDPOINTS];
  return table(
    ["request", "permission", ...ROLE_NAMES],
    rows
      .filter(({ callers }) => callers.includes("person"))
      .map((row) => [
        code(`${row.method} ${row.path}`),
        [row.permission, row.forOthers].filter((one) => one != null).join(", "),
        ...ROLE_NAMES.map((role) => cell(role, row)),
      ]),
  );
}

function withoutToken(): string {
  const rows: readonly Row[] = [...Object.values<Endpoint>(ENDPOINTS), ...STREAM_ENDPOINTS];
  const open = rows.filter(({ callers }) => callers.includes("anyone"));
  return open.map(({ method, path }) => code(`${method} ${path}`)).join(", ");
}

/** roles.md: the roles, their permissions, and every request. */
export function rolesPage(): Page {
  return page(
    "roles.md",
    "Roles and permissions",
    [ROLES_FILE, "contract/src/endpoints.ts"],
    [
      wrap(
        "A user has roles; a role is over the whole pool, or over the member or project that the " +
          "grant names (`researcher:speech`). A role over a project reaches the projects under " +
          "it, too. Somebody with several roles may do what any of them allows. How to give " +
          "them: [people](../guide/people.md).",
      ),
      table(
        ["role", "over", "what for", "may give"],
        ROLE_NAMES.map((role) => {
          const { scope, about, gives } = ROLES[role];
          const over = scope === "none" ? "the pool" : `a ${scope}`;
          const given = gives.length === ROLE_NAMES.length ? "all roles" : gives.join(", ");
          return [code(role), over, about, given];
        }),
      ),
      "## Permissions",
      wrap(
        "`all`: over the whole pool. `scope`: over the member or project of the grant. `own`: " +
          "what is their own, within that scope. `no`: not at all. A token may be cut down to " +
          "some permissions (`tequio token create --scope`); it never does more than its user.",
      ),
      table(
        ["permission", "lets somebody", ...ROLE_NAMES],
        PERMISSION_NAMES.map((permission) => [
          code(permission),
          PERMISSIONS[permission],
          ...ROLE_NAMES.map((role) => reachOf(role, permission)),
        ]),
      ),
      "## Requests",
      wrap(
        "Where two permissions are named, everybody may do it with what is their own, and it " +
          "takes the second for what is others'. Lists show what the caller may see. A project " +
          "lead creates and changes projects under its own, not the project itself.",
      ),
      requestTable(),
      wrap(
        `Without a token these work, and the files of the console: ${withoutToken()}. An agent's ` +
          "token and a task's token are good for the requests that [the API](api.md) names for " +
          "them, and for no others.",
      ),
    ],
  );
}
