"""Lightning's ``Trainer`` as a site of a run, with one optimiser: by a strategy or a callback.

    trainer = Trainer(max_epochs=-1, strategy=TequioStrategy())

or, with a strategy of another library,

    trainer = Trainer(max_epochs=-1, callbacks=[TequioCallback(tequio.join())])

See ``huggingface.py`` on whose batches these are. Under torchrun, with one process for each device,
the strategy is ``TequioDDPStrategy``. ``lightning`` and the older ``pytorch_lightning`` both do.
"""

try:
    from lightning.pytorch import Callback
    from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
except ImportError:
    from pytorch_lightning import Callback
    from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy

from ..run import join


class _Site:
    """What makes a strategy of Lightning a site of a run; comes before the strategy itself."""

    def __init__(self, run=None, follow_schedule=False, overlap=True, **settings):
        super().__init__(**settings)
        #: The run, once the training has begun; ``tequio.join()`` unless one was given.
        self.run = run
        self._settings = {"follow_schedule": follow_schedule, "overlap": overlap}
        self._trainer = None

    def setup(self, trainer):
        """Notes the trainer, which is stopped when the run is over."""
        self._trainer = trainer
        super().setup(trainer)

    def on_train_start(self):
        """Joins, after a checkpoint was read: the pool's model is newer than the file's."""
        super().on_train_start()
        if self.run is None:
            self.run = join()
        _tie(self.run, self._trainer, self.lightning_module, self._settings)

    def optimizer_step(self, optimizer, closure, model=None, **kwargs):
        """A step of the optimiser: passes its loss on, and ends the training with the run."""

        def told():
            loss = closure()
            if loss is not None:
                self.run.report(loss)
            return loss

        result = super().optimizer_step(optimizer, told, model=model, **kwargs)
        if self.run.over:
            self._trainer.should_stop = True
        return result


class TequioStrategy(_Site, SingleDeviceStrategy):
    """A site of one process, on the first of the trainer's devices."""

    strategy_name = "tequio"

    def __init__(self, run=None, follow_schedule=False, overlap=True, **settings):
        super().__init__(run, follow_schedule, overlap, **settings)
        #: Filled in by the trainer.
        self.parallel_devices = None

    @property
    def root_device(self):
        """Where the model lies."""
        return self.parallel_devices[0] if self.parallel_devices else self._root_device


class TequioDDPStrategy(_Site, DDPStrategy):
    """A site of several processes, which torchrun starts: the first talks to the pool."""

    strategy_name = "tequio_ddp"


class TequioCallback(Callback):
    """Joins the run when training begins, and ends the training with it."""

    def __init__(self, run, follow_schedule=False, overlap=True):
        self._run = run
        self._settings = {"follow_schedule": follow_schedule, "overlap": overlap}

    def on_train_start(self, trainer, pl_module):
        """Ties the module and its optimiser to the run."""
        _tie(self._run, trainer, pl_module, self._settings)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        """Passes the loss on, and ends the training with the run."""
        if isinstance(outputs, dict) and "loss" in outputs:
            self._run.report(outputs["loss"])
        if self._run.over:
            trainer.should_stop = True


def _tie(run, trainer, module, settings):
    if len(trainer.optimizers) != 1:
        raise ValueError("a run has one optimiser")
    run.wrap(module, trainer.optimizers[0], **settings)
    run.hold()
    trainer.should_stop = run.over
