// One user: its roles, its tokens, and whether it may come in at all.
import type { UserView } from "@tequio/contract";
import { useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { ROLE_TEXTS, USER_TEXTS } from "../texts/people.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Badge, Choice, Empty, Moment, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { GrantRole, TakeRole } from "./grant-role.tsx";
import { InviteUserPanel } from "./invite-user.tsx";
import { stateOf } from "./people-page.tsx";
import { type Grant, mayGive, projectsAbove, type Who } from "./rights.ts";
import { SessionsPanel } from "./sessions.tsx";
import { TokensPanel } from "./tokens.tsx";
import { useHolds, useMay, useWho } from "./who.tsx";

/** The page behind `#/people/NAME`. */
export function UserPage(props: { readonly name: string }) {
  const call = useCall("getUser", { params: { name: props.name } });
  const mayManage = useMay("users.manage");
  const mayReadTokens = useMay("tokens.read");
  const mayMakeTokens = useMay("tokens.manage");
  const user = call.data;
  if (user === undefined) return <Waiting trouble={call.trouble} />;
  return (
    <>
      <div className="title">
        <h1>
          {user.name} <Badge state={stateOf(user)} />
        </h1>
        {mayManage && <UserActions user={user} />}
      </div>
      <TroubleNote trouble={call.trouble} />
      <p className="line muted">
        <span>
          {USER_TEXTS.origin} {USER_TEXTS[user.origin]}
        </span>
        <span>
          {USER_TEXTS.created} <Moment atMs={user.createdAtMs} />
        </span>
      </p>
      <RolesPanel user={user} />
      {mayManage && user.origin === "local" && <InviteUserPanel user={user.name} />}
      {mayReadTokens && <SessionsPanel user={user.name} own={false} mayEnd={mayMakeTokens} />}
      {mayReadTokens && <TokensPanel user={user.name} own={false} mayManage={mayMakeTokens} />}
    </>
  );
}

function roleColumns(
  user: string,
  who: Who,
  projects: Parameters<typeof projectsAbove>[0],
): readonly Column<Grant>[] {
  const above = ({ scope = "" }: Grant) => projectsAbove(projects, scope);
  return [
    { head: ROLE_TEXTS.role, cell: (grant) => <b>{grant.role}</b> },
    { head: ROLE_TEXTS.of, wide: true, cell: (grant) => grant.scope ?? "" },
    {
      head: ROLE_TEXTS.from,
      cell: (grant) => (grant.byGroup ? ROLE_TEXTS.byGroup : ROLE_TEXTS.byPool),
    },
    {
      head: ROLE_TEXTS.take,
      cell: (grant) =>
        mayGive(who, grant, above(grant)) ? <TakeRole user={user} grant={grant} /> : null,
    },
  ];
}

function RolesPanel(props: { readonly user: UserView }) {
  const { user } = props;
  const who = useWho();
  const projects = useCall("listProjects", {}, useHolds("projects.read")).data?.rows ?? [];
  return (
    <Panel title={USER_TEXTS.roles}>
      {user.roles.length === 0 ? (
        <Empty>{ROLE_TEXTS.none}</Empty>
      ) : (
        <Table
          caption={USER_TEXTS.roles}
          columns={roleColumns(user.name, who, projects)}
          rows={user.roles}
          rowKey={({ role, scope, byGroup }) => `${role} ${scope} ${byGroup}`}
        />
      )}
      <GrantRole user={user} />
    </Panel>
  );
}

type Jobs = "setting" | "keep" | "cancel";
const JOBS: readonly (readonly [Jobs, string])[] = [
  ["setting", USER_TEXTS.disable.setting],
  ["keep", USER_TEXTS.disable.keep],
  ["cancel", USER_TEXTS.disable.cancel],
];

function UserActions(props: { readonly user: UserView }) {
  const { name, disabled } = props.user;
  const who = useWho();
  const change = useAction("changeUser");
  const [jobs, setJobs] = useState<Jobs>("setting");
  const [cancelled, setCancelled] = useState<number>();
  const texts = disabled ? USER_TEXTS.enable : USER_TEXTS.disable;
  // Nobody locks itself out.
  if (who.name === name) return null;
  async function act(): Promise<boolean> {
    const rule = disabled || jobs === "setting" ? {} : { jobs };
    const body = { action: disabled ? ("enable" as const) : ("disable" as const), ...rule };
    const done = await change.run({ params: { name }, body });
    setCancelled(done?.cancelled.length);
    return done !== undefined;
  }
  return (
    <div className="actions">
      <span role="status">
        {cancelled !== undefined && cancelled > 0 && USER_TEXTS.cancelled(cancelled)}
      </span>
      <ConfirmButton
        label={texts.label}
        title={texts.title(name)}
        explain={texts.explain}
        danger={!disabled}
        busy={change.busy}
        trouble={change.trouble}
        onOpen={change.clear}
        act={act}
      >
        {!disabled && (
          <div className="line">
            <span>{USER_TEXTS.disable.jobs}</span>
            <Choice
              label={USER_TEXTS.disable.jobs}
              options={JOBS}
              value={jobs}
              onChange={setJobs}
            />
          </div>
        )}
      </ConfirmButton>
    </div>
  );
}
