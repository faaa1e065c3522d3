// The reader's own page: who it is, how it signs in, its sessions and its API tokens.
import { PERMISSIONS } from "@tequio/contract";
import { useCall } from "../api.tsx";
import { grantText, type Permission, type Who } from "../people/rights.ts";
import { SessionsPanel } from "../people/sessions.tsx";
import { TokensPanel } from "../people/tokens.tsx";
import { useMay, useWho } from "../people/who.tsx";
import { ACCOUNT_TEXTS } from "../texts/sign-in.ts";
import { Marked, Panel, Waiting } from "../ui/parts.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { PasskeysPanel } from "./passkeys.tsx";
import { PasswordPanel } from "./password.tsx";

/** The page behind `#/account`. */
export function AccountPage() {
  const who = useWho();
  return (
    <>
      <h1>{ACCOUNT_TEXTS.title}</h1>
      <Me who={who} />
      {who.userId === undefined ? (
        <OwnTokens user={who.name} />
      ) : (
        <>
          {who.tokenKind === "session" ? <SignIn /> : <p>{ACCOUNT_TEXTS.byToken}</p>}
          <SessionsPanel user={who.name} own mayEnd />
          <OwnTokens user={who.name} />
        </>
      )}
    </>
  );
}

function OwnTokens(props: { readonly user: string }) {
  // Everybody may make one, unless the token at hand was cut down to less.
  const mayMake = useMay("tokens.own");
  return <TokensPanel user={props.user} own mayManage={mayMake} />;
}

type Row = Who["permissions"][number];

const about = (permission: string): string => PERMISSIONS[permission as Permission] ?? "";
const whereOf = ({ reach }: Row): string => {
  if (reach === "all") return ACCOUNT_TEXTS.everywhere;
  return reach === "own" ? ACCOUNT_TEXTS.own : reach;
};

const COLUMNS: readonly Column<Row>[] = [
  { head: ACCOUNT_TEXTS.permission, cell: (row) => <code>{row.permission}</code> },
  { head: ACCOUNT_TEXTS.what, wide: true, cell: (row) => about(row.permission) },
  { head: ACCOUNT_TEXTS.where, cell: whereOf },
];

function Me(props: { readonly who: Who }) {
  const { who } = props;
  const isOperator = who.userId === undefined;
  return (
    <Panel title={`${ACCOUNT_TEXTS.me}: ${who.name}`}>
      {who.notice !== undefined && (
        <p role="status">
          <Marked text={who.notice} />
        </p>
      )}
      {isOperator && <p>{ACCOUNT_TEXTS.operator}</p>}
      {!isOperator && who.roles.length === 0 && <p>{ACCOUNT_TEXTS.noRoles}</p>}
      {!isOperator && who.roles.length > 0 && (
        <p>
          {ACCOUNT_TEXTS.roles}: <b>{who.roles.map(grantText).join(", ")}</b>
        </p>
      )}
      {who.scopes !== undefined && <p>{ACCOUNT_TEXTS.cutDown(who.scopes.join(", "))}</p>}
      <details>
        <summary>{ACCOUNT_TEXTS.may}</summary>
        <Table
          caption={ACCOUNT_TEXTS.may}
          columns={COLUMNS}
          rows={who.permissions}
          rowKey={({ permission }) => permission}
        />
      </details>
    </Panel>
  );
}

function SignIn() {
  const account = useCall("getAccount", {});
  const ways = useCall("getSignIn", {});
  const mayChange = useMay("sign-in.own");
  if (account.data === undefined) return <Waiting trouble={account.trouble} />;
  const { data } = account;
  return (
    <>
      {data.origin === "oidc" && (
        <p className="line muted">
          <span>{ACCOUNT_TEXTS.byProvider}</span>
          {data.displayName !== undefined && <span>{data.displayName}</span>}
          {data.email !== undefined && <span>{data.email}</span>}
        </p>
      )}
      {mayChange && data.origin === "local" && ways.data !== undefined && (
        <>
          {ways.data.password && (
            <PasswordPanel account={data} charsMin={ways.data.passwordCharsMin} />
          )}
          <PasskeysPanel account={data} ways={ways.data} />
        </>
      )}
    </>
  );
}
