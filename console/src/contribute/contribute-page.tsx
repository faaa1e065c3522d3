// The page behind a link for browsers: says what is asked for, waits for consent, and then shows
// what the tab contributes. The work is done by workers; closing the tab ends them.
import type { PageOrder, SiteNews } from "@tequio/contract";
import TabWorker from "@tequio/trainer/tab?worker";
import { useEffect, useRef, useState } from "react";
import { poolUrl } from "../api.tsx";
import { bytes, duration } from "../format.ts";
import { CONTRIBUTE_TEXTS as TEXTS } from "../texts/contribute.ts";
import { Marked } from "../ui/parts.tsx";

/** The page behind `#/contribute/TOKEN`. */
export default function ContributePage(props: { readonly joinToken: string }) {
  const [news, setNews] = useState<SiteNews>();
  const [trouble, setTrouble] = useState<string>();
  const worker = useRef<Worker>(undefined);
  const send = (order: PageOrder): void => worker.current?.postMessage(order);
  useEffect(() => () => worker.current?.terminate(), []);

  async function start(): Promise<void> {
    if (!isSecureContext) return setTrouble(TEXTS.insecure);
    if (!(await holdAlone(props.joinToken))) return setTrouble(TEXTS.elsewhere);
    const site = new TabWorker();
    worker.current = site;
    site.onmessage = ({ data }: MessageEvent<SiteNews>) => setNews(data);
    site.onerror = ({ message }) => setTrouble(message);
    send({ kind: "start", poolUrl: poolUrl(), joinToken: props.joinToken });
  }

  return (
    <main className="sign-in contribute">
      <div className="panel">
        <h1>
          <img src="./icon.svg" alt="" width="28" height="28" /> {TEXTS.title}
        </h1>
        {trouble !== undefined && (
          <p className="trouble" role="alert">
            {trouble}
          </p>
        )}
        {news === undefined ? (
          <Asking onStart={() => void start()} />
        ) : (
          <Shown news={news} send={send} />
        )}
      </div>
    </main>
  );
}

/** One tab for each link: two would be one site twice. Held until the tab is closed. */
function holdAlone(joinToken: string): Promise<boolean> {
  return new Promise((resolve) => {
    void navigator.locks.request(`tequio ${joinToken}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise<never>(() => {});
    });
  });
}

function Asking(props: { readonly onStart: () => void }) {
  const [agreed, setAgreed] = useState(false);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        props.onStart();
      }}
    >
      <p>
        <Marked text={TEXTS.who(location.host)} />
      </p>
      <ul>
        {TEXTS.what.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      <p>
        <label>
          <input
            type="checkbox"
            checked={agreed}
            onChange={(event) => setAgreed(event.target.checked)}
          />{" "}
          {TEXTS.consent}
        </label>
      </p>
      <button type="submit" className="primary" disabled={!agreed}>
        {TEXTS.start}
      </button>
    </form>
  );
}

function Shown(props: { readonly news: SiteNews; readonly send: (order: PageOrder) => void }) {
  const { news, send } = props;
  const { phase, why, member, siteId, engine, run } = news;
  const isOver = phase === "stopped" || phase === "refused";
  return (
    <>
      <p role="status">
        <b>{TEXTS.phases[phase]}</b>
        {why !== undefined && ` · ${why}`}
      </p>
      {run !== undefined && <p>{TEXTS.run(run.name, run.parameters, run.round)}</p>}
      <Figures news={news} />
      <p className="muted">
        {member !== undefined && TEXTS.member(member, siteId ?? "")}{" "}
        {engine !== undefined && TEXTS.engine(engine)}
      </p>
      {!isOver && (
        <p className="row">
          {phase === "paused" ? (
            <button type="button" className="primary" onClick={() => send({ kind: "resume" })}>
              {TEXTS.resume}
            </button>
          ) : (
            <button type="button" onClick={() => send({ kind: "pause" })}>
              {TEXTS.pause}
            </button>
          )}
          <button type="button" onClick={() => send({ kind: "stop" })}>
            {TEXTS.stop}
          </button>
        </p>
      )}
    </>
  );
}

function Figures({ news }: { readonly news: SiteNews }) {
  const { stats } = TEXTS;
  const rows: readonly (readonly [string, string])[] = [
    [stats.rounds, String(news.rounds)],
    [stats.tokens, news.tokens.toLocaleString("en")],
    [stats.speed, news.tokensPerSecond.toLocaleString("en")],
    [stats.up, bytes(news.bytesUp)],
    [stats.down, bytes(news.bytesDown)],
    [stats.time, duration(news.deviceMs)],
    [stats.loss, news.run === undefined ? "–" : news.run.loss.toFixed(3)],
  ];
  return (
    <dl className="stats">
      {rows.map(([name, value]) => (
        <div key={name} className="stat">
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
