"""Images as a network takes them: float32, with mean 0 and deviation 1 in each channel.

Mean and deviation are those of the training part, so that nothing is learnt from the others.
"""

import numpy

from ..arguments import flag
from ..xp import chunks, par


def scaling(train, normalise=True):
    """The map for all parts of a set, by its training images (N, C, H, W): bytes or float32.

    With `normalise`, each channel of `train` gets mean 0 and deviation 1 (a channel of one value
    only 0).  Without, bytes are divided by 255 and floats stay.

    >>> images = numpy.array([0, 255], "uint8").reshape(2, 1, 1, 1)
    >>> scaling(images)(images).ravel(), scaling(images, normalise=False)(images).ravel()
    (array([-1.,  1.], dtype=float32), array([0., 1.], dtype=float32))
    """
    flag(normalise, "normalise")
    return (_of_bytes if train.dtype == "uint8" else _of_floats)(train, normalise)


def _of_floats(train, normalise):
    if not normalise:
        return lambda x: x.astype("float32")
    mean = train.mean(axis=(0, 2, 3), keepdims=True, dtype="float64").astype("float32")
    deviation = train.std(axis=(0, 2, 3), keepdims=True, dtype="float64").astype("float32")
    deviation[deviation == 0] = 1
    return lambda x: (x - mean) / deviation


def _of_bytes(train, normalise):
    """A table of what each byte of each channel becomes: exact statistics, rounded once."""
    values = numpy.arange(256) / 255
    if normalise:
        share = _histogram(train) / train[:, 0].size
        mean = (share @ values)[:, None]
        deviation = numpy.sqrt((share * (values - mean) ** 2).sum(axis=1, keepdims=True))
        deviation[deviation == 0] = 1
        table = (values - mean) / deviation
    else:
        table = numpy.tile(values, (train.shape[1], 1))
    return lambda x: _look_up(table.astype("float32"), x)


def _histogram(pixels):
    """How often each byte occurs in each channel: (channels, 256)."""
    counts = numpy.zeros((pixels.shape[1], 256), "int64")
    for s in chunks(0, len(pixels), pixels[0, 0].size):
        for channel, count in enumerate(counts):
            count += numpy.bincount(pixels[s, channel].ravel(), minlength=256)
    return counts


def _look_up(table, pixels):
    """table[channel, byte] for every pixel, in passes that stay in a core's cache."""
    out = numpy.empty(pixels.shape, "float32")
    each = pixels[0].size

    def part(lo, hi):
        for s in chunks(lo, hi, each):
            for channel, row in enumerate(table):
                numpy.take(row, pixels[s, channel], out=out[s, channel], mode="clip")

    par(part, len(pixels), each)
    return out
