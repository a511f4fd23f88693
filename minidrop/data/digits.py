"""`digits`: 1,797 real handwritten digits of 8 x 8 pixels, embedded in the package.

E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository, 1998, doi:10.24432/C50P49, licence CC BY 4.0: the test part, by 13 people, each pixel
the number of inked points in a 4 x 4 square, 0 to 16.
"""

import numpy

from ..arguments import flag
from ..noise import Stream, permutation
from .splits import Splits

VALIDATION = TEST = 300


def digits(image=False):
    """`Splits` of 1,197, 300 and 300 digits: x float32 in [0, 1], y int64 labels 0..9.

    x is (N, 64), or (N, 1, 8, 8) with `image`.  The split is fixed: the order drawn from
    Stream(0, "digits"), the last 600 for validation and test.

    >>> [x.shape for x, y in digits()]
    [(1197, 64), (300, 64), (300, 64)]
    """
    from importlib import resources  # here, so that importing minidrop stays cheap

    with (resources.files(__package__) / "digits.npz").open("rb") as file:
        archive = numpy.load(file, allow_pickle=False)
        pixels, labels = archive["images"], archive["labels"]
    order = permutation(Stream(0, "digits"), len(labels))
    shape = (-1, 1, 8, 8) if flag(image, "image") else (-1, 64)
    x, y = (pixels[order] / numpy.float32(16)).reshape(shape), labels[order].astype("int64")
    ends = [len(y) - VALIDATION - TEST, len(y) - TEST]
    return Splits(*zip(numpy.split(x, ends), numpy.split(y, ends), strict=True))
