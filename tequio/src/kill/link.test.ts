// The link that can be cut: held bytes come late and whole, a broken connection is told of.
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type CutLink, openCutLink } from "./link.ts";

/** Long enough for bytes to pass a loopback, were they let through. */
const WOULD_HAVE_PASSED_MS = 100;

let echo: net.Server;
let link: CutLink;
const served = new Set<net.Socket>();

before(async () => {
  echo = net.createServer((socket) => {
    served.add(socket);
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  link = await openCutLink((echo.address() as net.AddressInfo).port);
});

after(async () => {
  await link.close();
  echo.close();
  for (const socket of served) socket.destroy();
});

/** A connection through the link, and what came back on it so far. */
async function open(): Promise<{ socket: net.Socket; got: () => string }> {
  const socket = net.connect(link.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { socket, got: () => text };
}

/** Unlike `once`, an error on the way is no failure here. */
const closing = (socket: net.Socket): Promise<void> =>
  new Promise((done) => socket.once("close", () => done()));

async function arrives(got: () => string, text: string): Promise<void> {
  const untilMs = performance.now() + 5_000;
  while (got() !== text && performance.now() < untilMs) await sleep(5);
  assert.equal(got(), text);
}

for (const cut of ["silent", "mute", "deaf"] as const) {
  test(`through a ${cut} link all that was sent comes back once it is healed`, async () => {
    const { socket, got } = await open();
    socket.write("one ");
    await arrives(got, "one ");
    link.cut(cut);
    socket.write("two ");
    await sleep(WOULD_HAVE_PASSED_MS);
    const late = await open();
    late.socket.write("new");
    await sleep(WOULD_HAVE_PASSED_MS);
    assert.equal(got(), "one ");
    assert.equal(late.got(), "");
    link.heal();
    await arrives(got, "one two ");
    await arrives(late.got, "new");
    socket.destroy();
    late.socket.destroy();
  });
}

test("a broken link closes what is open and lets nobody in", async () => {
  const { socket } = await open();
  const closed = closing(socket);
  link.cut("broken");
  await closed;
  const next = net.connect(link.port, "127.0.0.1");
  next.on("error", () => {});
  await closing(next);
  link.heal();
  const { socket: again, got } = await open();
  again.write("back");
  await arrives(got, "back");
  again.destroy();
});
