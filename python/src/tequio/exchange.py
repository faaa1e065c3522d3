"""A site's side of the exchange: ask what to do, keep the pool's model, send what was learned.

The protocol is that of the embedded trainer (``trainer/src/site``). Tensors and optimisers are the
business of ``run.py``; here a model is a numpy vector.
"""

import time

import numpy as np

from . import codec
from .client import digest_of
from .errors import LayoutError, PoolError
from .leave import Leaving, LeftWhileWaiting
from .overlap import CARRY_SEED, CARRY_SHARE_MAX
from .windows import first_of, windows_of

#: One long poll. The pool answers at once when something changed.
POLL_MS = 20_000
#: Pause before asking again after an answer that was known already.
REPEATED_S = 0.1
#: A site that missed more rounds than this starts with an empty residual.
MISSED_ROUNDS_MAX = 2
#: Models in a row that are gone when the site comes to fetch them: then it is not others' haste.
GONE_MAX = 10
#: Why a site's part is over when it was told to end.
LEFT = "this process was told to end"


class Stretch:
    """What the pool wants of this site until the next exchange."""

    def __init__(self, assignment, received_s):
        self.assignment = assignment
        self.round = assignment["round"]
        self.inner_steps = assignment["innerSteps"]
        self.batch = assignment["batch"]
        self.context = assignment["model"]["context"]
        self.samples = windows_of(
            assignment["seed"], assignment["windows"], assignment["ranges"]
        )
        left = assignment.get("timeLeftMs")
        self.deadline_s = float("inf") if left is None else received_s + left / 1000
        self.received_s = received_s
        self._carry_samples = None

    def samples_of(self, step):
        """The samples of one optimiser step; after the last ones from the first again."""
        at, all_ = step * self.batch, self.samples
        return [all_[(at + i) % len(all_)] for i in range(self.batch)]

    def carry_samples_of(self, step):
        """The samples of a step that is taken while the stretch is exchanged; see ``overlap.py``."""
        if self._carry_samples is None:
            one = self.assignment
            seed = one["seed"] + CARRY_SEED
            self._carry_samples = windows_of(seed, one["windows"], one["ranges"])
        at, all_ = step * self.batch, self._carry_samples
        return [all_[(at + i) % len(all_)] for i in range(self.batch)]

    @property
    def carry_steps(self):
        """Most steps that are taken while the stretch is exchanged; 0 without a rate for them."""
        rate = self.assignment.get("learningRateEnd", 0.0)
        return CARRY_SHARE_MAX * self.inner_steps if rate > 0 else 0

    def rate(self, step):
        """The pool's learning rate for one step, of a ramp in the beginning too."""
        one = self.assignment
        start, end = one.get("learningRateStart", 0.0), one.get("learningRateEnd", 0.0)
        ramp = one.get("rampSteps", 0)
        rate = start + (end - start) * step / self.inner_steps
        return rate * (step + 1) / ramp if step < ramp else rate


class Exchange:
    """One run, for the lease whose token the client has."""

    def __init__(self, client, run_id, log, layout=None, clock=time.monotonic, leaving=None):
        self._leaving = leaving or Leaving()
        self._client = client
        self._path = "/v1/runs/%s/" % run_id
        self._log = log
        self._clock = clock
        self._layout = layout
        self._held = None
        self._after = 0
        self._done_round = -1
        self._residual = None
        self._bytes_down = 0
        self.bytes_up = 0
        self.reason = ""

    def next(self):
        """The next ``(stretch, model, moments)``; None when the run is over for this site.

        The model is None where the run has not begun: the script's own start is the run's.
        """
        for gone in range(GONE_MAX):
            try:
                assignment = self._leaving.wait(self._wait_for_work)
            except LeftWhileWaiting:
                self.reason = LEFT
                return None
            if assignment is None:
                return None
            stretch = Stretch(assignment, self._clock())
            self._check(assignment)
            try:
                vector = self._fetch(assignment)
                break
            except PoolError as error:
                # The others merged several rounds meanwhile, and old models are not kept.
                if error.status != 404 or gone + 1 == GONE_MAX:
                    raise
                self._log("round %d: its model is gone already; asks again" % assignment["round"])
                time.sleep(REPEATED_S)
                self._after = 0
        if assignment.get("own") is not None and not vector.any():
            return stretch, None, None
        moments = None
        if "momentsBlob" in assignment and self._residual is None:
            moments = self._client.get_blob(assignment["momentsBlob"])
            self._bytes_down += len(moments)
        return stretch, vector, moments

    def send(self, stretch, parameters, steps, mean_loss, compute_s, fetch_s, moments=None):
        """Codes and sends what a stretch has changed; True when the pool took it."""
        ended_s = self._clock()
        one = stretch.assignment
        delta = self._held[2] - parameters
        self._refuse_not_finite(delta, mean_loss)
        if self._residual is None or self._missed(stretch):
            self._residual = np.zeros_like(delta)
        message, residual = codec.encode_with_feedback(one["codec"], delta, self._residual)
        body = {
            "round": stretch.round,
            "modelDigest": one["modelDigest"],
            "blob": self._client.put_blob(message),
            "bytes": len(message),
            "codec": one["codec"],
            "tokens": steps * stretch.batch * stretch.context,
            "innerSteps": steps,
            "batch": stretch.batch,
            "computeMs": 1000 * compute_s,
            "bytesDown": self._bytes_down,
            "meanLoss": mean_loss,
            "ranges": first_of(one["ranges"], steps * stretch.batch),
        }
        if moments is not None:
            body["momentsBlob"] = self._client.put_blob(moments)
        body["transferMs"] = 1000 * (fetch_s + self._clock() - ended_s)
        reply = self._client.call("POST", self._path + "contributions", body=body)
        self._bytes_down = 0
        self.bytes_up += len(message) + len(moments or b"")
        self._done_round = stretch.round
        if reply["accepted"]:
            self._residual = residual
        text = "round %d: %d steps of %d samples, loss %.3f, %d ms of transfer; %s"
        transfer_ms = round(body["transferMs"])
        numbers = (stretch.round, steps, stretch.batch, mean_loss, transfer_ms)
        self._log(text % (numbers + (reply["reason"],)))
        return reply["accepted"]

    def _missed(self, stretch):
        return stretch.round - self._done_round > MISSED_ROUNDS_MAX + 1

    def _refuse_not_finite(self, delta, mean_loss):
        if np.isfinite(mean_loss) and np.isfinite(delta).all():
            return
        hint = "Lower the learning rate, or follow the pool's."
        raise PoolError("LOSS_NOT_FINITE", "The training diverged at this site.", hint)

    def _wait_for_work(self):
        while True:
            query = {"after": self._after, "waitMs": POLL_MS}
            if self._held is not None:
                query["holds"] = self._held[0]
            answer = self._client.call("GET", self._path + "assignment", query=query)
            self._after = answer["version"]
            state = answer["state"]
            if state == "train":
                if answer["round"] > self._done_round:
                    return answer
                # An answer that was sent twice: this stretch is done.
                time.sleep(REPEATED_S)
                continue
            if answer["reason"] != self.reason:
                self._log("%s: %s" % (state, answer["reason"]))
            self.reason = answer["reason"]
            if state == "stop":
                return None

    def _check(self, assignment):
        if self._layout is None:
            return
        size, digest = self._layout
        wanted = assignment.get("parameters", size)
        if size != wanted:
            hint = "Build the model of the run: same sizes, same parameters trained."
            text = "The script's model has %d values, the run's %d." % (size, wanted)
            raise LayoutError("LAYOUT_MISMATCH", text, hint)
        named = (assignment.get("own") or {}).get("layout")
        if named not in (None, digest):
            hint = "Build the model that the job file's `run.own.layout` is of."
            text = "The script's layout is %s, the run's %s." % (digest, named)
            raise LayoutError("LAYOUT_MISMATCH", text, hint)

    def _fetch(self, assignment):
        digest, round_ = assignment["modelDigest"], assignment["round"]
        if self._held is None or self._held[1] != digest:
            vector = self._stepped(assignment)
            if vector is None:
                vector = self._whole(assignment)
        else:
            vector = self._held[2]
        self._held = (round_, digest, vector)
        return vector

    def _whole(self, assignment):
        data = self._client.get_blob(assignment["modelBlob"])
        self._bytes_down += len(data)
        if digest_of(data) != assignment["modelDigest"]:
            raise PoolError("DIGEST_MISMATCH", "The model is not that of its round.")
        return np.frombuffer(data, dtype="<f4").astype(np.float32)

    def _stepped(self, assignment):
        """The held copy moved on by coded steps; None when that does not lead there."""
        steps = assignment.get("steps") or []
        if self._held is None or not steps:
            return None
        vector = self._held[2]
        for step in steps:
            try:
                data = self._client.get_blob(step["digest"])
            except PoolError as error:
                # The whole model may be there though an old step is gone.
                if error.status != 404:
                    raise
                return None
            self._bytes_down += len(data)
            change = codec.decode(data)
            if change.size != vector.size:
                return None
            vector = vector + change
        return vector if digest_of(vector.astype("<f4")) == assignment["modelDigest"] else None
