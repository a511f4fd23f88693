"""max(x, 0) on the host, against a row of zeros in the place of one zero.

Why it is fast.  NumPy takes the maximum of two arrays with vector instructions, but that of an
array and a number entry by entry, about three times as slowly.  A row of zeros stays in the cache.
"""

import numpy

WIDTH = 512                                       # zeros in the row
SMALL = 1 << 13                                   # numbers for which the plain formula is quicker


def relu(x):
    """max(x, 0) in the memory order of x.

    >>> relu(numpy.array([-1.0, 2.0]))
    array([0., 2.])
    """
    if getattr(x, "size", 0) < SMALL or x.dtype.kind != "f":
        return numpy.maximum(x, 0)
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    turned = x.transpose(order)
    if not turned.flags.c_contiguous:
        return numpy.maximum(x, 0)
    y, zeros = numpy.empty(turned.shape, x.dtype), numpy.zeros(WIDTH, x.dtype)
    flat, out, whole = turned.reshape(-1), y.reshape(-1), x.size - x.size % WIDTH
    numpy.maximum(flat[:whole].reshape(-1, WIDTH), zeros, out=out[:whole].reshape(-1, WIDTH))
    numpy.maximum(flat[whole:], zeros[:x.size - whole], out=out[whole:])
    return y.transpose(sorted(range(x.ndim), key=order.__getitem__))
