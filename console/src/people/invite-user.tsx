// Makes the one-time link by which a local user sets a password or makes a passkey. It holds a
// secret that is shown only once, so it stays on the page until it is put away.
import type { CallReply } from "@tequio/contract";
import { useId, useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { dateTime } from "../format.ts";
import { INVITE_USER_TEXTS } from "../texts/sign-in.ts";
import { CopyText } from "../ui/copy.tsx";
import { Panel, Stat, TroubleNote } from "../ui/parts.tsx";

/** The panel on the page of a local user. */
export function InviteUserPanel(props: { readonly user: string }) {
  const invite = useAction("inviteUser");
  const account = useCall("getUserSignIn", { params: { name: props.user } }).data;
  const [made, setMade] = useState<CallReply<"inviteUser">>();
  const [reset, setReset] = useState(false);
  const resetId = useId();
  const hasWay = account !== undefined && (account.hasPassword || account.passkeys.length > 0);
  async function make(): Promise<void> {
    const view = await invite.run({ params: { name: props.user }, body: { reset } });
    if (view === undefined) return;
    setMade(view);
    setReset(false);
  }
  return (
    <Panel title={INVITE_USER_TEXTS.title}>
      {account !== undefined && (
        <dl className="stats">
          <Stat
            name={INVITE_USER_TEXTS.password}
            value={account.hasPassword ? INVITE_USER_TEXTS.set : INVITE_USER_TEXTS.none}
          />
          <Stat
            name={INVITE_USER_TEXTS.passkeys}
            value={account.passkeys.map(({ name }) => name).join(", ") || INVITE_USER_TEXTS.none}
          />
        </dl>
      )}
      {made !== undefined && (
        <div className="made" role="status">
          <p>{INVITE_USER_TEXTS.once(dateTime(made.expiresAtMs))}</p>
          <CopyText label={INVITE_USER_TEXTS.copy} text={made.url} />
          <button type="button" onClick={() => setMade(undefined)}>
            {INVITE_USER_TEXTS.done}
          </button>
        </div>
      )}
      <p className="muted">{INVITE_USER_TEXTS.explain}</p>
      {hasWay && (
        <div className="field flag">
          <input
            id={resetId}
            type="checkbox"
            checked={reset}
            onChange={(event) => setReset(event.target.checked)}
          />
          <label htmlFor={resetId}>{INVITE_USER_TEXTS.reset}</label>
        </div>
      )}
      <button type="button" className="primary" disabled={invite.busy} onClick={() => void make()}>
        {INVITE_USER_TEXTS.make}
      </button>
      <TroubleNote trouble={invite.trouble} />
    </Panel>
  );
}
