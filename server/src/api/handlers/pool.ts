// The pool at a glance, projects and the statement.
import { ok } from "@tequio/core/pool";
import { poolView, projectViews } from "../../views/pool.ts";
import { statementView } from "../../views/usage.ts";
import type { Handlers } from "../table.ts";

export const poolHandlers: Handlers<"getPool" | "listProjects" | "createProject" | "getUsage"> = {
  getPool: ({ context }) => ok(poolView(context.pump.state, context.version, context.now())),
  listProjects: ({ context }) => ok({ rows: projectViews(context.pump.state, context.now()) }),
  async createProject({ context, body }) {
    const { name, shares } = body;
    const parent = body.parent ?? null;
    const set = await context.pump.submit({ type: "setProject", name, parent, shares });
    if (!set.ok) return set;
    const rows = projectViews(context.pump.state, context.now());
    return ok(rows.find((row) => row.name === name)!);
  },
  getUsage: ({ context, query }) => statementView(context.pump.state, query, context.now()),
};
