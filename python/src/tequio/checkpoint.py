"""Checkpoints: safetensors files and what ``torch.load`` reads, to and from a model.

The format of safetensors is simple (8 bytes of length, a JSON header, the data), so nothing has to
be installed for it; a file written here loads in the library of that name and the other way round.
"""

import json
import math
import struct

import numpy as np
import torch

from .errors import TequioError
from .vector import FlatModel

#: The library of that name refuses longer headers too.
_HEADER_BYTES_MAX = 100_000_000
_KINDS = {
    "F64": (np.float64, torch.float64),
    "F32": (np.float32, torch.float32),
    "F16": (np.float16, torch.float16),
    "BF16": (np.uint16, torch.bfloat16),
    "I64": (np.int64, torch.int64),
    "I32": (np.int32, torch.int32),
    "I16": (np.int16, torch.int16),
    "I8": (np.int8, torch.int8),
    "U8": (np.uint8, torch.uint8),
    "BOOL": (np.bool_, torch.bool),
}
_NAMES = {kind[1]: name for name, kind in _KINDS.items()}
#: Name of the one tensor in an export of a run with a model of its own.
_FLAT = "model"


def load_safetensors(path):
    """``(tensors by name, notes)`` of a file. Raises CHECKPOINT_INVALID."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        (length,) = struct.unpack_from("<Q", data)
        if length > min(_HEADER_BYTES_MAX, len(data) - 8):
            raise ValueError("the header is cut")
        header = json.loads(data[8 : 8 + length])
        notes = header.pop("__metadata__", {})
        body = data[8 + length :]
        return {name: _tensor(entry, body) for name, entry in header.items()}, notes
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        text = "%s is not a whole safetensors file: %s." % (path, error)
        raise TequioError("CHECKPOINT_INVALID", text, "Export it again.") from None


def _tensor(entry, body):
    plain, kind = _KINDS[entry["dtype"]]
    from_, to = entry["data_offsets"]
    shape = entry["shape"]
    count = math.prod(shape)
    wanted = count * np.dtype(plain).itemsize
    if not 0 <= from_ <= to <= len(body) or to - from_ != wanted:
        raise ValueError("a tensor lies outside of the data")
    values = np.frombuffer(body, dtype=plain, count=count, offset=from_).copy()
    if kind is torch.bfloat16:
        # Numpy has no such number; its bits are the upper half of fp32's.
        wide = (values.astype(np.uint32) << 16).view(np.float32)
        return torch.from_numpy(wide).to(torch.bfloat16).reshape(shape)
    return torch.from_numpy(values).reshape(shape)


def save_safetensors(path, tensors, notes=None):
    """Writes tensors by name; notes are texts."""
    header, bodies, at = {}, [], 0
    if notes:
        header["__metadata__"] = {str(name): str(text) for name, text in notes.items()}
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        kind = _NAMES[plain.dtype]
        if plain.dtype is torch.bfloat16:
            bits = plain.float().numpy().view(np.uint32) >> 16
            body = bits.astype(np.uint16).tobytes()
        else:
            body = plain.numpy().tobytes()
        shape = list(plain.shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(body)]}
        bodies.append(body)
        at += len(body)
    text = json.dumps(header).encode()
    # Readers map the values into memory, so they begin at a multiple of 8.
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for body in bodies:
            file.write(body)


def load_checkpoint(path, model=None):
    """The state dict of a checkpoint; with a model also loads it, and checks that it fits.

    Takes what ``tequio run export`` writes as safetensors, and files of ``torch.save``. An export
    of a run with a model of its own holds one flat tensor: it needs the model, whose order of
    parameters is that of the run. Raises CHECKPOINT_INVALID.
    """
    if str(path).endswith(".safetensors"):
        tensors, _ = load_safetensors(path)
    else:
        tensors = torch.load(path, map_location="cpu")
    if model is None:
        return tensors
    if list(tensors) == [_FLAT] and tensors[_FLAT].dim() == 1:
        flat = FlatModel(model)
        values = tensors[_FLAT].numpy()
        if values.size != flat.size:
            text = "The checkpoint has %d values, the model %d." % (values.size, flat.size)
            raise TequioError("CHECKPOINT_INVALID", text, "Build the model of the run.")
        flat.write(values)
        return model.state_dict()
    # Buffers are no part of a run; everything else has to be there.
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    wanted = [name for name in missing if name in dict(model.named_parameters())]
    if wanted or unexpected:
        text = "Missing %s, not known %s." % (wanted, list(unexpected))
        raise TequioError("CHECKPOINT_INVALID", text, "Build the model of the run.")
    return tensors


def save_checkpoint(path, model, notes=None):
    """Writes a model's parameters, as safetensors or, under another ending, by ``torch.save``."""
    tensors = {name: p.detach() for name, p in model.named_parameters()}
    if str(path).endswith(".safetensors"):
        save_safetensors(path, tensors, notes)
    else:
        torch.save(tensors, path)
