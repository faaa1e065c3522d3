// A member behind a proxy that wants a password: it joins an encrypted pool, is measured, runs a
// job that must not see the password, and trains in a run. The pool is at an address of this
// machine that counts as foreign; whoever does not go through the proxy is not told apart by it, so
// the test counts what the proxy carried.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Process, runTequio, startTequio, until } from "./testing/real-pool.ts";

const HOST = "127.0.0.2";
const PASSWORD = "hush-hush";
const basic = `Basic ${Buffer.from(`site:${PASSWORD}`).toString("base64")}`;
const root = mkdtempSync(join(tmpdir(), "tequio-proxy-"));
const home = join(root, "home");
const RUN = ["name: tiny", "run:", "  model: {context: 32, width: 32, layers: 1, heads: 2}"].concat(
  ["  referenceBatch: 4", "  innerSteps: 20", "  warmUpSteps: 20", "  stop: {rounds: 2}"],
);

const carried: string[] = [];
const open = new Set<Socket>();
const proxy = createServer((_, reply) => reply.writeHead(405).end());
proxy.on("connect", ({ url = "", headers }, client: Socket) => {
  if (headers["proxy-authorization"] !== basic) {
    client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    return;
  }
  carried.push(url);
  const [host, port] = url.split(":");
  const target = connect(Number(port), host!, () => {
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    target.pipe(client).pipe(target);
  });
  for (const socket of [client, target]) {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
  }
});

let up: Process;
let agent: Process;
let url = "";

before(async () => {
  await new Promise<void>((ready) => proxy.listen(0, "127.0.0.1", ready));
  const flags = ["--no-member", "--no-open", "--json", "--port", "0", "--host", HOST];
  up = startTequio(home, ["up", ...flags, "--tls", "self", "--data", join(root, "pool")]);
  url = String((await up.line).url);
});
after(async () => {
  for (const process of [agent, up]) {
    process?.child.kill("SIGINT");
    await process?.ended;
  }
  for (const socket of open) socket.destroy();
  proxy.close();
  rmSync(root, { recursive: true, force: true });
});

test("a member does everything through its proxy, and jobs do not learn its password", async () => {
  assert.match(url, new RegExp(`^https://${HOST}:`));
  const invited = await runTequio(home, ["member", "invite", "lab", "--json"]);
  assert.notEqual(invited.out, "", invited.errors);
  const { joinToken } = JSON.parse(invited.out) as { joinToken: string };
  const { port } = proxy.address() as AddressInfo;
  const address = `http://site:${PASSWORD}@127.0.0.1:${port}`;
  // Proxies that the machine itself may have named are out of it.
  const none = { no_proxy: "", NO_PROXY: "", http_proxy: "", HTTP_PROXY: "" };
  const env = { ...none, HTTPS_PROXY: address, https_proxy: address };
  const args = ["agent", "--join", joinToken, "--folder", join(root, "site"), "--json"];
  agent = startTequio(join(root, "nobody"), [...args, "--isolation", "none"], env);
  assert.equal((await agent.line).ready, true, agent.errors());
  const afterJoin = carried.length;
  assert.ok(afterJoin >= 3, `the certificate, the joining, the connection: ${afterJoin}`);
  await until("the link is measured", async () => {
    const { out } = await runTequio(home, ["member", "list", "--json"]);
    return out.includes("upMbitPerS");
  });
  const shown = await runTequio(home, ["submit", "--wait", "--shell", "env; exit 7"]);
  assert.equal(shown.code, 7, shown.errors);
  const log = await runTequio(home, ["logs", "1"]);
  assert.match(log.out, /TEQUIO_URL=/);
  assert.doesNotMatch(log.out, /hush/);
  const before = carried.length;
  writeFileSync(join(root, "run.yaml"), RUN.join("\n"));
  const run = await runTequio(home, ["submit", "--wait", join(root, "run.yaml")]);
  assert.equal(run.code, 0, run.errors);
  assert.ok(carried.length > before, "training asks the pool through the proxy");
  assert.deepEqual([...new Set(carried)], [new URL(url).host]);
});
