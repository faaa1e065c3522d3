// The frame of the console: sign-in, header with navigation and live mark, and the page that the
// address names.
import { useCallback, useEffect, useRef, useState } from "react";
import { PoolProvider, type Trouble, useCall, useLiveStatus } from "./api.tsx";
import { JobPage } from "./jobs/job-page.tsx";
import { JobsPage } from "./jobs/jobs-page.tsx";
import { MembersPage } from "./pool/members-page.tsx";
import { PoolPage } from "./pool/pool-page.tsx";
import { href, PAGES, parseRoute, type Route } from "./route.ts";
import { RunPage } from "./runs/run-page.tsx";
import { RunsPage } from "./runs/runs-page.tsx";
import { dropToken, keepToken, readToken } from "./session.ts";
import { SignIn } from "./sign-in.tsx";
import { StatementPage } from "./statement/statement-page.tsx";
import { TEXTS } from "./texts.ts";

/** The whole console. */
export function App() {
  const [token, setToken] = useState(readToken);
  const [why, setWhy] = useState<Trouble>();
  const leave = useCallback((trouble?: Trouble) => {
    dropToken();
    setToken(undefined);
    setWhy(trouble);
  }, []);
  if (token === undefined) {
    const enter = (given: string) => {
      keepToken(given);
      setToken(given);
    };
    return <SignIn why={why} onToken={enter} />;
  }
  return (
    <PoolProvider token={token} onSignedOut={leave}>
      <Frame onLeave={() => leave()} />
    </PoolProvider>
  );
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

function Frame(props: { readonly onLeave: () => void }) {
  const route = useRoute();
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
        <Shown key={place} route={route} />
      </main>
    </>
  );
}

function Header(props: { readonly route: Route; readonly onLeave: () => void }) {
  const pool = useCall("getPool", {}).data;
  return (
    <header className="top">
      <a className="brand" href={href("pool")}>
        <img src="./icon.svg" alt="" width="24" height="24" />
        <span>
          Tequio
          {pool !== undefined && <small>{pool.name}</small>}
        </span>
      </a>
      <nav aria-label={TEXTS.navLabel}>
        {PAGES.map((page) => (
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
        <button type="button" className="quiet" onClick={props.onLeave}>
          {TEXTS.signOut}
        </button>
      </div>
    </header>
  );
}

function LiveMark() {
  const status = useLiveStatus();
  return (
    <span className={`live ${status}`} role="status" title={TEXTS.liveNotes[status]}>
      {TEXTS.live[status]}
    </span>
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
      return <MembersPage />;
    default:
      return page satisfies never;
  }
}
