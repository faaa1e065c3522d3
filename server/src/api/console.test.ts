// Proves that the built console is served with its headers, and nothing beside it.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openMemoryStore } from "@tequio/stores/memory";
import { good, startServer, testFolder } from "../testing/setup.ts";

test("the built console is served, and an address that was typed leads to its page", async (t) => {
  const consoleFolder = testFolder(t);
  mkdirSync(join(consoleFolder, "assets"));
  writeFileSync(join(consoleFolder, "index.html"), "<title>console</title>");
  writeFileSync(join(consoleFolder, "assets", "app.js"), "1");
  writeFileSync(join(consoleFolder, ".secret"), "1");
  const { http } = await startServer(t, good(await openMemoryStore()), { consoleFolder });
  const page = { token: null, headers: { accept: "text/html,*/*" } };
  for (const path of ["/", "/?token=tq_x"]) {
    const reply = await http(path, page);
    assert.equal(await reply.text(), "<title>console</title>", path);
    assert.match(reply.headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/);
    assert.equal(reply.headers.get("referrer-policy"), "no-referrer");
  }
  for (const [typed, led] of [
    ["/jobs/17", "/#/jobs/17"],
    ["/a/b/c?token=tq_x", "/?token=tq_x#/a/b/c"],
  ] as const) {
    const reply = await http(typed, { ...page, redirect: "manual" });
    assert.equal(reply.status, 302, typed);
    assert.ok(reply.headers.get("location")?.startsWith(led), reply.headers.get("location") ?? "");
  }
  const script = await http("/assets/app.js", { token: null });
  assert.match(script.headers.get("content-type") ?? "", /javascript/);
  for (const path of [
    "/v1/none",
    "/assets/none.js",
    "//elsewhere/x",
    "/.secret",
    "/..%2f..%2fetc/passwd",
  ]) {
    const reply = await http(path, page);
    assert.ok(reply.status >= 400 && reply.status < 500, `${path}: ${reply.status}`);
  }
  assert.equal((await http("/jobs/17", { token: null })).status, 404, "a program wants no page");
});
