// The store of a database server: PostgreSQL for journal and snapshots, files for blobs.
export { isPostgresUrl, placeOfUrl } from "./connection.ts";
export { follow } from "./follow.ts";
export { openPostgresStore, type PostgresStore, type PostgresStoreOptions } from "./open.ts";
export { openPostgresReplica } from "./replica.ts";
export { openPostgresSource } from "./source.ts";
export { openPostgresSql, type PostgresSql } from "./sql.ts";
export { awaitLeadership } from "./standby.ts";
