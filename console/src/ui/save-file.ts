// Files for the reader's disk: texts that the page has made, and files that the pool sends.
import type { Client } from "@tequio/contract";
import { Problem } from "@tequio/contract";
import type { Trouble } from "../api.tsx";

/** How long the address of a saved file stays: a slow disk may still read it. */
const ADDRESS_MS = 60_000;

function follow(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  follow(url, name);
  setTimeout(() => URL.revokeObjectURL(url), ADDRESS_MS);
}

/** Saves a text under a name. */
export const saveText = (text: string, name: string): void =>
  saveBlob(new Blob([text], { type: "application/json" }), name);

/** Saves a file of the pool; gives what went wrong, if anything. `name` is used if the pool names
 * none. */
export async function saveFile(
  client: Client,
  path: string,
  name: string,
): Promise<Trouble | undefined> {
  const { token } = client;
  const headers: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };
  try {
    const reply = await fetch(client.url + path, { headers });
    if (!reply.ok) return await troubleOf(reply);
    const given = /filename="([\w.-]+)"/.exec(reply.headers.get("content-disposition") ?? "")?.[1];
    saveBlob(await reply.blob(), given ?? name);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { code: "POOL_UNREACHABLE", message, hint: "Try again in a moment." };
  }
}

async function troubleOf(reply: Response): Promise<Trouble> {
  const problem = Problem.safeParse(await reply.json().catch(() => undefined));
  if (problem.success) {
    const { code, message, hint } = problem.data;
    return { code, message, hint };
  }
  const hint = "Look at the pool's log.";
  return { code: "INTERNAL", message: `The pool answered ${reply.status}.`, hint };
}
