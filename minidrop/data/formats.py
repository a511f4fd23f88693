"""The formats in which images are published, read from bytes that are checked against what is due.

Nothing is believed about itself: a header must say what the set is known to hold, every length must
fit, and no array is made before.  `name` is how errors call the file.
"""

import contextlib
import math
import struct
import zlib
from typing import NamedTuple

import numpy

from ..files import short

IDX_BYTES = 0x08                # the code of unsigned bytes in the third byte of an IDX file
MATLAB_MATRIX, MATLAB_DEFLATED = 14, 15
MATLAB_TYPES = {1: "int8", 2: "uint8", 3: "int16", 4: "uint16", 5: "int32", 6: "uint32",
                7: "float32", 9: "float64", 12: "int64", 13: "uint64"}
MATLAB_CLASSES = {1: "cells", 2: "structures", 3: "objects", 4: "letters", 5: "sparse numbers",
                  **dict.fromkeys(range(6, 16), "")}      # these are numbers of MATLAB_TYPES
MATLAB_LOGICAL, MATLAB_COMPLEX = 2, 8                     # flags of a matrix of numbers
MATLAB_HEAD = 256               # bytes for flags, sizes and name: more than X and y take


def idx(data, shape, name):
    """The uint8 array of `shape` in an IDX file (the format of MNIST).

    The header is two zero bytes, the type, the number of axes, and a big-endian int32 for each.

    >>> idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]), (3,), "labels")
    array([7, 8, 9], dtype=uint8)
    """
    axes = len(shape)
    start = 4 + 4 * axes
    if len(data) < start or data[:4] != bytes([0, 0, IDX_BYTES, axes]):
        raise ValueError(f"{name} must start with the IDX header {bytes([0, 0, 8, axes]).hex(' ')} "
                         f"and {axes} sizes, and it starts with {data[:4].hex(' ') or 'nothing'}")
    sizes = struct.unpack_from(f">{axes}I", data, 4)
    if sizes != tuple(shape):
        raise ValueError(f"{name} says that it holds {_times(sizes)} bytes, and {_times(shape)} "
                         "are due")
    values = numpy.frombuffer(data, numpy.uint8, offset=start)
    if values.size != numpy.prod(shape):
        raise ValueError(f"{name} holds {values.size:,} bytes after its header, and "
                         f"{_times(shape)} are due")
    return values.reshape(shape)


def cifar(data, count, name, labels=1):
    """(images (count, 3, 32, 32), labels (count, labels)) of a binary CIFAR file, both uint8.

    Each record is its labels, one byte each, and 1,024 bytes of red, of green and of blue.

    >>> images, labels = cifar(bytes(2 * 3073), 2, "two black images")
    >>> images.shape, labels.tolist()
    ((2, 3, 32, 32), [[0], [0]])
    """
    record = labels + 3 * 32 * 32
    if len(data) != count * record:
        raise ValueError(f"{name} has {len(data):,} bytes, and {count:,} records of {record:,} "
                         "are due")
    records = numpy.frombuffer(data, numpy.uint8).reshape(count, record)
    return records[:, labels:].reshape(count, 3, 32, 32), records[:, :labels]


def svhn(data, count, name):
    """(images (count, 3, 32, 32), labels (count,)) of a MATLAB file of SVHN, both uint8; 10 is 0.

    The file holds X (32, 32, 3, count) and y (count, 1).
    """
    x, y = matlab(data, {"X": (32, 32, 3, count), "y": (count, 1)}, name).values()
    if y.min() < 1 or y.max() > 10:
        raise ValueError(f"{name} holds labels from {y.min()} to {y.max()}, and 1 to 10 are due")
    return x.transpose(3, 2, 0, 1), numpy.where(y == 10, 0, y)[:, 0]


def matlab(data, shapes, name):
    """{key: uint8 array} of the arrays `shapes`, {key: shape}, in a MATLAB file of version 5.

    128 bytes say what it is; elements follow (`_tag`).  A matrix is an element of four: flags,
    sizes, name, numbers; as a rule it is deflated, as an element of its own.  What else is in the
    file is passed over, whatever it is, and nothing is inflated that says of itself that it is not
    what is due.
    """
    if data[124:128] != b"\0\1IM":
        raise ValueError(f"{name} is no MATLAB file of version 5: its header ends in "
                         f"{data[124:128].hex(' ') or 'nothing'}, and 00 01 49 4d is due")
    try:
        found = {matrix.name: matrix for matrix in _matrices(memoryview(data))}
        arrays = {}
        for key, shape in shapes.items():
            there = found.get(key.encode())
            if there is None or there[1:4] != (shape, "uint8", math.prod(shape)):
                raise LookupError(f"{there.said(key) if there else f'nothing under {key}'}, and "
                                  f"{_times(shape)} of uint8 is due")
            values = numpy.frombuffer(there.whole(), numpy.uint8, there.size, there.start)
            arrays[key] = values.reshape(shape, order="F")
    except LookupError as error:
        raise ValueError(f"{name} holds {error.args[0]}") from None
    except (ValueError, zlib.error) as error:
        raise ValueError(f"{name} is a damaged MATLAB file: {short(error)}") from None
    return arrays


class _Matrix(NamedTuple):
    """What a matrix says of itself, and its element: deflated or as it is."""

    name: bytes
    sizes: tuple
    kind: str                   # what it holds, and in how many bytes
    size: int
    start: int                  # where they begin in the element
    end: int                    # and where that ends
    element: memoryview
    deflated: bool

    def said(self, key):
        """In words."""
        odd = self.kind == "uint8" and self.size != math.prod(self.sizes)
        return (f"{short(_times(self.sizes))} of {self.kind} under {key}"
                + f" in {self.size:,} bytes" * odd)

    def whole(self):
        """The bytes of the element; ValueError where they are fewer or more than it says."""
        reader = zlib.decompressobj()
        plain = reader.decompress(self.element, self.end + 1) if self.deflated else self.element
        if len(plain) != self.end or self.deflated and not reader.eof:
            raise ValueError(f"a matrix says that it has {self.end:,} bytes, and has others")
        return plain


def _matrices(data):
    """The matrices in a MATLAB file; what has no head like theirs is passed over."""
    place = 128
    while place < len(data):
        try:
            kind, start, size, end = _tag(data, place)
        except struct.error:
            raise ValueError("it ends within an element") from None
        deflated = kind == MATLAB_DEFLATED
        element = data[start if deflated else place:start + size if deflated else end]
        place = start + size if deflated else end
        if place > len(data):
            raise ValueError(f"an element has {size:,} bytes, and {len(data) - start:,} are there")
        head = element[:MATLAB_HEAD]
        if deflated:
            head = zlib.decompressobj().decompress(element, MATLAB_HEAD)
        with contextlib.suppress(struct.error, KeyError):
            yield _matrix(head, element, deflated)


def _matrix(head, element, deflated):
    """The matrix that begins with the bytes `head`.

    struct.error or KeyError where they are those of another element, or are too few to tell.
    """
    kind, inside, length, end = _tag(head, 0)
    last = inside + length                        # without what fills it up
    if kind != MATLAB_MATRIX:
        raise KeyError(kind)
    _, flags, _, after = _tag(head, inside)
    _, sizes, length, named = _tag(head, after)
    _, name, letters, numbers = _tag(head, named)
    kind, start, size, _ = _tag(head, numbers) if numbers < end else (0, end, 0, end)
    of = MATLAB_CLASSES[head[flags]] or MATLAB_TYPES.get(kind, f"type {kind}")
    of = "logical" if head[flags + 1] & MATLAB_LOGICAL else of
    of = f"complex {of}" if head[flags + 1] & MATLAB_COMPLEX else of
    return _Matrix(bytes(head[name:name + letters]), struct.unpack_from(
        f"<{length // 4}i", head, sizes), of, max(0, min(size, last - start)), start, end, element,
        deflated)


def _tag(data, place):
    """(type, where the content of an element begins, its length, where the next one begins).

    Type and length are uint32, and the content is filled up to 8 bytes; or, for at most four bytes,
    type and length are uint16, and all is in 8 bytes.
    """
    kind, size = struct.unpack_from("<II", data, place)
    if kind >> 16:
        return kind & 0xFFFF, place + 4, min(kind >> 16, 4), place + 8
    return kind, place + 8, size, place + 8 + size + -size % 8


def libsvm(data, count, features, classes, name):
    """(values float32 (count, features) in [-1, 1], labels 0..classes-1) of LIBSVM's text format.

    A line is `label index:value index:value ...` with labels and indices from 1; what it leaves out
    is 0.

    >>> libsvm(b"2 1:-1 3:0.5", 1, 3, 10, "one example")
    (array([[-1. ,  0. ,  0.5]], dtype=float32), array([1]))
    """
    lines = data.splitlines()
    if len(lines) != count:
        raise ValueError(f"{name} holds {len(lines):,} lines, and {count:,} are due")
    values, labels = numpy.zeros((count, features), "float32"), numpy.zeros(count, "int64")
    for row, line in enumerate(lines):
        try:
            label, *pairs = line.split()
            cells = [pair.split(b":") for pair in pairs]
            index = [int(i) for i, _ in cells]
            value = [float(v) for _, v in cells]
            right = (1 <= int(label) <= classes and len(set(index)) == len(index)
                     and b"_" not in line         # which Python takes in numbers, as in 1_000
                     and all(0 < i <= features for i in index)
                     and all(math.isfinite(v) and -1 <= v <= 1 for v in value))
        except ValueError:
            right = False
        if not right:
            raise ValueError(f"{name}, line {row + 1}, must be a label in 1..{classes} and values "
                             f"index:value in [-1, 1] of {features} features, and it starts with "
                             f"{line[:40]!r}")
        labels[row], values[row, [i - 1 for i in index]] = int(label) - 1, value
    return values, labels


def _times(sizes):
    return " x ".join(f"{size:,}" for size in sizes)
