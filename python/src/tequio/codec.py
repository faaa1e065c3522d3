"""The wire format of coded vectors ("TQC1", version 1), in numpy.

The format is written down in ``core/training/codec/format.ts`` and, for readers, on the reference
page ``docs/reference/codec.md``. This file follows it byte for byte; the shared test vectors prove
it. What is coded, and what becomes of the residual, is the business of ``exchange.py``.
"""

import math
import struct

import numpy as np

from . import sparse
from .errors import CodecError

#: Names of the codecs; the place in the tuple is the id on the wire.
CODECS = ("fp32", "fp16", "int8", "int4", "ternary", "topk64", "topk256", "topk512", "ternary1")

MAGIC = b"TQC1"
VERSION = 1
HEADER_BYTES = 12
#: Values that share a scale.
BLOCK = 256
#: Values of which a top-k codec keeps the largest; a place among them takes 12 bits.
CHUNK = 4096
#: Most values in one message.
COUNT_MAX = 2**30
#: Magnitudes from here on are refused by the coder, so that no product of it overflows.
MAGNITUDE_LIMIT = 2.0**120
#: Part of the residual that top-k carries on; the other codecs carry all of it.
TOP_K_BETA = 0.95

_EXPONENT_MIN, _EXPONENT_MAX, _HALF_EXPONENT = -126, 127, 14
_LEVELS = {"int8": 127, "int4": 7, "ternary": 1, "ternary1": 1}
_BITS = {"int8": 8, "int4": 4, "ternary": 2}
_KEPT = {"topk64": 64, "topk256": 256, "topk512": 512}


def coded_bytes(codec, count):
    """Exact length in bytes of a message with ``count`` values."""
    if codec == "fp32":
        return HEADER_BYTES + 4 * count
    if codec == "fp16":
        return HEADER_BYTES + 2 * count
    if codec in _KEPT:
        return HEADER_BYTES + _top_k_layout(count, _KEPT[codec])[3]
    codes = sparse.size_of(count) if codec == "ternary1" else -(-count * _BITS[codec] // 8)
    return HEADER_BYTES + 2 * -(-count // BLOCK) + codes


def encode(codec, vector):
    """Codes a vector; raises ``CodecError`` for a value that is not finite or from 2^120 on."""
    if codec not in CODECS:
        raise CodecError("CODEC_UNKNOWN", "%s is not a codec." % codec)
    values = np.ascontiguousarray(vector, dtype=np.float32).reshape(-1)
    if values.size > COUNT_MAX:
        raise CodecError("CODEC_INVALID", "A coded vector has at most 2^30 values.")
    magnitudes = np.abs(values)
    # Written so that NaN fails too.
    if not bool(np.all(magnitudes < MAGNITUDE_LIMIT)):
        raise CodecError("CODEC_INVALID", "A coded vector holds finite values below 2^120.")
    if codec == "fp32":
        return _header(codec, 0, values.size) + values.astype("<f4").tobytes()
    if codec == "fp16":
        exponent = _exponent_for(float(magnitudes.max()) if values.size else 0.0)
        halves = (values.astype(np.float64) * 2.0**-exponent).astype("<f2")
        return _header(codec, exponent, values.size) + halves.tobytes()
    if codec in _KEPT:
        exponent, payload = _write_top_k(values, magnitudes, _KEPT[codec])
    else:
        exponent, payload = _write_scaled(codec, values, magnitudes)
    return _header(codec, exponent, values.size) + payload


def decode(message):
    """The vector of a message; raises ``CodecError`` for what no coder of version 1 writes."""
    codec, exponent, count = read_header(message)
    payload = np.frombuffer(message, dtype=np.uint8, offset=HEADER_BYTES)
    if codec in _KEPT:
        return _read_top_k(payload, exponent, count, _KEPT[codec])
    if codec not in ("fp32", "fp16"):
        return _read_scaled(codec, payload, exponent, count)
    if codec == "fp32":
        out = payload.view("<f4").astype(np.float32)
    else:
        wide = payload.view("<f2").astype(np.float64) * 2.0**exponent
        with np.errstate(over="ignore"):
            out = wide.astype(np.float32)
    if not bool(np.all(np.isfinite(out))):
        raise CodecError("CODEC_INVALID", "A value is not finite.")
    return out


def read_header(message):
    """``(codec, exponent, count)`` of a message whose length fits them."""
    if len(message) < HEADER_BYTES:
        raise CodecError("CODEC_TRUNCATED", "The header is cut at %d bytes." % len(message))
    magic, version, codec_id, log2, exponent, count = struct.unpack_from("<4sBBBbI", message)
    if magic != MAGIC:
        raise CodecError("CODEC_INVALID", "The bytes do not start with TQC1.")
    if version != VERSION:
        raise CodecError("CODEC_VERSION", "Codec version %d is not 1." % version)
    if codec_id >= len(CODECS):
        raise CodecError("CODEC_UNKNOWN", "Codec %d is not known." % codec_id)
    codec = CODECS[codec_id]
    if log2 != _block_log2(codec):
        raise CodecError("CODEC_UNKNOWN", "Blocks of 2^%d values are not known." % log2)
    if exponent != 0 if codec == "fp32" else exponent < _EXPONENT_MIN:
        raise CodecError("CODEC_INVALID", "The exponent %d does not occur." % exponent)
    if count > COUNT_MAX:
        raise CodecError("CODEC_INVALID", "%d values are over the limit of 2^30." % count)
    expected = coded_bytes(codec, count)
    if len(message) != expected:
        code = "CODEC_TRUNCATED" if len(message) < expected else "CODEC_TOO_LONG"
        text = "%d values of %s take %d bytes, not %d."
        raise CodecError(code, text % (count, codec, expected, len(message)))
    return codec, exponent, count


def encode_with_feedback(codec, delta, residual):
    """e = beta e + d; c = Q(e); e = e - c. Gives ``(message, new residual)``; changes neither."""
    beta = np.float32(TOP_K_BETA if codec in _KEPT else 1)
    carried = beta * np.asarray(residual, dtype=np.float32)
    carried += np.asarray(delta, dtype=np.float32)
    message = encode(codec, carried)
    carried -= decode(message)
    return message, carried


def _block_log2(codec):
    return 12 if codec in _KEPT else 8


def _header(codec, exponent, count):
    codec_id = CODECS.index(codec)
    return struct.pack("<4sBBBbI", MAGIC, VERSION, codec_id, _block_log2(codec), exponent, count)


def _exponent_for(value):
    """floor(log2(value)) - 14 within -126..127; 0 for 0."""
    if value == 0:
        return 0
    return min(_EXPONENT_MAX, max(_EXPONENT_MIN, math.frexp(value)[1] - 1 - _HALF_EXPONENT))


def _scales(wanted):
    """Exponent, halves, and the scales as a decoder reads them."""
    exponent = _exponent_for(float(wanted.max()) if wanted.size else 0.0)
    halves = (wanted.astype(np.float64) * 2.0**-exponent).astype("<f2")
    return exponent, halves, _scale_of(halves, exponent)


def _scale_of(halves, exponent):
    with np.errstate(over="ignore"):
        return (halves.astype(np.float64) * 2.0**exponent).astype(np.float32)


def _write_scaled(codec, values, magnitudes):
    levels = _LEVELS[codec]
    starts = np.arange(0, values.size, BLOCK)
    largest = np.maximum.reduceat(magnitudes, starts) if values.size else magnitudes
    exponent, halves, scales = _scales(largest / np.float32(levels))
    spread = np.repeat(scales, BLOCK)[: values.size]
    quotient = np.zeros_like(values)
    with np.errstate(over="ignore"):
        np.divide(values, spread, out=quotient, where=spread > 0)
    # The half is added in fp64, as in Math.round: ties and nothing else go upwards.
    codes = np.floor(quotient.astype(np.float64) + 0.5)
    if codec == "ternary1":
        return exponent, halves.tobytes() + sparse.write(codes, quotient)
    codes = np.clip(codes, -levels, levels).astype(np.int8)
    return exponent, halves.tobytes() + _pack(codes, _BITS[codec]).tobytes()


def _pack(codes, bits):
    """Fills codes into bytes from the lowest bits up."""
    if bits == 8:
        return codes.view(np.uint8)
    per_byte = 8 // bits
    padded = np.zeros(-(-codes.size // per_byte) * per_byte, dtype=np.uint8)
    padded[: codes.size] = codes.view(np.uint8) & ((1 << bits) - 1)
    columns = padded.reshape(-1, per_byte)
    packed = np.zeros(columns.shape[0], dtype=np.uint8)
    for place in range(per_byte):
        packed |= columns[:, place] << np.uint8(bits * place)
    return packed


def _unpack(packed, bits, count):
    """The codes, unsigned. Raises when unused bits are set."""
    if bits == 8:
        return packed
    per_byte = 8 // bits
    columns = np.empty((packed.size, per_byte), dtype=np.uint8)
    for place in range(per_byte):
        columns[:, place] = (packed >> np.uint8(bits * place)) & ((1 << bits) - 1)
    codes = columns.reshape(-1)
    _refuse_spare(bool(np.any(codes[count:])))
    return codes[:count]


def _read_scaled(codec, payload, exponent, count):
    blocks, levels = -(-count // BLOCK), _LEVELS[codec]
    words = payload[: 2 * blocks].view("<u2")
    scales = _scale_of(payload[: 2 * blocks].view("<f2"), exponent)
    with np.errstate(over="ignore", invalid="ignore"):
        largest = scales * np.float32(levels)
    if bool(np.any(words > 0x7FFF)) or not bool(np.all(np.isfinite(largest))):
        raise CodecError("CODEC_INVALID", "A scale is negative or not finite.")
    if codec == "ternary1":
        return sparse.read(payload[2 * blocks :], scales, BLOCK, count)
    bits = _BITS[codec]
    codes = _unpack(payload[2 * blocks :], bits, count).astype(np.int16)
    codes[codes >= 1 << (bits - 1)] -= 1 << bits
    if bool(np.any(codes < -levels)):
        raise CodecError("CODEC_INVALID", "A code does not occur.")
    return codes.astype(np.float32) * np.repeat(scales, BLOCK)[:count]


def _top_k_layout(count, kept_of_chunk):
    """Values kept, then where places, codes and the end lie, in bytes of the payload."""
    whole, rest = divmod(count, CHUNK)
    kept = whole * kept_of_chunk + min(kept_of_chunk, rest)
    places = 4 * -(-count // CHUNK)
    codes = places + -(-12 * kept // 8)
    return kept, places, codes, codes + -(-2 * kept // 8)


def _rows_of(count, kept_of_chunk):
    """The chunks as (first value, chunks, values of each, kept of each): whole ones, the last."""
    whole, rest = divmod(count, CHUNK)
    rows = [(0, whole, CHUNK, kept_of_chunk)] if whole else []
    return rows + ([(whole * CHUNK, 1, rest, min(kept_of_chunk, rest))] if rest else [])


def _write_top_k(values, magnitudes, kept_of_chunk):
    places, highs, negatives, levels = [], [], [], []
    for first, chunks, size, kept in _rows_of(values.size, kept_of_chunk):
        own = magnitudes[first : first + chunks * size].reshape(chunks, size)
        # Stable, so that of equal ones the lower places come first.
        at = np.sort(np.argsort(-own, axis=1, kind="stable")[:, :kept], axis=1)
        picked = np.take_along_axis(own, at, axis=1).astype(np.float64)
        signed = values[first : first + chunks * size].reshape(chunks, size)
        # cumsum adds in the order of the places; sum would not.
        mean = (np.cumsum(picked, axis=1)[:, -1] / kept).astype(np.float32)
        high = picked >= mean[:, None]
        lows = kept - high.sum(axis=1)
        low_sum = np.cumsum(np.where(high, 0, picked), axis=1)[:, -1]
        high_sum = np.cumsum(np.where(high, picked, 0), axis=1)[:, -1]
        low_level = low_sum / np.maximum(lows, 1)
        high_level = high_sum / np.maximum(kept - lows, 1)
        levels.append(np.stack([low_level, high_level], axis=1).astype(np.float32))
        places.append(at.reshape(-1))
        highs.append(high)
        negatives.append(np.take_along_axis(signed, at, axis=1) < 0)
    if not places:
        return 0, b""
    wanted = np.concatenate(levels)
    exponent, halves, scales = _scales(wanted.reshape(-1))
    scales = scales.reshape(-1, 2)
    codes, chunk = [], 0
    for high, negative in zip(highs, negatives):
        two = scales[chunk : chunk + high.shape[0]]
        level = np.where(high, two[:, 1:], two[:, :1])
        codes.append((high.astype(np.uint8) | ((negative & (level > 0)) << 1)).reshape(-1))
        chunk += high.shape[0]
    code_bytes = _pack(np.concatenate(codes).astype(np.uint8).view(np.int8), 2)
    return exponent, halves.tobytes() + _pack_places(np.concatenate(places)) + code_bytes.tobytes()


def _pack_places(places):
    """12 bits each, from the lowest up: two places fill three bytes."""
    pairs = np.zeros((-(-places.size // 2), 2), dtype=np.uint16)
    pairs.reshape(-1)[: places.size] = places
    out = np.empty((pairs.shape[0], 3), dtype=np.uint8)
    out[:, 0] = pairs[:, 0] & 255
    out[:, 1] = (pairs[:, 0] >> 8) | ((pairs[:, 1] & 15) << 4)
    out[:, 2] = pairs[:, 1] >> 4
    return out.tobytes()[: -(-12 * places.size // 8)]


def _unpack_places(packed, kept):
    padded = np.zeros(3 * -(-kept // 2), dtype=np.uint16)
    padded[: packed.size] = packed
    triples = padded.reshape(-1, 3)
    places = np.empty((triples.shape[0], 2), dtype=np.int64)
    places[:, 0] = triples[:, 0] | ((triples[:, 1] & 15) << 8)
    places[:, 1] = (triples[:, 1] >> 4) | (triples[:, 2] << 4)
    _refuse_spare(bool(np.any(places.reshape(-1)[kept:])))
    return places.reshape(-1)[:kept]


def _read_top_k(payload, exponent, count, kept_of_chunk):
    kept, places_at, codes_at, _ = _top_k_layout(count, kept_of_chunk)
    words = payload[:places_at].view("<u2").reshape(-1, 2)
    levels = _scale_of(payload[:places_at].view("<f2"), exponent).reshape(-1, 2)
    bad = (words[:, 1] > 0x7FFF) | ~np.isfinite(levels[:, 1]) | (words[:, 0] > words[:, 1])
    if bool(np.any(bad)):
        raise CodecError("CODEC_INVALID", "Levels are negative, not finite or out of order.")
    places = _unpack_places(payload[places_at:codes_at], kept)
    codes = _unpack(payload[codes_at:], 2, kept)
    out = np.zeros(count, dtype=np.float32)
    at = chunk = 0
    for first, chunks, size, own in _rows_of(count, kept_of_chunk):
        mine = places[at : at + chunks * own].reshape(chunks, own)
        if bool(np.any(np.diff(mine, axis=1) <= 0)) or bool(np.any(mine >= size)):
            raise CodecError("CODEC_INVALID", "A place does not occur.")
        code = codes[at : at + chunks * own].reshape(chunks, own)
        two = levels[chunk : chunk + chunks]
        level = np.where(code & 1, two[:, 1:], two[:, :1])
        if bool(np.any((code & 2 > 0) & (level == 0))):
            raise CodecError("CODEC_INVALID", "A code does not occur.")
        values = np.where(code & 2, -level, level)
        np.put_along_axis(
            out[first : first + chunks * size].reshape(chunks, size), mine, values, axis=1
        )
        at += chunks * own
        chunk += chunks
    return out


def _refuse_spare(are_set):
    if are_set:
        raise CodecError("CODEC_INVALID", "Unused bits of the last byte are set.")
