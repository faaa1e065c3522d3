// The page behind a one-time link: somebody new, or somebody who lost the way in, makes a passkey
// or sets a password, and is signed in.
import type { CallReply } from "@tequio/contract";
import { useEffect, useState } from "react";
import { dateTime } from "../format.ts";
import { href } from "../route.ts";
import { INVITE_TEXTS } from "../texts/sign-in.ts";
import { TroubleNote, Waiting } from "../ui/parts.tsx";
import { TextField } from "../ui/text-field.tsx";
import { isReady, NewPasswordFields, useNewPassword } from "./new-password.tsx";
import { makePasskey } from "./passkey.ts";
import { type Ask, bareClient, useAsk } from "./stranger.ts";

type Invited = CallReply<"readInvite">;
type Ways = CallReply<"getSignIn">;

interface Shown {
  readonly invited: Invited;
  readonly ways: Ways;
}

/** The page behind `#/invite/SECRET`. */
export function InvitePage(props: { readonly invite: string; readonly onSession: () => void }) {
  const { invite } = props;
  const ask = useAsk(undefined);
  const { setTrouble } = ask;
  const [shown, setShown] = useState<Shown>();
  useEffect(() => {
    let gone = false;
    const client = bareClient();
    async function read(): Promise<void> {
      const invited = await client.call("readInvite", { body: { invite } });
      const ways = await client.call("getSignIn", {});
      if (gone) return;
      if (!invited.ok) return setTrouble(invited);
      if (!ways.ok) return setTrouble(ways);
      setShown({ invited: invited.value, ways: ways.value });
    }
    void read();
    return () => {
      gone = true;
    };
  }, [invite, setTrouble]);
  return (
    <main className="sign-in">
      <div className="panel">
        <h1>
          <img src="./icon.svg" alt="" width="28" height="28" />{" "}
          {shown === undefined ? "Tequio" : INVITE_TEXTS.title(shown.invited.user)}
        </h1>
        {shown === undefined ? (
          <>
            <Waiting trouble={ask.trouble} />
            {ask.trouble !== undefined && <a href={href("pool")}>{INVITE_TEXTS.toSignIn}</a>}
          </>
        ) : (
          <>
            <p>
              {INVITE_TEXTS.once} {INVITE_TEXTS.until(dateTime(shown.invited.expiresAtMs))}
            </p>
            {shown.invited.again && <p>{INVITE_TEXTS.again}</p>}
            <TroubleNote trouble={ask.trouble} />
            {shown.ways.passkey && <ByPasskey {...props} ask={ask} />}
            {shown.ways.password && <ByPassword {...props} ask={ask} shown={shown} />}
          </>
        )}
      </div>
    </main>
  );
}

interface WayProps {
  readonly invite: string;
  readonly ask: Ask;
  readonly onSession: () => void;
}

function ByPasskey({ invite, ask, onSession }: WayProps) {
  const [name, setName] = useState<string>(INVITE_TEXTS.passkeyNameStart);
  async function make(): Promise<void> {
    const asked = await ask.call("invitePasskeyOptions", { body: { invite } });
    if (asked === undefined) return;
    const answer = await makePasskey(asked.options);
    if (!answer.ok) return ask.setTrouble(answer.trouble);
    const body = { invite, name: name.trim(), response: answer.response };
    if ((await ask.call("invitePasskey", { body })) !== undefined) onSession();
  }
  return (
    <section className="way">
      <h2>{INVITE_TEXTS.passkey}</h2>
      <p className="muted">{INVITE_TEXTS.passkeyNote}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <TextField
          id="passkey-name"
          label={INVITE_TEXTS.passkeyName}
          required
          maxLength={63}
          value={name}
          onText={setName}
        />
        <button type="submit" className="primary" disabled={ask.busy || name.trim() === ""}>
          {INVITE_TEXTS.makePasskey}
        </button>
      </form>
    </section>
  );
}

function ByPassword({ invite, ask, onSession, shown }: WayProps & { readonly shown: Shown }) {
  const { typed, setTyped } = useNewPassword();
  const charsMin = shown.ways.passwordCharsMin;
  async function use(): Promise<void> {
    const body = { invite, password: typed.value };
    if ((await ask.call("invitePassword", { body })) !== undefined) onSession();
  }
  return (
    <section className="way">
      <h2>{INVITE_TEXTS.password}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void use();
        }}
      >
        <NewPasswordFields
          user={shown.invited.user}
          charsMin={charsMin}
          typed={typed}
          onTyped={setTyped}
        />
        <button type="submit" className="primary" disabled={ask.busy || !isReady(typed, charsMin)}>
          {INVITE_TEXTS.use}
        </button>
      </form>
    </section>
  );
}
