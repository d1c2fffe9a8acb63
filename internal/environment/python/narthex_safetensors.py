"""Reads safetensors files: `load(path)` gives the tensors by name, as arrays of float32.

It reads float16, bfloat16 and float32, and refuses what is not exactly that: names that stand twice, offsets that do not follow each
other, shapes that do not fill their bytes, bytes that belong to no tensor. It runs nothing of what it reads.
"""
import json

import numpy

_SIZES = {"F16": 2, "BF16": 2, "F32": 4}
_MOST_HEADER = 16 << 20
_MOST_AXES = 8


class Damaged(ValueError):
    """The file is not a safetensors file, or not one that can be read here. The text says which rule it breaks."""


def load(path):
    """The tensors of a file, in the order of their bytes, each a read-only array of float32.

    Raises Damaged where the file breaks a rule, and OSError where it cannot be read.
    """
    with open(path, "rb") as file:
        raw = file.read()
    header, begin = _header(raw)
    tensors, at = {}, 0
    for name, form in sorted(header.items(), key=lambda item: _start(item[1])):
        dtype, shape, count = _form(name, form)
        first, last = form["data_offsets"]
        if first != at or last != at + count * _SIZES[dtype]:
            raise Damaged(f"tensor {name!r}: its bytes do not begin where the last tensor ends, or are not as many as its shape says")
        at = last
        if begin + last > len(raw):
            raise Damaged(f"tensor {name!r}: the file ends before it does")
        tensors[name] = _values(raw, begin + first, count, dtype).reshape(shape)
        tensors[name].flags.writeable = False
    if begin + at != len(raw):
        raise Damaged("bytes at the end of the file belong to no tensor")
    return tensors


def _header(raw):
    """The header without its metadata, and where the bytes of the tensors begin."""
    if len(raw) < 8:
        raise Damaged("the file is shorter than the length of its header")
    length = int.from_bytes(raw[:8], "little")
    if length > _MOST_HEADER or 8 + length > len(raw):
        raise Damaged("the header is longer than the file, or than 16 MiB")
    try:
        header = json.loads(raw[8:8 + length].decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as cause:
        raise Damaged("the header is not JSON") from cause
    if not isinstance(header, dict):
        raise Damaged("the header is not an object")
    header.pop("__metadata__", None)
    return header, 8 + length


def _once(pairs):
    names = dict(pairs)
    if len(names) != len(pairs):
        raise Damaged("a name stands twice in the header")
    return names


def _constant(word):
    raise Damaged(f"{word} is no number of a header")


def _start(form):
    """Where a tensor begins, for the order; a form without one is refused."""
    offsets = form.get("data_offsets") if isinstance(form, dict) else None
    if not isinstance(offsets, list) or len(offsets) != 2 or any(type(n) is not int or n < 0 for n in offsets):
        raise Damaged("a tensor has no pair of data_offsets")
    return tuple(offsets)


def _form(name, form):
    if set(form) != {"dtype", "shape", "data_offsets"}:
        raise Damaged(f"tensor {name!r}: it has other fields than dtype, shape and data_offsets")
    dtype, shape = form["dtype"], form["shape"]
    if not isinstance(dtype, str) or dtype not in _SIZES:
        raise Damaged(f"tensor {name!r}: its type is none of {', '.join(_SIZES)}")
    if not isinstance(shape, list) or len(shape) > _MOST_AXES or any(type(n) is not int or n < 0 for n in shape):
        raise Damaged(f"tensor {name!r}: its shape is no list of whole numbers")
    count = 1
    for n in shape:
        count *= n
    return dtype, shape, count


def _values(raw, at, count, dtype):
    if dtype == "BF16":  # the upper half of a float32
        halves = numpy.frombuffer(raw, dtype="<u2", count=count, offset=at)
        return (halves.astype("<u4") << 16).view("<f4")
    kind = {"F16": "<f2", "F32": "<f4"}[dtype]
    return numpy.frombuffer(raw, dtype=kind, count=count, offset=at).astype(numpy.float32)
