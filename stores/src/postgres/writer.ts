// The one session that writes. It holds the lock, appends under its epoch, and comes back by
// itself when the server does: an append whose answer was lost is looked up, not guessed. Reading
// and the hash chain are left to journal.ts.
import { setTimeout as sleep } from "node:timers/promises";
import { assert, type Outcome, ok, type Refusal } from "@tequio/core/pool";
import { EMPTY_HEAD } from "../chain.ts";
import type { JournalHead, JournalRecord } from "../port.ts";
import { storeClosed } from "../refusals.ts";
import { connect, type Session, type Target } from "./connection.ts";
import { beat, evict, leaderOf, newHolder, spoken, takeEpoch, tryLock } from "./leader.ts";
import { prepareSchema } from "./schema.ts";
import {
  databaseLocked,
  isLost,
  postgresTrouble,
  sqlStateOf,
  storeDeposed,
  UNIQUE_VIOLATION,
} from "./trouble.ts";

/** Between two signs of life, and between two tries to come back. */
export const BEAT_MS = 2_000;
/** How long appends wait for a server that went away: most restarts take less. Those that come
 * later are refused at once, until it is back. */
const AWAY_WAIT_MS = 10_000;
/** Between two tries of such an append. */
const RETRY_MS = 200;
/** A session that was told to end is gone by then: it has at most one append to undo. */
const EVICT_WAIT_MS = 2_000;
const EVICT_STEP_MS = 20;

export interface WriterOptions {
  /** Takes over from a leader that gave no sign of life for so long; absent: from none. */
  readonly staleMs?: number;
  /** Marks an empty database as the target of a copy. */
  readonly filling: boolean;
}

/** Takes the lock and an epoch. Refuses what opening a store refuses; throws nothing else's. */
export async function openWriter(
  target: Target,
  options: WriterOptions,
): Promise<Outcome<PostgresWriter>> {
  const writer = new PostgresWriter(target);
  const refusal = await writer.start(options);
  return refusal ?? ok(writer);
}

/** The newest record of the journal. */
async function readHead({ client }: Session, { schema }: Target): Promise<JournalHead> {
  const { rows } = await client.query<JournalHead>(
    `SELECT seq, hash FROM ${schema}.journal ORDER BY seq DESC LIMIT 1`,
  );
  return rows[0] ?? EMPTY_HEAD;
}

async function isStale({ client }: Session, target: Target, staleMs?: number): Promise<boolean> {
  if (staleMs === undefined) return false;
  const leader = await leaderOf(client, target);
  return leader !== undefined && leader.beatAgeMs > staleMs;
}

async function lockAfterEviction({ client }: Session, target: Target): Promise<boolean> {
  await evict(client, target);
  const untilMs = performance.now() + EVICT_WAIT_MS;
  while (!(await tryLock(client, target))) {
    if (performance.now() > untilMs) return false;
    await sleep(EVICT_STEP_MS);
  }
  return true;
}

export class PostgresWriter {
  /** Resolves when another control plane has taken over: this one never writes again. */
  readonly deposed: Promise<Refusal>;
  readonly #target: Target;
  readonly #holder = newHolder();
  readonly #sql: string;
  #session: Session | undefined;
  #epoch = 0;
  #head: JournalHead = EMPTY_HEAD;
  /** Last record of an append whose answer was lost; settled when the server is back. */
  #unsure: JournalRecord | undefined;
  /** True while somebody still waits for that append. */
  #awaited = false;
  #over: Refusal | undefined;
  /** When the session was lost, by this process's own clock. */
  #lostAtMs = 0;
  #tellDeposed: (refusal: Refusal) => void = () => {};
  #returning: Promise<Refusal | undefined> | undefined;
  #beating: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(target: Target) {
    this.#target = target;
    this.deposed = new Promise((resolve) => {
      this.#tellDeposed = resolve;
    });
    const { schema } = target;
    // Waits for a new epoch that is being taken, and then finds none of its own.
    this.#sql = `WITH fence AS (SELECT epoch FROM ${schema}.leader WHERE epoch = $1 FOR SHARE)
      INSERT INTO ${schema}.journal (seq, at_ms, type, payload, hash)
      SELECT r.* FROM fence,
        unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[]) AS r
      WHERE (SELECT coalesce(max(seq), 0) FROM ${schema}.journal) = $2`;
  }

  /** The newest record that is known to be kept. */
  get head(): JournalHead {
    return this.#head;
  }

  /** What must still be the newest epoch in a transaction that writes. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Runs one statement after those that are under way; nothing when the session was lost. */
  async inTurn<T>(act: (session: Session) => Promise<T>): Promise<T | undefined> {
    const next = this.#turn.then(() => {
      const session = this.#session;
      return session === undefined ? undefined : act(session);
    });
    this.#turn = next.catch(() => undefined);
    return next;
  }

  /** Opens the session; gives the reason when this control plane may not lead. */
  async start(options: WriterOptions): Promise<Refusal | undefined> {
    const target = this.#target;
    let session: Session | undefined;
    try {
      session = await this.#connect();
      let locked = await tryLock(session.client, target);
      if (!locked && (await isStale(session, target, options.staleMs))) {
        locked = await lockAfterEviction(session, target);
      }
      const refusal = locked
        ? await prepareSchema(session.client, target, options.filling)
        : await this.#lockedBy(session);
      if (!refusal.ok) {
        await session.end();
        return refusal;
      }
      this.#epoch = await takeEpoch(session.client, target, this.#holder);
      this.#head = await readHead(session, target);
      this.#session = session;
      this.#beating = setInterval(() => void this.#beat(), BEAT_MS);
      this.#beating.unref();
      return undefined;
    } catch (error) {
      session?.cut();
      return postgresTrouble(error, target);
    }
  }

  /** Makes all records durable or none; `head` is then the last of them. */
  async commit(records: readonly JournalRecord[]): Promise<Outcome<undefined>> {
    const last = records.at(-1);
    assert(last !== undefined, "a commit has records");
    const away = await this.#backInTime();
    if (away !== undefined) return away;
    this.#awaited = true;
    try {
      for (;;) {
        const outcome = await this.#insert(records, last);
        if (outcome !== "lost") return outcome;
        const refusal = await this.#backInTime();
        if (refusal !== undefined) return refusal;
        if (this.#head.seq === last.seq) return ok(undefined);
      }
    } finally {
      this.#awaited = false;
    }
  }

  /** Gives the lock back. */
  async close(): Promise<void> {
    clearInterval(this.#beating);
    this.#over ??= storeClosed();
    await this.#returning;
    const session = this.#session;
    this.#session = undefined;
    await session?.end().catch(() => session.cut());
  }

  async #insert(
    records: readonly JournalRecord[],
    last: JournalRecord,
  ): Promise<Outcome<undefined> | "lost"> {
    let session: Session | undefined;
    try {
      const done = await this.inTurn((own) => {
        session = own;
        this.#unsure = last;
        return this.#send(own, records);
      });
      if (done === undefined) return "lost";
      this.#unsure = undefined;
      // Another epoch, or records that are not ours: either way somebody else writes here.
      if (done.rowCount !== records.length) return this.#depose();
      this.#head = last;
      return ok(undefined);
    } catch (error) {
      if (isLost(error)) {
        postgresTrouble(error, this.#target); // Throws when it is a bug.
        if (session !== undefined) this.#drop(session);
        return this.#over ?? "lost";
      }
      this.#unsure = undefined;
      if (sqlStateOf(error) === UNIQUE_VIOLATION) return this.#depose();
      return postgresTrouble(error, this.#target);
    }
  }

  /** One statement, and so one transaction: all of it or nothing. */
  #send({ client }: Session, records: readonly JournalRecord[]) {
    return client.query({
      name: "append",
      text: this.#sql,
      values: [
        this.#epoch,
        this.#head.seq,
        records.map(({ seq }) => seq),
        records.map(({ atMs }) => atMs),
        records.map(({ type }) => type),
        records.map(({ payload }) => payload),
        records.map(({ hash }) => hash),
      ],
    });
  }

  async #backInTime(): Promise<Refusal | undefined> {
    for (;;) {
      const refusal = await this.#comeBack();
      if (refusal === undefined || this.#over !== undefined) return refusal;
      if (performance.now() >= this.#lostAtMs + AWAY_WAIT_MS) return refusal;
      await sleep(RETRY_MS);
    }
  }

  /** Opens a new session when there is none. All who ask at the same time share one try. */
  #comeBack(): Promise<Refusal | undefined> {
    if (this.#over !== undefined || this.#session !== undefined) return Promise.resolve(this.#over);
    this.#returning ??= this.#tryReturn().finally(() => {
      this.#returning = undefined;
    });
    return this.#returning;
  }

  async #tryReturn(): Promise<Refusal | undefined> {
    const target = this.#target;
    let session: Session | undefined;
    try {
      session = await this.#connect();
      const { client } = session;
      const leader = await leaderOf(client, target);
      if (leader?.holder !== this.#holder) {
        await session.end();
        return this.#depose();
      }
      // Our own lost session may still have the lock: the server has not noticed yet.
      const locked = (await tryLock(client, target)) || (await lockAfterEviction(session, target));
      if (!locked) {
        await session.end();
        return databaseLocked(target.place, undefined);
      }
      const kept = await this.#settle(session);
      if (!kept) {
        await session.end();
        return this.#depose();
      }
      this.#session = session;
      return this.#over;
    } catch (error) {
      session?.cut();
      return postgresTrouble(error, target);
    }
  }

  /**
   * Under a new epoch no append of the lost session can come any more: what lies there is what was
   * kept. An append that was refused meanwhile is taken back. False when another wrote.
   */
  async #settle({ client }: Session): Promise<boolean> {
    const target = this.#target;
    await client.query("BEGIN");
    const leader = await leaderOf(client, target);
    if (leader?.holder !== this.#holder) return false;
    const epoch = await takeEpoch(client, target, this.#holder);
    const found = await readHead({ client } as Session, target);
    const isOld = found.seq === this.#head.seq && found.hash === this.#head.hash;
    const isUnsure = found.seq === this.#unsure?.seq && found.hash === this.#unsure.hash;
    if (!isOld && !isUnsure) return false;
    const takeBack = isUnsure && !this.#awaited;
    if (takeBack) {
      await client.query(`DELETE FROM ${target.schema}.journal WHERE seq > $1`, [this.#head.seq]);
    }
    await client.query("COMMIT");
    this.#epoch = epoch;
    if (isUnsure && !takeBack) this.#head = found;
    this.#unsure = undefined;
    return true;
  }

  async #connect(): Promise<Session> {
    const session = await connect(this.#target, "leader", (lost) => this.#drop(lost));
    await session.client.query(
      // A commit is on the disk before it is answered, whatever the server's default is.
      `SELECT set_config('synchronous_commit', 'on', false)
       WHERE current_setting('synchronous_commit') IN ('off', 'local')`,
    );
    return session;
  }

  #drop(session: Session): void {
    session.cut();
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#lostAtMs = performance.now();
  }

  #depose(): Refusal {
    if (this.#over !== undefined) return this.#over;
    const refusal = storeDeposed(this.#target.place);
    this.#over = refusal;
    clearInterval(this.#beating);
    if (this.#session !== undefined) this.#drop(this.#session);
    this.#tellDeposed(refusal);
    return refusal;
  }

  async #beat(): Promise<void> {
    if (this.#session === undefined) {
      await this.#comeBack();
      return;
    }
    let session: Session | undefined;
    try {
      const alive = await this.inTurn((own) => {
        session = own;
        return beat(own.client, this.#target, this.#epoch);
      });
      if (alive === false) this.#depose();
    } catch (error) {
      if (isLost(error) && session !== undefined) this.#drop(session);
    }
  }

  async #lockedBy({ client }: Session): Promise<Refusal> {
    const leader = await leaderOf(client, this.#target);
    const holder = leader === undefined ? undefined : spoken(leader.holder);
    return databaseLocked(this.#target.place, holder);
  }
}
