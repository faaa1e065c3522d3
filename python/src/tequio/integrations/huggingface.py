"""Hugging Face's ``Trainer`` as a site of a run.

    run = tequio.join()
    trainer = Trainer(..., callbacks=[TequioCallback(run)])

The trainer draws its own batches, so this fits runs with ``own`` data, in which a sample is a row
of the training set and ``maxBatch`` is the trainer's batch size: a stretch is claimed by its steps.
"""

from transformers import TrainerCallback


class TequioCallback(TrainerCallback):
    """Joins the run when training begins, and ends the training with it."""

    def __init__(self, run, **settings):
        """``settings`` are those of ``run.wrap``; the rates are the trainer's if nothing is said."""
        self._run = run
        self._settings = {"follow_schedule": False, **settings}

    def on_train_begin(self, args, state, control, model=None, optimizer=None, **kwargs):
        """Ties the trainer's model and optimiser to the run."""
        # The trainer wraps its optimiser; steps that it skips must not count.
        inner = getattr(optimizer, "optimizer", optimizer)
        self._run.wrap(model, inner, **self._settings)
        self._run.hold()
        return self._stop_if_over(control)

    def on_log(self, args, state, control, logs=None, **kwargs):
        """Passes the trainer's loss on."""
        if logs and "loss" in logs:
            self._run.report(logs["loss"])

    def on_step_end(self, args, state, control, **kwargs):
        """Ends the training with the run."""
        return self._stop_if_over(control)

    def _stop_if_over(self, control):
        if self._run.over:
            control.should_training_stop = True
        return control
