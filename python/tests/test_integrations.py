"""Ties to Hugging Face and Lightning, where those are installed."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest
import unittest.mock

import numpy as np
import torch

import _path
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

    def lightning(self, batch_size=6, **settings):
        """A trainer of Lightning and what it is to fit."""
        from lightning.pytorch import LightningModule, Trainer

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
        quiet["enable_model_summary"] = False
        trainer = Trainer(max_epochs=-1, accelerator="cpu", devices=1, **quiet, **settings)
        return trainer, Module(), torch.utils.data.DataLoader(ROWS, batch_size=batch_size)

    @unittest.skipIf(missing("lightning"), "lightning is not installed")
    def test_the_trainer_of_lightning_ends_with_the_run(self):
        from tequio.integrations.lightning import TequioCallback

        trainer, *fitted = self.lightning(callbacks=[TequioCallback(self.run_)])
        trainer.fit(*fitted)
        self.check()

    @unittest.skipIf(missing("lightning"), "lightning is not installed")
    def test_a_strategy_of_lightning_counts_steps_of_the_optimiser_and_tells_their_losses(self):
        from tequio.integrations.lightning import TequioStrategy

        strategy = TequioStrategy(self.run_, overlap=False)
        settings = {"strategy": strategy, "accumulate_grad_batches": 2}
        trainer, *fitted = self.lightning(batch_size=3, **settings)
        trainer.fit(*fitted)
        self.check()
        self.assertEqual((trainer.global_step, strategy.root_device.type), (12, "cpu"))
        self.assertTrue(all(body["meanLoss"] > 0 for body in self.pool.bodies))

    @unittest.skipIf(missing("lightning"), "lightning is not installed")
    def test_a_strategy_joins_by_itself_and_leaves_with_a_run_that_is_over(self):
        from tequio.integrations.lightning import TequioStrategy

        self.pool.rounds = 0
        names = {"TEQUIO_URL": self.pool.url, "TEQUIO_TOKEN": "t", "TEQUIO_JOB_ID": "1"}
        with unittest.mock.patch.dict(os.environ, names):
            strategy = TequioStrategy()
            trainer, *fitted = self.lightning(strategy=strategy)
            trainer.fit(*fitted)
        self.assertTrue(strategy.run.over)
        self.assertEqual((trainer.global_step, self.pool.bodies), (0, []))

    @unittest.skipIf(missing("lightning"), "lightning is not installed")
    def test_two_processes_of_a_strategy_are_one_site(self):
        script = os.path.join(tempfile.mkdtemp(), "two.py")
        self.addCleanup(shutil.rmtree, os.path.dirname(script))
        with open(script, "w", encoding="utf8") as file:
            file.write(TWO)
        names = {"TEQUIO_URL": self.pool.url, "TEQUIO_TOKEN": "t", "TEQUIO_JOB_ID": "1"}
        names["PYTHONPATH"] = os.path.join(_path.ROOT, "python", "src")
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
        command += ["--rdzv_backend=c10d", "--rdzv_endpoint=localhost:0", script]
        ended = subprocess.run(
            command,
            env={**os.environ, **names, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        # Two processes may write into one line.
        ends = [part.strip() for part in ended.stdout.split("END")[1:]]
        self.assertEqual(len(ends), 2, ended.stdout + ended.stderr)
        self.assertEqual(ends[0], ends[1])
        self.assertTrue(ends[0].startswith("12 "), ends[0])
        self.assertEqual(len(self.pool.bodies), 3)


TWO = textwrap.dedent(
    """
    import torch
    from lightning.pytorch import LightningModule, Trainer
    from tequio.integrations.lightning import TequioDDPStrategy
    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.line = torch.nn.Linear(4, 1)
        def training_step(self, x, _index):
            return (self.line(x) ** 2).mean()
        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet["enable_model_summary"] = False
    strategy = TequioDDPStrategy(overlap=False, process_group_backend="gloo")
    trainer = Trainer(max_epochs=-1, accelerator="cpu", devices=2, strategy=strategy, **quiet)
    module = Module()
    trainer.fit(module, torch.utils.data.DataLoader(torch.randn(64, 4), batch_size=3))
    total = sum(float(p.detach().double().sum()) for p in module.parameters())
    print("END %d %.17g" % (trainer.global_step, total), flush=True)
    """
)

if __name__ == "__main__":
    unittest.main()
