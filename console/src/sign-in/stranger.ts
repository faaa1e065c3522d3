// Calls to the pool by somebody who has not signed in: without a token and without a live stream.
import { type CallInput, type CallReply, type EndpointName, makeClient } from "@tequio/contract";
import { useState } from "react";
import { poolUrl, type Trouble } from "../api.tsx";

/** A client that sends no token; the browser sends the session's cookie, where there is one. */
export const bareClient = () => makeClient({ url: poolUrl() });

export interface Ask {
  readonly busy: boolean;
  readonly trouble: Trouble | undefined;
  readonly setTrouble: (trouble: Trouble | undefined) => void;
  /** Calls an endpoint; undefined when it was refused, which `trouble` then says. */
  readonly call: <N extends EndpointName>(
    name: N,
    input: CallInput<N>,
  ) => Promise<CallReply<N> | undefined>;
}

/** What a form needs to call the pool and to show why it was refused. */
export function useAsk(first: Trouble | undefined): Ask {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState(first);
  async function call<N extends EndpointName>(name: N, input: CallInput<N>) {
    setBusy(true);
    setTrouble(undefined);
    const outcome = await bareClient().call(name, input);
    setBusy(false);
    if (outcome.ok) return outcome.value;
    setTrouble(outcome);
    return undefined;
  }
  return { busy, trouble, setTrouble, call };
}
