// Gives a role to a user: only roles that the reader may give, over what the reader may give
// them for. Taking one back asks first.
import type { UserView } from "@tequio/contract";
import { useId, useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { ROLE_TEXTS } from "../texts/people.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Field, TroubleNote } from "../ui/parts.tsx";
import { type Givable, type Grant, givable, grantText, projectsAbove } from "./rights.ts";
import { useHolds, useWho } from "./who.tsx";

/** Members to choose from: one page at its longest. */
const MEMBERS_MAX = 500;

/** The form under a user's roles. */
export function GrantRole(props: { readonly user: UserView }) {
  const options = givable(useWho());
  const grant = useAction("grantRole");
  const [role, setRole] = useState("");
  const [scope, setScope] = useState("");
  const id = useId();
  const chosen = options.find((one) => one.role === role);
  if (options.length === 0) return null;
  async function give(): Promise<void> {
    if (chosen === undefined) return;
    const about = chosen.about === undefined ? {} : { scope };
    const body = { role: chosen.role, ...about };
    if ((await grant.run({ params: { name: props.user.name }, body })) === undefined) return;
    setRole("");
    setScope("");
  }
  return (
    <>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          void give();
        }}
      >
        <Field id={`${id}-role`} label={ROLE_TEXTS.role}>
          <select
            id={`${id}-role`}
            required
            value={role}
            onChange={(event) => {
              setRole(event.target.value);
              setScope("");
            }}
          >
            <option value="">{ROLE_TEXTS.choose}</option>
            {options.map((one) => (
              <option key={one.role}>{one.role}</option>
            ))}
          </select>
        </Field>
        {chosen?.about !== undefined && (
          <ScopeField id={`${id}-scope`} option={chosen} value={scope} onScope={setScope} />
        )}
        <button
          type="submit"
          className="primary"
          disabled={grant.busy || chosen === undefined || (chosen.about && scope === "")}
        >
          {ROLE_TEXTS.give}
        </button>
      </form>
      <TroubleNote trouble={grant.trouble} />
    </>
  );
}

function ScopeField(props: {
  readonly id: string;
  readonly option: Givable;
  readonly value: string;
  readonly onScope: (scope: string) => void;
}) {
  const { id, option } = props;
  const kind = option.about ?? "project";
  return (
    <Field id={id} label={ROLE_TEXTS.about[kind]}>
      <select
        id={id}
        required
        value={props.value}
        onChange={(event) => props.onScope(event.target.value)}
      >
        <option value="">{ROLE_TEXTS.choose}</option>
        {kind === "project" ? (
          <ProjectOptions within={option.scopes} />
        ) : (
          <MemberOptions within={option.scopes} />
        )}
      </select>
    </Field>
  );
}

function ProjectOptions(props: { readonly within: readonly string[] | undefined }) {
  const rows = useCall("listProjects", {}, useHolds("projects.read")).data?.rows ?? [];
  const isOpen = (name: string) =>
    props.within === undefined ||
    [name, ...projectsAbove(rows, name)].some((one) => props.within?.includes(one));
  return rows.map(({ name }) => (isOpen(name) ? <option key={name}>{name}</option> : null));
}

function MemberOptions(props: { readonly within: readonly string[] | undefined }) {
  const reads = useHolds("members.read");
  const rows = useCall("listMembers", { query: { limit: MEMBERS_MAX } }, reads).data?.rows ?? [];
  const names = props.within ?? rows.map(({ name }) => name);
  return names.map((name) => <option key={name}>{name}</option>);
}

/** The button that takes a role back. */
export function TakeRole(props: { readonly user: string; readonly grant: Grant }) {
  const { user, grant } = props;
  const action = useAction("revokeRole");
  const { role, scope } = grant;
  const body = scope === undefined ? { role } : { role, scope };
  return (
    <ConfirmButton
      label={ROLE_TEXTS.take}
      title={ROLE_TEXTS.takeTitle(grantText(grant), user)}
      explain={ROLE_TEXTS.takeExplain}
      danger
      busy={action.busy}
      trouble={action.trouble}
      onOpen={action.clear}
      act={async () => (await action.run({ params: { name: user }, body })) !== undefined}
    />
  );
}
