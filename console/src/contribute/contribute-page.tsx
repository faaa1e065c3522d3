// The page behind a link for browsers: asks, and after a yes shows what the tab contributes. The
// work is done by workers; closing the page ends them and tells the pool so.
import type { PageOrder, SiteNews } from "@tequio/contract";
import { useEffect, useRef, useState } from "react";
import "../style/contribute.css";
import { CONTRIBUTE_TEXTS as TEXTS } from "../texts/contribute.ts";
import { Asking } from "./asking.tsx";
import { Shown } from "./shown.tsx";
import { type Lending, startLending } from "./worker.ts";

/** The yes of this tab, kept by the browser until the tab is closed: a reload asks nothing anew. */
const agreedKey = (joinToken: string): string => `tequio lends ${joinToken}`;

const isOver = ({ phase }: SiteNews): boolean => phase === "stopped" || phase === "refused";

/** The page behind `#/contribute/TOKEN`. */
export default function ContributePage({ joinToken }: { readonly joinToken: string }) {
  const [news, setNews] = useState<SiteNews>();
  const [trouble, setTrouble] = useState<string>();
  const lending = useRef<Lending>(undefined);
  const [agreed] = useState(() => Number(sessionStorage.getItem(agreedKey(joinToken)) ?? 0));
  const send = (order: PageOrder): void => lending.current?.send(order);

  async function start(threads: number, again: boolean): Promise<void> {
    if (!isSecureContext) return setTrouble(TEXTS.insecure);
    const onNews = (told: SiteNews): void => {
      setNews(told);
      if (isOver(told)) sessionStorage.removeItem(agreedKey(joinToken));
    };
    const begun = await startLending({ joinToken, threads, again, onNews, onTrouble: setTrouble });
    if (begun === undefined) return setTrouble(TEXTS.elsewhere);
    lending.current = begun;
    setTrouble(undefined);
    sessionStorage.setItem(agreedKey(joinToken), String(threads));
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each link, at its opening.
  useEffect(() => {
    if (agreed > 0) void start(agreed, true);
    return () => lending.current?.leave();
  }, [joinToken]);

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
        {news !== undefined ? (
          <Shown news={news} send={send} />
        ) : agreed > 0 && trouble === undefined ? (
          <p role="status">{TEXTS.phases.joining}</p>
        ) : (
          <Asking joinToken={joinToken} onStart={(threads) => void start(threads, false)} />
        )}
      </div>
    </main>
  );
}
