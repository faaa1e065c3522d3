"""Checkpoints go out and come back, by our own code and through PyTorch's."""

import os
import struct
import tempfile
import unittest

import numpy as np
import torch

import _path  # noqa: F401
import tequio
from tequio.checkpoint import load_safetensors, save_safetensors


class Checkpoints(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = lambda name: os.path.join(folder.name, name)

    def test_every_kind_of_tensor_comes_back_as_it_was(self):
        torch.manual_seed(1)
        kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
        tensors = {str(kind): torch.randn(3, 5).to(kind) for kind in kinds}
        for kind in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool):
            tensors[str(kind)] = torch.arange(7).to(kind)
        tensors["scalar"], tensors["empty"] = torch.tensor(2.5), torch.empty(0, 3)
        save_safetensors(self.path("a.safetensors"), tensors, {"round": 7})
        back, notes = load_safetensors(self.path("a.safetensors"))
        self.assertEqual(notes, {"round": "7"})
        self.assertEqual(list(back), list(tensors))
        for name, tensor in tensors.items():
            self.assertEqual(back[name].dtype, tensor.dtype)
            self.assertTrue(torch.equal(back[name], tensor), name)

    def test_a_model_loads_from_both_kinds_of_file(self):
        for name in ("a.safetensors", "a.pt"):
            torch.manual_seed(2)
            model = torch.nn.Linear(4, 3)
            tequio.save_checkpoint(self.path(name), model)
            other = torch.nn.Linear(4, 3)
            tequio.load_checkpoint(self.path(name), other)
            self.assertTrue(torch.equal(model.weight, other.weight))
            self.assertEqual(list(tequio.load_checkpoint(self.path(name))), ["weight", "bias"])

    def test_the_flat_export_of_a_model_of_ones_own_loads(self):
        flat = torch.arange(15, dtype=torch.float32)
        save_safetensors(self.path("flat.safetensors"), {"model": flat})
        model = torch.nn.Linear(4, 3)
        tequio.load_checkpoint(self.path("flat.safetensors"), model)
        np.testing.assert_array_equal(model.weight.detach().reshape(-1), np.arange(12))
        with self.assertRaises(tequio.TequioError):
            tequio.load_checkpoint(self.path("flat.safetensors"), torch.nn.Linear(2, 2))

    def test_damage_and_other_models_are_refused(self):
        path = self.path("a.safetensors")
        save_safetensors(path, {"a": torch.zeros(4)})
        with open(path, "rb") as file:
            good = file.read()
        bad = (b"", good[:-1], struct.pack("<Q", 2**40) + good[8:], good[:8] + b"x" + good[9:])
        for data in bad:
            with open(path, "wb") as file:
                file.write(data)
            with self.assertRaises(tequio.TequioError) as caught:
                tequio.load_checkpoint(path)
            self.assertEqual(caught.exception.code, "CHECKPOINT_INVALID")
        save_safetensors(path, {"a": torch.zeros(4)})
        with self.assertRaises(tequio.TequioError):
            tequio.load_checkpoint(path, torch.nn.Linear(4, 3))


if __name__ == "__main__":
    unittest.main()
