"""The published image sets as `Splits`: MNIST, Fashion-MNIST, CIFAR-10, CIFAR-100, SVHN, USPS.

Each function finds its files (see `minidrop.data.files`), verifies them, and cuts them in one fixed
way: the published test part is the test part, and the last examples of the published training part
are for validation.
"""

import numpy

from ..xp import chunks, par
from .files import contents
from .formats import cifar, idx
from .published import CIFAR10, FASHION, MNIST
from .splits import Splits


def mnist(flat=False, normalise=True, test=True):
    """`Splits` of 50,000, 10,000 and 10,000 handwritten digits: x float32, y int64 labels 0..9.

    x is (N, 1, 28, 28), or (N, 784) with `flat`.  With `normalise` the training part has mean 0 and
    deviation 1 over all its pixels, and the other parts go through the same map; without, x is the
    published byte over 255, in [0, 1].  Without `test` the test part is None and is not looked for.
    ValueError, in one sentence, for files that are missing or not the published ones.

    Source: LeCun, Cortes and Burges, 1998.
    """
    return _splits(MNIST, _read_idx, flat, normalise, test)


def fashion(flat=False, normalise=True, test=True):
    """`Splits` of 50,000, 10,000 and 10,000 pictures of clothes; else as `mnist`.

    Labels: 0 T-shirt, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag,
    9 ankle boot.

    Source: Xiao, Rasul and Vollgraf, arXiv:1708.07747, 2017.
    """
    return _splits(FASHION, _read_idx, flat, normalise, test)


def cifar10(normalise=True, test=True):
    """`Splits` of 40,000, 10,000 and 10,000 colour photographs: x (N, 3, 32, 32), y 0..9.

    Training is data_batch_1 to 4, validation data_batch_5, test the test batch.  With `normalise`
    each channel of the training part has mean 0 and deviation 1; else as `mnist`.

    Labels: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship,
    9 truck.

    Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    return _splits(CIFAR10, _read_cifar, False, normalise, test)


def _read_idx(published, read, count):
    (images, x), (labels, y) = read.items()
    _, height, width = published.image
    x = idx(x, (count, height, width), images.path)
    return x[:, None], idx(y, (count,), labels.path)


def _read_cifar(published, read, count):
    each = count // len(read)
    parts = [cifar(data, each, piece.path) for piece, data in read.items()]
    if len(parts) == 1:
        ((x, y),) = parts
    else:
        x, y = map(numpy.concatenate, zip(*parts, strict=True))
    return x, y[:, -1]


def _splits(published, read, flat, normalise, test):
    """Read, check and cut a set; `read(published, {piece: bytes}, count)` gives (x, y)."""
    train, validation, tested = published.counts
    data = contents(published, [piece for piece in published.pieces if test or not piece.test])
    parts = []
    for count, is_test in ((train + validation, False), (tested, True))[: 1 + bool(test)]:
        own = {piece: data.pop(piece) for piece in published.pieces if piece.test == is_test}
        x, y = read(published, own, count)
        if y.max() >= published.classes:
            raise ValueError(f"{' and '.join(piece.path for piece in own)}: labels must be at most "
                             f"{published.classes - 1}, and there is {y.max()}")
        parts.append((x, y.astype("int64")))
    (x, y), *rest = parts
    parts = [(x[:train], y[:train]), (x[train:], y[train:]), *rest]
    table = _table(parts[0][0], normalise)
    cut = [(_looked_up(table, x, flat), y) for x, y in parts]
    return Splits(*cut, *[None] * (3 - len(cut)))


def _table(pixels, normalise):
    """float32 (channels, 256): what each byte of each channel becomes.

    Mean and deviation are exact, from how often each of the 256 values occurs in `pixels`.
    """
    counts = numpy.zeros((pixels.shape[1], 256), "int64")
    values = numpy.arange(256) / 255
    if not normalise:
        return numpy.tile(values.astype("float32"), (len(counts), 1))
    for s in chunks(0, len(pixels), pixels[0, 0].size):
        for channel, count in enumerate(counts):
            count += numpy.bincount(pixels[s, channel].ravel(), minlength=256)
    share = counts / counts.sum(axis=1, keepdims=True)
    mean = share @ values
    deviation = numpy.sqrt((share * (values - mean[:, None]) ** 2).sum(axis=1))
    return ((values - mean[:, None]) / numpy.where(deviation, deviation, 1)[:, None]).astype(
        "float32")


def _looked_up(table, pixels, flat):
    """table[channel, byte] for every pixel, in passes that stay in a core's cache."""
    out = numpy.empty(pixels.shape, "float32")
    each = pixels[0].size

    def part(lo, hi):
        for s in chunks(lo, hi, each):
            for channel, row in enumerate(table):
                numpy.take(row, pixels[s, channel], out=out[s, channel], mode="clip")

    par(part, len(pixels), each)
    return out.reshape(len(out), -1) if flat else out
