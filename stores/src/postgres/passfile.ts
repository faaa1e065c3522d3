// PostgreSQL's own password file (https://www.postgresql.org/docs/15/libpq-pgpass.html), read anew
// at every login, so that a password can be changed while the control plane runs. The driver's own
// reading of it ends with its next release.
import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Client, type ClientConfig } from "pg";

/** Whom a password is for. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** A colon or a backslash in a field has a backslash before it. */
const FIELD = /(?:\\.|[^:\\])*/y;
/** Rights that others must not have on the file; PostgreSQL's own programs pass it by then too. */
const OTHERS = 0o077;

function fieldsOf(line: string): readonly string[] {
  const fields: string[] = [];
  for (let at = 0; at <= line.length; ) {
    FIELD.lastIndex = at;
    const found = FIELD.exec(line)?.[0] ?? "";
    fields.push(found.replace(/\\(.)/g, "$1"));
    at += found.length + 1;
  }
  return fields;
}

/** The password of the first line that fits; undefined when none does. */
export function passwordIn(text: string, login: Login): string | undefined {
  const wanted = [login.host, String(login.port), login.database, login.user];
  for (const line of text.split(/\r?\n/)) {
    if (line === "" || line.startsWith("#")) continue;
    const fields = fieldsOf(line);
    const fits = wanted.every((value, at) => fields[at] === "*" || fields[at] === value);
    if (fits && fields[4] !== undefined && fields[4] !== "") return fields[4];
  }
  return undefined;
}

function readPassword(login: Login): string | undefined {
  const path = process.env.PGPASSFILE ?? join(homedir(), ".pgpass");
  try {
    if (process.platform !== "win32" && (statSync(path).mode & OTHERS) !== 0) return undefined;
    return passwordIn(readFileSync(path, "utf8"), login);
  } catch {
    return undefined; // No such file: then the server says whether it wants a password.
  }
}

/** A client that looks into the file when neither the address nor PGPASSWORD has a password. */
export class FileClient extends Client {
  constructor(config?: string | ClientConfig) {
    super(config);
    // The driver takes a function here, and asks it only when the server wants a password.
    const own = this as unknown as { password: unknown };
    own.password ??= async (login: Login): Promise<string | undefined> => readPassword(login);
  }
}
