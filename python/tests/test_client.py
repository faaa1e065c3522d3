"""Calls and blobs over real HTTP, with cuts and refusals."""

import os
import unittest

import numpy as np

from _pool import Pool
from tequio import client as client_module
from tequio.client import Client, digest_of
from tequio.errors import PoolError


class Blobs(unittest.TestCase):
    def setUp(self):
        self.pool = Pool(np.zeros(3))
        self.addCleanup(self.pool.close)
        self.client = Client(self.pool.url, "token", wait=lambda _s: None)

    def once(self, wanted, answer):
        left = [answer]

        def trouble(method, _path):
            return left.pop() if method == wanted and left else None

        self.pool.trouble = trouble

    def test_a_blob_goes_in_parts_and_comes_back(self):
        old = client_module.WRITE_BYTES
        client_module.WRITE_BYTES = 1000
        self.addCleanup(setattr, client_module, "WRITE_BYTES", old)
        data = os.urandom(4500)
        digest = self.client.put_blob(data)
        self.assertEqual(digest, digest_of(data))
        self.assertEqual(len([1 for method, _ in self.pool.seen if method == "PUT"]), 5)
        self.assertEqual(self.client.get_blob(digest), data)

    def test_a_cut_upload_goes_on_where_the_pool_has_it(self):
        data = os.urandom(200_000)
        self.once("PUT", "cut")
        self.client.put_blob(data)
        self.assertEqual([method for method, _ in self.pool.seen], ["PUT", "HEAD", "PUT"])
        self.assertEqual(self.pool.blobs[digest_of(data)], data)

    def test_a_cut_download_fetches_only_the_rest(self):
        data = os.urandom(200_000)
        digest = self.client.put_blob(data)
        self.once("BODY", 70_000)
        self.assertEqual(self.client.get_blob(digest), data)
        self.assertEqual([method for method, _ in self.pool.seen], ["PUT", "GET", "GET"])

    def test_what_is_not_there_is_refused_at_once_and_damage_is_fetched_again(self):
        with self.assertRaises(PoolError) as caught:
            self.client.get_blob("sha256:" + "0" * 64)
        self.assertEqual((caught.exception.code, caught.exception.status), ("NOT_FOUND", 404))
        self.assertEqual(len(self.pool.seen), 1)
        digest = digest_of(b"right")
        self.pool.blobs[digest] = b"wrong"
        with self.assertRaises(PoolError):
            self.client.get_blob(digest)

    def test_a_refused_upload_is_not_tried_again(self):
        self.pool.trouble = lambda method, _path: 403
        with self.assertRaises(PoolError):
            self.client.put_blob(b"abc")
        self.assertEqual(len(self.pool.seen), 1)

    def test_a_call_waits_for_a_pool_that_is_away(self):
        self.once("GET", "cut")
        reply = self.client.call("GET", "/v1/runs/1/assignment", query={"after": 0})
        self.assertEqual(reply["state"], "train")

    def test_a_proxy_of_the_environment_is_used(self):
        proxied = {"http_proxy": self.pool.url, "no_proxy": ""}
        old = {name: os.environ.get(name) for name in proxied}
        os.environ.update(proxied)
        try:
            there = Client("http://pool.invalid", "token", wait=lambda _s: None)
            reply = there.call("GET", "/v1/runs/1/assignment", query={"after": 0})
        finally:
            for name, value in old.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
        self.assertEqual(reply["round"], 0)


if __name__ == "__main__":
    unittest.main()
