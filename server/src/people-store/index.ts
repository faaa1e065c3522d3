// People beyond the journal: port, the store over SQL, and the one in a file.
export type * from "./port.ts";
export { openSqlitePeople, PEOPLE_FILE, readSqlitePeople } from "./sqlite.ts";
export { copyPeople, openPeople, PeopleStoreError } from "./store.ts";
