"""Ties to Hugging Face and Lightning, where those are installed."""

import importlib.util
import tempfile
import unittest

import numpy as np
import torch

from _pool import Pool
from tequio.client import Client
from tequio.run import join
from tequio.vector import FlatModel


def missing(name):
    return importlib.util.find_spec(name) is None


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(4, 1)

    def forward(self, x, labels=None):
        y = self.line(x)
        return {"loss": ((y - labels) ** 2).mean(), "logits": y}


ROWS = [{"x": torch.randn(4), "labels": torch.ones(1)} for _ in range(64)]


class Integrations(unittest.TestCase):
    def setUp(self):
        self.net = Net()
        start = FlatModel(self.net).read()
        self.pool = Pool(np.zeros_like(start), rounds=3, own=True, steps=4)
        self.addCleanup(self.pool.close)
        self.run_ = join(Client(self.pool.url, "t"), "1", log=lambda _line: None)

    def check(self):
        self.assertTrue(self.run_.over)
        self.assertEqual((self.run_.total_steps, len(self.pool.bodies)), (12, 3))
        self.assertTrue(self.pool.model.any())

    @unittest.skipIf(missing("transformers"), "transformers is not installed")
    def test_the_trainer_of_hugging_face_ends_with_the_run(self):
        from transformers import Trainer, TrainingArguments

        from tequio.integrations.huggingface import TequioCallback

        with tempfile.TemporaryDirectory() as folder:
            settings = {"per_device_train_batch_size": 6, "num_train_epochs": 50, "report_to": []}
            args = TrainingArguments(folder, save_strategy="no", logging_steps=2, **settings)
            callbacks = [TequioCallback(self.run_)]
            Trainer(self.net, args, train_dataset=ROWS, callbacks=callbacks).train()
        self.check()

    @unittest.skipIf(missing("lightning"), "lightning is not installed")
    def test_the_trainer_of_lightning_ends_with_the_run(self):
        from lightning.pytorch import LightningModule, Trainer

        from tequio.integrations.lightning import TequioCallback

        net = self.net

        class Module(LightningModule):
            def __init__(self):
                super().__init__()
                self.net = net

            def training_step(self, batch, _index):
                return net(batch["x"], batch["labels"])["loss"]

            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), lr=0.1)

        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = Trainer(max_epochs=-1, callbacks=[TequioCallback(self.run_)], **quiet)
        trainer.fit(Module(), torch.utils.data.DataLoader(ROWS, batch_size=6))
        self.check()


if __name__ == "__main__":
    unittest.main()
