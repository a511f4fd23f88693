"""The formats in which images are published, read from bytes that are checked against what is due.

Nothing is believed about itself: a header must say what the set is known to hold, every length must
fit, and no array is made before.  `name` is how errors call the file.
"""

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


def _times(sizes):
    return " x ".join(f"{size:,}" for size in sizes)
