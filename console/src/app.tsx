// The frame of the console: who comes in, header with navigation and live mark, and the page that
// the address names. A page that the reader's roles do not open is not offered.
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { AccountPage } from "./account/account-page.tsx";
import { PoolProvider, type Trouble, useCall, useClient, useLiveStatus } from "./api.tsx";
import { JobPage } from "./jobs/job-page.tsx";
import { JobsPage } from "./jobs/jobs-page.tsx";
import { MemberPage } from "./member/member-page.tsx";
import { PeoplePage } from "./people/people-page.tsx";
import { ProjectPage } from "./people/project-page.tsx";
import { ProjectsPage } from "./people/projects-page.tsx";
import type { Permission } from "./people/rights.ts";
import { UserPage } from "./people/user-page.tsx";
import { useHolds, useWho, WhoProvider } from "./people/who.tsx";
import { MembersPage } from "./pool/members-page.tsx";
import { PoolPage } from "./pool/pool-page.tsx";
import { ReservationsPage } from "./reservations/reservations-page.tsx";
import { href, PAGES, type Page, parseRoute, type Route } from "./route.ts";
import { RunPage } from "./runs/run-page.tsx";
import { RunsPage } from "./runs/runs-page.tsx";
import { dropToken, keepToken, readToken, wantedPlace } from "./session.ts";
import { DevicePage } from "./sign-in/device-page.tsx";
import { InvitePage } from "./sign-in/invite-page.tsx";
import { SignInPage } from "./sign-in/sign-in-page.tsx";
import { bareClient } from "./sign-in/stranger.ts";
import { StatementPage } from "./statement/statement-page.tsx";
import { TEXTS } from "./texts.ts";
import { Marked, Waiting } from "./ui/parts.tsx";

/** Loaded by whoever opens such a link only. */
const ContributePage = lazy(() => import("./contribute/contribute-page.tsx"));

/** Rest before a pool that did not answer is asked again. */
const ASK_AGAIN_MS = 3_000;

type Session =
  /** `trouble`: why the pool has not answered yet. */
  | { readonly state: "asking"; readonly trouble?: Trouble }
  | { readonly state: "out"; readonly why: Trouble | undefined }
  /** `token` is absent where the browser holds the session's cookie. */
  | { readonly state: "in"; readonly token: string | undefined };

function startSession(): Session {
  const token = readToken();
  return token === undefined ? { state: "asking" } : { state: "in", token };
}

/** The whole console. */
export function App() {
  const route = useRoute();
  const [session, setSession] = useState<Session>(startSession);
  const leave = useCallback((why?: Trouble) => {
    dropToken();
    setSession({ state: "out", why });
  }, []);
  const { state } = session;
  const contribution = route.page === "contribute" ? route.id : undefined;
  const isInvite =
    (route.page === "invite" && route.id !== undefined) || contribution !== undefined;
  useEffect(() => {
    if (state !== "asking" || isInvite) return;
    let isGone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      const next = await askCookie();
      if (isGone) return;
      setSession(next);
      if (next.state === "asking") timer = setTimeout(() => void ask(), ASK_AGAIN_MS);
    };
    void ask();
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [state, isInvite]);
  if (contribution !== undefined) {
    return (
      <Suspense fallback={<Waiting trouble={undefined} />}>
        <ContributePage key={contribution} joinToken={contribution} />
      </Suspense>
    );
  }
  if (route.page === "invite" && route.id !== undefined) {
    const enter = () => {
      dropToken();
      setSession({ state: "in", token: undefined });
      location.hash = href("account");
    };
    return <InvitePage key={route.id} invite={route.id} onSession={enter} />;
  }
  switch (session.state) {
    case "asking":
      return <Waiting trouble={session.trouble} />;
    case "out": {
      const enter = (token: string | undefined) => {
        if (token !== undefined) keepToken(token);
        location.hash = wantedPlace();
        setSession({ state: "in", token });
      };
      const signedIn = () => enter(undefined);
      return <SignInPage why={session.why} onSession={signedIn} onToken={enter} />;
    }
    case "in":
      return (
        <PoolProvider token={session.token} onSignedOut={leave}>
          <WhoProvider>
            <Frame route={route} onLeave={() => leave()} />
          </WhoProvider>
        </PoolProvider>
      );
    default:
      return session satisfies never;
  }
}

/** Whether the browser holds a session's cookie: no script can read it, but the pool can say. */
async function askCookie(): Promise<Session> {
  const outcome = await bareClient().call("whoami", {});
  if (outcome.ok) return { state: "in", token: undefined };
  if (outcome.code === "POOL_UNREACHABLE") return { state: "asking", trouble: outcome };
  // Who has never been here is told nothing; a session that ended says why.
  return { state: "out", why: outcome.code === "UNAUTHENTICATED" ? undefined : outcome };
}

function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const moved = () => setHash(location.hash);
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return parseRoute(hash);
}

/** What a page needs to be of any use; null: nothing but being signed in. */
const NEEDS: Readonly<Record<Page, Permission | null>> = {
  pool: "pool.read",
  jobs: "jobs.read",
  runs: "runs.read",
  statement: "usage.read",
  members: "members.read",
  projects: "projects.read",
  people: "users.read",
  reservations: "pool.read",
  account: null,
  device: null,
  invite: null,
  contribute: null,
};
/** Pages that the navigation names, where the reader may see them. */
const LISTED = PAGES.filter((page) => NEEDS[page] !== null);

function Frame(props: { readonly route: Route; readonly onLeave: () => void }) {
  const { route } = props;
  const main = useRef<HTMLElement>(null);
  const place = `${route.page}/${route.id ?? ""}`;
  const first = useRef(place);
  useEffect(() => {
    document.title = `${TEXTS.nav[route.page]}${route.id ? ` ${route.id}` : ""} · Tequio`;
    if (first.current === place) return;
    first.current = "";
    // Another page: the reader starts at its top, with keyboard and screen reader, too.
    main.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [place, route]);
  return (
    <>
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        {TEXTS.skip}
      </button>
      <Header route={route} onLeave={props.onLeave} />
      <main ref={main} id="main" tabIndex={-1}>
        <Allowed key={place} route={route} />
      </main>
    </>
  );
}

function Header(props: { readonly route: Route; readonly onLeave: () => void }) {
  const who = useWho();
  const client = useClient();
  const held = new Set(who.permissions.map(({ permission }) => permission));
  async function signOut(): Promise<void> {
    // A token stays good for other uses; a session ends with its cookie.
    if (who.tokenKind === "session") await client.call("signOut", { body: {} });
    props.onLeave();
  }
  return (
    <header className="top">
      <a className="brand" href={href("pool")}>
        <img src="./icon.svg" alt="" width="24" height="24" />
        <span>
          Tequio
          {held.has("pool.read") && <PoolName />}
        </span>
      </a>
      <nav aria-label={TEXTS.navLabel}>
        {LISTED.filter((page) => held.has(NEEDS[page] ?? "")).map((page) => (
          <a
            key={page}
            href={href(page)}
            aria-current={page === props.route.page ? "page" : undefined}
          >
            {TEXTS.nav[page]}
          </a>
        ))}
      </nav>
      <div className="session">
        <LiveMark />
        <a href={href("account")} title={TEXTS.nav.account}>
          {who.name}
        </a>
        <button type="button" className="quiet" onClick={() => void signOut()}>
          {TEXTS.signOut}
        </button>
      </div>
    </header>
  );
}

function PoolName() {
  const pool = useCall("getPool", {}).data;
  return pool === undefined ? null : <small>{pool.name}</small>;
}

function LiveMark() {
  const status = useLiveStatus();
  return (
    <span className={`live ${status}`} role="status" title={TEXTS.liveNotes[status]}>
      {TEXTS.live[status]}
    </span>
  );
}

function Allowed(props: { readonly route: Route }) {
  const { route } = props;
  const who = useWho();
  const need = NEEDS[route.page];
  const isOpen = useHolds(need ?? "self.read");
  if (isOpen) return <Shown route={route} />;
  // Whoever has no role at all is told where to get one, whatever the address.
  if (who.roles.length === 0) return <AccountPage />;
  return (
    <>
      <h1>{TEXTS.notYours.title}</h1>
      <p>
        <Marked text={TEXTS.notYours.text(need ?? "")} />{" "}
        <a href={href("account")}>{TEXTS.notYours.roles}</a>
      </p>
    </>
  );
}

function Shown(props: { readonly route: Route }) {
  const { page, id, query } = props.route;
  switch (page) {
    case "pool":
      return <PoolPage />;
    case "jobs":
      return id === undefined ? <JobsPage query={query} /> : <JobPage id={id} />;
    case "runs":
      return id === undefined ? <RunsPage /> : <RunPage id={id} />;
    case "statement":
      return <StatementPage query={query} />;
    case "members":
      return id === undefined ? <MembersPage /> : <MemberPage name={id} />;
    case "projects":
      return id === undefined ? <ProjectsPage /> : <ProjectPage name={id} />;
    case "people":
      return id === undefined ? <PeoplePage /> : <UserPage name={id} />;
    case "reservations":
      return <ReservationsPage />;
    case "device":
      return <DevicePage code={id ?? ""} />;
    case "account":
    case "contribute":
    case "invite":
      return <AccountPage />;
    default:
      return page satisfies never;
  }
}
