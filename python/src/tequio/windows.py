"""Which samples of the data this site trains on: the ranges that the pool hands out, permuted.

The same permutation as ``core/training/permutation.ts``: no sample is given to two sites in one
pass over the data, whoever they are and however often they come and go.
"""

_MASK = 0xFFFFFFFF
_ROUNDS = 4


def permute(seed, pass_, size, index):
    """Place of ``index`` in a pass over ``size`` samples; a bijection of 0..size-1."""
    if not 0 <= index < size:
        raise ValueError("an index lies within the data")
    # ceil(log2(size) / 2), exactly.
    half_bits = max(1, ((size - 1).bit_length() + 1) // 2)
    key = _mix(_mix(seed) ^ _mix(pass_ + 0x9E3779B9))
    place = index
    while True:
        place = _feistel(key, half_bits, place)
        if place < size:
            return place


def windows_of(seed, size, ranges):
    """All samples of the ranges, in order."""
    return [
        permute(seed, one["pass"], size, index)
        for one in ranges
        for index in range(one["from"], one["to"])
    ]


def first_of(ranges, count):
    """The ranges of the first ``count`` samples."""
    out = []
    for one in ranges:
        size = min(count, one["to"] - one["from"])
        if size > 0:
            out.append({"pass": one["pass"], "from": one["from"], "to": one["from"] + size})
        count -= size
    return out


def _mix(value):
    x = value & _MASK
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & _MASK
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & _MASK
    return x ^ (x >> 16)


def _feistel(key, half_bits, value):
    mask = (1 << half_bits) - 1
    left, right = value >> half_bits, value & mask
    for round_ in range(_ROUNDS):
        left, right = right, left ^ (_mix(right ^ _mix(key + round_)) & mask)
    return (left << half_bits) | right
