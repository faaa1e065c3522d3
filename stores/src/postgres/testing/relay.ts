// A network between a store and its database that a test can break: answers that never arrive,
// and a server that still believes in sessions whose other end is gone.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface Relay {
  readonly port: number;
  /** What the server answers is thrown away from now on. */
  swallow(): void;
  /** Cuts the store off; the server's side stays open and knows nothing of it. */
  cut(): void;
  /** Takes connections again. */
  mend(): void;
  close(): Promise<void>;
}

/** A relay to a port of this machine. */
export async function openRelay(to: number): Promise<Relay> {
  let swallowing = false;
  let broken = false;
  const near = new Set<Socket>();
  const far = new Set<Socket>();
  const server = createServer((socket) => {
    if (broken) {
      socket.destroy();
      return;
    }
    const upstream = connect(to, "127.0.0.1");
    near.add(socket);
    far.add(upstream);
    socket.on("error", () => {}).on("data", (bytes) => void upstream.write(bytes));
    upstream
      .on("error", () => {})
      .on("data", (bytes) => {
        if (!swallowing && !socket.destroyed) socket.write(bytes);
      });
    socket.on("end", () => void upstream.end());
    upstream.on("close", () => void socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    swallow() {
      swallowing = true;
    },
    cut() {
      broken = true;
      for (const socket of near) socket.destroy();
      near.clear();
    },
    mend() {
      broken = false;
      swallowing = false;
    },
    async close() {
      for (const socket of [...near, ...far]) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
