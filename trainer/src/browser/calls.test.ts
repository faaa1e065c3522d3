// Proves that answers find their questions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Calls, type Question } from "./calls.ts";

test("answers in any order find their questions, and trouble arrives as trouble", async () => {
  const asked: Question[] = [];
  const calls = new Calls((question) => asked.push(question));
  const text = calls.text();
  const first = calls.first();
  const moments = calls.moments("sha256:0");
  const [one, two, three] = asked as [Question, Question, Question];
  calls.take({ kind: "answer", id: three.id, error: "gone" });
  calls.take({ kind: "answer", id: 99, value: "nobody asked" });
  calls.take({ kind: "answer", id: two.id });
  calls.take({ kind: "answer", id: one.id, value: { tokens: Uint8Array.of(7) } });
  await assert.rejects(moments, /gone/);
  assert.equal(await first, undefined);
  assert.deepEqual(await text, { tokens: Uint8Array.of(7) });
});
