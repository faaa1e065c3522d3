// The page for who is not signed in: the organisation's sign-in, a passkey, a password, or a token,
// as far as the pool has them. What went wrong last stands above.
import { type CallReply, makeClient } from "@tequio/contract";
import { useEffect, useState } from "react";
import { poolUrl, type Trouble } from "../api.tsx";
import { wantedPlace } from "../session.ts";
import { SIGN_IN_TEXTS } from "../texts/sign-in.ts";
import { Field, TroubleNote } from "../ui/parts.tsx";
import { TextField } from "../ui/text-field.tsx";
import { askPasskey } from "./passkey.ts";
import { type Ask, bareClient, useAsk } from "./stranger.ts";

type Ways = CallReply<"getSignIn">;

export interface SignInProps {
  /** Why the last session or token no longer works. */
  readonly why: Trouble | undefined;
  /** Called when the browser holds the session's cookie. */
  readonly onSession: () => void;
  readonly onToken: (token: string) => void;
}

/** Asks who the reader is. */
export function SignInPage(props: SignInProps) {
  const ask = useAsk(props.why);
  const { setTrouble } = ask;
  const [ways, setWays] = useState<Ways>();
  useEffect(() => {
    let gone = false;
    void bareClient()
      .call("getSignIn", {})
      .then((outcome) => {
        if (gone) return;
        if (!outcome.ok) return setTrouble(outcome);
        setWays(outcome.value);
        // What the provider's way back has left to say is newer than why the page is open.
        if (outcome.value.trouble !== undefined) setTrouble(outcome.value.trouble);
      });
    return () => {
      gone = true;
    };
  }, [setTrouble]);
  return (
    <main className="sign-in">
      <div className="panel">
        <h1>
          <img src="./icon.svg" alt="" width="28" height="28" /> {SIGN_IN_TEXTS.title}
        </h1>
        <TroubleNote trouble={ask.trouble} />
        {ways !== undefined && <Ways ways={ways} ask={ask} onSession={props.onSession} />}
        {ways !== undefined && (
          <TokenForm open={!hasAnyWay(ways)} ask={ask} onToken={props.onToken} />
        )}
      </div>
    </main>
  );
}

const hasAnyWay = (ways: Ways): boolean => ways.oidc !== undefined || ways.password || ways.passkey;

interface WaysProps {
  readonly ways: Ways;
  readonly ask: Ask;
  readonly onSession: () => void;
}

function Ways(props: WaysProps) {
  const { ways, ask } = props;
  async function withPasskey(): Promise<void> {
    const asked = await ask.call("passkeySignInOptions", { body: {} });
    if (asked === undefined) return;
    const answer = await askPasskey(asked.options);
    if (!answer.ok) return ask.setTrouble(answer.trouble);
    const signedIn = await ask.call("signInPasskey", { body: { response: answer.response } });
    if (signedIn !== undefined) props.onSession();
  }
  if (!hasAnyWay(ways)) return <p>{SIGN_IN_TEXTS.noWay}</p>;
  const { oidc } = ways;
  const next = `?next=${encodeURIComponent(wantedPlace())}`;
  return (
    <>
      {oidc !== undefined && (
        <a className="button primary" href={`${oidc.path}${next}`}>
          {SIGN_IN_TEXTS.oidc(oidc.name)}
        </a>
      )}
      {ways.passkey && (
        <button type="button" disabled={ask.busy} onClick={() => void withPasskey()}>
          {SIGN_IN_TEXTS.passkey}
        </button>
      )}
      {ways.password && (oidc !== undefined || ways.passkey) && (
        <p className="or">{SIGN_IN_TEXTS.or}</p>
      )}
      {ways.password && <PasswordForm {...props} />}
    </>
  );
}

function PasswordForm(props: WaysProps) {
  const { ask } = props;
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  async function enter(): Promise<void> {
    const signedIn = await ask.call("signInPassword", { body: { user: user.trim(), password } });
    if (signedIn !== undefined) props.onSession();
    else setPassword("");
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void enter();
      }}
    >
      <TextField
        id="sign-in-user"
        label={SIGN_IN_TEXTS.user}
        autoComplete="username"
        required
        value={user}
        onText={setUser}
      />
      <TextField
        id="sign-in-password"
        label={SIGN_IN_TEXTS.password}
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onText={setPassword}
      />
      <button
        type="submit"
        className="primary"
        disabled={ask.busy || user.trim() === "" || password === ""}
      >
        {SIGN_IN_TEXTS.enter}
      </button>
    </form>
  );
}

function TokenForm(props: {
  readonly open: boolean;
  readonly ask: Ask;
  readonly onToken: (token: string) => void;
}) {
  const { ask } = props;
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  // The token is tried before it is kept, so that a mistyped one is told here.
  async function enter(): Promise<void> {
    const given = token.trim();
    setBusy(true);
    const outcome = await makeClient({ url: poolUrl(), token: given }).call("whoami", {});
    setBusy(false);
    if (outcome.ok) props.onToken(given);
    else ask.setTrouble(outcome);
  }
  return (
    <details open={props.open}>
      <summary>{SIGN_IN_TEXTS.tokenTitle}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <p>{SIGN_IN_TEXTS.where}</p>
        <pre>{SIGN_IN_TEXTS.example}</pre>
        <p>{SIGN_IN_TEXTS.more}</p>
        <Field id="token" label={SIGN_IN_TEXTS.token} note={SIGN_IN_TEXTS.kept}>
          <input
            id="token"
            type="password"
            autoComplete="off"
            spellCheck={false}
            required
            value={token}
            aria-describedby="token-note"
            onChange={(event) => setToken(event.target.value)}
          />
        </Field>
        <button type="submit" disabled={busy || token.trim() === ""}>
          {SIGN_IN_TEXTS.useToken}
        </button>
      </form>
    </details>
  );
}
