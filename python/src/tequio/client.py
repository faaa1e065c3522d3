"""Speaks to the pool over HTTPS: JSON calls and blobs that go on where a cut left them.

Only the standard library is used, so proxies are taken from ``HTTPS_PROXY``, ``HTTP_PROXY`` and
``NO_PROXY``, and nothing but an outgoing connection is needed. What is said is in ``exchange.py``.
No wall clock is read: a machine whose clock is a day off takes part like any other.
"""

import hashlib
import http.client
import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

from .errors import PoolError

#: Longest silence of an open connection. Longer than a long poll, which the pool answers.
TIMEOUT_S = 60.0
#: Requests that fail this often in a row without getting any further are given up.
TRIES_MAX = 6
RETRY_S = 0.25
#: A pool that is silent for longer has stopped this site's lease anyway.
UNREACHABLE_S_MAX = 120.0
#: Pieces of a blob on its way in.
READ_BYTES = 1 << 20
#: Pieces of a blob on its way out: what a cut costs at most.
WRITE_BYTES = 8 << 20

_CUTS = (urllib.error.URLError, http.client.HTTPException, OSError)


class Client:
    """The pool at an address, for one token."""

    def __init__(self, url, token, ca=None, wait=time.sleep):
        self._url = url.rstrip("/")
        self._token = token
        self._wait = wait
        handlers = []
        if ca:
            context = ssl.create_default_context()
            context.load_verify_locations(cadata=ca)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def call(self, method, path, query=None, body=None):
        """The parsed answer. Tries again while the pool is away; raises ``PoolError``."""
        text = "" if not query else "?" + urllib.parse.urlencode(query)
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        headers = {} if body is None else {"content-type": "application/json"}
        since, tries = time.monotonic(), 0
        while True:
            try:
                with self._open(method, path + text, data, headers) as reply:
                    return json.loads(reply.read())
            except PoolError as error:
                if error.code not in ("SHUTTING_DOWN", "REPLICA_BEHIND", "TOO_MANY"):
                    raise
                trouble = error
            except _CUTS as error:
                trouble = error
            if time.monotonic() - since > UNREACHABLE_S_MAX:
                raise _unreachable(self._url, trouble) from trouble
            self._wait(min(RETRY_S * 2**tries, 5))
            tries += 1

    def put_blob(self, data):
        """Puts bytes under their digest, which it gives; after a cut it goes on where it was."""
        digest = digest_of(data)
        path = "/v1/blobs/" + urllib.parse.quote(digest)
        at, tries = 0, 0
        while True:
            try:
                if at is None or self._put_from(path, data, at):
                    return digest
                at = min(len(data), at + WRITE_BYTES)
                tries = 0
                continue
            except PoolError as error:
                if error.status < 500 and error.status != 409:
                    raise
                trouble = error
            except _CUTS as error:
                trouble = error
            tries = self._again(tries, trouble)
            known = self._upload_offset(path, at)
            if known is None or known > at:
                tries = 0
            at = known

    def _put_from(self, path, data, at):
        end = min(len(data), at + WRITE_BYTES)
        headers = {"content-type": "application/octet-stream"}
        if at > 0 or end < len(data):
            headers["content-range"] = "bytes %d-%d/%d" % (at, end - 1, len(data))
        with self._open("PUT", path, bytes(data[at:end]), headers) as reply:
            reply.read()
        return end == len(data)

    def _upload_offset(self, path, at):
        """Bytes that the pool has of an upload; None when it has the whole blob."""
        try:
            with self._open("HEAD", path):
                return None
        except PoolError as error:
            return int(error.headers.get("upload-offset") or 0)
        except _CUTS:
            return at

    def get_blob(self, digest):
        """The bytes of a blob, checked against its digest; a cut costs only what was cut off."""
        path = "/v1/blobs/" + urllib.parse.quote(digest)
        parts, have, tries, damaged = [], 0, 0, 0
        while True:
            try:
                headers = {} if have == 0 else {"range": "bytes=%d-" % have}
                with self._open("GET", path, None, headers) as reply:
                    if reply.status == 200:
                        parts, have = [], 0
                    for piece in iter(lambda: reply.read(READ_BYTES), b""):
                        parts.append(piece)
                        have += len(piece)
                        tries = 0
                    # A connection that ends early does not always raise.
                    if reply.length not in (None, 0):
                        raise http.client.IncompleteRead(b"")
                data = b"".join(parts)
                if digest_of(data) == digest:
                    return data
                # All that came was wrong: that is no progress, however much it was.
                parts, have, tries = [], 0, damaged
                damaged += 1
                trouble = PoolError("DIGEST_MISMATCH", "The bytes are not those of %s." % digest)
            except PoolError as error:
                if error.status < 500 and error.status != 416:
                    raise
                if error.status == 416:
                    parts, have = [], 0
                trouble = error
            except _CUTS as error:
                trouble = error
            tries = self._again(tries, trouble)

    def _again(self, tries, trouble):
        if tries + 1 >= TRIES_MAX:
            raise _unreachable(self._url, trouble) from trouble
        self._wait(RETRY_S * 2**tries)
        return tries + 1

    def _open(self, method, path, data=None, headers=None):
        request = urllib.request.Request(self._url + path, data=data, method=method)
        request.add_header("authorization", "Bearer " + self._token)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            return self._opener.open(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error) from None


def digest_of(data):
    """Digest of bytes as the pool writes it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _refusal(reply):
    try:
        problem = json.loads(reply.read())
        error = PoolError(problem["code"], problem["message"], problem.get("hint", ""))
    except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        error = PoolError("HTTP_%d" % reply.code, "The pool answered %d." % reply.code)
    error.status = reply.code
    error.headers = reply.headers
    return error


def _unreachable(url, trouble):
    hint = "Look whether the pool runs and this machine reaches it."
    return PoolError("POOL_UNREACHABLE", "%s does not answer: %s." % (url, trouble), hint)
