"""A PyTorch model as one flat fp32 vector, and back; its optimiser's moments likewise.

The order is that of ``named_parameters()``: parameters that do not want a gradient, and buffers,
are not part of it and stay at the site. A parameter used twice counts once.
"""

import hashlib
import json
import struct

import numpy as np
import torch

from .errors import LayoutError

_MOMENTS_MAGIC = b"TQM1"
_MOMENTS_HEADER_BYTES = 12


class FlatModel:
    """The parameters of a model, as a vector and in place."""

    def __init__(self, model):
        inner = _unwrapped(model)
        named = [(name, p) for name, p in inner.named_parameters() if p.requires_grad]
        if not named:
            raise LayoutError("LAYOUT_MISMATCH", "The model has nothing to train.")
        self.names = [name for name, _ in named]
        self.parameters = [parameter for _, parameter in named]
        self.shapes = [tuple(parameter.shape) for parameter in self.parameters]
        self.sizes = [parameter.numel() for parameter in self.parameters]
        self.size = sum(self.sizes)

    def layout(self):
        """Digest of names and shapes in order: what two sites must have alike."""
        text = json.dumps([[n, list(s)] for n, s in zip(self.names, self.shapes)])
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def read(self):
        """A copy of all values."""
        out = np.empty(self.size, dtype=np.float32)
        at = 0
        for parameter, size in zip(self.parameters, self.sizes):
            flat = parameter.detach().reshape(-1).to(dtype=torch.float32, device="cpu")
            out[at : at + size] = flat.numpy()
            at += size
        return out

    def write(self, vector):
        """Puts values into the model's own tensors, so that the optimiser keeps them."""
        at = 0
        with torch.no_grad():
            for parameter, size in zip(self.parameters, self.sizes):
                values = torch.from_numpy(np.array(vector[at : at + size], dtype=np.float32))
                parameter.copy_(values.view_as(parameter))
                at += size

    def split(self, vector):
        """Views of a vector by parameter: ``(name, shape, values)``."""
        at = 0
        for name, shape, size in zip(self.names, self.shapes, self.sizes):
            yield name, shape, vector[at : at + size]
            at += size


def _unwrapped(model):
    """The model itself, of one that is wrapped for several processes or devices."""
    wrappers = (torch.nn.parallel.DistributedDataParallel, torch.nn.DataParallel)
    return model.module if isinstance(model, wrappers) else model


def _has_moments(optimiser):
    """Whether the optimiser is Adam or AdamW, whose state every site of a run understands."""
    kinds = (torch.optim.Adam, torch.optim.AdamW)
    return isinstance(optimiser, kinds) and not any(
        group.get("amsgrad") for group in optimiser.param_groups
    )


def read_moments(flat, optimiser):
    """The optimiser's m, v and step counter as a blob; None when it has none to give."""
    if not _has_moments(optimiser):
        return None
    states = [optimiser.state.get(parameter, {}) for parameter in flat.parameters]
    if not all("exp_avg" in state for state in states):
        return None
    m, v = (
        np.concatenate([s[key].detach().reshape(-1).float().cpu().numpy() for s in states])
        for key in ("exp_avg", "exp_avg_sq")
    )
    step = int(float(states[0]["step"]))
    header = struct.pack("<4sII", _MOMENTS_MAGIC, step, flat.size)
    return header + m.astype("<f4").tobytes() + v.astype("<f4").tobytes()


def write_moments(flat, optimiser, blob):
    """Gives the optimiser another site's moments; False when it or they are of another kind."""
    if not _has_moments(optimiser) or len(blob) != _MOMENTS_HEADER_BYTES + 8 * flat.size:
        return False
    magic, step, count = struct.unpack_from("<4sII", blob)
    if magic != _MOMENTS_MAGIC or count != flat.size:
        return False
    both = np.frombuffer(blob, dtype="<f4", offset=_MOMENTS_HEADER_BYTES)
    groups = [g for g in optimiser.param_groups if g.get("fused") or g.get("capturable")]
    on_device = {id(parameter) for group in groups for parameter in group["params"]}
    at = 0
    for parameter, size in zip(flat.parameters, flat.sizes):
        state = optimiser.state[parameter]
        for key, from_ in (("exp_avg", at), ("exp_avg_sq", flat.size + at)):
            values = torch.from_numpy(np.array(both[from_ : from_ + size], dtype=np.float32))
            state[key] = values.view(parameter.shape).to(parameter.device, parameter.dtype)
        # Only these two variants count where the parameter lies.
        there = parameter.device if id(parameter) in on_device else "cpu"
        state["step"] = torch.tensor(float(step), device=there)
        at += size
    return True
