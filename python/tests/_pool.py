"""A pool in miniature over real HTTP: rounds of one or more sites, blobs in parts, trouble on
demand. It merges by plain averages; what counts here is what sites say and get."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlparse

import numpy as np

import _path  # noqa: F401
from tequio import codec
from tequio.client import digest_of


class Pool:
    """Gives every site the same stretch, and merges when all have sent theirs."""

    def __init__(self, start, rounds=3, sites=1, own=False, steps=4, batch=6, **more):
        self.model = np.asarray(start, dtype=np.float32)
        self.rounds, self.sites, self.own, self.more = rounds, sites, own, more
        self.steps, self.batch = steps, batch
        self.blobs, self.parts = {}, {}
        self.round, self.version = 0, 1
        self.taken, self.bodies, self.seen = {}, [], []
        self.changed = threading.Condition()
        #: Called with each request; gives "cut", a status, or None to let it pass.
        self.trouble = lambda method, path: None
        #: Called with each contribution; true when it is not taken.
        self.refuses = lambda body: False
        self.coded = None
        #: Seconds that each merge takes, in which sites have nothing of the pool's to do.
        self.merge_s = 0
        self._publish()
        pool = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                pool._serve(self, "GET")

            def do_PUT(self):
                pool._serve(self, "PUT")

            def do_HEAD(self):
                pool._serve(self, "HEAD")

            def do_POST(self):
                pool._serve(self, "POST")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _publish(self):
        data = self.model.astype("<f4").tobytes()
        self.digest = digest_of(data)
        self.blobs[self.digest] = data

    def _serve(self, handler, method):
        length = int(handler.headers.get("content-length") or 0)
        path = urlparse(handler.path)
        trouble = self.trouble(method, path.path)
        self.seen.append((method, path.path))
        if trouble == "cut":
            if method == "PUT":
                self._part(handler, path.path, handler.rfile.read(length // 2), length)
            handler.close_connection = True
            handler.connection.close()
            return
        body = handler.rfile.read(length)
        if isinstance(trouble, int):
            return self._json(handler, {"code": "X", "message": "no", "hint": ""}, trouble)
        if path.path.startswith("/v1/blobs/"):
            return self._blob(handler, method, path.path, body)
        if path.path.endswith("/assignment"):
            return self._json(handler, self._assignment(parse_qs(path.query)))
        return self._json(handler, self._contribution(handler, json.loads(body)))

    def _part(self, handler, path, body, length):
        digest = unquote(path.split("/")[-1])
        range_ = handler.headers.get("content-range")
        at = int(range_.split()[1].split("-")[0]) if range_ else 0
        self.parts[digest] = self.parts.get(digest, b"")[:at] + body
        total = int(range_.split("/")[1]) if range_ else length
        return digest, len(self.parts[digest]) == total

    def _blob(self, handler, method, path, body):
        digest = unquote(path.split("/")[-1])
        if method == "PUT":
            _, whole = self._part(handler, path, body, len(body))
            if whole:
                self.blobs[digest] = self.parts.pop(digest)
                assert digest_of(self.blobs[digest]) == digest
            return self._json(handler, {"complete": whole}, 201 if whole else 202)
        if method == "HEAD":
            there = digest in self.blobs
            handler.send_response(200 if there else 404)
            handler.send_header("upload-offset", str(len(self.parts.get(digest, b""))))
            handler.send_header("content-length", "0")
            return handler.end_headers()
        if digest not in self.blobs:
            return self._json(handler, {"code": "NOT_FOUND", "message": "none", "hint": ""}, 404)
        data = self.blobs[digest]
        range_ = handler.headers.get("range")
        at = int(range_.split("=")[1].rstrip("-")) if range_ else 0
        handler.send_response(206 if range_ else 200)
        handler.send_header("content-length", str(len(data) - at))
        handler.end_headers()
        stop = self.trouble("BODY", path)
        handler.wfile.write(data[at : at + stop] if stop else data[at:])
        if stop:
            handler.wfile.flush()
            handler.close_connection = True
            handler.connection.close()

    def _json(self, handler, value, status=200):
        data = json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def _assignment(self, query):
        after = int(query["after"][0])
        with self.changed:
            self.changed.wait_for(lambda: self.version > after, timeout=20)
        if after > 0:
            time.sleep(self.merge_s)
        with self.changed:
            if self.round >= self.rounds:
                return {"state": "stop", "reason": "rounds reached", "version": self.version}
            count = self.steps * self.batch
            at = self.round * count
            value = {
                "state": "train",
                "reason": "work",
                "version": self.version,
                "round": self.round,
                "model": {"context": 8},
                "parameters": int(self.model.size),
                "seed": 5,
                "modelDigest": self.digest,
                "modelBlob": self.digest,
                "innerSteps": self.steps,
                "batch": self.batch,
                "windows": 1000,
                "ranges": [{"pass": 0, "from": at, "to": at + count}],
                "codec": "fp32" if self.own and self.round == 0 else "int8",
                "learningRateStart": 0.1,
                "learningRateEnd": 0.05,
                "learningRatePeak": 0.1,
                "timeLeftMs": 60000,
            }
            if self.own:
                value["own"] = {}
            if self.coded and query.get("holds") == [str(self.round - 1)]:
                digest, size = self.coded
                value["steps"] = [{"round": self.round, "digest": digest, "bytes": size}]
            value.update(self.more)
            return value

    def _contribution(self, handler, body):
        with self.changed:
            delta = codec.decode(self.blobs[body["blob"]])
            self.bodies.append(body)
            if body["round"] != self.round or body["modelDigest"] != self.digest:
                return {"accepted": False, "code": "CONTRIBUTION_TOO_OLD", "reason": "too old"}
            if self.refuses(body):
                return {"accepted": False, "code": "RUN_PAUSED", "reason": "not now"}
            self.taken[handler.headers["authorization"]] = delta
            if len(self.taken) == self.sites:
                self._merge()
            return {"accepted": True, "reason": "taken"}

    def _merge(self):
        step = -np.mean(list(self.taken.values()), axis=0).astype(np.float32)
        coded = codec.encode("fp32" if self.own and self.round == 0 else "int8", step)
        self.model = self.model + codec.decode(coded)
        self.coded = (digest_of(coded), len(coded))
        self.blobs[self.coded[0]] = coded
        self.taken = {}
        self.round += 1
        self.version += 1
        self._publish()
        self.changed.notify_all()
