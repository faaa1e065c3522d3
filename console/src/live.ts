// Keeps what is shown fresh: one stream of the pool's journal, of which only "something changed"
// is used, and polling while the stream is broken. What is fetched again is api.tsx's work.
import type { Client } from "@tequio/contract";
import { makeEventParser } from "./sse.ts";

/** Events come in bursts; within this time they cost one refresh. */
const BURST_MS = 500;
/** How often to look while the stream is broken. */
const POLL_MS = 3_000;
/** Measured figures (speeds, last seen) change without an event of their own. */
const SLOW_MS = 10_000;
/** A stream that is silent for this long is opened again: a dead link says nothing. */
const SILENT_MS = 60_000;
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 10_000;

export type LiveStatus = "connecting" | "live" | "reconnecting";

export interface Live {
  readonly status: () => LiveStatus;
  readonly onStatus: (listener: () => void) => () => void;
  readonly onChange: (listener: () => void) => () => void;
  /** Fetches what is shown again at once, after an action of the user. */
  readonly refresh: () => void;
  readonly stop: () => void;
}

/** Starts following the pool; `stop` ends every timer and the connection. */
export function startLive(client: Client): Live {
  const changes = new Set<() => void>();
  const watchers = new Set<() => void>();
  const abort = new AbortController();
  let status: LiveStatus = "connecting";
  let burst: ReturnType<typeof setTimeout> | undefined;

  const refresh = () => {
    for (const listener of [...changes]) listener();
  };
  const changed = () => {
    burst ??= setTimeout(() => {
      burst = undefined;
      if (!document.hidden) refresh();
    }, BURST_MS);
  };
  const setStatus = (next: LiveStatus) => {
    if (next === status) return;
    status = next;
    for (const listener of [...watchers]) listener();
  };
  const poll = setInterval(() => {
    if (status !== "live") changed();
  }, POLL_MS);
  const slow = setInterval(changed, SLOW_MS);
  const shown = () => {
    if (!document.hidden) refresh();
  };
  document.addEventListener("visibilitychange", shown);
  void follow(client, abort.signal, changed, setStatus);

  return {
    status: () => status,
    onStatus: (listener) => subscribe(watchers, listener),
    onChange: (listener) => subscribe(changes, listener),
    refresh,
    stop: () => {
      abort.abort();
      clearInterval(poll);
      clearInterval(slow);
      clearTimeout(burst);
      document.removeEventListener("visibilitychange", shown);
    },
  };
}

function subscribe(set: Set<() => void>, listener: () => void): () => void {
  set.add(listener);
  return () => {
    set.delete(listener);
  };
}

/** Opens the stream again and again; each time after the last event that was seen. */
async function follow(
  client: Client,
  signal: AbortSignal,
  changed: () => void,
  setStatus: (status: LiveStatus) => void,
): Promise<void> {
  let after: string | undefined;
  let waitMs = 0;
  while (!signal.aborted) {
    if (waitMs > 0) await pause(waitMs, signal);
    after ??= await newest(client, signal);
    if (after !== undefined) {
      try {
        await readStream(client, after, signal, (id) => {
          waitMs = 0;
          setStatus("live");
          changed();
          if (id !== "") after = id;
        });
      } catch {
        // The reason does not matter here: the fetches beside the stream show it to the user.
      }
    }
    if (signal.aborted) return;
    if (waitMs > 0 || after === undefined) setStatus("reconnecting");
    waitMs = Math.min(RETRY_LAST_MS, Math.max(RETRY_FIRST_MS, waitMs * 2));
  }
}

async function newest(client: Client, signal: AbortSignal): Promise<string | undefined> {
  const pool = await client.call("getPool", { signal });
  return pool.ok ? String(pool.value.seq) : undefined;
}

/** Reads one connection to its end. `seen` is called when it opens and for each event. */
async function readStream(
  client: Client,
  after: string,
  signal: AbortSignal,
  seen: (id: string) => void,
): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENT_MS);
  const headers: Record<string, string> = { accept: "text/event-stream", "last-event-id": after };
  if (client.token !== undefined) headers.authorization = `Bearer ${client.token}`;
  try {
    const reply = await fetch(`${client.url}/v1/events?after=${encodeURIComponent(after)}`, {
      headers,
      cache: "no-store",
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (!reply.ok || reply.body === null) throw new Error(`the stream answered ${reply.status}`);
    seen("");
    const parse = makeEventParser();
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const piece = await reader.read();
      if (piece.done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENT_MS);
      for (const event of parse(piece.value)) seen(event.id);
    }
  } finally {
    clearTimeout(timer);
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
  });
