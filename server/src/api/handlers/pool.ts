// The pool at a glance, projects and the statement.
import { holdsForAll, permits } from "@tequio/core/controller";
import { ok, type Refusal, refuse } from "@tequio/core/pool";
import type { Context } from "../../context.ts";
import { booksView } from "../../views/books.ts";
import { poolView, projectViews } from "../../views/pool.ts";
import { statementView } from "../../views/usage.ts";
import type { Caller } from "../caller.ts";
import { refuseUnless, whoOf } from "../may.ts";
import { type Handlers, userOf } from "../table.ts";

export const poolHandlers: Handlers<
  | "getPool"
  | "changePool"
  | "listProjects"
  | "createProject"
  | "changeProject"
  | "getUsage"
  | "listBooks"
> = {
  getPool: ({ context }) => ok(poolView(context.pump.state, context.version, context.now())),
  async changePool({ context, caller, body }) {
    const { ageing, backfill, moves } = body;
    const set = await context.pump.submit({
      ...{ type: "setPool", by: userOf(caller) },
      ...(ageing === undefined ? {} : { ageing }),
      ...(backfill === undefined ? {} : { backfill }),
      ...(moves === undefined ? {} : { moves }),
    });
    if (!set.ok) return set;
    return ok(poolView(context.pump.state, context.version, context.now()));
  },
  listProjects({ context, caller }) {
    const { state } = context.pump;
    const who = whoOf(context, caller);
    const rows = projectViews(state, context.now());
    return ok({
      rows: rows.filter(({ name }) => permits(state, who, "projects.read", { project: name })),
    });
  },
  async createProject({ context, caller, body }) {
    const refused = refuseProject(context, caller, body.name, body.parent);
    if (refused !== undefined) return refused;
    const { name, shares } = body;
    const parent = body.parent ?? null;
    const set = await context.pump.submit({
      type: "setProject",
      name,
      parent,
      shares,
      by: userOf(caller),
    });
    if (!set.ok) return set;
    const rows = projectViews(context.pump.state, context.now());
    return ok(rows.find((row) => row.name === name)!);
  },
  async changeProject({ context, caller, params, body }) {
    const { name } = params;
    const known = context.pump.state.projects.get(name);
    const parent = body.parent === undefined ? known?.parent : body.parent;
    const refused = refuseProject(context, caller, name, parent ?? undefined);
    if (refused !== undefined) return refused;
    if (known === undefined) {
      const hint = "Create it first: `tequio project create`.";
      return refuse("PROJECT_UNKNOWN", `The project ${name} does not exist.`, hint, "name");
    }
    const set = await context.pump.submit({
      ...{ type: "setProject", name, by: userOf(caller) },
      ...(body.parent === undefined ? {} : { parent: body.parent }),
      ...(body.shares === undefined ? {} : { shares: body.shares }),
      ...(body.caps === undefined ? {} : { caps: body.caps }),
    });
    if (!set.ok) return set;
    const rows = projectViews(context.pump.state, context.now());
    return ok(rows.find((row) => row.name === name)!);
  },
  getUsage({ context, caller, query }) {
    const { state } = context.pump;
    const sees = seenLines(context, caller);
    return statementView(context.history, state, query, context.now(), sees);
  },
  listBooks({ context, caller }) {
    const { state } = context.pump;
    return ok({ rows: booksView(state, seenLines(context, caller) ?? (() => true)) });
  },
};

/** Which lines of the books the caller may see; undefined: all of them. */
function seenLines(
  context: Context,
  caller: Caller,
): ((line: { readonly member: string; readonly project: string }) => boolean) | undefined {
  const who = whoOf(context, caller);
  if (holdsForAll(who, "usage.read")) return undefined;
  const { state } = context.pump;
  return ({ member, project }) => permits(state, who, "usage.read", { member, project });
}

/**
 * Whoever may change a project's surroundings may put one there: its shares weigh against those of
 * its neighbours, so a lead changes what lies under its project, not the project itself.
 */
function refuseProject(
  context: Context,
  caller: Caller,
  name: string,
  parent: string | undefined,
): Refusal | undefined {
  const known = context.pump.state.projects.get(name);
  const above = known === undefined ? [parent] : [parent, known.parent ?? undefined];
  for (const project of above) {
    const target = project === undefined ? {} : { project };
    const refused = refuseUnless(context, caller, "projects.change", target);
    if (refused !== undefined) return refused;
  }
  return undefined;
}
