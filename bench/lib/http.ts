// A thin HTTP client for load: one keep-alive connection, one request at a time, answers with a
// Content-Length. Node's own clients would cost more processor time than the server they measure.
import { connect, type Socket } from "node:net";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (why: Error) => void;
}

const HEAD_END = "\r\n\r\n";

export class LoadConnection {
  readonly #socket: Socket;
  readonly #head: string;
  #waiting: Waiting | undefined;
  #received = "";

  /** Connects to `url`, e.g. `http://127.0.0.1:8420`, with a bearer token. */
  constructor(url: string, token: string) {
    const { hostname, port, host } = new URL(url);
    this.#head = `host: ${host}\r\nauthorization: Bearer ${token}\r\naccept: application/json\r\n`;
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (chunk) => this.#receive(String(chunk)));
    const fail = (why: Error): void => this.#waiting?.reject(why);
    this.#socket.on("error", fail);
    this.#socket.on("close", () => fail(new Error("the server closed the connection")));
  }

  /** Sends one request; the one before must have been answered. */
  request(method: string, path: string, body?: unknown): Promise<Answer> {
    if (this.#waiting !== undefined) throw new Error("one request at a time on a connection");
    const text = body === undefined ? "" : JSON.stringify(body);
    const type = body === undefined ? "" : "content-type: application/json\r\n";
    const length = `content-length: ${Buffer.byteLength(text)}\r\n`;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      const key = method === "POST" ? `idempotency-key: ${crypto.randomUUID()}\r\n` : "";
      const head = `${method} ${path} HTTP/1.1\r\n${this.#head}${key}${type}${length}\r\n`;
      this.#socket.write(head + text);
    });
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #receive(chunk: string): void {
    this.#received += chunk;
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.slice(0, headEnd);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const bodyAt = headEnd + HEAD_END.length;
    if (this.#received.length < bodyAt + length) return;
    const body = Buffer.from(this.#received.slice(bodyAt, bodyAt + length), "latin1").toString();
    this.#received = this.#received.slice(bodyAt + length);
    const { resolve } = this.#waiting ?? {};
    this.#waiting = undefined;
    resolve?.({ status: Number(head.slice(9, 12)), body });
  }
}
