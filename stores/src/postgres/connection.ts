// Connections to a PostgreSQL server: the address without its password, the settings that every
// session needs, and a socket that can be cut when the server no longer answers. What an error
// means to the user is decided in trouble.ts.
import { Socket } from "node:net";
import { type Outcome, ok, refuse } from "@tequio/core/pool";
import { type Client, type ClientConfig, Pool, types } from "pg";
import { FileClient } from "./passfile.ts";

/** A server that has not answered a connection by then is away; the next try comes soon. */
const CONNECT_MS = 5_000;
/** A statement that runs longer is cancelled by the server: the largest append takes 2 s. */
const STATEMENT_MS = 30_000;
/** Without any answer by then the network is cut, since the server would have cancelled. */
const ANSWER_MS = 35_000;
/** Sessions that read at the same time; a database's connections are few. */
const READERS_MAX = 2;
/** PostgreSQL's number of the type bigint; sequence numbers and milliseconds are safe integers. */
const BIGINT_OID = 20;
const SCHEMA_PATTERN = /^[a-z_][a-z0-9_]{0,62}$/;

export interface Target {
  readonly url: string;
  /** Host and database for messages, never a user's name or password. */
  readonly place: string;
  /** Schema of the pool's tables: a plain lower-case word that needs no quotes. */
  readonly schema: string;
  /** The text without the password, should a server have repeated it. */
  hide(text: string): string;
}

/** True for what `openPostgresStore` takes as its address. */
export const isPostgresUrl = (text: string): boolean => /^postgres(?:ql)?:\/\//.test(text);

/** Host and database of an address, for messages; nothing of it when it cannot be read. */
export function placeOfUrl(url: string): string {
  const target = parseTarget(url, "tequio");
  return target.ok ? `postgres://${target.value.place}` : "the database";
}

/** Reads the address; refuses INVALID_REQUEST without repeating what may hold a password. */
export function parseTarget(url: string, schema: string): Outcome<Target> {
  if (!isPostgresUrl(url) || !SCHEMA_PATTERN.test(schema)) return badUrl();
  // WHATWG URLs need a host; a socket's folder stands in `?host=` and its host may be empty.
  const bare = /^(postgres(?:ql)?:\/\/(?:[^@/]*@)?)\//.exec(url);
  const whole = bare === null ? url : `${bare[1]}localhost${url.slice((bare[1] ?? "").length)}`;
  const parsed = URL.parse(whole);
  if (parsed === null) return badUrl();
  const host = parsed.searchParams.get("host") ?? parsed.host;
  const secrets = [parsed.password, safeDecode(parsed.password)].filter((text) => text !== "");
  const password = parsed.searchParams.get("password");
  if (password !== null && password !== "") secrets.push(password);
  return ok({
    url: whole,
    place: `${host}${parsed.pathname}`,
    schema,
    hide: (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, "***"), text),
  });
}

const badUrl = () =>
  refuse(
    "INVALID_REQUEST",
    "The address of the database cannot be read.",
    "Write postgres://USER@HOST:PORT/DATABASE, and characters of a password such as / as %2F.",
  );

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const settings = (target: Target, name: string): ClientConfig => ({
  connectionString: target.url,
  application_name: `tequio ${name} ${process.pid}`,
  connectionTimeoutMillis: CONNECT_MS,
  statement_timeout: STATEMENT_MS,
  query_timeout: ANSWER_MS,
  keepAlive: true,
  types: {
    getTypeParser: ((oid: number, format?: "text") =>
      oid === BIGINT_OID ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
  },
});

/** One session of its own. */
export interface Session {
  readonly client: Client;
  /** Ends it politely; the server gives its locks back. */
  end(): Promise<void>;
  /** Cuts it without a word, because nobody answers any more. */
  cut(): void;
}

/** Opens a session. Throws what pg throws. `onLost` is told once when it ends by itself. */
export async function connect(
  target: Target,
  name: string,
  onLost: (session: Session) => void = () => {},
): Promise<Session> {
  const socket = new Socket();
  const client = new FileClient({ ...settings(target, name), stream: () => socket });
  let over = false;
  const session: Session = {
    client,
    async end() {
      over = true;
      await client.end();
    },
    cut() {
      over = true;
      socket.destroy();
    },
  };
  try {
    client.on("error", () => {}); // While connecting, the promise tells.
    await client.connect();
  } catch (error) {
    socket.destroy();
    throw error;
  }
  const lost = (): void => {
    if (over) return;
    over = true;
    onLost(session);
  };
  client.on("error", lost).on("end", lost);
  return session;
}

/** Sessions for reading, made when they are needed. */
export function openReaders(target: Target): Pool {
  const readers = new Pool({
    ...settings(target, "reader"),
    max: READERS_MAX,
    Client: FileClient,
  });
  readers.on("error", () => {}); // An idle session that was lost is replaced by the next one.
  return readers;
}
