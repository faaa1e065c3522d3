// The page for who has no token yet: it says where one is printed and asks for it. The token is
// tried before it is kept, so that a mistyped one is told here.
import { makeClient } from "@tequio/contract";
import { useState } from "react";
import { poolUrl, type Trouble } from "./api.tsx";
import { TEXTS } from "./texts.ts";
import { Field, TroubleNote } from "./ui/parts.tsx";

/** Asks for a token; `why` says why the last one no longer works. */
export function SignIn(props: {
  readonly why: Trouble | undefined;
  readonly onToken: (token: string) => void;
}) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState(props.why);
  async function enter(): Promise<void> {
    const given = token.trim();
    setBusy(true);
    const outcome = await makeClient({ url: poolUrl(), token: given }).call("getPool", {});
    setBusy(false);
    if (outcome.ok) props.onToken(given);
    else setTrouble(outcome);
  }
  return (
    <main className="sign-in">
      <form
        className="panel"
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <h1>
          <img src="./icon.svg" alt="" width="28" height="28" /> {TEXTS.signIn.title}
        </h1>
        <p>{TEXTS.signIn.where}</p>
        <pre>{TEXTS.signIn.example}</pre>
        <p>{TEXTS.signIn.more}</p>
        <Field id="token" label={TEXTS.signIn.token} note={TEXTS.signIn.kept} wide>
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
        <TroubleNote trouble={trouble} />
        <button type="submit" className="primary" disabled={busy || token.trim() === ""}>
          {TEXTS.signIn.enter}
        </button>
      </form>
    </main>
  );
}
