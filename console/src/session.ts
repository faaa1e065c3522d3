// The token of this browser tab. It comes in the address that `tequio up` prints, is taken out of
// the address bar at once and is forgotten when the tab closes. Who signs in by name has none: the
// session is a cookie that no script can read.

const KEY = "tequio-token";

/** Takes `?token=` out of the address, or gives the token that the tab kept. */
export function readToken(): string | undefined {
  const here = new URL(location.href);
  const given = here.searchParams.get("token");
  if (given === null) return sessionStorage.getItem(KEY) ?? undefined;
  here.searchParams.delete("token");
  history.replaceState(null, "", here);
  if (given === "") return undefined;
  sessionStorage.setItem(KEY, given);
  return given;
}

/** Keeps a token that was typed. */
export const keepToken = (token: string): void => sessionStorage.setItem(KEY, token);

/** Forgets the token. */
export const dropToken = (): void => sessionStorage.removeItem(KEY);

const WANTED = "tequio-wanted";
/** Where the way back from the identity provider ends when it went wrong. */
const FAILED = "#/sign-in";

/**
 * The place that the reader wanted to see before it was asked who it is. It is kept in the tab,
 * since a failed way to the identity provider and back comes out at another address.
 */
export function wantedPlace(): string {
  if (location.hash === FAILED) return sessionStorage.getItem(WANTED) ?? "#/";
  const place = location.hash === "" ? "#/" : location.hash;
  sessionStorage.setItem(WANTED, place);
  return place;
}
