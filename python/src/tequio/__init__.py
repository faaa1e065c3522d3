"""Takes part in a training run of a Tequio pool, from an ordinary PyTorch script.

``join`` is where to begin; ``README.md`` beside the package shows a whole script.
"""

from . import codec
from .errors import CodecError, LayoutError, PoolError, RunOver, TequioError

__version__ = "0.1.0"
__all__ = [
    "CodecError",
    "LayoutError",
    "PoolError",
    "RunOver",
    "TequioError",
    "codec",
    "join",
    "layout",
    "load_checkpoint",
    "save_checkpoint",
]


def join(*args, **kwargs):
    """The run of the lease that this process was started for; see ``tequio.run.join``."""
    from .run import join as join_

    return join_(*args, **kwargs)


def layout(model):
    """``(values, digest)`` of a model, for ``run.own`` of the job file."""
    from .vector import FlatModel

    flat = FlatModel(model)
    return flat.size, flat.layout()


def load_checkpoint(path, model=None):
    """A checkpoint as a state dict, or into a model; see ``tequio.checkpoint``."""
    from .checkpoint import load_checkpoint as load

    return load(path, model)


def save_checkpoint(path, model, notes=None):
    """Writes a model's parameters; see ``tequio.checkpoint``."""
    from .checkpoint import save_checkpoint as save

    return save(path, model, notes)
