"""The published image sets as `Splits`: MNIST, Fashion-MNIST, CIFAR-10, CIFAR-100, SVHN, USPS.

Each function finds its files (see `minidrop.data.files`), verifies them, and cuts them in one fixed
way: the published test part is the test part, and the last examples of the published training part
are for validation.
"""

import numpy

from ..arguments import flag, option
from . import formats
from .files import contents
from .normalise import scaling
from .published import CIFAR10, CIFAR100, FASHION, MNIST, SVHN, USPS
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


def cifar100(labels="fine", normalise=True, test=True):
    """`Splits` of 40,000, 10,000 and 10,000 colour photographs; else as `cifar10`.

    y is 0..99 with `labels` "fine" and 0..19, the groups of five, with "coarse".  Validation is the
    last 10,000 of train.bin.

    Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    coarse = option(labels, "labels", ("fine", "coarse")) == "coarse"
    one = CIFAR100._replace(classes=20) if coarse else CIFAR100
    return _splits(one, _read_coarse if coarse else _read_fine, False, normalise, test)


def svhn(normalise=True, test=True):
    """`Splits` of 63,257, 10,000 and 26,032 house numbers, cropped: x (N, 3, 32, 32), y 0..9.

    Validation is the last 10,000 of train_32x32.mat; else as `cifar10`.

    Source: Netzer et al., "Reading digits in natural images with unsupervised feature learning",
    NIPS workshop, 2011.
    """
    return _splits(SVHN, _read_svhn, False, normalise, test)


def usps(flat=False, normalise=True, test=True):
    """`Splits` of 6,291, 1,000 and 2,007 digits from envelopes: x (N, 1, 16, 16), y 0..9.

    Validation is the last 1,000 of the training file; else as `mnist`.  Without `normalise` the
    published values, -1 for paper to 1 for ink, are mapped to [0, 1].

    Source: Hull, "A database for handwritten text recognition research", IEEE PAMI 16, 1994, as
    LIBSVM scales it.
    """
    return _splits(USPS, _read_usps, flat, normalise, test)


def _read_idx(published, read, count):
    (images, x), (labels, y) = read.items()
    _, height, width = published.image
    x = formats.idx(x, (count, height, width), images.path)
    return x[:, None], formats.idx(y, (count,), labels.path)


def _read_cifar(published, read, count):
    batches = [formats.cifar(data, count // len(read), piece.path) for piece, data in read.items()]
    x, y = map(numpy.concatenate, zip(*batches, strict=True))
    return x, y[:, 0]


def _read_coarse(published, read, count, label=0):
    ((piece, data),) = read.items()
    x, y = formats.cifar(data, count, piece.path, labels=2)
    return x, y[:, label]


def _read_fine(published, read, count):
    return _read_coarse(published, read, count, label=1)


def _read_svhn(published, read, count):
    ((piece, data),) = read.items()
    return formats.svhn(data, count, piece.path)


def _read_usps(published, read, count):
    ((piece, data),) = read.items()
    x, y = formats.libsvm(data, count, 16 * 16, published.classes, piece.path)
    return ((x + 1) / 2).reshape(count, *published.image), y


def _splits(published, read, flat, normalise, test):
    """Read, check and cut a set; `read(published, {piece: bytes}, count)` gives (x, y)."""
    for value, name in ((flat, "flat"), (normalise, "normalise"), (test, "test")):
        flag(value, name)
    train, validation, tested = published.counts
    data = contents(published, [piece for piece in published.pieces if test or not piece.test])
    x, y = _part(published, read, data, train + validation, is_test=False)
    parts = [(x[:train], y[:train]), (x[train:], y[train:])]
    if test:
        parts.append(_part(published, read, data, tested, is_test=True))
    scaled = scaling(parts[0][0], normalise)
    cut = [(scaled(x).reshape((len(x), -1) if flat else x.shape), y) for x, y in parts]
    return Splits(*cut, *[None] * (3 - len(cut)))


def _part(published, read, data, count, is_test):
    """The published images and labels of one part; their bytes are taken out of `data`."""
    own = {piece: data.pop(piece) for piece in published.pieces if piece.test == is_test}
    x, y = read(published, own, count)
    if y.max() >= published.classes:
        raise ValueError(f"{' and '.join(piece.path for piece in own)}: labels must be at most "
                         f"{published.classes - 1}, and there is {y.max()}")
    return x, y.astype("int64")
