// Sets or changes the reader's password; its other sessions end by it.
import type { AccountView } from "@tequio/contract";
import { useState } from "react";
import { useAction } from "../api.tsx";
import { isReady, NewPasswordFields, useNewPassword } from "../sign-in/new-password.tsx";
import { ACCOUNT_TEXTS } from "../texts/sign-in.ts";
import { TEXTS } from "../texts.ts";
import { Moment, Panel, TroubleNote } from "../ui/parts.tsx";
import { TextField } from "../ui/text-field.tsx";

/** The panel with the form folded away. */
export function PasswordPanel(props: { readonly account: AccountView; readonly charsMin: number }) {
  const { account } = props;
  const [open, setOpen] = useState(false);
  const [done, setDone] = useState(false);
  const verb = account.hasPassword ? ACCOUNT_TEXTS.changePassword : ACCOUNT_TEXTS.setPassword;
  return (
    <Panel
      title={ACCOUNT_TEXTS.password}
      actions={
        !open && (
          <button type="button" onClick={() => setOpen(true)}>
            {verb}
          </button>
        )
      }
    >
      <p className="muted">
        {account.hasPassword ? ACCOUNT_TEXTS.hasPassword : ACCOUNT_TEXTS.noPassword}
        {account.passwordChangedAtMs !== undefined && (
          <>
            , {ACCOUNT_TEXTS.changed} <Moment atMs={account.passwordChangedAtMs} />
          </>
        )}
      </p>
      <p role="status">{done && ACCOUNT_TEXTS.passwordDone}</p>
      {open && (
        <PasswordForm
          {...props}
          verb={verb}
          onDone={(changed) => {
            setOpen(false);
            setDone(changed);
          }}
        />
      )}
    </Panel>
  );
}

function PasswordForm(props: {
  readonly account: AccountView;
  readonly charsMin: number;
  readonly verb: string;
  readonly onDone: (changed: boolean) => void;
}) {
  const { account, charsMin } = props;
  const set = useAction("setPassword");
  const [current, setCurrent] = useState("");
  const { typed, setTyped } = useNewPassword();
  async function save(): Promise<void> {
    const old = account.hasPassword ? { current } : {};
    const done = await set.run({ body: { ...old, password: typed.value } });
    if (done !== undefined) props.onDone(true);
  }
  const ready = isReady(typed, charsMin) && (!account.hasPassword || current !== "");
  return (
    <form
      className="narrow"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      {account.hasPassword && (
        <TextField
          id="password-current"
          label={ACCOUNT_TEXTS.oldPassword}
          type="password"
          autoComplete="current-password"
          required
          value={current}
          onText={setCurrent}
        />
      )}
      <NewPasswordFields user={account.user} charsMin={charsMin} typed={typed} onTyped={setTyped} />
      <TroubleNote trouble={set.trouble} />
      <div className="actions">
        <button type="submit" className="primary" disabled={set.busy || !ready}>
          {props.verb}
        </button>
        <button type="button" onClick={() => props.onDone(false)}>
          {TEXTS.keep}
        </button>
      </div>
    </form>
  );
}
