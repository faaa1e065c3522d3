// Tests of bandwidth by the hour.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bandwidthAt } from "./bandwidth.ts";
import { parseHours } from "./hours.ts";

/** Thursday 1970-01-01, 00:00 UTC. */
const HOUR_MS = 3_600_000;

function hours(...windows: readonly string[]) {
  const spans = parseHours(windows);
  assert.ok(spans.ok);
  return { zone: "UTC", windows, spans: spans.value, offsets: [{ fromMs: 0, minutes: 0 }] };
}

test("of the rules whose hours are open the strictest holds, for each direction", () => {
  const rules = [
    { hours: null, upMbitPerS: 100 },
    { hours: hours("Mon-Fri 08:00-18:00"), upMbitPerS: 20, downMbitPerS: 50 },
    { hours: hours("Thu 12:00-13:00"), upMbitPerS: 40, downMbitPerS: 5 },
  ];
  const at = (hour: number) => Object.values(bandwidthAt(rules, hour * HOUR_MS));
  assert.deepEqual(at(7.99), [100, Infinity]);
  assert.deepEqual(at(8), [20, 50]);
  assert.deepEqual(at(12.5), [20, 5]);
  assert.deepEqual(at(18), [100, Infinity]);
  assert.deepEqual(Object.values(bandwidthAt([], 0)), [Infinity, Infinity]);
});
