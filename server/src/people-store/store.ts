// The people store over any database that speaks SQL: its tables as data, and the statements made
// from them. Which database it is, is known in sqlite.ts and by the composition root only.
import { assert, type Refusal } from "@tequio/core/pool";
import type { PeopleStore, PeopleTables, Sql, SqlRow, SqlValue, Table } from "./port.ts";

/** The database cannot be used now; the refusal says why. */
export class PeopleStoreError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

type ColumnType = "text" | "text?" | "whole" | "whole?";

interface Shape {
  readonly name: string;
  readonly key: readonly string[];
  /** Field of a row -> its type; the column is the field in snake case. */
  readonly fields: Readonly<Record<string, ColumnType>>;
}

const SHAPES: Readonly<Record<keyof PeopleTables, Shape>> = {
  people: {
    name: "people",
    key: ["userId"],
    fields: { userId: "text", email: "text?", displayName: "text?", groups: "whole?" },
  },
  identities: {
    name: "people_identities",
    key: ["issuer", "subject"],
    fields: { issuer: "text", subject: "text", userId: "text", salt: "text" },
  },
  passwords: {
    name: "people_passwords",
    key: ["userId"],
    fields: { userId: "text", hash: "text", changedAtMs: "whole" },
  },
  passkeys: {
    name: "people_passkeys",
    key: ["passkeyId"],
    fields: {
      ...{ passkeyId: "text", userId: "text", name: "text", publicKey: "text" },
      ...{ counter: "whole", transports: "text", synced: "whole" },
      ...{ createdAtMs: "whole", lastUsedMs: "whole?" },
    },
  },
  invites: {
    name: "people_invites",
    key: ["userId"],
    fields: { userId: "text", hash: "text", expiresAtMs: "whole" },
  },
  sessions: {
    name: "people_sessions",
    key: ["sessionId"],
    fields: {
      ...{ sessionId: "text", userId: "text", how: "text", agent: "text" },
      ...{ idleMs: "whole", lastUsedMs: "whole" },
    },
  },
};
const NAMES = Object.keys(SHAPES) as readonly (keyof PeopleTables)[];

/** `groups` is a word of SQL, hence the quotes around every column. */
const column = (field: string): string =>
  `"${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}"`;

function tableOf<Row extends object>(sql: Sql, shape: Shape): Table<Row> {
  const { key, fields } = shape;
  const name = sql.prefix + shape.name;
  const all = Object.keys(fields);
  const columns = all.map(column);
  const toRow = (row: SqlRow): Row =>
    Object.fromEntries(all.map((field) => [field, row[column(field).slice(1, -1)] ?? null])) as Row;
  const where = (by: Partial<Row>): { readonly text: string; readonly values: SqlValue[] } => {
    const given = Object.entries(by) as [string, SqlValue][];
    assert(
      given.every(([field]) => fields[field] !== undefined),
      `${name} has these columns`,
    );
    const text = given.map(([field], i) => `${column(field)} = $${i + 1}`).join(" AND ");
    return { text: text === "" ? "" : ` WHERE ${text}`, values: given.map(([, value]) => value) };
  };
  const marks = all.map((_, i) => `$${i + 1}`).join(", ");
  const rest = columns.filter((_, i) => !key.includes(all[i]!));
  const insert =
    `INSERT INTO ${name} (${columns.join(", ")}) VALUES (${marks}) ON CONFLICT ` +
    `(${key.map(column).join(", ")}) DO UPDATE SET ` +
    rest.map((one) => `${one} = excluded.${one}`).join(", ");
  return {
    async find(by) {
      const { text, values } = where(by);
      const order = ` ORDER BY ${key.map(column).join(", ")}`;
      const found = await sql.all(
        `SELECT ${columns.join(", ")} FROM ${name}${text}${order}`,
        values,
      );
      return found.map(toRow);
    },
    async save(row) {
      const values = all.map((field) => (row as Record<string, SqlValue>)[field] ?? null);
      await sql.all(insert, values);
    },
    async take(by) {
      const { text, values } = where(by);
      assert(text !== "", "rows are taken by something");
      const gone = `DELETE FROM ${name}${text} RETURNING ${columns.join(", ")}`;
      return (await sql.all(gone, values)).map(toRow);
    },
  };
}

async function makeTables(sql: Sql): Promise<void> {
  const typeOf = (type: ColumnType): string => {
    const base = type.startsWith("text") ? "TEXT" : sql.wholeType;
    return type.endsWith("?") ? base : `${base} NOT NULL`;
  };
  for (const name of NAMES) {
    const shape = SHAPES[name];
    const columns = Object.entries(shape.fields).map(([f, type]) => `${column(f)} ${typeOf(type)}`);
    const key = shape.key.map(column).join(", ");
    const parts = [...columns, `PRIMARY KEY (${key})`].join(", ");
    await sql.all(`CREATE TABLE IF NOT EXISTS ${sql.prefix}${shape.name} (${parts})`, []);
  }
}

/**
 * Opens the store, whose tables are made if they are not there; `readOnly`: they are.
 * Throws PeopleStoreError.
 */
export async function openPeople(sql: Sql, readOnly = false): Promise<PeopleStore> {
  if (!readOnly) await makeTables(sql);
  const tables = Object.fromEntries(
    NAMES.map((name) => [name, tableOf(sql, SHAPES[name])]),
  ) as unknown as PeopleTables;
  return {
    ...tables,
    async forget(userId) {
      for (const name of NAMES)
        await (tables[name] as unknown as Table<{ userId: string }>).take({ userId });
    },
    close: sql.close,
  };
}

/** Copies everything into an empty store, for backups and moves. */
export async function copyPeople(from: PeopleStore, to: PeopleStore): Promise<number> {
  let rows = 0;
  for (const name of NAMES) {
    const target = to[name] as Table<object>;
    for (const row of await from[name].find({})) {
      await target.save(row);
      rows += 1;
    }
  }
  return rows;
}
