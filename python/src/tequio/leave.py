"""The order to end, SIGTERM, which a task gets when its run is over or its site wants it back.

Python would die of it at once, and with it what a script does after its loop: printing, saving. So
it is noted, the loop ends at its next step, and the script has the grace that its site gives (the
pool: 10 s after a run's end); whoever is still there then is killed by the site.
"""

import signal
import threading


class LeftWhileWaiting(Exception):
    """The order came while there was nothing to do but wait for the pool."""


class Leaving:
    """Whether this process was told to end."""

    def __init__(self):
        self.told = False
        self._waiting = False

    def listen(self):
        """Notes the order from now on, unless the script has a handler of its own."""
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._note)

    def wait(self, act):
        """``act()``, which the order breaks off with ``LeftWhileWaiting``.

        In another thread than the first it is not broken off: the order interrupts only that one.
        """
        if self.told:
            raise LeftWhileWaiting
        if threading.current_thread() is not threading.main_thread():
            return act()
        self._waiting = True
        try:
            return act()
        finally:
            self._waiting = False

    def _note(self, _number, _frame):
        self.told = True
        if self._waiting:
            self._waiting = False
            raise LeftWhileWaiting
