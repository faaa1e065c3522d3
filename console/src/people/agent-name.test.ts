// Browsers are named as people know them, and what is no browser stays as it is.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import { agentName } from "./agent-name.ts";

test("a browser is named by what it is, not by what it claims to be like", () => {
  const chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
  const names: readonly (readonly [string, string])[] = [
    [`Mozilla/5.0 (X11; Linux x86_64) ${chrome}`, "Chrome on Linux"],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Edg/131.0.0.0`, "Edge on Windows"],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux"],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile Safari/604.1",
      "Safari on iOS",
    ],
    [`Mozilla/5.0 (Linux; Android 15) ${chrome}`, "Chrome on Android"],
  ];
  for (const [agent, name] of names) assert.equal(agentName(agent), name);
});

test("a program that names itself plainly keeps its name", () => {
  for (const agent of ["tequio/0.1.0 linux", "curl/8.5.0", ""]) {
    assert.equal(agentName(agent), agent);
  }
});
