// The outcome of a call, as the contract's client gives it.
import type { Client } from "@tequio/contract";

type Reply = Awaited<ReturnType<Client["call"]>>;
export type Refused = Extract<Reply, { ok: false }>;
export type Outcome<T> = { readonly ok: true; readonly value: T } | Refused;
