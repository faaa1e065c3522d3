// Sessions: what begins with a sign-in and ends with signing out, with time, or because nobody uses
// it. That one was begun and ended stands in the journal, as a hash; when it was last used and by
// which browser is kept with the people. An open stream is no use: nobody may sit before it.
import type { SessionView } from "@tequio/contract";
import { type State, type Token, userName } from "@tequio/core/controller";
import { LIMITS, type Outcome, ok } from "@tequio/core/pool";
import type { PeopleStore, SessionRow } from "../people-store/index.ts";
import type { Say } from "../ports.ts";
import type { Pump } from "../pump.ts";
import { newId, newSecret, sha256 } from "../secrets.ts";
import { SESSION_PREFIX } from "./cookies.ts";

export type How = SessionView["how"];

/** Characters of how a program names itself. */
const AGENT_CHARS_MAX = 200;
const SWEEP_MS = 60_000;
/** Ids of sessions begin so, to be told from those of API tokens. */
const ID_PREFIX = "s";

export interface NewSession {
  readonly sessionId: string;
  readonly token: string;
  readonly expiresAtMs: number;
}

interface Seen {
  row: SessionRow;
  savedMs: number;
  /** Its row was not read yet: it began at another control plane. */
  guessed?: boolean;
}

export interface SessionParts {
  readonly pump: Pump;
  readonly people: PeopleStore;
  readonly now: () => number;
  readonly say: Say;
}

export class Sessions {
  readonly #parts: SessionParts;
  readonly #seen = new Map<string, Seen>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** Reads when each was last used. */
  async load(): Promise<void> {
    for (const row of await this.#parts.people.sessions.find({})) this.#learn(row);
  }

  #learn(row: SessionRow): void {
    const known = this.#seen.get(row.sessionId);
    const newer = known !== undefined && known.row.lastUsedMs >= row.lastUsedMs;
    if (newer && known.guessed !== true) return;
    this.#seen.set(row.sessionId, { row, savedMs: row.lastUsedMs });
  }

  /** Begins to end those that nobody uses. */
  lead(): void {
    this.#timer ??= setInterval(() => void this.sweep().catch(this.#failed), SWEEP_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Begins one. Refuses USER_DISABLED, and what the journal refuses. */
  async begin(
    userId: string,
    how: How,
    agent: string,
    where: "browser" | "cli",
  ): Promise<Outcome<NewSession>> {
    const { pump, people, now } = this.#parts;
    const token = SESSION_PREFIX + newSecret();
    const sessionId = newId(ID_PREFIX);
    const cli = where === "cli";
    const expiresAtMs = now() + (cli ? LIMITS.CLI_SESSION_MS : LIMITS.SESSION_MS);
    const issued = await pump.submit({
      ...{ type: "issueToken", by: userId, tokenId: sessionId, hash: sha256(token) },
      ...{ label: cli ? "command line" : "browser", userId, scopes: null },
      ...{ kind: "session", expiresAtMs },
    });
    if (!issued.ok) return issued;
    const idleMs = cli ? LIMITS.CLI_SESSION_IDLE_MS : LIMITS.SESSION_IDLE_MS;
    const short = agent.slice(0, AGENT_CHARS_MAX);
    const row = { sessionId, userId, how, agent: short, idleMs, lastUsedMs: now() };
    this.#seen.set(sessionId, { row, savedMs: row.lastUsedMs });
    await people.sessions.save(row);
    return ok({ sessionId, token, expiresAtMs });
  }

  /** Notes a use; false when it was not used for too long, and is over. */
  use(token: Token): boolean {
    const now = this.#parts.now();
    const seen = this.#seenOf(token, now);
    if (now - seen.row.lastUsedMs >= seen.row.idleMs) return false;
    seen.row = { ...seen.row, lastUsedMs: now };
    if (now - seen.savedMs >= LIMITS.SESSION_SEEN_MS) {
      seen.savedMs = now;
      void this.#keep(seen).catch(this.#failed);
    }
    return true;
  }

  /** Writes a use down; a row that is not known here is read first, not written over. */
  async #keep(seen: Seen): Promise<void> {
    const { sessions } = this.#parts.people;
    if (seen.guessed === true) {
      const { sessionId, lastUsedMs } = seen.row;
      const [row] = await sessions.find({ sessionId });
      if (row !== undefined) Object.assign(seen, { row: { ...row, lastUsedMs }, guessed: false });
    }
    await sessions.save(seen.row);
  }

  /** Ends sessions; `by`: the id of the user who wants it. */
  async end(sessionIds: readonly string[], by?: string): Promise<Outcome<readonly string[]>> {
    const { pump, people } = this.#parts;
    for (const tokenId of sessionIds) {
      const revoked = await pump.submit({
        ...{ type: "revokeToken", tokenId },
        ...(by === undefined ? {} : { by }),
      });
      if (!revoked.ok) return revoked;
      this.#seen.delete(tokenId);
      await people.sessions.take({ sessionId: tokenId });
    }
    return ok(sessionIds);
  }

  /** Those of a user that are open, or everybody's. */
  open(userId?: string): readonly Token[] {
    const { pump, now } = this.#parts;
    const at = now();
    return [...pump.state.tokens.values()].filter(
      (token) =>
        token.kind === "session" &&
        !token.revoked &&
        (token.expiresAtMs ?? 0) > at &&
        (userId === undefined || token.userId === userId),
    );
  }

  /** One as people see it. */
  view(state: State, token: Token, current: string): SessionView {
    const { row } = this.#seenOf(token, this.#parts.now());
    return {
      sessionId: token.tokenId,
      user: userName(state, token.userId),
      ...{ how: row.how as How, agent: row.agent },
      ...{ createdAtMs: token.createdAtMs, lastUsedMs: row.lastUsedMs },
      expiresAtMs: token.expiresAtMs ?? 0,
      idleEndsAtMs: row.lastUsedMs + row.idleMs,
      current: token.tokenId === current,
    };
  }

  /** Ends in the journal what nobody used for too long, so that streams end too. */
  async sweep(): Promise<void> {
    const now = this.#parts.now();
    const isIdle = (token: Token): boolean => {
      const { row } = this.#seenOf(token, now);
      return now - row.lastUsedMs >= row.idleMs;
    };
    // Another control plane may have answered it meanwhile.
    if (this.open().some(isIdle)) await this.load();
    const idle = this.open().filter(isIdle);
    const ended = await this.end(idle.map(({ tokenId }) => tokenId));
    if (!ended.ok) return; // The journal takes nothing now; `use` refuses them all the same.
    const open = new Set(this.open().map(({ tokenId }) => tokenId));
    for (const [sessionId, { row }] of this.#seen) {
      if (open.has(sessionId) || now - row.lastUsedMs < LIMITS.SESSION_SEEN_MS) continue;
      this.#seen.delete(sessionId);
      await this.#parts.people.sessions.take({ sessionId });
    }
  }

  /** What is known of one; of one whose row was lost, that it is used now. */
  #seenOf(token: Token, now: number): Seen {
    const known = this.#seen.get(token.tokenId);
    if (known !== undefined) return known;
    const { tokenId: sessionId, userId } = token;
    const idleMs = LIMITS.SESSION_IDLE_MS;
    const row = { sessionId, userId: userId ?? "", how: "password", agent: "", idleMs };
    const seen: Seen = { row: { ...row, lastUsedMs: now }, savedMs: 0, guessed: true };
    this.#seen.set(sessionId, seen);
    return seen;
  }

  readonly #failed = (error: unknown): void => {
    const why = error instanceof Error ? error.message : String(error);
    this.#parts.say("warn", "The last use of a session could not be kept.", { why });
  };
}
