// The users of the pool: found by name and role, made, and each with a page of its own.
import { UserName, type UserView } from "@tequio/contract";
import { useDeferredValue, useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { href } from "../route.ts";
import { ROLE_TEXTS, USER_TEXTS } from "../texts/people.ts";
import { Pages } from "../ui/pages.tsx";
import { Badge, Empty, Field, Moment, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { faultOf, TextField } from "../ui/text-field.tsx";
import { grantText, ROLE_NAMES, type RoleName } from "./rights.ts";
import { RoleCards } from "./role-cards.tsx";
import { IfHolds } from "./who.tsx";

/** Rows of one page: what a reader takes in before turning it. */
const ROWS = 50;

const COLUMNS: readonly Column<UserView>[] = [
  {
    head: USER_TEXTS.name,
    cell: (user) => <a href={href("people", user.name)}>{user.name}</a>,
  },
  { head: USER_TEXTS.state, cell: (user) => <Badge state={stateOf(user)} /> },
  {
    head: USER_TEXTS.roles,
    wide: true,
    cell: (user) => user.roles.map(grantText).join(", ") || USER_TEXTS.noRoles,
  },
  { head: USER_TEXTS.origin, cell: (user) => USER_TEXTS[user.origin] },
  { head: USER_TEXTS.since, number: true, cell: (user) => <Moment atMs={user.createdAtMs} /> },
];

/** `active` or `disabled`, as a word. */
export const stateOf = (user: UserView): string =>
  user.disabled ? USER_TEXTS.disabled : USER_TEXTS.active;

/** The page behind `#/people`. */
export function PeoplePage() {
  const [search, setSearch] = useState("");
  const [role, setRole] = useState("");
  const sought = useDeferredValue(search.trim());
  return (
    <>
      <h1>{USER_TEXTS.title}</h1>
      <IfHolds what="users.manage">
        <CreateUser />
      </IfHolds>
      <search className="row">
        <Field id="user-search" label={USER_TEXTS.search}>
          <input
            id="user-search"
            type="search"
            autoComplete="off"
            spellCheck={false}
            maxLength={63}
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        </Field>
        <Field id="user-role" label={USER_TEXTS.filter}>
          <select id="user-role" value={role} onChange={(event) => setRole(event.target.value)}>
            <option value="">{USER_TEXTS.anyRole}</option>
            {ROLE_NAMES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </Field>
      </search>
      <UserList key={`${sought} ${role}`} search={sought} role={role} />
      <RoleCards title={ROLE_TEXTS.title} />
    </>
  );
}

function UserList(props: { readonly search: string; readonly role: string }) {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const search = props.search === "" ? undefined : props.search;
  const role = ROLE_NAMES.find((name): name is RoleName => name === props.role);
  const users = useCall("listUsers", {
    query: { search, role, cursor: cursors.at(-1), limit: ROWS },
  });
  if (users.data === undefined) return <Waiting trouble={users.trouble} />;
  const isAll = search === undefined && role === undefined;
  return (
    <>
      <TroubleNote trouble={users.trouble} />
      {users.data.rows.length === 0 ? (
        <Empty>{isAll ? USER_TEXTS.empty : USER_TEXTS.nothing}</Empty>
      ) : (
        <section className="panel">
          <Table
            caption={USER_TEXTS.title}
            columns={COLUMNS}
            rows={users.data.rows}
            rowKey={(user) => user.userId}
          />
        </section>
      )}
      <Pages cursors={cursors} next={users.data.nextCursor} onTurn={setCursors} />
    </>
  );
}

function CreateUser() {
  const create = useAction("setUser");
  const [name, setName] = useState("");
  async function save(): Promise<void> {
    const made = await create.run({ params: { name }, body: {} });
    // Its page is where the next steps are: a role, and a way to sign in.
    if (made !== undefined) location.hash = href("people", made.name);
  }
  return (
    <Panel title={USER_TEXTS.create}>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <TextField
          id="user-name"
          label={USER_TEXTS.name}
          note={USER_TEXTS.nameNote}
          schema={UserName}
          required
          maxLength={63}
          value={name}
          onText={setName}
        />
        <button
          type="submit"
          className="primary"
          disabled={create.busy || faultOf(UserName, name) !== undefined}
        >
          {USER_TEXTS.create}
        </button>
      </form>
      <TroubleNote trouble={create.trouble} />
    </Panel>
  );
}
