// A slow link for the demonstration: a TCP relay with a delay and a rate in each direction.
// Chunks wait in one queue with one timer: a timer for each could swap two and break the stream.
import net from "node:net";

export interface LinkShape {
  readonly oneWayDelayMs: number;
  readonly mbitPerS: number;
}

export interface Relay {
  readonly port: number;
  close(): Promise<void>;
}

/** Bytes may wait so long for the line before the sender is paused, as on a real link. */
const QUEUE_MS = 20;
const CONNECT_HOST = "127.0.0.1";

type Pipe = (from: net.Socket, to: net.Socket) => void;

/** One direction of the line; all its connections share the rate. */
function direction({ oneWayDelayMs, mbitPerS }: LinkShape): Pipe {
  const bytesPerMs = (mbitPerS * 1e6) / 8 / 1_000;
  let lineFreeAtMs = 0;
  return (from, to) => {
    const waiting: { readonly dueMs: number; readonly act: () => void }[] = [];
    let timer: NodeJS.Timeout | undefined;
    const arm = (): void => {
      const first = waiting[0];
      if (first === undefined) return;
      timer = setTimeout(flush, Math.max(0, Math.ceil(first.dueMs - performance.now())));
    };
    const flush = (): void => {
      timer = undefined;
      while (waiting.length > 0 && waiting[0]!.dueMs <= performance.now()) waiting.shift()!.act();
      arm();
    };
    const later = (dueMs: number, act: () => void): void => {
      waiting.push({ dueMs, act });
      if (timer === undefined) arm();
    };
    from.on("data", (chunk: Buffer) => {
      lineFreeAtMs = Math.max(lineFreeAtMs, performance.now()) + chunk.length / bytesPerMs;
      later(lineFreeAtMs + oneWayDelayMs, () => to.writable && to.write(chunk));
      const excessMs = lineFreeAtMs - performance.now() - QUEUE_MS;
      if (excessMs <= 0) return;
      from.pause();
      setTimeout(() => from.resume(), Math.ceil(excessMs));
    });
    const endAtMs = (): number => Math.max(lineFreeAtMs, performance.now()) + oneWayDelayMs;
    from.on("end", () => later(endAtMs(), () => to.end()));
    from.on("error", () => to.destroy());
    from.on("close", () => from.errored && clearTimeout(timer));
  };
}

/** Listens on a free port of the loopback and forwards to `targetPort`. */
export async function openRelay(targetPort: number, shape: LinkShape): Promise<Relay> {
  const up = direction(shape);
  const down = direction(shape);
  const open = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const target = net.connect({
      port: targetPort,
      host: CONNECT_HOST,
      noDelay: true,
      allowHalfOpen: true,
    });
    for (const socket of [client, target]) {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
    }
    up(client, target);
    down(target, client);
  });
  await new Promise<void>((ready, failed) => {
    server.once("error", failed);
    server.listen(0, CONNECT_HOST, ready);
  });
  return {
    port: (server.address() as net.AddressInfo).port,
    close: () =>
      new Promise((done) => {
        for (const socket of open) socket.destroy();
        server.close(() => done());
      }),
  };
}
