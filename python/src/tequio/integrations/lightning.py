"""Lightning's ``Trainer`` as a site of a run, with one optimiser.

    run = tequio.join()
    trainer = Trainer(..., max_epochs=-1, callbacks=[TequioCallback(run)])

See ``huggingface.py`` on whose batches these are.
"""

from lightning.pytorch import Callback


class TequioCallback(Callback):
    """Joins the run when training begins, and ends the training with it."""

    def __init__(self, run, follow_schedule=False):
        self._run = run
        self._follow_schedule = follow_schedule

    def on_train_start(self, trainer, pl_module):
        """Ties the module and its optimiser to the run."""
        if len(trainer.optimizers) != 1:
            raise ValueError("a run has one optimiser")
        optimiser = trainer.optimizers[0]
        self._run.wrap(pl_module, optimiser, follow_schedule=self._follow_schedule)
        self._run.hold()
        trainer.should_stop = self._run.over

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        """Passes the loss on, and ends the training with the run."""
        if isinstance(outputs, dict) and "loss" in outputs:
            self._run.report(outputs["loss"])
        if self._run.over:
            trainer.should_stop = True
