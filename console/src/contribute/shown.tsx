// What a tab that lends shows of its work: what it does now, what it has contributed, and the
// buttons that end it.
import type { PageOrder, SiteNews } from "@tequio/contract";
import { bytes, duration } from "../format.ts";
import { CONTRIBUTE_TEXTS as TEXTS } from "../texts/contribute.ts";

interface Props {
  readonly news: SiteNews;
  readonly send: (order: PageOrder) => void;
}

/** The state of the site, in words and figures. */
export function Shown({ news, send }: Props) {
  const { phase, why, member, siteId, engine, run, limits, connected } = news;
  const isOver = phase === "stopped" || phase === "refused";
  const isCut = !connected && !isOver && phase !== "joining";
  return (
    <>
      <p role="status">
        <b>{TEXTS.phases[phase]}</b>
        {why !== undefined && ` · ${why}`}
        {isCut && ` · ${TEXTS.cut}`}
      </p>
      {phase === "refused" && <p>{TEXTS.refusedHint}</p>}
      {run !== undefined && <p>{TEXTS.run(run.name, run.parameters, run.round)}</p>}
      <Figures news={news} />
      <p className="muted">
        {member !== undefined && TEXTS.member(member, siteId ?? "")}{" "}
        {engine !== undefined && TEXTS.engine(engine)}{" "}
        {limits !== undefined && TEXTS.bounds(limits)}
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
