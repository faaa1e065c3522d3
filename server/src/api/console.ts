// The web console's files, and what stands in their place while they are not built. Its index names
// its files relative to `/`, so a page that somebody types, such as /jobs/17, is led there.
import { existsSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { noSuchAddress, sendProblem } from "./problem.ts";

/** Scripts, styles and connections of the console come from the pool itself and nowhere else. A
 * site in a tab compiles WebAssembly, which needs leave of its own; text is never run as code. */
const CSP =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; " +
  "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Headers of every answer. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  // A page that no other may reach into has threads, which a site in a tab computes with.
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "content-security-policy": CSP,
};

const NO_CONSOLE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Tequio</title>
<h1>Tequio</h1><p>The pool is running. The web console is not built: run
<code>npm run prepare</code> and start the pool again.</p>
<p>The API is described by <a href="/openapi.json">openapi.json</a>.</p></html>`;

/** Adds the console, its fallback page, and the answer to unknown addresses. */
export async function registerConsole(
  app: FastifyInstance,
  folder: string | undefined,
): Promise<void> {
  const built = folder !== undefined && existsSync(join(folder, "index.html"));
  if (built) {
    await app.register(fastifyStatic, { root: folder, index: "index.html", dotfiles: "deny" });
  } else {
    app.get("/", (_request, reply) => reply.type("text/html; charset=utf-8").send(NO_CONSOLE));
  }
  app.setNotFoundHandler((request, reply) => {
    const [path = "", query] = request.url.split("?", 2);
    // The console keeps its pages behind the hash. What it does not know it takes for the pool's.
    if (built && isPage(request)) {
      return reply.redirect(`/${query === undefined ? "" : `?${query}`}#${path}`);
    }
    return sendProblem(request, reply, noSuchAddress(request.method, path));
  });
}

/** An address that a person has typed, not one of the API or of a file that is missing. */
function isPage({ method, url, headers }: FastifyRequest): boolean {
  const path = url.split("?")[0] ?? "";
  const wantsPage = (headers.accept ?? "").includes("text/html");
  return method === "GET" && wantsPage && !path.startsWith("/v1/") && !path.includes(".");
}
