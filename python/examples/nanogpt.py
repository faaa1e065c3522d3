"""A small GPT on the text that comes with Tequio: the command of a run over several sites.

    tequio submit python/examples/nanogpt.yaml

It trains the same architecture as the embedded engine, so other sites of the run may use that one.
"""

import os
import sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src"))

import tequio  # noqa: E402
from tequio.nanogpt import NanoGPT, adamw  # noqa: E402


def main():
    """Trains until the run is over."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    # Late in a training denormal numbers make some processors ten times slower.
    torch.set_flush_denormal(True)
    sizes = {name: int(os.environ.get("GPT_" + name.upper(), default)) for name, default in SIZES}
    model = NanoGPT(**sizes)
    run = tequio.join()
    model, optimiser = run.wrap(model, adamw(model, float(os.environ.get("RATE", "3e-3"))))
    if run.over:
        return
    # Where this site has it elsewhere than the job says, CORPUS is its path.
    text = run.text(os.environ.get("CORPUS"))
    for step in run.steps():
        loss = model(*text.batch(step.samples))
        run.report(loss)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print("trained %d steps in %d rounds" % (run.total_steps, run.rounds_done))


SIZES = (("vocab", 256), ("context", 128), ("width", 128), ("layers", 4), ("heads", 4))

if __name__ == "__main__":
    main()
