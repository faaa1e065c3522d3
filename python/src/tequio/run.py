"""The run as a script sees it: three lines around an ordinary training loop.

    run = tequio.join()
    model, optimiser = run.wrap(model, optimiser)
    for step in run.steps():
        loss = loss_of(model, batch_of(step.samples))
        loss.backward(); optimiser.step(); optimiser.zero_grad()

The pool decides how many steps a stretch has and how large a batch is; this counts the steps of
the optimiser and exchanges at the end of each stretch. The protocol is ``exchange.py``'s.
"""

import os
import sys
import time
import types

from .client import Client
from .corpus import of_run
from .errors import PoolError, RunOver, TequioError
from .exchange import LEFT, Exchange
from .leave import Leaving, LeftWhileWaiting
from .overlap import Background
from .processes import processes
from .vector import FlatModel, read_moments, write_moments


def join(client=None, run_id=None, log=None):
    """The run of the lease that this process was started for.

    Reads ``TEQUIO_URL``, ``TEQUIO_TOKEN``, ``TEQUIO_JOB_ID`` and ``TEQUIO_CA``, which the pool
    gives a task. Raises ``PoolError`` (NOT_IN_A_RUN) elsewhere. Speaks to nobody yet.
    """
    group = processes()
    if client is None and group.rank == 0:
        client = Client(_variable("TEQUIO_URL"), _variable("TEQUIO_TOKEN"), _ca())
    return Run(client, run_id or _variable("TEQUIO_JOB_ID"), group, log or _say)


def _variable(name):
    value = os.environ.get(name)
    if value:
        return value
    hint = "Submit the script as the `command` of a job with `run`; see the guide on PyTorch."
    raise PoolError("NOT_IN_A_RUN", "%s is not set." % name, hint)


def _ca():
    return os.environ.get("TEQUIO_CA")


def _say(line):
    print("tequio: " + line, file=sys.stderr, flush=True)


class Step:
    """One step of the optimiser: which samples it is to see."""

    def __init__(self, run):
        self._run = run
        #: Numbers of the samples of the data that are this process's in this step.
        self.samples = run.samples
        #: False for a step that is taken while the pool merges: it is not claimed as work.
        self.counted = not run.carrying
        self.number = run.carried if run.carrying else run.steps_done

    def micro_batches(self, size=None):
        """The samples in parts of at most ``size``, for gradient accumulation."""
        size = size or self._run.micro_batch_size
        return [self.samples[at : at + size] for at in range(0, len(self.samples), size)]


class Sampler:
    """A batch sampler for ``DataLoader(dataset, batch_sampler=..., num_workers=0)``.

    It gives the samples that the pool has assigned, in the batch size of the moment, and ends with
    the run. Loader processes of their own would run ahead of the assignment: use none.
    """

    def __init__(self, run):
        self._run = run

    def __iter__(self):
        for step in self._run.steps():
            yield from step.micro_batches()


class Run:
    """A place in a run. Made by ``join``."""

    def __init__(self, client, run_id, group, log):
        self._client, self._run_id, self._group, self._log = client, run_id, group, log
        self._exchange = None
        self._leaving = Leaving()
        self._stretch = None
        self._flat = self._optimiser = None
        self._accumulate = 1
        self._in_loop = False
        self._losses, self._last_loss = [], 0.0
        self._base_rates = None
        self._on_batch_size = []
        self._begun_s = self._fetch_s = 0.0
        self._overlap = True
        self._background = None
        #: True once the run is over for this site.
        self.over = False
        self.reason = ""
        #: Steps of the optimiser that are claimed: in this run, and in the present stretch.
        self.total_steps = 0
        self.steps_done = 0
        #: Whether the stretch is over and being exchanged; steps taken meanwhile, now and in all.
        self.carrying = False
        self.carried = 0
        self.carried_steps = 0
        self.rounds_done = 0

    def wrap(self, model, optimiser, follow_schedule=True, overlap=True):
        """Ties a model and its optimiser to the run; waits for the first stretch.

        The two come back as they are: the model's values are replaced in place, and
        ``optimiser.step`` now also counts. Any optimiser will do; its moments live on from round to
        round. With ``follow_schedule`` its rates follow the pool's: each group's own rate times
        ``lr_factor``. With ``overlap`` the loop goes on while the pool merges, and what the model
        learns then is added to the next one; else ``optimiser.step`` waits for the merge at the end
        of each stretch. Raises ``LayoutError`` when the model is not the run's.
        """
        self._overlap = overlap
        self._flat = FlatModel(model)
        self._optimiser = optimiser
        if follow_schedule:
            self._base_rates = [group["lr"] for group in optimiser.param_groups]
        if self._group.rank == 0:
            layout = (self._flat.size, self._flat.layout())
            self._exchange = Exchange(
                self._client, self._run_id, self._log, layout, leaving=self._leaving
            )
        self._leaving.listen()
        original = optimiser.step

        def step(_optimiser, *args, **kwargs):
            result = original(*args, **kwargs)
            self._stepped()
            return result

        # A bound method, since schedulers of PyTorch look at its function.
        optimiser.step = types.MethodType(step, optimiser)
        self._next()
        return model, optimiser

    def steps(self):
        """One ``Step`` after another until the run is over; call ``optimiser.step()`` in each."""
        self._in_loop = True
        try:
            while not self.over:
                yield Step(self)
        finally:
            self._in_loop = False

    def hold(self):
        """From now on the end of the run sets ``over`` and raises nothing: for loops of others."""
        self._in_loop = True

    def sampler(self, dataset=None):
        """A batch sampler over the run's samples; checks that the dataset has all of them."""
        windows = self._stretch.assignment["windows"] if self._stretch else 0
        if dataset is not None and len(dataset) < windows:
            hint = "Give every site the same data, or correct `run.own.windows`."
            text = "The dataset has %d samples, the run hands out %d." % (len(dataset), windows)
            raise PoolError("DATA_TOO_SHORT", text, hint)
        return Sampler(self)

    def text(self, path=None):
        """The text of a run of the embedded family, which the samples are numbers of windows of.

        ``path`` is where this site has it, if not where the job says. Waits for nothing; call it
        after ``wrap``. Raises CORPUS_INVALID where it is missing, no text, or not the pool's.
        """
        return of_run(self.assignment, path)

    def accumulate(self, parts):
        """From now on the sampler gives each batch in so many parts: call ``optimiser.step()``
        after the last of them."""
        if parts < 1:
            raise ValueError("a batch has at least one part")
        self._accumulate = parts

    def report(self, loss):
        """Tells the loss of a step, for the run's page. A number or a tensor of one value."""
        self._last_loss = loss.detach() if hasattr(loss, "detach") else loss
        self._losses.append(self._last_loss)

    def on_batch_size(self, callback):
        """Calls back with each new batch size of this process, at once with the present one."""
        self._on_batch_size.append(callback)
        if self._stretch is not None:
            callback(self.batch_size)

    @property
    def samples(self):
        """Samples of the next step in this process."""
        if self._stretch is None:
            return []
        if self.carrying:
            all_ = self._stretch.carry_samples_of(self.carried)
        else:
            all_ = self._stretch.samples_of(self.steps_done)
        own = all_[self._group.rank :: self._group.world]
        # More processes than samples: some see one that another sees too.
        return own or [all_[self._group.rank % len(all_)]]

    @property
    def batch_size(self):
        """Samples of each step in this process, as the pool advises."""
        return len(self.samples)

    @property
    def micro_batch_size(self):
        """Samples of each part of a step; see ``accumulate``."""
        return max(1, -(-self.batch_size // self._accumulate))

    @property
    def round(self):
        """Number of the present round."""
        return self._stretch.round if self._stretch else -1

    @property
    def learning_rate(self):
        """The pool's learning rate for the next step."""
        if self.carrying:
            return self._stretch.assignment["learningRateEnd"]
        return self._stretch.rate(self.steps_done) if self._stretch else 0.0

    @property
    def lr_factor(self):
        """The next step's rate as a part of the run's highest, 0 to 1."""
        peak = self._stretch.assignment.get("learningRatePeak") if self._stretch else None
        return self.learning_rate / peak if peak else 1.0

    @property
    def assignment(self):
        """What the pool said, as it said it; for curious scripts."""
        return dict(self._stretch.assignment) if self._stretch else {}

    def _stepped(self):
        if self.over:
            if self._in_loop:
                return
            raise RunOver(self.reason)
        if self.carrying:
            self._carried_on()
            return
        self.steps_done += 1
        self.total_steps += 1
        told = (time.monotonic() > self._stretch.deadline_s, self._leaving.told)
        late, leaving = self._group.share(told)
        if leaving:
            # What the stretch has so far is not sent: the site is wanted back now.
            self._end(LEFT)
        elif late or self.steps_done == self._stretch.inner_steps:
            self._send()
            if not self.carrying:
                self._next()
        if not self.over:
            self._set_rates()

    def _carried_on(self):
        """After a step while the pool merges. All processes decide alike: by the first one."""
        self.carried += 1
        self.carried_steps += 1
        arrived = self._background is not None and self._background.arrived
        arrived, leaving = self._group.share((arrived, self._leaving.told))
        if leaving:
            self._leave()
        elif arrived or self.carried == self._stretch.carry_steps:
            self._next()

    def _leave(self):
        """Told to end while a stretch is on its way: that one is finished, the carry is not."""
        if self._background is not None:
            self._background.finish_sending()
        self._end(LEFT)

    def _send(self):
        """The end of a stretch. What the first process cannot do, none can."""
        # Loops of others tell their losses seldom, perhaps none in this stretch.
        losses = [float(one) for one in self._losses or [self._last_loss]]
        loss = sum(losses) / len(losses)
        mean_loss = self._group.mean(loss)
        self._losses = []
        carries = self._overlap and self._stretch.carry_steps > 0
        self._together(lambda: self._send_first(mean_loss, carries))
        self.rounds_done += 1
        self.carrying, self.carried = carries, 0

    def _send_first(self, mean_loss, carries):
        compute_s = time.monotonic() - self._begun_s
        wanted = self._stretch.assignment.get("wantsMoments")
        moments = read_moments(self._flat, self._optimiser) if wanted else None
        done = (self.steps_done, mean_loss, compute_s, self._fetch_s, moments)
        if carries:
            self._background = Background(self._exchange, self._stretch, self._flat.read(), *done)
        else:
            self._exchange.send(self._stretch, self._flat.read(), *done)

    def _take(self):
        """What is next, with the model to begin it from; in the first process."""
        background, self._background = self._background, None
        if background is None:
            return self._exchange.next()
        try:
            return background.result(self._leaving, self._flat.read)
        except LeftWhileWaiting:
            background.finish_sending()
            self._exchange.reason = LEFT
            return None

    def _next(self):
        """Takes the next stretch, or ends."""
        vector = moments = None
        found = self._together(self._take)
        if found is not None:
            stretch, vector, moments = found
            # Windows and sizes are small; vectors go their own way below.
            found = (stretch, None, None)
        found = self._group.share(found)
        if found is None:
            return self._end()
        self._stretch = found[0]
        vector = self._group.share_vector(vector)
        moments = self._group.share(moments)
        if vector is not None:
            self._flat.write(vector)
        if moments is not None and not self._optimiser.state:
            write_moments(self._flat, self._optimiser, moments)
        self.steps_done = 0
        self.carrying, self._losses = False, []
        self._begun_s = time.monotonic()
        self._fetch_s = self._begun_s - self._stretch.received_s
        self._set_rates()
        for callback in self._on_batch_size:
            callback(self.batch_size)
        return None

    def _end(self, reason=None):
        self.over = True
        self.carrying = False
        self.reason = reason or self._group.share(self._exchange.reason if self._exchange else "")
        # While `wrap` runs nothing has begun: the script's loop ends at its first step instead.
        if not self._in_loop and self.total_steps > 0:
            raise RunOver(self.reason)

    def _together(self, act):
        """Does something in the first process; its trouble is raised in all of them."""
        result = trouble = None
        if self._group.rank == 0:
            try:
                result = act()
            except TequioError as error:
                trouble = error
        told = self._group.share(trouble and (type(trouble).__name__, str(trouble)))
        if trouble is not None:
            raise trouble
        if told is not None:
            raise PoolError("POOL_TROUBLE", "The first process gave up: %s" % told[1])
        return result

    def _set_rates(self):
        if self._base_rates is None:
            return
        factor = self.lr_factor
        for group, base in zip(self._optimiser.param_groups, self._base_rates):
            group["lr"] = base * factor
