// The SQLite store against the common suite.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { storeConformance } from "../conformance.ts";
import { openSqliteStore } from "./index.ts";

storeConformance({
  name: "sqlite",
  open: (folder, options) => openSqliteStore({ ...options, folder }),
  async tamper(folder, seq) {
    const database = new DatabaseSync(join(folder, "journal.sqlite"));
    database.prepare("UPDATE journal SET payload = '{\"number\":0}' WHERE seq = ?").run(seq);
    database.close();
  },
});
