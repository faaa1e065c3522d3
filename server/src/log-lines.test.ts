// Proves the operator's lines: one line each, with time and level, and never a token in them.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { encodeJoinToken } from "@tequio/contract";
import fc from "fast-check";
import { makeSay } from "./log-lines.ts";
import { newPersonToken } from "./secrets.ts";
import { makeSigner } from "./signer.ts";

const lines = (pretty: boolean, message: string, fields: Record<string, unknown>): string[] => {
  const out: string[] = [];
  makeSay({ write: (line) => out.push(line), pretty, now: () => 0 })("warn", message, fields);
  return out;
};

test("a line of JSON has the time, the level, the message and the fields", () => {
  const [line = ""] = lines(false, "request", { requestId: "a", status: 401, job: undefined });
  assert.deepEqual(JSON.parse(line), {
    ...{ time: "1970-01-01T00:00:00.000Z", level: "warn", message: "request" },
    ...{ requestId: "a", status: 401 },
  });
});

test("at a terminal a line is short, and odd values are quoted", () => {
  assert.deepEqual(lines(true, "request", { route: "/v1/jobs/:id", why: "a b" }), [
    '00:00:00 warn  request route=/v1/jobs/:id why="a b"\n',
  ]);
});

test("whatever is said makes exactly one line", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.boolean(), (message, field, pretty) => {
      const out = lines(pretty, `${message}\nmore`, { field: `${field}\r\n{}` });
      assert.equal(out.length, 1);
      assert.equal(out[0]?.indexOf("\n"), (out[0]?.length ?? 0) - 1);
    }),
  );
});

test("no kind of token of the pool is ever written, in a message or in a field", () => {
  const signer = makeSigner(randomBytes(32), "p1");
  const tokens = [
    newPersonToken(),
    `tqs_${randomBytes(32).toString("base64url")}`,
    encodeJoinToken({ url: "http://127.0.0.1:1", secret: randomBytes(32).toString("base64url") }),
    signer.siteToken("s1234567890ab", 1),
    signer.taskToken("L1", 7),
  ];
  for (const token of tokens) {
    for (const pretty of [true, false]) {
      const [line = ""] = lines(pretty, `got ${token}`, { why: `x=${token}`, deep: { token } });
      assert.ok(!line.includes(token.slice(0, 24)), line);
      assert.match(line, /\[token\]/);
    }
  }
});
