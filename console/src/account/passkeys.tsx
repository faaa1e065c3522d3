// The reader's passkeys: made here, named, and removed; the pool keeps the last way in.
import type { AccountView, CallReply, PasskeyView } from "@tequio/contract";
import { useId, useState } from "react";
import { type Trouble, useAction } from "../api.tsx";
import { makePasskey } from "../sign-in/passkey.ts";
import { ACCOUNT_TEXTS, INVITE_TEXTS } from "../texts/sign-in.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { Empty, Marked, Moment, Panel, TroubleNote } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { TextField } from "../ui/text-field.tsx";

const COLUMNS: readonly Column<PasskeyView>[] = [
  { head: ACCOUNT_TEXTS.name, wide: true, cell: ({ name }) => <b>{name}</b> },
  { head: ACCOUNT_TEXTS.since, cell: (one) => <Moment atMs={one.createdAtMs} /> },
  {
    head: ACCOUNT_TEXTS.used,
    cell: ({ lastUsedMs }) =>
      lastUsedMs === undefined ? ACCOUNT_TEXTS.never : <Moment atMs={lastUsedMs} />,
  },
  {
    head: ACCOUNT_TEXTS.kept,
    cell: ({ synced }) => (synced ? ACCOUNT_TEXTS.synced : ACCOUNT_TEXTS.bound),
  },
  { head: ACCOUNT_TEXTS.change, cell: (one) => <PasskeyActions passkey={one} /> },
];

/** The panel of passkeys; it says why where the pool or the address cannot have any. */
export function PasskeysPanel(props: {
  readonly account: AccountView;
  readonly ways: CallReply<"getSignIn">;
}) {
  const { passkeys } = props.account;
  const { ways } = props;
  return (
    <Panel title={ACCOUNT_TEXTS.passkeys}>
      {passkeys.length === 0 ? (
        <Empty>{ACCOUNT_TEXTS.noPasskeys}</Empty>
      ) : (
        <Table
          caption={ACCOUNT_TEXTS.passkeys}
          columns={COLUMNS}
          rows={passkeys}
          rowKey={(one) => one.passkeyId}
        />
      )}
      {ways.passkey && <AddPasskey />}
      {ways.noPasskey !== undefined && (
        <p className="muted">
          <Marked text={ways.noPasskey} />
        </p>
      )}
    </Panel>
  );
}

function AddPasskey() {
  const options = useAction("newPasskeyOptions");
  const add = useAction("addPasskey");
  const [name, setName] = useState("");
  const [local, setLocal] = useState<Trouble>();
  async function make(): Promise<void> {
    setLocal(undefined);
    const asked = await options.run({ body: {} });
    if (asked === undefined) return;
    const answer = await makePasskey(asked.options);
    if (!answer.ok) return setLocal(answer.trouble);
    const added = await add.run({ body: { name: name.trim(), response: answer.response } });
    if (added !== undefined) setName("");
  }
  return (
    <>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <TextField
          id="new-passkey"
          label={INVITE_TEXTS.passkeyName}
          required
          maxLength={63}
          value={name}
          onText={setName}
        />
        <button
          type="submit"
          className="primary"
          disabled={options.busy || add.busy || name.trim() === ""}
        >
          {ACCOUNT_TEXTS.addPasskey}
        </button>
      </form>
      <TroubleNote trouble={local ?? options.trouble ?? add.trouble} />
    </>
  );
}

function PasskeyActions(props: { readonly passkey: PasskeyView }) {
  const { passkeyId, name } = props.passkey;
  const rename = useAction("renamePasskey");
  const remove = useAction("removePasskey");
  const [typed, setTyped] = useState(name);
  const id = useId();
  const params = { id: passkeyId };
  return (
    <div className="actions">
      <ConfirmButton
        label={ACCOUNT_TEXTS.rename}
        title={ACCOUNT_TEXTS.renameTitle(name)}
        explain={ACCOUNT_TEXTS.renameExplain}
        busy={rename.busy || typed.trim() === ""}
        trouble={rename.trouble}
        onOpen={rename.clear}
        act={async () => (await rename.run({ params, body: { name: typed.trim() } })) !== undefined}
      >
        <TextField
          id={id}
          label={INVITE_TEXTS.passkeyName}
          required
          maxLength={63}
          value={typed}
          onText={setTyped}
        />
      </ConfirmButton>
      <ConfirmButton
        label={ACCOUNT_TEXTS.remove}
        title={ACCOUNT_TEXTS.removeTitle(name)}
        explain={ACCOUNT_TEXTS.removeExplain}
        danger
        busy={remove.busy}
        trouble={remove.trouble}
        onOpen={remove.clear}
        act={async () => (await remove.run({ params })) !== undefined}
      />
    </div>
  );
}
