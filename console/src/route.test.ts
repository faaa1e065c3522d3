// Addresses survive the way out and back, and unknown ones lead home.
/// <reference types="node" />
import assert from "node:assert/strict";
import { test } from "node:test";
import { href, PAGES, parseRoute } from "./route.ts";

test("every address that the console makes is read back as the same place", () => {
  for (const page of PAGES) {
    assert.deepEqual(parseRoute(href(page)), { page, query: {} });
  }
  for (const page of ["jobs", "runs", "members", "people", "invite"] as const) {
    assert.deepEqual(parseRoute(href(page, "17_3")), { page, id: "17_3", query: {} });
  }
  const query = { state: "active", project: "a&b" };
  assert.deepEqual(parseRoute(href("jobs", undefined, query)), { page: "jobs", query });
});

test("an address that does not exist is the pool's page", () => {
  for (const hash of ["", "#", "#/", "#/nothing/7"]) assert.equal(parseRoute(hash).page, "pool");
});

test("empty parts of a query are left out of the address", () => {
  assert.equal(href("jobs", undefined, { state: "", project: undefined }), "#/jobs");
});
