"""The chunks of the codec ``ternary1``: ternary values of which those that are 0 are not written.

The format is on the reference page ``docs/reference/codec.md``. Header and scales are read and
written by ``codec.py``.
"""

import numpy as np

from .errors import CodecError

#: Values of a chunk, which has a room of its own.
CHUNK = 4096
#: Bytes of codes of a whole chunk, and of the count before them.
_CODE_BYTES, _COUNT_BYTES = 526, 2
#: Bits of a value beside one for each 4 of its gap: end of those, rest of the gap, sign.
_LEAST_BITS = 4


def _room(size):
    return -(-_CODE_BYTES * size // CHUNK)


def size_of(count):
    """Bytes of all chunks of ``count`` values."""
    whole, rest = divmod(count, CHUNK)
    return whole * (_COUNT_BYTES + _CODE_BYTES) + (_COUNT_BYTES + _room(rest) if rest else 0)


def write(codes, ratios):
    """The chunks of ternary codes; of too many those of the largest ``abs(ratios)`` are written."""
    return b"".join(
        _write_chunk(codes[at : at + CHUNK], np.abs(ratios[at : at + CHUNK]))
        for at in range(0, codes.size, CHUNK)
    )


def _write_chunk(codes, sizes):
    room = _room(codes.size)
    places = np.flatnonzero(codes)
    if _bits_of(places) > 8 * room:
        # Stable, so that of equal ones the lower places come first.
        ranked = places[np.argsort(-sizes[places], kind="stable")]
        fits, too_many = 0, ranked.size
        while too_many - fits > 1:
            kept = (fits + too_many) // 2
            if _bits_of(np.sort(ranked[:kept])) <= 8 * room:
                fits = kept
            else:
                too_many = kept
        places = np.sort(ranked[:fits])
    return places.size.to_bytes(_COUNT_BYTES, "little") + _pack(places, codes[places] < 0, room)


def _gaps(places):
    return np.diff(places, prepend=-1) - 1


def _bits_of(places):
    return int(np.sum(_LEAST_BITS + (_gaps(places) >> 2)))


def _pack(places, negative, room):
    gaps = _gaps(places)
    ends = np.cumsum(_LEAST_BITS + (gaps >> 2))
    bits = np.zeros(8 * room, dtype=np.uint8)
    # A one for each whole 4 of a gap: +1 where they begin, -1 behind them, and summed up.
    steps = np.zeros(8 * room + 1, dtype=np.int8)
    np.add.at(steps, ends - _LEAST_BITS - (gaps >> 2), 1)
    np.add.at(steps, ends - _LEAST_BITS, -1)
    bits[:] = np.cumsum(steps[:-1], dtype=np.int8)
    bits[ends - 3] = gaps & 1
    bits[ends - 2] = (gaps >> 1) & 1
    bits[ends - 1] = negative
    return np.packbits(bits, bitorder="little").tobytes()


def read(payload, scales, block, count):
    """The values; raises ``CodecError`` for chunks that no coder writes."""
    out = np.zeros(count, dtype=np.float32)
    start = 0
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        end = start + _COUNT_BYTES + _room(size)
        written = int(payload[start]) | int(payload[start + 1]) << 8
        places, negative = _read_chunk(written, payload[start + _COUNT_BYTES : end], size)
        values = scales[(first + places) // block]
        if bool(np.any(values == 0)):
            raise CodecError("CODEC_INVALID", "A code does not occur.")
        out[first + places] = np.where(negative, -values, values)
        start = end
    return out


def _read_chunk(written, codes, size):
    bits = np.unpackbits(codes, bitorder="little")
    # Where the ones from a bit on end; each code begins where the one before it ended.
    zeros = np.where(bits == 0, np.arange(bits.size), bits.size)
    ends = np.minimum.accumulate(zeros[::-1])[::-1].tolist()
    ones, tails, at = [], [], 0
    for _ in range(written):
        if at + _LEAST_BITS > bits.size or ends[at] + _LEAST_BITS > bits.size:
            raise CodecError("CODEC_INVALID", "A code does not occur.")
        ones.append(ends[at] - at)
        tails.append(ends[at] + 1)
        at = ends[at] + _LEAST_BITS
    if bool(np.any(bits[at:])):
        raise CodecError("CODEC_INVALID", "Unused bits of a chunk are set.")
    tail = np.array(tails, dtype=np.int64)
    gaps = 4 * np.array(ones, dtype=np.int64) + bits[tail] + 2 * bits[tail + 1].astype(np.int64)
    places = np.cumsum(gaps + 1) - 1
    if written and places[-1] >= size:
        raise CodecError("CODEC_INVALID", "A code does not occur.")
    return places, bits[tail + 2] == 1
