// The people who have a role over one project or one member, and a way to bring somebody in.
import { ROLES, UserName, type UserView } from "@tequio/contract";
import { useId, useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { href } from "../route.ts";
import { PROJECT_TEXTS, ROLE_TEXTS } from "../texts/people.ts";
import { Badge, Empty, Field, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { faultOf, TextField } from "../ui/text-field.tsx";
import { TakeRole } from "./grant-role.tsx";
import { type Grant, givable, mayGive, type RoleName, type Who } from "./rights.ts";
import { useWho } from "./who.tsx";

/** Names that a list of suggestions shows; whoever types on gets closer ones. */
const SUGGESTIONS = 20;
/** People of one place that are shown; the page of all people turns pages. */
const PEOPLE_MAX = 200;

interface Place {
  readonly kind: "project" | "member";
  readonly name: string;
  /** The projects that a project lies under. */
  readonly above: readonly string[];
}

interface Row {
  readonly user: UserView;
  readonly grant: Grant;
}

const columns = (who: Who, above: readonly string[]): readonly Column<Row>[] => [
  {
    head: PROJECT_TEXTS.user,
    wide: true,
    cell: ({ user }) => (
      <>
        <a href={href("people", user.name)}>{user.name}</a>{" "}
        {user.disabled && <Badge state="disabled" />}
      </>
    ),
  },
  { head: ROLE_TEXTS.role, cell: ({ grant }) => grant.role },
  {
    head: ROLE_TEXTS.from,
    minor: true,
    cell: ({ grant }) => (grant.byGroup ? ROLE_TEXTS.byGroup : ROLE_TEXTS.byPool),
  },
  {
    head: ROLE_TEXTS.take,
    cell: ({ user, grant }) =>
      mayGive(who, grant, above) ? <TakeRole user={user.name} grant={grant} /> : null,
  },
];

/** The panel of people on the page of a project or a member. */
export function ScopePeople(props: Place) {
  const { kind, name, above } = props;
  const who = useWho();
  const users = useCall("listUsers", { query: { scope: name, limit: PEOPLE_MAX } });
  const roles = givable(who).filter(
    (one) =>
      one.about === kind &&
      (one.scopes === undefined || [name, ...above].some((at) => one.scopes?.includes(at))),
  );
  const rows = (users.data?.rows ?? []).flatMap((user) =>
    user.roles
      // A member and a project may have the same name.
      .filter(({ role, scope }) => scope === name && ROLES[role].scope === kind)
      .map((grant) => ({ user, grant })),
  );
  return (
    <Panel title={PROJECT_TEXTS.people}>
      {users.data === undefined && <Waiting trouble={users.trouble} />}
      {users.data !== undefined && rows.length === 0 && <Empty>{PROJECT_TEXTS.nobody}</Empty>}
      {rows.length > 0 && (
        <Table
          caption={PROJECT_TEXTS.people}
          columns={columns(who, above)}
          rows={rows}
          rowKey={({ user, grant }) => `${user.userId} ${grant.role} ${grant.byGroup}`}
        />
      )}
      {roles.length > 0 && <AddPerson scope={name} roles={roles.map(({ role }) => role)} />}
    </Panel>
  );
}

function AddPerson(props: { readonly scope: string; readonly roles: readonly RoleName[] }) {
  const grant = useAction("grantRole");
  const [name, setName] = useState("");
  // The last one is the least: a researcher, not another lead.
  const least = props.roles.at(-1) ?? "researcher";
  const [chosen, setChosen] = useState<RoleName>();
  const id = useId();
  async function add(): Promise<void> {
    const body = { role: chosen ?? least, scope: props.scope };
    if ((await grant.run({ params: { name }, body })) !== undefined) setName("");
  }
  return (
    <>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <TextField
          id={`${id}-user`}
          label={PROJECT_TEXTS.user}
          note={PROJECT_TEXTS.userNote}
          schema={UserName}
          required
          maxLength={63}
          list={`${id}-users`}
          value={name}
          onText={setName}
        />
        <Suggestions id={`${id}-users`} typed={name} />
        <Field id={`${id}-role`} label={ROLE_TEXTS.role}>
          <select
            id={`${id}-role`}
            value={chosen ?? least}
            onChange={(event) => setChosen(props.roles.find((role) => role === event.target.value))}
          >
            {props.roles.map((role) => (
              <option key={role}>{role}</option>
            ))}
          </select>
        </Field>
        <button
          type="submit"
          className="primary"
          disabled={grant.busy || faultOf(UserName, name) !== undefined}
        >
          {PROJECT_TEXTS.add}
        </button>
      </form>
      <TroubleNote trouble={grant.trouble} />
    </>
  );
}

function Suggestions(props: { readonly id: string; readonly typed: string }) {
  const search = props.typed === "" ? undefined : props.typed;
  const users = useCall("listUsers", { query: { search, limit: SUGGESTIONS } }).data?.rows ?? [];
  return (
    <datalist id={props.id}>
      {users.map(({ name }) => (
        <option key={name} value={name} />
      ))}
    </datalist>
  );
}
