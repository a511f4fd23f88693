"""The formats in which images are published, read from bytes that are checked against what is due.

Nothing is believed about itself: a header must say what the set is known to hold, every length must
fit, and no array is made before.  `name` is how errors call the file.
"""

import io
import math
import struct

import numpy

IDX_BYTES = 0x08                # the code of unsigned bytes in the third byte of an IDX file


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

    The file holds X (32, 32, 3, count) and y (count, 1).  ValueError where SciPy is missing.
    """
    loadmat = matlab().loadmat
    try:
        arrays = loadmat(io.BytesIO(data), variable_names=["X", "y"])
    except Exception as error:                    # SciPy has no one error for a broken file
        raise ValueError(f"{name} is no MATLAB file that SciPy can read: "
                         f"{' '.join(str(error).split())[:200]}") from None
    for key, shape in (("X", (32, 32, 3, count)), ("y", (count, 1))):
        array = arrays.get(key)
        if getattr(array, "shape", None) != shape or array.dtype != numpy.uint8:
            found = "nothing" if array is None else f"{_times(array.shape)} of {array.dtype}"
            raise ValueError(f"{name} holds {found} under {key}, and {_times(shape)} of uint8 is "
                             "due")
    x, y = arrays["X"].transpose(3, 2, 0, 1), arrays["y"][:, 0]
    if y.min() < 1 or y.max() > 10:
        raise ValueError(f"{name} holds labels from {y.min()} to {y.max()}, and 1 to 10 are due")
    return x, numpy.where(y == 10, 0, y)


def matlab():
    """The module scipy.io; ValueError, in one sentence, where SciPy is missing."""
    try:
        import scipy.io  # here, so that importing minidrop stays cheap
    except ImportError:
        raise ValueError("reading SVHN needs the package SciPy, which is not installed: "
                         "pip install 'minidrop[data]'") from None
    return scipy.io


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
            labels[row] = int(label) - 1
            values[row, [i - 1 for i in index]] = value
            right = (0 <= labels[row] < classes and len(set(index)) == len(index)
                     and all(0 < i <= features for i in index)
                     and all(math.isfinite(v) and -1 <= v <= 1 for v in value))
        except (ValueError, IndexError, OverflowError):
            right = False
        if not right:
            raise ValueError(f"{name}, line {row + 1}, must be a label in 1..{classes} and values "
                             f"index:value in [-1, 1] of {features} features, and it starts with "
                             f"{line[:40]!r}")
    return values, labels


def _times(sizes):
    return " x ".join(f"{size:,}" for size in sizes)
