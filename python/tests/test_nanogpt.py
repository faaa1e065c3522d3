"""The GPT is the embedded engine's: same order, same losses from the same start and data."""

import os
import tempfile
import unittest

import numpy as np
import torch

import _path  # noqa: F401
from tequio import corpus, nanogpt
from tequio.errors import PoolError
from tequio.vector import FlatModel

#: Training reference, 5.3: rate 3e-4, start seed 1, data seed 7 over the whole text.
LOSSES = (5.5544, 5.17072, 5.00585, 4.91145, 4.82699, 4.7595, 4.72385, 4.66773, 4.64597, 4.55563)


def mulberry32(seed, count):
    """The first draws of the one generator of chance in training, as fp64 in [0, 1)."""
    state = (seed + np.arange(1, count + 1, dtype=np.uint64) * 0x6D2B79F5).astype(np.uint32)
    t = (state ^ (state >> 15)) * (state | 1)
    t = (t + (t ^ (t >> 7)) * (t | 61)) ^ t
    return (t ^ (t >> 14)).astype(np.float64) / 4294967296.0


def start_of(model, seed):
    """The embedded engine's start, with the parameters as they lie in the flat vector."""
    flat = FlatModel(model)
    matrices = sum(size for size, shape in zip(flat.sizes, flat.shapes) if len(shape) == 2)
    u = mulberry32(seed, 2 * matrices).reshape(-1, 2)
    normal = np.sqrt(-2 * np.log(1 - u[:, 0])) * np.cos(2 * np.pi * u[:, 1])
    values, at = flat.read(), 0
    for _, shape, part in flat.split(values):
        if len(shape) == 2:
            part[:] = nanogpt.START_SIGMA * normal[at : at + part.size]
            at += part.size
    flat.write(values)


class Reference(unittest.TestCase):
    def test_the_order_is_that_of_the_flat_vector(self):
        model = nanogpt.NanoGPT(vocab=11, context=6, width=16, layers=2, heads=2)
        flat = FlatModel(model)
        layer = ["gain1", "bias1", "qkv", "out", "gain2", "bias2", "mlpIn", "mlpOut"]
        names = ["embedding", "positions"]
        names += ["layers.%d.%s" % (i, name) for i in range(2) for name in layer]
        self.assertEqual(flat.names, names + ["finalGain", "finalBias"])
        self.assertEqual(flat.size, (11 + 6) * 16 + 2 * (12 * 256 + 4 * 16) + 2 * 16)

    def test_the_first_losses_are_those_of_every_engine_to_1e_4(self):
        torch.set_num_threads(1)
        model = nanogpt.NanoGPT()
        start_of(model, 1)
        optimiser = nanogpt.adamw(model, 3e-4)
        text = corpus.load("sotu", 128)
        places = len(text.whole) - 128 - 1
        offsets = np.floor(mulberry32(7, 160) * places).astype(np.int64).reshape(10, 16)
        for wanted, own in zip(LOSSES, offsets):
            loss = model(*text.batch_at(text.whole, own))
            self.assertLess(abs(float(loss.detach()) - wanted), 1e-4)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


class Texts(unittest.TestCase):
    def refusal(self, content, **more):
        """What the text of a run says of a file with this content; None for no file."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "text.txt")
            if content is not None:
                with open(path, "wb") as file:
                    file.write(content)
            one = {"corpus": path, "model": {"context": 8}, "windows": 118, **more}
            try:
                return len(corpus.of_run(one))
            except PoolError as error:
                self.assertEqual(error.code, "CORPUS_INVALID")
                self.assertTrue(error.hint)
                return error.message

    def test_a_site_with_another_text_than_the_pools_is_refused(self):
        text = b"all work " * 111
        self.assertEqual(len(text), 999)
        # 95 % of 999 bytes are 949; the last window needs the byte after it.
        self.assertEqual(self.refusal(text + b"."), 118)
        self.assertIn("112 windows here and 118 in the pool", self.refusal(text[:950]))
        self.assertIn("tokens of bpe-300", self.refusal(text, tokenizer="bpe-300"))
        self.assertIn("`own` has no text", self.refusal(text, own={}))

    def test_a_text_that_is_missing_binary_or_too_small_is_refused(self):
        self.assertIn("cannot be read", self.refusal(None))
        self.assertIn("is not text", self.refusal(bytes(1_000)))
        self.assertIn("not 10", self.refusal(b"short"))
        self.assertIn("not 10", self.refusal(b""))


if __name__ == "__main__":
    unittest.main()
