// Where the people of a pool are kept: in its database, so that a control plane that takes over
// knows them, or in a file of its data folder.
import { type Outcome, ok } from "@tequio/core/pool";
import {
  copyPeople,
  openPeople,
  openSqlitePeople,
  type PeopleStore,
  PeopleStoreError,
  readSqlitePeople,
} from "@tequio/server";
import type { Place } from "./verbs/store-places.ts";

type Where = Pick<Place, "data" | "url">;

/** Opens them; the tables are made if they are not there. Refuses what the store refuses. */
export async function openPeopleAt({ data, url }: Where): Promise<Outcome<PeopleStore>> {
  if (url === undefined) return openSqlitePeople(data);
  const { openPostgresSql } = await import("@tequio/stores/postgres");
  const sql = openPostgresSql(url, (refusal) => new PeopleStoreError(refusal));
  if (!sql.ok) return sql;
  try {
    return ok(await openPeople(sql.value));
  } catch (error) {
    await sql.value.close();
    if (error instanceof PeopleStoreError) return error.refusal;
    throw error;
  }
}

/** Copies the people of one place to another, whose pool is new. Gives how many rows there were. */
export async function copyPeopleOf(from: Where, to: Where): Promise<Outcome<number>> {
  const source = await (from.url === undefined ? readSqlitePeople(from.data) : openPeopleAt(from));
  if (!source.ok) return source;
  if (source.value === undefined) return ok(0);
  try {
    const target = await openPeopleAt(to);
    if (!target.ok) return target;
    try {
      return ok(await copyPeople(source.value, target.value));
    } finally {
      await target.value.close();
    }
  } catch (error) {
    if (error instanceof PeopleStoreError) return error.refusal;
    throw error;
  } finally {
    await source.value.close();
  }
}
