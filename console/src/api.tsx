// The pool for the components: one client, one live stream, and hooks that call an endpoint and
// keep its answer fresh. Components never fetch by themselves.
import {
  type CallInput,
  type CallReply,
  type Client,
  type EndpointName,
  makeClient,
} from "@tequio/contract";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useReducer,
  useState,
  useSyncExternalStore,
} from "react";
import { makeFresh } from "./fresh.ts";
import { type Live, type LiveStatus, startLive } from "./live.ts";

/** What a refusal of the pool says. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly at?: string;
}

interface Pool {
  readonly client: Client;
  readonly live: Live;
  /** What the pool's clock is ahead of this machine's: ages are told by the pool's clock. */
  readonly aheadMs: () => number;
}

const PoolContext = createContext<Pool | undefined>(undefined);
const SIGNED_OUT: readonly string[] = ["UNAUTHENTICATED", "TOKEN_EXPIRED", "TOKEN_REVOKED"];

/** Address of the control plane: the folder from which this page was served. */
export const poolUrl = (): string => new URL(".", location.href).href.replace(/\/$/, "");

/** Whether a refusal means that the token no longer works. */
export const endsSession = (code: string): boolean => SIGNED_OUT.includes(code);

/** Gives the pool to the components below; `onSignedOut` is called when the token is refused. */
export function PoolProvider(props: {
  /** Absent: the session's cookie, which the browser sends by itself. */
  readonly token: string | undefined;
  readonly onSignedOut: (why: Trouble) => void;
  readonly children: ReactNode;
}) {
  const { token, onSignedOut } = props;
  const [pool, setPool] = useState<Pool>();
  useEffect(() => {
    const plain = makeClient({ url: poolUrl(), ...(token === undefined ? {} : { token }) });
    let aheadMs = 0;
    const call: Client["call"] = async (name, input) => {
      const outcome = await plain.call(name, input);
      if (!outcome.ok && endsSession(outcome.code)) onSignedOut(outcome);
      if (outcome.ok && name === "getPool") {
        aheadMs = (outcome.value as CallReply<"getPool">).nowMs - Date.now();
      }
      return outcome;
    };
    const client: Client = { ...plain, call };
    const live = startLive(client);
    setPool({ client, live, aheadMs: () => aheadMs });
    return () => live.stop();
  }, [token, onSignedOut]);
  if (pool === undefined) return null;
  return <PoolContext value={pool}>{props.children}</PoolContext>;
}

function usePool(): Pool {
  const pool = useContext(PoolContext);
  if (pool === undefined) throw new Error("Invariant broken: a page stands inside PoolProvider");
  return pool;
}

export const useClient = (): Client => usePool().client;

/** State of the live stream. */
export function useLiveStatus(): LiveStatus {
  const { live } = usePool();
  return useSyncExternalStore(live.onStatus, live.status);
}

export interface Shown<T> {
  readonly data?: T;
  readonly trouble?: Trouble;
}

/**
 * The answer of an endpoint, fetched again whenever the pool changes. Nothing is asked while `when`
 * is false: what the reader may not see is not asked for.
 */
export function useCall<N extends EndpointName>(
  name: N,
  input: CallInput<N>,
  when = true,
): Shown<CallReply<N>> {
  const { client, live } = usePool();
  const key = `${name} ${JSON.stringify(input)}`;
  const [shown, setShown] = useState<Shown<CallReply<N>> & { readonly key: string }>({ key });
  // The key stands for the input: a new object with the same parts is no reason to fetch.
  const stable = useMemo(() => JSON.parse(key.slice(name.length + 1)) as CallInput<N>, [key, name]);
  useEffect(() => {
    if (!when) return;
    const abort = new AbortController();
    const fresh = makeFresh(async () => {
      const outcome = await client.call(name, { ...stable, signal: abort.signal });
      if (abort.signal.aborted) return;
      setShown((before) => {
        if (outcome.ok) return { key, data: outcome.value };
        const { ok: _, ...trouble } = outcome;
        // Old figures beside the trouble are better than an empty page.
        return before.key === key && before.data !== undefined
          ? { key, data: before.data, trouble }
          : { key, trouble };
      });
    });
    fresh.ask();
    const off = live.onChange(fresh.ask);
    return () => {
      off();
      fresh.stop();
      abort.abort();
    };
  }, [client, live, name, key, stable, when]);
  return shown.key === key ? shown : {};
}

export interface Action<N extends EndpointName> {
  readonly busy: boolean;
  readonly trouble: Trouble | undefined;
  /** Calls the endpoint; gives its answer, or undefined when it was refused. */
  readonly run: (input: CallInput<N>) => Promise<CallReply<N> | undefined>;
  readonly clear: () => void;
}

/** Something that the user does: afterwards what is shown is fetched again. */
export function useAction<N extends EndpointName>(name: N): Action<N> {
  const { client, live } = usePool();
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const run = useCallback(
    async (input: CallInput<N>) => {
      setBusy(true);
      setTrouble(undefined);
      const outcome = await client.call(name, input);
      setBusy(false);
      live.refresh();
      if (outcome.ok) return outcome.value;
      setTrouble(outcome);
      return undefined;
    },
    [client, live, name],
  );
  const clear = useCallback(() => setTrouble(undefined), []);
  return { busy, trouble, run, clear };
}

/** The pool's time, renewed each `everyMs`: for ages and countdowns. */
export function useNow(everyMs: number): number {
  const { aheadMs } = usePool();
  const [, tick] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(tick, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  // Read at each render: beside figures that have just arrived an older time would be in the past.
  return Date.now() + aheadMs();
}
