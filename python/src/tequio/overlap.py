"""The exchange in a thread of its own, so that a site trains on while the pool merges.

What it learns meanwhile, the carry, is added to the next model and goes with the next contribution;
it is not claimed as tokens. As ``trainer/src/site/loop.ts``; the reasons are in decision 0004.
"""

import threading

#: Most steps of a carry, in stretches. More would start too far from the model that they are
#: added to (measured, decision 0028).
CARRY_SHARE_MAX = 3
#: Samples of the carry are of another permutation: those just seen again taught less (0004).
CARRY_SEED = 0x5EED
#: A stretch that is on its way when the site is told to end is waited for that long: a site gives
#: 10 s of grace, and what the script does after its loop wants some of it.
SENDING_S_MAX = 6.0


class Background:
    """One contribution on its way, and the stretch that follows on it."""

    def __init__(self, exchange, stretch, sent, *rest):
        self._exchange, self._stretch, self._vector = exchange, stretch, sent
        self._sent, self._done = threading.Event(), threading.Event()
        self._accepted = False
        self._next = self._trouble = None
        # A daemon: a script may end whenever it likes.
        threading.Thread(target=self._work, args=rest, daemon=True).start()

    def _work(self, *rest):
        try:
            self._accepted = self._exchange.send(self._stretch, self._vector, *rest)
            self._sent.set()
            self._next = self._exchange.next()
        except BaseException as error:
            # Raised where the script is, by `result`.
            self._trouble = error
        finally:
            self._sent.set()
            self._done.set()

    @property
    def arrived(self):
        """Whether ``result`` would not wait."""
        return self._done.is_set()

    def result(self, leaving, present):
        """The next ``(stretch, start, moments)``, or None; ``present`` gives the model of now.

        Waits. Raises what went wrong in the thread, and ``LeftWhileWaiting``.
        """
        leaving.wait(self._done.wait)
        if self._trouble is not None:
            raise self._trouble
        if self._next is None:
            return None
        stretch, vector, moments = self._next
        # Refused: what followed on it counts as little. Sat out: it belongs to a model that is gone.
        follows = stretch.round == self._stretch.round + 1
        if vector is not None and self._accepted and follows:
            vector = vector + (present() - self._vector)
        return stretch, vector, moments

    def finish_sending(self):
        """Waits until the contribution is with the pool, within the grace of a site."""
        self._sent.wait(SENDING_S_MAX)
