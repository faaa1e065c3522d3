// The store of a database server: PostgreSQL for journal and snapshots, files for blobs.
export { isPostgresUrl, placeOfUrl } from "./connection.ts";
export { type Following, follow } from "./follow.ts";
export { openPostgresStore, type PostgresStore, type PostgresStoreOptions } from "./open.ts";
export { openPostgresSource } from "./source.ts";
export { awaitLeadership } from "./standby.ts";
