// Addresses of the console. Hash routes, so that the control plane serves one file for all.

export const PAGES = [
  "pool",
  "jobs",
  "runs",
  "statement",
  "members",
  "projects",
  "people",
  "reservations",
  "account",
  "device",
  "invite",
  "contribute",
] as const;
export type Page = (typeof PAGES)[number];

/** Pages of one thing each, besides the page of all. */
const WITH_ID: readonly Page[] = [
  "jobs",
  "runs",
  "members",
  "projects",
  "people",
  "device",
  "invite",
  "contribute",
];

export interface Route {
  readonly page: Page;
  /** Job, run, member, project or user on whose page we are; a code, a one-time secret. */
  readonly id?: string;
  readonly query: Readonly<Record<string, string>>;
}

/** Reads `#/jobs/17?state=active`; an address that we do not know is the pool's page. */
export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [head = "", id] = path.split("/");
  const query = Object.fromEntries(new URLSearchParams(search));
  const page = PAGES.find((one) => one === head);
  if (page === undefined) return { page: "pool", query };
  return WITH_ID.includes(page) && id !== undefined && id !== ""
    ? { page, id: decodeURIComponent(id), query }
    : { page, query };
}

/** The address of a page; what is empty is left out of the query. */
export function href(page: Page, id?: string, query: Record<string, string | undefined> = {}) {
  const given = Object.entries(query).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== "",
  );
  const search = new URLSearchParams(given).toString();
  const path = page === "pool" ? "#/" : `#/${page}`;
  const whole = id === undefined ? path : `${path}/${encodeURIComponent(id)}`;
  return search === "" ? whole : `${whole}?${search}`;
}
