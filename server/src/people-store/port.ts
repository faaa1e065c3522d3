// What is known of people beyond the journal: how they sign in, and what an identity provider says
// of them. The journal holds their ids and roles for ever; here a row can be removed, and with it
// the person. Two databases keep it, see sqlite.ts and the one of @tequio/stores/postgres; both
// by way of store.ts.

/** One statement at a time. `$1`, `$2` stand for the values. */
export interface Sql {
  /** Rows that the statement gives. Throws PeopleStoreError for trouble of the database. */
  readonly all: (text: string, values: readonly SqlValue[]) => Promise<readonly SqlRow[]>;
  /** The type of whole numbers up to 2^53, which the two name differently. */
  readonly wholeType: "INTEGER" | "BIGINT";
  /** Stands before the name of every table. */
  readonly prefix: string;
  readonly close: () => Promise<void>;
}
export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, unknown>>;

export interface Person {
  readonly userId: string;
  readonly email: string | null;
  readonly displayName: string | null;
  /** How many groups the provider named at the last sign-in; null: it had no such claim. */
  readonly groups: number | null;
}

/** Who a user is at an identity provider. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
  readonly userId: string;
  /** Random: with it, and only with it, the journal's hash tells of the subject. */
  readonly salt: string;
}

export interface Password {
  readonly userId: string;
  /** In the PHC form, with its parameters and its salt. */
  readonly hash: string;
  readonly changedAtMs: number;
}

export interface Passkey {
  /** The credential's id, base64url. */
  readonly passkeyId: string;
  readonly userId: string;
  readonly name: string;
  /** COSE key, base64url. */
  readonly publicKey: string;
  readonly counter: number;
  /** As the browser named them, joined by commas. */
  readonly transports: string;
  /** 1 when the authenticator keeps copies elsewhere. */
  readonly synced: number;
  readonly createdAtMs: number;
  readonly lastUsedMs: number | null;
}

/** A one-time link; a user has at most one. */
export interface Invite {
  readonly userId: string;
  /** SHA-256 of the secret. */
  readonly hash: string;
  readonly expiresAtMs: number;
}

export interface SessionRow {
  readonly sessionId: string;
  readonly userId: string;
  readonly how: string;
  /** How the browser or program names itself. */
  readonly agent: string;
  readonly idleMs: number;
  readonly lastUsedMs: number;
}

/** Rows of one kind, found by any of their columns. */
export interface Table<Row> {
  readonly find: (by: Partial<Row>) => Promise<readonly Row[]>;
  /** Adds a row, or replaces the one with the same key. */
  readonly save: (row: Row) => Promise<void>;
  /** Removes rows and gives them, so that of two who take one only one gets it. */
  readonly take: (by: Partial<Row>) => Promise<readonly Row[]>;
}

export interface PeopleTables {
  readonly people: Table<Person>;
  readonly identities: Table<Identity>;
  readonly passwords: Table<Password>;
  readonly passkeys: Table<Passkey>;
  readonly invites: Table<Invite>;
  readonly sessions: Table<SessionRow>;
}

export interface PeopleStore extends PeopleTables {
  /** Removes everything that is known of a user. */
  readonly forget: (userId: string) => Promise<void>;
  readonly close: () => Promise<void>;
}
