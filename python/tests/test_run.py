"""Whole runs of small PyTorch models against a pool in miniature."""

import subprocess
import sys
import textwrap
import os
import threading
import unittest

import numpy as np
import torch

import _path
from _pool import Pool
import tequio
from tequio import codec
from tequio.client import Client
from tequio.run import join
from tequio.vector import FlatModel, read_moments, write_moments
from tequio.windows import permute

TARGET = torch.linspace(-1, 1, 12).view(3, 4)


def model_of(seed):
    torch.manual_seed(seed)
    return torch.nn.Linear(4, 3)


def loss_of(model, samples):
    torch.manual_seed(samples[0])
    x = torch.randn(len(samples), 4)
    return ((model(x) - x @ TARGET.t()) ** 2).mean()


LEAVING = textwrap.dedent(
    """
    import sys, time, torch
    import _path
    from tequio.client import Client
    from tequio.run import join
    model = torch.nn.Linear(4, 3)
    run = join(Client(sys.argv[1], "a"), "1")
    model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=0.1))
    for step in run.steps():
        print("in the loop", flush=True)
        model(torch.ones(4)).sum().backward()
        time.sleep(0.01)
        optimiser.step()
    print("after the loop:", run.reason)
    """
)


class WithPool(unittest.TestCase):
    def pool(self, *args, **kwargs):
        pool = Pool(*args, **kwargs)
        self.addCleanup(pool.close)
        return pool

    def join(self, pool, token="site"):
        return join(Client(pool.url, token), "1", log=lambda _line: None)


class Loops(WithPool):
    def test_three_lines_train_until_the_run_is_over(self):
        pool = self.pool(FlatModel(model_of(1)).read(), rounds=6)
        model = model_of(2)
        run = self.join(pool)
        model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=0.2), overlap=False)
        np.testing.assert_array_equal(FlatModel(model).read(), pool.model)
        first = float(loss_of(model, [1, 2, 3]))
        for step in run.steps():
            loss = loss_of(model, step.samples)
            run.report(loss)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
        self.assertTrue(run.over)
        self.assertEqual((run.reason, run.total_steps), ("rounds reached", 24))
        self.assertLess(float(loss_of(model, [1, 2, 3])), 0.5 * first)
        body = pool.bodies[1]
        self.assertEqual((body["tokens"], body["innerSteps"], body["codec"]), (192, 4, "int8"))
        self.assertEqual(body["ranges"], [{"pass": 0, "from": 24, "to": 48}])
        self.assertGreater(body["meanLoss"], 0)
        # After the first round only coded steps come down.
        whole = [path for method, path in pool.seen if method == "GET" and "blobs" in path]
        self.assertEqual(len(set(whole)), 6)
        self.assertLess(body["bytesDown"], 4 * pool.model.size + 20)

    def test_an_endless_loop_of_the_script_ends_with_the_run(self):
        pool = self.pool(FlatModel(model_of(1)).read(), rounds=2)
        model = model_of(2)
        run = self.join(pool)
        model, optimiser = run.wrap(model, torch.optim.Adam(model.parameters()))
        with self.assertRaises(tequio.RunOver) as over:
            while True:
                loss_of(model, run.samples).backward()
                optimiser.step()
        self.assertEqual((over.exception.code, run.total_steps), (0, 8))

    def test_what_a_script_does_after_its_loop_is_done_though_it_is_told_to_end(self):
        # In the middle of a stretch, and while it waits for a second site that never comes.
        for steps, while_waiting in ((160, False), (4, True)):
            pool = self.pool(FlatModel(model_of(1)).read(), sites=2, steps=steps)
            script = subprocess.Popen(
                [sys.executable, "-c", LEAVING, pool.url],
                cwd=os.path.dirname(os.path.abspath(__file__)),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self.assertEqual(script.stdout.readline(), "in the loop\n")
            if while_waiting:
                for line in script.stderr:
                    if "taken" in line:
                        break
            script.terminate()
            out, errors = script.communicate(timeout=30)
            self.assertIn("after the loop: this process was told to end", out, errors)
            self.assertEqual(script.returncode, 0, errors)

    def test_a_model_that_is_gone_when_it_is_fetched_makes_the_site_ask_anew(self):
        pool = self.pool(FlatModel(model_of(1)).read(), rounds=2)
        gone = [404, 404]
        pool.trouble = lambda method, path: gone.pop() if "blobs" in path and gone else None
        model = model_of(2)
        lines = []
        run = join(Client(pool.url, "site"), "1", log=lines.append)
        model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=0.2))
        for step in run.steps():
            loss_of(model, step.samples).backward()
            optimiser.step()
        self.assertEqual((run.reason, run.total_steps), ("rounds reached", 8))
        self.assertEqual(sum("gone already" in line for line in lines), 2)

    def test_two_sites_have_the_same_bits_after_every_round(self):
        pool = self.pool(FlatModel(model_of(1)).read(), rounds=4, sites=2)
        ends = {}

        def site(name):
            model = model_of(7)
            run = self.join(pool, name)
            model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=0.1), overlap=False)
            seen = [FlatModel(model).read()]
            for step in run.steps():
                loss = loss_of(model, [len(name)] + step.samples)
                loss.backward()
                optimiser.step()
                optimiser.zero_grad()
                if run.steps_done == 0 and not run.over:
                    seen.append(FlatModel(model).read())
            ends[name] = seen

        threads = [threading.Thread(target=site, args=(name,)) for name in ("a", "bb")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(ends["a"]), 4)
        np.testing.assert_array_equal(ends["a"], ends["bb"])

    def test_a_model_of_its_own_begins_with_the_scripts_start(self):
        pool = self.pool(np.zeros(15), rounds=3, own=True)
        model = model_of(3)
        start = FlatModel(model).read()
        run = self.join(pool)
        model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=0))
        for _ in run.steps():
            optimiser.step()
        # Nothing was learned at a rate of 0: the pool has the start itself, to the last bit.
        np.testing.assert_array_equal(pool.model, start)

    def test_rates_follow_the_pool_or_the_script(self):
        pool = self.pool(FlatModel(model_of(1)).read(), rounds=1, rampSteps=2)
        model = model_of(2)
        run = self.join(pool)
        model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=3.0), overlap=False)
        rates = []
        for _ in run.steps():
            rates.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
        np.testing.assert_allclose(rates, [1.5, 2.625, 2.25, 1.875])
        other = self.join(self.pool(FlatModel(model_of(1)).read(), rounds=1))
        optimiser = torch.optim.SGD(model.parameters(), lr=3.0)
        other.wrap(model, optimiser, follow_schedule=False)
        self.assertEqual(optimiser.param_groups[0]["lr"], 3.0)

    def test_a_loader_follows_the_assignment_in_parts(self):
        pool = self.pool(FlatModel(model_of(1)).read(), rounds=2)
        model = model_of(2)
        run = self.join(pool)
        model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=0.1), overlap=False)
        run.accumulate(3)
        sizes = []
        run.on_batch_size(sizes.append)
        data = list(range(1000))
        loader = torch.utils.data.DataLoader(data, batch_sampler=run.sampler(data))
        seen = []
        for number, batch in enumerate(loader):
            self.assertEqual(len(batch), 2)
            seen += batch.tolist()
            if number % 3 == 2:
                optimiser.step()
        self.assertEqual(seen, [permute(5, 0, 1000, i) for i in range(48)])
        self.assertEqual(sizes, [6, 6])
        with self.assertRaises(tequio.PoolError):
            self.join(pool).sampler(data) and run.sampler(data[:10])


class Overlap(WithPool):
    """Every step adds 1 to all parameters: then all that was learned can be counted."""

    def count(self, pool, overlap=True):
        """Trains; gives the run and a row for each step: round, counted, samples, rate, start."""
        model = model_of(2)
        run = self.join(pool)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        run.wrap(model, optimiser, overlap=overlap)
        flat = FlatModel(model)
        rows = []
        for step in run.steps():
            rate = optimiser.param_groups[0]["lr"]
            rows.append((run.round, step.counted, step.samples, rate, flat.read()))
            flat.write(flat.read() + np.float32(1))
            optimiser.step()
        return run, rows

    def test_what_is_learned_while_the_pool_merges_goes_with_the_next_contribution(self):
        pool = self.pool(np.zeros(15), rounds=3)
        pool.merge_s = 0.05
        run, rows = self.count(pool)
        carried = [sum(1 for row in rows if row[:2] == (r, False)) for r in range(3)]
        # At most three stretches of four steps, and this loop is fast.
        self.assertEqual(carried, [12, 12, 12])
        self.assertEqual((run.total_steps, run.carried_steps), (12, 36))
        starts = [next(row[4][0] for row in rows if row[0] == r) for r in range(3)]
        # int8 rounds by a hundredth at most.
        np.testing.assert_allclose(starts, [0, 4 + 12, 4 + 16 + 12], atol=0.3)
        self.assertEqual([body["tokens"] for body in pool.bodies], [192] * 3)
        self.assertEqual(pool.bodies[1]["ranges"], [{"pass": 0, "from": 24, "to": 48}])
        np.testing.assert_allclose(pool.model, np.full(15, 4 + 16 + 16), atol=0.5)

    def test_steps_of_a_carry_see_other_samples_at_the_last_rate(self):
        pool = self.pool(np.zeros(15), rounds=1)
        pool.merge_s = 0.05
        _, rows = self.count(pool)
        meanwhile = [row for row in rows if not row[1]]
        self.assertEqual({row[3] for row in meanwhile}, {0.05})
        seen = [sample for row in meanwhile for sample in row[2]]
        once = [permute(5 + 0x5EED, 0, 1000, i) for i in range(24)]
        self.assertEqual(seen, once * 3)

    def test_a_refused_stretch_takes_its_carry_with_it(self):
        pool = self.pool(np.zeros(15), rounds=2)
        pool.merge_s = 0.05

        def refuses(body):
            if body["round"] == 0:
                pool.round, pool.version = 1, pool.version + 1
                return True
            return False

        pool.refuses = refuses
        _, rows = self.count(pool)
        np.testing.assert_array_equal(next(row[4] for row in rows if row[0] == 1), np.zeros(15))
        np.testing.assert_allclose(pool.model, np.full(15, 4), atol=0.1)

    def test_a_script_may_wait_for_the_merge_instead(self):
        pool = self.pool(np.zeros(15), rounds=2)
        run, rows = self.count(pool, overlap=False)
        self.assertEqual((len(rows), run.carried_steps), (8, 0))
        np.testing.assert_allclose(pool.model, np.full(15, 8), atol=0.2)

    def test_without_a_rate_for_it_nothing_is_carried(self):
        pool = self.pool(np.zeros(15), rounds=2, learningRateEnd=0.0)
        self.assertEqual(self.count(pool)[0].carried_steps, 0)

    def test_trouble_of_the_thread_is_raised_in_the_script(self):
        pool = self.pool(np.zeros(15), rounds=2)
        pool.trouble = lambda method, _path: 403 if method == "POST" else None
        with self.assertRaises(tequio.PoolError) as caught:
            self.count(pool)
        self.assertEqual(caught.exception.status, 403)


class Trouble(WithPool):
    def test_another_model_is_refused_before_anything_is_sent(self):
        run = self.join(self.pool(np.zeros(99)))
        model = model_of(1)
        with self.assertRaises(tequio.LayoutError) as caught:
            run.wrap(model, torch.optim.SGD(model.parameters(), lr=0.1))
        self.assertEqual(caught.exception.code, "LAYOUT_MISMATCH")
        layout = {"layout": "sha256:" + "0" * 64}
        pool = self.pool(np.zeros(15))
        pool.more = {"own": layout}
        with self.assertRaises(tequio.LayoutError):
            self.join(pool).wrap(model, torch.optim.SGD(model.parameters(), lr=0.1))

    def test_a_stretch_that_diverged_is_not_sent(self):
        pool = self.pool(FlatModel(model_of(1)).read())
        model = model_of(1)
        run = self.join(pool)
        model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=0.1))
        with self.assertRaises(tequio.PoolError) as caught:
            for _ in run.steps():
                with torch.no_grad():
                    model.bias.fill_(float("nan"))
                optimiser.step()
        self.assertEqual(caught.exception.code, "LOSS_NOT_FINITE")
        self.assertEqual(pool.bodies, [])

    def test_a_stretch_ends_at_its_deadline_with_what_it_has(self):
        pool = self.pool(FlatModel(model_of(1)).read(), rounds=1, timeLeftMs=0)
        model = model_of(1)
        run = self.join(pool)
        model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=0.1))
        for _ in run.steps():
            optimiser.step()
        body = pool.bodies[0]
        self.assertEqual((body["innerSteps"], body["tokens"]), (1, 48))
        self.assertEqual(body["ranges"], [{"pass": 0, "from": 0, "to": 6}])

    def test_outside_of_a_run_it_says_so(self):
        with self.assertRaises(tequio.PoolError) as caught:
            tequio.join()
        self.assertEqual(caught.exception.code, "NOT_IN_A_RUN")


class Moments(unittest.TestCase):
    def test_moments_of_adam_go_to_another_site(self):
        model = model_of(1)
        optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
        for i in range(3):
            loss_of(model, [i]).backward()
            optimiser.step()
        flat = FlatModel(model)
        blob = read_moments(flat, optimiser)
        other = model_of(1)
        FlatModel(other).write(flat.read())
        fresh = torch.optim.AdamW(other.parameters(), lr=0.1)
        self.assertTrue(write_moments(FlatModel(other), fresh, blob))
        for one, two in ((model, optimiser), (other, fresh)):
            two.zero_grad()
            loss_of(one, [9]).backward()
            two.step()
        np.testing.assert_array_equal(FlatModel(model).read(), FlatModel(other).read())

    def test_other_optimisers_neither_give_nor_take_them(self):
        model = model_of(1)
        flat = FlatModel(model)
        plain = torch.optim.SGD(model.parameters(), lr=0.1)
        self.assertIsNone(read_moments(flat, plain))
        self.assertFalse(write_moments(flat, plain, b"TQM1" + bytes(8 + 8 * flat.size)))
        adam = torch.optim.AdamW(model.parameters())
        self.assertFalse(write_moments(flat, adam, b"TQM1"))


class Torchrun(WithPool):
    SCRIPT = textwrap.dedent(
        """
        import torch, tequio
        from torch.nn.parallel import DistributedDataParallel
        torch.distributed.init_process_group("gloo")
        rank = torch.distributed.get_rank()
        torch.manual_seed(rank)
        run = tequio.join()
        model = DistributedDataParallel(torch.nn.Linear(4, 3))
        model, optimiser = run.wrap(model, torch.optim.SGD(model.parameters(), lr=0.1))
        seen = 0
        for step in run.steps():
            seen += len(step.samples) if step.counted else 0
            x = torch.randn(len(step.samples), 4)
            loss = (model(x) ** 2).mean()
            run.report(loss)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
        total = sum(float(p.double().sum()) for p in model.parameters())
        print("END %d %d %.17g" % (seen, run.carried_steps, total))
        """
    )

    def test_the_first_of_two_processes_talks_and_both_have_the_same_model(self):
        pool = self.pool(FlatModel(model_of(1)).read(), rounds=3)
        pool.merge_s = 0.05
        script = os.path.join(os.environ.get("TMPDIR", "/tmp"), "tequio-two-%d.py" % os.getpid())
        with open(script, "w", encoding="utf8") as file:
            file.write(self.SCRIPT)
        self.addCleanup(os.remove, script)
        environment = {
            **os.environ,
            "PYTHONPATH": os.path.join(_path.ROOT, "python", "src"),
            "TEQUIO_URL": pool.url,
            "TEQUIO_TOKEN": "t",
            "TEQUIO_JOB_ID": "1",
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
        # Debian's torchrun fails on Python 3.11 when it is to leave the output alone.
        command += ["--redirects=1", "--tee=1"]
        command += ["--rdzv_backend=c10d", "--rdzv_endpoint=localhost:0", script]
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        lines = [line for line in ended.stdout.splitlines() if "END" in line]
        ends = [line.split("END")[1].split() for line in lines]
        self.assertEqual(len(ends), 2, ended.stdout + ended.stderr)
        self.assertEqual(ends[0], ends[1])
        self.assertEqual(ends[0][0], "36")
        # Both trained on while the pool merged, and stopped with that at the same step.
        self.assertGreater(int(ends[0][1]), 0)
        self.assertEqual(len(pool.bodies), 3)


if __name__ == "__main__":
    unittest.main()
