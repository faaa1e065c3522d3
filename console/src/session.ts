// The token of this browser tab. It comes in the address that `tequio up` prints, is taken out of
// the address bar at once and is forgotten when the tab closes.

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
