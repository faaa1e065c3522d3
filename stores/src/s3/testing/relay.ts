// A TCP relay between the store and a server that cuts its connections after a number of bytes, or
// lets nobody through: the broken links of the suites with a real server.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Relay {
  readonly endpoint: string;
  /** Bytes towards the server after which every connection is cut, in turn; none left: no cut. */
  readonly cuts: number[];
  /** While true, connections are refused at once. */
  away: boolean;
  close(): Promise<void>;
}

/** Starts a relay to a port of this machine. */
export async function startRelay(port: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const relay = { cuts: [] as number[], away: false };
  const server = createServer((near) => {
    if (relay.away) return void near.destroy();
    const far = connect(port, "127.0.0.1");
    let left = relay.cuts.shift() ?? Number.POSITIVE_INFINITY;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    far.pipe(near);
    near.on("data", (chunk) => {
      left -= chunk.length;
      if (left <= 0 || relay.away) near.destroy();
      else far.write(chunk);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(relay, {
    endpoint,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  });
}
