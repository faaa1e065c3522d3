// Invites a member: a name goes in, the command that joins the pool comes out. It holds a secret
// that the pool shows only once, so it stays on the page until it is put away.
import type { CallReply } from "@tequio/contract";
import { useState } from "react";
import { useAction } from "../api.tsx";
import { dateTime } from "../format.ts";
import { href } from "../route.ts";
import { TEXTS } from "../texts.ts";
import { CopyText } from "../ui/copy.tsx";
import { Field, Panel, TroubleNote } from "../ui/parts.tsx";

/** The address that makes a browser's tab a site of the member. */
const tabLink = (joinToken: string): string =>
  `${location.origin}${location.pathname}${href("contribute", joinToken)}`;

/** The panel with the invitation form. */
export function InvitePanel() {
  const invite = useAction("inviteMember");
  const [name, setName] = useState("");
  const [made, setMade] = useState<CallReply<"inviteMember">>();
  async function send(): Promise<void> {
    const view = await invite.run({ body: { name: name.trim() } });
    if (view === undefined) return;
    setMade(view);
    setName("");
  }
  return (
    <Panel title={TEXTS.invite.title}>
      {made !== undefined && (
        <div className="made" role="status">
          <p>{TEXTS.invite.once(made.member, dateTime(made.expiresAtMs))}</p>
          <CopyText label={TEXTS.invite.copy} text={made.command} />
          <p>{TEXTS.invite.orLink}</p>
          <CopyText label={TEXTS.invite.link} text={tabLink(made.joinToken)} />
          <button type="button" onClick={() => setMade(undefined)}>
            {TEXTS.invite.done}
          </button>
        </div>
      )}
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Field id="invite-name" label={TEXTS.invite.name} note={TEXTS.invite.note}>
          <input
            id="invite-name"
            required
            autoComplete="off"
            spellCheck={false}
            maxLength={63}
            value={name}
            aria-describedby="invite-name-note"
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <button type="submit" className="primary" disabled={invite.busy || name.trim() === ""}>
          {TEXTS.invite.send}
        </button>
      </form>
      <TroubleNote trouble={invite.trouble} />
    </Panel>
  );
}
