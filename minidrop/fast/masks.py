"""Products with masks on the host: `x * mask * scale`, and rows that each meet a mask of their own.

Why it is fast.  A chunk of x is multiplied twice while it is in the cache, on all cores.  It is
taken as x lies in memory: images often lie as (N, H, W, C), their masks as they were drawn, and
bytes are put into another order sooner than numbers meet bytes that lie apart.  A mask that many
entries share is scaled itself.  Weights that are masked for each example exist for a few of them
at a time.
"""

from ..xp import array_module, chunks, inverse, memory_order, par
from .products import one_blas_thread


def masked(x, mask, scale):
    """As ops.fused.masked, for x of at least one axis.

    >>> import numpy as np
    >>> masked(np.array([1.0, 2.0, 3.0]), np.array([True, False, True]), 2.0)
    array([2., 0., 6.])
    """
    xp, small = array_module(x, mask), mask.size < x.size
    if small:                                     # scaling the mask is less work
        mask, scale = (mask * scale).astype(x.dtype), 1.0
    order = _axes(x)
    natural = order == list(range(x.ndim))
    x, mask = (a.transpose(order) for a in (x, xp.broadcast_to(mask, x.shape)))
    y, row = xp.empty(x.shape, x.dtype), x.size // max(1, len(x))

    def part(lo, hi):
        for s in chunks(lo, hi, each=row):        # both products while the chunk is in cache
            here = mask[s] if small else xp.ascontiguousarray(mask[s])
            xp.multiply(x[s], here, out=y[s])
            if scale != 1:
                y[s] *= scale

    par(part, len(x), each=row)
    return y if natural else y.transpose(inverse(order))


def masked_linear(x, w, mask):
    """As ops.fused.masked_linear.

    >>> import numpy as np
    >>> masked_linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[[True, False]]]))
    array([[3.]])
    """
    xp = array_module(x, w, mask)
    y = xp.empty((len(x), len(w)), xp.result_type(x, w))

    def part(lo, hi):
        for s in chunks(lo, hi, each=w.size):
            y[s] = (mask[s] * w @ x[s, :, None])[..., 0]

    with one_blas_thread:
        par(part, len(x), each=w.size)
    return y


def _axes(x):
    """The axes by stride; as they are where x repeats an axis, such as that of many samples."""
    repeated = any(s == 0 < n - 1 for s, n in zip(x.strides, x.shape, strict=True))
    return list(range(x.ndim)) if repeated else memory_order(x)
