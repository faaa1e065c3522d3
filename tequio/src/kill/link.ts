// A way between an agent and the pool that can be cut: a TCP relay whose directions are held or
// whose connections are broken. Held bytes are not lost, they come late, as on a real network
// with TCP over it. It leaves to faults.ts when that happens.
import net from "node:net";

/**
 * - `silent`: nothing passes and nobody is told, as behind a dead router;
 * - `deaf`: the pool's bytes do not arrive; `mute`: the agent's bytes do not;
 * - `broken`: connections are closed and new ones too, at once.
 */
export type Cut = "silent" | "deaf" | "mute" | "broken";
export const CUTS: readonly Cut[] = ["silent", "deaf", "mute", "broken"];

const HOST = "127.0.0.1";

export interface CutLink {
  readonly port: number;
  cut(how: Cut): void;
  heal(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly agent: net.Socket;
  readonly pool: net.Socket;
}

/** Listens on a free port of the loopback and forwards to `targetPort`. */
export async function openCutLink(targetPort: number): Promise<CutLink> {
  const pairs = new Set<Pair>();
  let state: Cut | undefined;
  const holdsUp = (): boolean => state === "silent" || state === "mute";
  const holdsDown = (): boolean => state === "silent" || state === "deaf";
  const setFlow = (socket: net.Socket, held: boolean): void => {
    if (held) socket.pause();
    else socket.resume();
  };
  const forward = (from: net.Socket, to: net.Socket, held: () => boolean): void => {
    from.on("data", (chunk: Buffer) => {
      if (to.writable && !to.write(chunk)) from.pause();
    });
    to.on("drain", () => setFlow(from, held()));
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    // A connection that one side gave up while it was held is not kept for the other.
    from.on("close", () => !held() && to.destroySoon());
  };
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (agent) => {
    if (state === "broken") {
      agent.destroy();
      return;
    }
    const pool = net.connect({ port: targetPort, host: HOST, noDelay: true, allowHalfOpen: true });
    const pair = { agent, pool };
    pairs.add(pair);
    forward(agent, pool, holdsUp);
    forward(pool, agent, holdsDown);
    agent.on("close", () => pool.destroyed && pairs.delete(pair));
    pool.on("close", () => agent.destroyed && pairs.delete(pair));
    setFlow(agent, holdsUp());
    setFlow(pool, holdsDown());
  });
  await new Promise<void>((ready, failed) => {
    server.once("error", failed);
    server.listen(0, HOST, ready);
  });
  const apply = (): void => {
    for (const { agent, pool } of pairs) {
      if (state === "broken") {
        agent.destroy();
        pool.destroy();
        continue;
      }
      setFlow(agent, holdsUp());
      setFlow(pool, holdsDown());
    }
  };
  const change = (next: Cut | undefined): void => {
    state = next;
    apply();
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    cut: change,
    heal: () => change(undefined),
    close: () =>
      new Promise((done) => {
        for (const { agent, pool } of pairs) {
          agent.destroy();
          pool.destroy();
        }
        server.close(() => done());
      }),
  };
}
