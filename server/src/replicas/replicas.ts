// The replicas of runs: tasks on members' nodes that write texts. Each asks for its work and says
// what it has written; this gives every text to the replica that is expected to end it soonest,
// and to another one when that one goes away. Nothing of it is in the journal: a control plane that
// starts again hears from all replicas within a moment. Leases, their metering and their end are
// those of any job.
import { randomUUID } from "node:crypto";
import type { ReplicaView, ReplicaWork, TextOrder, WrittenPart } from "@tequio/contract";
import type { LeaseState, RunState, State } from "@tequio/core/controller";
import { assert } from "@tequio/core/pool";
import type { Say, TextRequest, TextWish } from "../ports.ts";
import { modelOf, newestRound, type RunModel } from "../run-models.ts";
import type { Waker } from "../waker.ts";
import { expectedMs, newPace, type Pace, paceAfter, speedOf } from "./route.ts";
import { ReplicaText } from "./text.ts";

/** A replica that holds no request open for so long has gone. */
const ASKS_WITHIN_MS = 3_000;
/** Sooner, when its connection was cut in the middle of waiting: then it mostly is. */
const ASKS_AFTER_CUT_MS = 750;
/** A replica at work that says nothing for so long is given up: its line is cut, or it hangs. */
const SILENCE_MS_MAX = 15_000;
/** It gets no texts for so long afterwards. */
const BARRED_MS = 30_000;
/** Looking for replicas that have gone, while there are texts. */
const LOOK_MS = 250;
/** Texts under way on one replica. */
const TEXTS_MAX = 32;
/** Models of a run that replicas were told of and may still write with. */
const MODELS_TOLD_MAX = 8;
/** Merges for which the blobs of a model that is not kept are certain to be there. */
const ROUNDS_BACK_MAX = 2;

interface Replica {
  readonly leaseId: string;
  readonly jobId: string;
  readonly runId: string;
  readonly siteId: string;
  readonly texts: Map<string, ReplicaText>;
  /** Newest change that it should hear of. */
  version: number;
  /** Digest of the newest model that it was told of. */
  told: string | undefined;
  holds: readonly string[];
  claimed: number | undefined;
  pace: Pace;
  /** Requests for work that are open now. */
  asking: number;
  askedMs: number;
  /** When it last said something, or got its first text after a pause. */
  spokeMs: number;
  barredUntilMs: number;
  tokens: number;
}

export interface ReplicasOptions {
  readonly state: () => State;
  readonly waker: Waker;
  readonly say: Say;
  /** Milliseconds of a clock that never goes back. */
  readonly clock: () => number;
  /** Above all versions that an earlier process has given out: the time in milliseconds. */
  readonly firstVersion: number;
}

/** What is to be written, and where its model lies. */
export interface ReplicaRequest {
  readonly runId: string;
  readonly model: RunModel;
  readonly parameters: number;
  readonly request: TextRequest;
}

type OwnEngine = (request: TextRequest, signal: AbortSignal) => AsyncIterable<number>;

export class Replicas {
  readonly #options: ReplicasOptions;
  readonly #replicas = new Map<string, Replica>();
  /** By run: the models that replicas were told of, oldest first. */
  readonly #told = new Map<string, Map<string, RunModel>>();
  #version: number;
  #looking: NodeJS.Timeout | undefined;

  constructor(options: ReplicasOptions) {
    this.#options = options;
    this.#version = options.firstVersion;
  }

  /** The topic on which a lease's replica waits. */
  static topic = (leaseId: string): string => `replica ${leaseId}`;

  /** Replicas of the run that can write now. */
  readyCount(runId: string): number {
    return this.#ready(runId).length;
  }

  /**
   * A request for work begins; call what is given back when it ends, with whether the connection
   * was cut before the answer. `runId` is the run that the lease's job serves.
   */
  asks({ lease }: LeaseState, runId: string): (cut: boolean) => void {
    const { clock } = this.#options;
    const { leaseId, jobId, siteId } = lease;
    const replica = this.#replicas.get(leaseId) ?? {
      ...{ leaseId, jobId, siteId, runId, texts: new Map(), version: this.#next() },
      ...{ told: undefined, holds: [], claimed: undefined, pace: newPace(clock()), asking: 0 },
      ...{ askedMs: clock(), spokeMs: clock(), barredUntilMs: 0, tokens: 0 },
    };
    this.#replicas.set(leaseId, replica);
    replica.asking += 1;
    replica.askedMs = clock();
    this.#forgetEnded();
    return (cut) => {
      replica.asking -= 1;
      replica.askedMs = clock() - (cut ? ASKS_WITHIN_MS - ASKS_AFTER_CUT_MS : 0);
    };
  }

  /** What the replica does now; see `asks`. */
  work(leaseId: string, after: number): ReplicaWork {
    const { state } = this.#options;
    const replica = this.#replicas.get(leaseId);
    assert(replica !== undefined, "a replica asks before it is told");
    const { runId, texts } = replica;
    const run = state().runs.get(runId);
    const spec = state().jobs.get(runId)?.spec.run;
    const none = { version: replica.version, texts: [], wanted: [] };
    if (spec === undefined) {
      return { state: "stop", reason: `the pool does not keep run ${runId} any more`, ...none };
    }
    if (run === undefined) {
      const ended = state().jobs.get(runId)?.stage === "ended";
      if (ended) return { state: "stop", reason: `run ${runId} ended without a model`, ...none };
      return { state: "wait", reason: "the first model is being made", ...none };
    }
    const newest = this.#newestOf(run);
    if (replica.told !== newest.digest) {
      replica.told = newest.digest;
      replica.version = this.#next();
    }
    return {
      ...{ state: "serve", reason: `run ${runId}, round ${newest.round}` },
      ...{ version: replica.version, shape: spec.model },
      newest: wireOf(newest, run.machine.config.parameters),
      texts: [...texts.values()].filter((text) => text.version > after).map(({ order }) => order),
      wanted: [...texts.keys()],
    };
  }

  /** Takes what a replica says; gives the number of tokens that are new. */
  takes(
    leaseId: string,
    said: {
      readonly holds?: readonly string[] | undefined;
      readonly tokensPerSecond?: number | undefined;
      readonly texts: readonly WrittenPart[];
    },
  ): number {
    const replica = this.#replicas.get(leaseId);
    if (replica === undefined) return 0;
    const nowMs = this.#options.clock();
    const busy = replica.texts.size > 0;
    let fresh = 0;
    for (const part of said.texts) fresh += replica.texts.get(part.id)?.take(part) ?? 0;
    if (busy && fresh > 0) {
      const ms = Math.max(1, nowMs - replica.spokeMs);
      replica.pace = paceAfter(replica.pace, fresh, ms, nowMs);
    }
    replica.tokens += fresh;
    if (fresh > 0) replica.spokeMs = nowMs;
    if (said.holds !== undefined) replica.holds = said.holds;
    if (said.tokensPerSecond !== undefined) replica.claimed = said.tokensPerSecond;
    return fresh;
  }

  /**
   * The model that is served when nobody has asked for a certain round: the newest that a replica
   * holds, while the run's newest one is still on its way to all of them.
   */
  modelFor(run: RunState): RunModel {
    const newest = this.#newestOf(run);
    const ready = this.#ready(run.jobId);
    const held = new Set(ready.flatMap(({ holds }) => holds));
    if (ready.length === 0 || held.has(newest.digest)) return newest;
    const told = [...(this.#told.get(run.jobId)?.values() ?? [])];
    const best = told.findLast(({ digest }) => held.has(digest));
    return best !== undefined && newest.round - best.round <= ROUNDS_BACK_MAX ? best : newest;
  }

  /**
   * The tokens of a text, written by replicas or, while there is none, by `own`. When a replica
   * goes away, another goes on where it stopped.
   */
  async *generate(
    asked: ReplicaRequest,
    own: OwnEngine,
    signal: AbortSignal,
  ): AsyncGenerator<number, undefined> {
    const { request, runId } = asked;
    const { wish } = request;
    const written: number[] = [...(wish.written ?? [])];
    const tried = new Set<string>();
    while (!signal.aborted && written.length < wish.tokens) {
      const replica = this.#pick(asked, wish.tokens - written.length, tried);
      if (replica === undefined) break;
      tried.add(replica.leaseId);
      const text = this.#assign(replica, asked, { ...wish, written: [...written] });
      try {
        for await (const token of text.read(signal)) {
          written.push(token);
          yield token;
        }
        return undefined;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        const { leaseId, siteId } = replica;
        const fields = { run: runId, lease: leaseId, site: siteId, written: written.length, why };
        this.#options.say("warn", "A replica did not end a text; another goes on.", fields);
        replica.barredUntilMs = this.#options.clock() + BARRED_MS;
      } finally {
        this.#drop(replica, text);
      }
    }
    if (signal.aborted || written.length >= wish.tokens) return undefined;
    yield* own({ ...request, wish: { ...wish, written } }, signal);
    return undefined;
  }

  /** The replicas of a run for people, by job. */
  viewsOf(runId: string): readonly ReplicaView[] {
    this.#forgetEnded();
    const told = this.#told.get(runId);
    const ready = new Set(this.#ready(runId));
    const all = [...this.#replicas.values()].filter((one) => one.runId === runId);
    return all
      .sort((a, b) => a.jobId.localeCompare(b.jobId, "en", { numeric: true }))
      .map((replica) => {
        const { jobId, siteId, holds, texts, tokens } = replica;
        const rounds = holds.flatMap((digest) => told?.get(digest)?.round ?? []);
        const loading = holds.length === 0 && this.#isHere(replica);
        return {
          ...{ jobId, site: siteId, texts: texts.size, tokens },
          member: this.#options.state().sites.get(siteId)?.member ?? siteId,
          state: loading ? "loading" : ready.has(replica) ? "ready" : "away",
          ...(rounds.length === 0 ? {} : { round: Math.max(...rounds) }),
          ...(holds.length === 0 ? {} : { tokensPerSecond: this.#speedOf(replica) }),
        };
      });
  }

  #next(): number {
    this.#version += 1;
    return this.#version;
  }

  /** The newest model, which is remembered: replicas may write with it for some rounds. */
  #newestOf(run: RunState): RunModel {
    const newest = modelOf(run, newestRound(run));
    assert(newest.ok, "a run that has begun has a newest model");
    const told = this.#told.get(run.jobId) ?? new Map<string, RunModel>();
    this.#told.set(run.jobId, told);
    if (!told.has(newest.value.digest)) {
      told.set(newest.value.digest, newest.value);
      if (told.size > MODELS_TOLD_MAX) told.delete(told.keys().next().value!);
    }
    return newest.value;
  }

  #isOpen({ leaseId }: Replica): boolean {
    const lease = this.#options.state().leases.get(leaseId);
    return lease !== undefined && lease.stage !== "ended" && lease.stop === null;
  }

  #isHere(replica: Replica): boolean {
    const silentMs = this.#options.clock() - replica.askedMs;
    return this.#isOpen(replica) && (replica.asking > 0 || silentMs < ASKS_WITHIN_MS);
  }

  #ready(runId: string): readonly Replica[] {
    const nowMs = this.#options.clock();
    return [...this.#replicas.values()].filter(
      (replica) =>
        replica.runId === runId &&
        replica.holds.length > 0 &&
        replica.barredUntilMs <= nowMs &&
        this.#isHere(replica),
    );
  }

  #speedOf({ pace, claimed, texts }: Replica): number {
    return speedOf(pace, claimed, texts.size > 0, this.#options.clock());
  }

  /** The replica that is expected to end the text first; one without its model only if all are. */
  #pick(asked: ReplicaRequest, tokens: number, tried: Set<string>): Replica | undefined {
    const free = this.#ready(asked.runId).filter(
      ({ leaseId, texts }) => !tried.has(leaseId) && texts.size < TEXTS_MAX,
    );
    const holders = free.filter(({ holds }) => holds.includes(asked.model.digest));
    let best: { readonly replica: Replica; readonly ms: number } | undefined;
    for (const replica of holders.length > 0 ? holders : free) {
      const rests = [...replica.texts.values()].map(({ rest }) => rest);
      const ms = expectedMs(tokens, rests, this.#speedOf(replica));
      if (best === undefined || ms < best.ms) best = { replica, ms };
    }
    return best?.replica;
  }

  #assign(replica: Replica, { model, parameters, request }: ReplicaRequest, wish: TextWish) {
    const { waker, clock } = this.#options;
    const id = randomUUID();
    const order: TextOrder = {
      ...{ id, model: wireOf(model, parameters), prompt: [...wish.prompt], tokens: wish.tokens },
      ...{ written: [...(wish.written ?? [])], temperature: wish.temperature },
      ...{ topP: wish.topP, seed: wish.seed },
    };
    replica.version = this.#next();
    const text = new ReplicaText(order, replica.version, request.shape.vocab);
    if (replica.texts.size === 0) replica.spokeMs = clock();
    replica.texts.set(id, text);
    waker.wake(Replicas.topic(replica.leaseId));
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS);
    this.#looking.unref();
    return text;
  }

  #drop(replica: Replica, { order, rest }: ReplicaText): void {
    replica.texts.delete(order.id);
    if (rest === 0) return;
    replica.version = this.#next();
    this.#options.waker.wake(Replicas.topic(replica.leaseId));
  }

  /** Gives up what cannot come any more. */
  #look(): void {
    const nowMs = this.#options.clock();
    let texts = 0;
    for (const replica of this.#replicas.values()) {
      texts += replica.texts.size;
      const silent = nowMs - replica.spokeMs > SILENCE_MS_MAX;
      const gone = !this.#isHere(replica);
      if (replica.texts.size === 0 || !(gone || silent)) continue;
      const why = gone ? "the replica has gone" : `it said nothing for ${SILENCE_MS_MAX} ms`;
      for (const text of replica.texts.values()) text.fail(why);
    }
    this.#forgetEnded();
    if (texts > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  #forgetEnded(): void {
    for (const [leaseId, replica] of this.#replicas) {
      if (!this.#isOpen(replica) && replica.texts.size === 0) this.#replicas.delete(leaseId);
    }
    const served = new Set([...this.#replicas.values()].map(({ runId }) => runId));
    for (const runId of this.#told.keys()) if (!served.has(runId)) this.#told.delete(runId);
  }
}

const wireOf = ({ round, digest, blob, at }: RunModel, parameters: number) => ({
  ...{ round, digest, blob, at, parameters },
});
