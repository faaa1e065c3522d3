"""What can go wrong, each with a stable code and a hint, as everywhere in Tequio."""


class TequioError(Exception):
    """Expected trouble: a code to look for, a sentence, and what to do."""

    def __init__(self, code, message, hint=""):
        super().__init__("%s: %s %s" % (code, message, hint))
        self.code = code
        self.message = message
        self.hint = hint


class CodecError(TequioError):
    """Bytes that no coder of version 1 writes, or values that cannot be coded."""


class PoolError(TequioError):
    """The pool refused something, or could not be reached for long."""

    #: HTTP status and headers of the answer; 0 and none when there was no answer.
    status = 0
    headers = {}


class LayoutError(TequioError):
    """The script's model is not the model of the run."""


class RunOver(SystemExit):
    """The run is over for this site.

    It is a ``SystemExit`` with code 0: a script that trains in an endless loop of its own ends in
    good order without knowing of it. Catch it to do something afterwards.
    """

    def __init__(self, reason):
        super().__init__(0)
        self.reason = reason
