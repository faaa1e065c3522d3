// The stream parser gives the same events however the network cuts the text.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeEventParser, type StreamEvent } from "./sse.ts";

const TEXT =
  ': hello\n\nid: 7\nevent: job-queued\ndata: {"a":1}\n\n' +
  "id: 8\r\ndata: two\r\ndata: lines\r\n\r\nevent: empty\n\ndata\n\n";
const EVENTS: readonly StreamEvent[] = [
  { id: "7", type: "job-queued", data: '{"a":1}' },
  { id: "8", type: "message", data: "two\nlines" },
  { id: "8", type: "message", data: "" },
];

test("events come out whole, with ids that last and comments left out", () => {
  assert.deepEqual(makeEventParser()(TEXT), EVENTS);
});

test("every way to cut the stream in two gives the same events", () => {
  for (let cut = 0; cut <= TEXT.length; cut += 1) {
    const parse = makeEventParser();
    const events = [...parse(TEXT.slice(0, cut)), ...parse(TEXT.slice(cut))];
    assert.deepEqual(events, EVENTS, `cut at ${cut}`);
  }
});

test("an unfinished event is held back", () => {
  const parse = makeEventParser();
  assert.deepEqual(parse("data: half"), []);
  assert.deepEqual(parse("\n"), []);
  assert.equal(parse("\n")[0]?.data, "half");
});
