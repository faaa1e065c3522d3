// A browser without a browser, for tests: keeps cookies of one pool, says where it comes from as
// browsers do, and follows redirects one at a time.
export interface Answer<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

export class Browser {
  readonly url: string;
  readonly jar = new Map<string, string>();
  /** Every `Set-Cookie` line that it was sent. */
  readonly lines: string[] = [];

  constructor(url: string) {
    this.url = url;
  }

  /** One request of a page of the pool; redirects are not followed. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const cookies = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    if (cookies !== "") headers.set("cookie", cookies);
    if (!headers.has("sec-fetch-site")) headers.set("sec-fetch-site", "same-origin");
    if (!headers.has("user-agent")) headers.set("user-agent", "TestBrowser/1");
    const reply = await fetch(new URL(path, this.url), { redirect: "manual", ...init, headers });
    for (const line of reply.headers.getSetCookie()) this.#keep(line);
    return reply;
  }

  /** The same with JSON both ways. */
  async json<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<T>> {
    const reply = await this.fetch(path, {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    const parsed = text.startsWith("{") ? (JSON.parse(text) as T) : (text as T);
    return { status: reply.status, body: parsed, headers: reply.headers };
  }

  #keep(line: string): void {
    this.lines.push(line);
    const pair = line.split(";")[0] ?? "";
    const at = pair.indexOf("=");
    const value = pair.slice(at + 1);
    if (value === "") this.jar.delete(pair.slice(0, at));
    else this.jar.set(pair.slice(0, at), value);
  }
}
