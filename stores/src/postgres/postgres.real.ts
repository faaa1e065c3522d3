// The PostgreSQL store against the common suite, on a real server.

import { hash } from "node:crypto";
import { after, before } from "node:test";
import { type PostgresServer, startPostgres } from "../conformance/postgres-server.ts";
import { storeConformance } from "../conformance.ts";
import { openPostgresStore } from "./index.ts";

let server: PostgresServer;
before(async () => {
  server = await startPostgres(["fsync = off"]); // The suite asks for behaviour, not for crashes.
});
after(() => server.remove());

/** A schema of its own for every place. */
const schemaOf = (place: string): string => `t_${hash("sha256", place).slice(0, 16)}`;

storeConformance({
  name: "postgres",
  open: (folder, options) =>
    openPostgresStore({ ...options, url: server.url, folder, schema: schemaOf(folder) }),
  async tamper(place, seq) {
    const table = `${schemaOf(place)}.journal`;
    await server.sql(`UPDATE ${table} SET payload = '{"number":0}' WHERE seq = ${seq}`);
  },
});
