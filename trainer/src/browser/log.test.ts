// Proves that a tab's log arrives whole and once, over cuts and pages that were loaded again.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ToPool } from "@tequio/contract";
import fc from "fast-check";
import { LOG_BYTES_MAX, TabLog } from "./log.ts";

type Chunk = Extract<ToPool, { type: "log" }>;

/** The pool's side: takes what is new, and answers what it wants next. */
class Pool {
  text = "";
  droppedBytes = 0;
  ended = false;
  take({ offset, data, ended, droppedBytes }: Chunk): number {
    const bytes = Buffer.from(data, "base64").toString("latin1");
    if (offset <= this.text.length) this.text += bytes.slice(this.text.length - offset);
    this.droppedBytes = Math.max(this.droppedBytes, droppedBytes);
    this.ended ||= ended && offset + bytes.length === this.text.length;
    return this.text.length;
  }
}

test("a log arrives whole, in its order and once, whatever messages and answers are lost", () => {
  const acts = fc.array(fc.constantFrom("line", "line", "taken", "unanswered", "cut"), {
    maxLength: 60,
  });
  const check = fc.property(acts, (given) => {
    const pool = new Pool();
    let flying: Chunk | undefined;
    let isUp = true;
    const log = new TabLog("L1", (chunk) => {
      if (isUp) flying = chunk;
      return isUp;
    });
    let wanted = "";
    const take = (answered: boolean): void => {
      const chunk = flying;
      flying = undefined;
      if (chunk === undefined) return;
      const next = pool.take(chunk);
      if (answered) log.ack(next);
    };
    for (const [i, act] of given.entries()) {
      if (act === "line") {
        wanted += `line ${i}\n`;
        log.line(`line ${i}`);
      } else if (act === "cut") {
        isUp = false;
        flying = undefined;
      } else {
        take(act === "taken");
        isUp = true;
        log.connected();
      }
    }
    isUp = true;
    log.end();
    log.connected();
    for (let i = 0; i < 5 && !log.done; i += 1) take(true);
    assert.equal(pool.text, wanted);
    assert.ok(pool.ended && log.done, "both know that it is over");
  });
  fc.assert(check, { numRuns: 300 });
});

test("a page that was loaded again writes behind what the page before it wrote", () => {
  const pool = new Pool();
  pool.text = "of the page before it, longer than the next line\n";
  const before = pool.text;
  const flying: Chunk[] = [];
  const log = new TabLog("L1", (chunk) => flying.push(chunk) > 0);
  log.line("again");
  log.end();
  for (let chunk = flying.shift(); chunk !== undefined; chunk = flying.shift()) {
    log.ack(pool.take(chunk));
  }
  assert.equal(pool.text, `${before}again\n`);
  assert.ok(pool.ended && log.done);
});

test("lines that the pool does not take are thrown away past a bound, and counted", () => {
  const pool = new Pool();
  const flying: Chunk[] = [];
  const log = new TabLog("L1", (chunk) => flying.push(chunk) > 0);
  const line = "x".repeat(9_999);
  for (let i = 0; i < 40; i += 1) log.line(line);
  for (let chunk = flying.shift(); chunk !== undefined; chunk = flying.shift()) {
    log.ack(pool.take(chunk));
  }
  const kept = Math.floor(LOG_BYTES_MAX / 10_000) * 10_000;
  assert.deepEqual([pool.text.length, pool.droppedBytes], [kept, 400_000 - kept]);
});
