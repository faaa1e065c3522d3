"""The codec against the vectors that TypeScript shares, and against damage."""

import json
import os
import struct
import unittest

import numpy as np

import _path  # noqa: F401
from tequio import codec
from tequio.errors import CodecError

VECTORS = os.path.join(_path.ROOT, "core", "training", "codec", "vectors.json")


def values_of(vector):
    given = vector["values"]
    if isinstance(given, list):
        return np.array(given, dtype=np.float64).astype(np.float32)
    size = {"wave": (300, 256), "chunks": (4196, 4096)}[given]
    i = np.arange(size[0])
    return ((i * 37 % 101 - 50) * np.where(i < size[1], 2.0**-10, 0.03)).astype(np.float32)


class Vectors(unittest.TestCase):
    def test_every_shared_vector_has_the_same_bytes_and_decodes_to_what_was_coded(self):
        with open(VECTORS, encoding="utf8") as file:
            vectors = json.load(file)["vectors"]
        self.assertGreater(len(vectors), 20)
        for vector in vectors:
            with self.subTest(name=vector["name"], codec=vector["codec"]):
                coded = codec.encode(vector["codec"], values_of(vector))
                self.assertEqual(coded.hex(), vector["hex"])
                back = codec.decode(coded)
                # A decoded vector is a fixed point as far as the levels go.
                self.assertEqual(back.size, values_of(vector).size)

    def test_a_message_has_the_length_that_is_foretold(self):
        random = np.random.default_rng(3)
        for name in codec.CODECS:
            for count in (0, 1, 2, 3, 255, 256, 257, 4095, 4096, 4097, 9000):
                vector = random.normal(size=count).astype(np.float32)
                coded = codec.encode(name, vector)
                self.assertEqual(len(coded), codec.coded_bytes(name, count))
                self.assertEqual(codec.decode(coded).size, count)

    def test_no_value_is_further_off_than_half_a_level(self):
        vector = np.random.default_rng(5).normal(size=5000).astype(np.float32)
        for name, levels in (("int8", 127), ("int4", 7), ("ternary", 1)):
            off = np.abs(codec.decode(codec.encode(name, vector)) - vector)
            self.assertLessEqual(off.max(), 0.501 * np.abs(vector).max() / levels)


class Feedback(unittest.TestCase):
    def test_what_is_left_out_goes_with_the_next_round(self):
        random = np.random.default_rng(7)
        for name in ("int8", "int4", "ternary", "ternary1"):
            residual = np.zeros(700, dtype=np.float32)
            sent, given = np.zeros(700), np.zeros(700)
            for _ in range(20):
                delta = random.normal(size=700).astype(np.float32)
                message, residual = codec.encode_with_feedback(name, delta, residual)
                sent += codec.decode(message)
                given += delta
            np.testing.assert_allclose(sent + residual, given, atol=1e-4)

    def test_topk_forgets_a_twentieth(self):
        residual = np.ones(4096, dtype=np.float32)
        message, left = codec.encode_with_feedback("topk64", np.zeros(4096), residual)
        np.testing.assert_allclose(left + codec.decode(message), 0.95, rtol=1e-6)


class Damage(unittest.TestCase):
    def refusal(self, message):
        with self.assertRaises(CodecError) as caught:
            codec.decode(message)
        return caught.exception.code

    def test_damage_has_the_code_of_the_format(self):
        good = codec.encode("int4", np.arange(1, 4, dtype=np.float32))
        self.assertEqual(self.refusal(good[:5]), "CODEC_TRUNCATED")
        self.assertEqual(self.refusal(good[:-1]), "CODEC_TRUNCATED")
        self.assertEqual(self.refusal(good + good), "CODEC_TOO_LONG")
        self.assertEqual(self.refusal(b"X" + good[1:]), "CODEC_INVALID")
        self.assertEqual(self.refusal(good[:4] + b"\x02" + good[5:]), "CODEC_VERSION")
        self.assertEqual(self.refusal(good[:5] + b"\x63" + good[6:]), "CODEC_UNKNOWN")
        self.assertEqual(self.refusal(good[:6] + b"\x09" + good[7:]), "CODEC_UNKNOWN")
        self.assertEqual(self.refusal(good[:-1] + b"\xf0"), "CODEC_INVALID")
        negative = good[:12] + struct.pack("<H", 0x8400) + good[14:]
        self.assertEqual(self.refusal(negative), "CODEC_INVALID")
        endless = codec.encode("fp32", np.ones(1))[:-4] + struct.pack("<f", float("inf"))
        self.assertEqual(self.refusal(endless), "CODEC_INVALID")

    def test_places_of_topk_ascend_and_stay_in_their_chunk(self):
        good = bytearray(codec.encode("topk64", np.arange(1, 11, dtype=np.float32)))
        places = 12 + 4
        good[places], good[places + 1] = 9, 0x10
        self.assertEqual(self.refusal(bytes(good)), "CODEC_INVALID")

    def test_chunks_of_ternary1_hold_what_their_count_says(self):
        good = bytearray(codec.encode("ternary1", np.full(300, -1, dtype=np.float32)))
        count = 12 + 4
        for low, high in ((1, 0), (255, 255)):
            bad = bytearray(good)
            bad[count], bad[count + 1] = low, high
            self.assertEqual(self.refusal(bytes(bad)), "CODEC_INVALID")
        beyond = good[: count + 2] + b"\xff" * (len(good) - count - 2)
        self.assertEqual(self.refusal(bytes(beyond)), "CODEC_INVALID")
        silent = good[:12] + b"\0\0" + good[14:]
        self.assertEqual(self.refusal(bytes(silent)), "CODEC_INVALID")

    def test_what_cannot_be_coded_is_refused(self):
        for bad in (float("nan"), float("inf"), 2.0**121):
            for name in codec.CODECS:
                with self.assertRaises(CodecError):
                    codec.encode(name, np.array([1, bad], dtype=np.float32))


if __name__ == "__main__":
    unittest.main()
