// The worker behind a page that lends its tab: starts it once for each link, hands its news to the
// page, and says farewell to the pool when the page goes. What is shown is the page's.
import type { PageOrder, SiteNews, TabFarewell } from "@tequio/contract";
import TabWorker from "@tequio/trainer/tab?worker";
import { poolUrl } from "../api.tsx";

/** A page that is loaded again waits so long for what it was before to be gone. */
const TURN_MS = 3_000;

export interface Lending {
  readonly send: (order: PageOrder) => void;
  /** Ends the work and tells the pool; the page itself goes, or shows something else. */
  readonly leave: () => void;
}

export interface LendingOptions {
  readonly joinToken: string;
  readonly threads: number;
  /** True when the page was only loaded again: its own past may still hold the link. */
  readonly again: boolean;
  readonly onNews: (news: SiteNews) => void;
  readonly onTrouble: (message: string) => void;
}

/** Starts to lend; undefined when another tab of this browser holds the link. */
export async function startLending(options: LendingOptions): Promise<Lending | undefined> {
  const { joinToken, threads, onNews, onTrouble } = options;
  const release = await holdAlone(joinToken, options.again);
  if (release === undefined) return undefined;
  const worker = new TabWorker();
  let farewell: TabFarewell | undefined;
  worker.onmessage = ({ data }: MessageEvent<SiteNews>) => {
    farewell = data.farewell;
    onNews(data);
  };
  worker.onerror = ({ message }) => onTrouble(message);
  const send = (order: PageOrder): void => worker.postMessage(order);
  const leave = (): void => {
    worker.terminate();
    if (farewell !== undefined) sayFarewell(farewell);
    farewell = undefined;
    removeEventListener("pagehide", leave);
    release();
  };
  addEventListener("pagehide", leave);
  // A page that comes back from the browser's memory has no worker any more.
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  send({ kind: "start", poolUrl: poolUrl(), joinToken, threads });
  return { send, leave };
}

/** `keepalive` lets the request outlive the page. Where it is lost the pool waits longer. */
function sayFarewell(farewell: TabFarewell): void {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify(farewell);
  fetch(`${poolUrl()}/v1/tabs/farewell`, {
    ...{ method: "POST", keepalive: true, headers, body },
  }).catch(() => {});
}

/** One tab for each link: two would be one site twice. Gives what lets go of it. */
function holdAlone(joinToken: string, waits: boolean): Promise<(() => void) | undefined> {
  const mode = waits ? { signal: AbortSignal.timeout(TURN_MS) } : { ifAvailable: true };
  return new Promise((resolve) => {
    const held = navigator.locks.request(`tequio ${joinToken}`, mode, (lock) => {
      if (lock === null) return resolve(undefined);
      return new Promise<void>((release) => resolve(release));
    });
    held.catch(() => resolve(undefined));
  });
}
