// API tokens: the list with a way to revoke each, and the form that makes one. A secret is shown
// once, when it is made, and stays on the page until it is put away.
import { type CallReply, TokenRequest } from "@tequio/contract";
import { useId, useState } from "react";
import { useAction, useCall } from "../api.tsx";
import { TOKEN_TEXTS } from "../texts/people.ts";
import { ConfirmButton } from "../ui/confirm.tsx";
import { CopyText } from "../ui/copy.tsx";
import { Badge, Empty, Field, Moment, Panel, TroubleNote, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { faultOf, TextField } from "../ui/text-field.tsx";
import type { Permission } from "./rights.ts";
import { ScopeChoice } from "./scope-choice.tsx";

type Token = CallReply<"listTokens">["rows"][number];

const DAY_MS = 86_400_000;
/** A token without an end is forgotten and then found by somebody else. */
const LIFETIME_DEFAULT = "90";

/** State of a token at a moment, as a word. */
function stateOf(token: Token, nowMs: number): "active" | "expired" | "revoked" {
  if (token.revoked) return "revoked";
  return token.expiresAtMs !== undefined && token.expiresAtMs <= nowMs ? "expired" : "active";
}

const columns = (mayRevoke: boolean): readonly Column<Token>[] => [
  { head: TOKEN_TEXTS.label, cell: (token) => <b>{token.label}</b> },
  { head: TOKEN_TEXTS.id, cell: (token) => <code>{token.tokenId}</code>, minor: true },
  {
    head: TOKEN_TEXTS.scopes,
    wide: true,
    cell: (token) => token.scopes?.join(", ") ?? TOKEN_TEXTS.everything,
  },
  { head: TOKEN_TEXTS.created, cell: (token) => <Moment atMs={token.createdAtMs} /> },
  {
    head: TOKEN_TEXTS.expires,
    cell: ({ expiresAtMs }) =>
      expiresAtMs === undefined ? TOKEN_TEXTS.never : <Moment atMs={expiresAtMs} />,
  },
  { head: TOKEN_TEXTS.state, cell: (token) => <TokenState token={token} mayRevoke={mayRevoke} /> },
];

function TokenState(props: { readonly token: Token; readonly mayRevoke: boolean }) {
  const { token, mayRevoke } = props;
  const revoke = useAction("revokeToken");
  const state = stateOf(token, Date.now());
  if (state !== "active" || !mayRevoke) return <Badge state={state} />;
  const act = async () => (await revoke.run({ params: { name: token.tokenId } })) !== undefined;
  return (
    <ConfirmButton
      label={TOKEN_TEXTS.revoke}
      title={TOKEN_TEXTS.revokeTitle(token.label)}
      explain={TOKEN_TEXTS.revokeExplain}
      danger
      busy={revoke.busy}
      trouble={revoke.trouble}
      onOpen={revoke.clear}
      act={act}
    />
  );
}

/** The API tokens of a user, those that no longer work on request. */
export function TokenList(props: { readonly user: string; readonly mayRevoke: boolean }) {
  const tokens = useCall("listTokens", { query: { user: props.user } });
  const [old, setOld] = useState(false);
  const oldId = useId();
  if (tokens.data === undefined) return <Waiting trouble={tokens.trouble} />;
  const api = tokens.data.rows.filter(({ kind }) => kind === "api");
  const good = api.filter((token) => stateOf(token, Date.now()) === "active");
  const rows = (old ? api : good).toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  return (
    <>
      <TroubleNote trouble={tokens.trouble} />
      {rows.length === 0 ? (
        <Empty>{TOKEN_TEXTS.none}</Empty>
      ) : (
        <Table
          caption={TOKEN_TEXTS.title}
          columns={columns(props.mayRevoke)}
          rows={rows}
          rowKey={(token) => token.tokenId}
        />
      )}
      {api.length > good.length && (
        <div className="field flag">
          <input
            id={oldId}
            type="checkbox"
            checked={old}
            onChange={(event) => setOld(event.target.checked)}
          />
          <label htmlFor={oldId}>{TOKEN_TEXTS.old}</label>
        </div>
      )}
    </>
  );
}

/** The tokens of a user with the form for a new one, where the reader may make one. */
export function TokensPanel(props: {
  readonly user: string;
  /** True for the reader's own tokens. */
  readonly own: boolean;
  readonly mayManage: boolean;
}) {
  const [made, setMade] = useState<CallReply<"createToken">>();
  return (
    <Panel title={TOKEN_TEXTS.title}>
      {made !== undefined && (
        <div className="made" role="status">
          <p>{TOKEN_TEXTS.once}</p>
          <CopyText label={TOKEN_TEXTS.copy} text={made.token} />
          <button type="button" onClick={() => setMade(undefined)}>
            {TOKEN_TEXTS.done}
          </button>
        </div>
      )}
      <TokenList user={props.user} mayRevoke={props.mayManage} />
      {props.mayManage && <MakeToken user={props.own ? undefined : props.user} onMade={setMade} />}
    </Panel>
  );
}

function MakeToken(props: {
  readonly user: string | undefined;
  readonly onMade: (made: CallReply<"createToken">) => void;
}) {
  const create = useAction("createToken");
  const [label, setLabel] = useState("");
  const [days, setDays] = useState(LIFETIME_DEFAULT);
  const [scopes, setScopes] = useState<readonly Permission[]>([]);
  const id = useId();
  const schema = TokenRequest.shape.label;
  async function make(): Promise<void> {
    const body = {
      label,
      ...(days === "" ? {} : { expiresInMs: Number(days) * DAY_MS }),
      ...(scopes.length === 0 ? {} : { scopes: [...scopes] }),
      ...(props.user === undefined ? {} : { user: props.user }),
    };
    const made = await create.run({ body });
    if (made === undefined) return;
    props.onMade(made);
    setLabel("");
    setScopes([]);
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <div className="row">
        <TextField
          id={`${id}-label`}
          label={TOKEN_TEXTS.label}
          note={TOKEN_TEXTS.labelNote}
          schema={schema}
          required
          maxLength={63}
          value={label}
          onText={setLabel}
        />
        <Field id={`${id}-days`} label={TOKEN_TEXTS.lifetime} narrow>
          <select id={`${id}-days`} value={days} onChange={(event) => setDays(event.target.value)}>
            {TOKEN_TEXTS.lifetimes.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </Field>
        <button
          type="submit"
          className="primary"
          disabled={create.busy || faultOf(schema, label) !== undefined}
        >
          {TOKEN_TEXTS.make}
        </button>
      </div>
      <ScopeChoice chosen={scopes} onChange={setScopes} all={props.user !== undefined} />
      <TroubleNote trouble={create.trouble} />
    </form>
  );
}
