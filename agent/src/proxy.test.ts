// Tests of proxies: which address has one, what tasks are told, and the pool's certificate seen
// through a real one.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import test from "node:test";
import { openProxyEnvironment, proxyEnvironment, proxyFor, tunnel } from "./proxy.ts";

const env = {
  HTTPS_PROXY: "http://proxy.lab:3128",
  http_proxy: "http://old.lab:8080",
  NO_PROXY: "pool.lab, .inside.lab,*.near.lab,10.0.0.7:8420",
};

test("an address has the proxy of its scheme, unless NO_PROXY or this machine is meant", () => {
  const hostOf = (url: string): string | undefined => proxyFor(url, env)?.host;
  assert.equal(hostOf("https://far.example:8420"), "proxy.lab:3128");
  assert.equal(hostOf("wss://far.example/v1/gateway"), "proxy.lab:3128");
  assert.equal(hostOf("http://far.example"), "old.lab:8080");
  for (const name of ["pool.lab", "a.inside.lab", "b.near.lab", "10.0.0.7:8420"]) {
    assert.equal(hostOf(`https://${name}`), undefined, name);
  }
  assert.equal(hostOf("https://10.0.0.7:8421"), "proxy.lab:3128");
  assert.equal(hostOf("https://notpool.lab"), "proxy.lab:3128");
  for (const own of ["localhost", "127.0.0.1", "[::1]:8420"]) {
    assert.equal(hostOf(`https://${own}`), undefined, own);
  }
  assert.equal(proxyFor("https://far.example", { ...env, NO_PROXY: "*" }), undefined);
  assert.equal(proxyFor("https://far.example", {}), undefined);
});

test("jobs of users hear of proxies without passwords only", () => {
  assert.deepEqual(proxyEnvironment({ NO_PROXY: "x" }), {});
  const told = openProxyEnvironment(env);
  assert.equal(told.NODE_USE_ENV_PROXY, "1");
  assert.equal(told.http_proxy, told.HTTP_PROXY);
  assert.match(told.NO_PROXY ?? "", /^pool\.lab.*localhost/);
  const secret = { HTTPS_PROXY: "http://ana:hush@proxy.lab:3128" };
  assert.deepEqual(openProxyEnvironment(secret), {});
  assert.equal(proxyEnvironment(secret).https_proxy, secret.HTTPS_PROXY);
});

test("a tunnel goes through the proxy with its password, and a refusal is said", async () => {
  const target = createServer((_, reply) => reply.end("there"));
  const asked: string[] = [];
  const proxy = createServer();
  proxy.on("connect", ({ url, headers }, socket) => {
    asked.push(`${url} ${headers["proxy-authorization"]}`);
    if (url === "closed:1") return socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const to = connect((target.address() as AddressInfo).port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      to.pipe(socket).pipe(to);
    });
    return to;
  });
  for (const server of [target, proxy]) {
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  }
  try {
    const { port } = proxy.address() as AddressInfo;
    const socket = await tunnel(new URL(`http://ana:a%40b@127.0.0.1:${port}`), "far.example", 443);
    socket.write("GET / HTTP/1.0\r\n\r\n");
    let text = "";
    for await (const piece of socket) text += String(piece);
    assert.match(text, /there$/);
    const basic = Buffer.from("ana:a@b").toString("base64");
    assert.deepEqual(asked, [`far.example:443 Basic ${basic}`]);
    const closed = tunnel(new URL(`http://127.0.0.1:${port}`), "closed", 1);
    await assert.rejects(closed, /answered 403/);
  } finally {
    target.closeAllConnections();
    proxy.close();
    target.close();
  }
});
