"""The norm of every row of a matrix, and its gradients, on the host.

Why it is fast.  Rows are as short as a token, where NumPy's sums along them are slow: a product
with ones makes them, and one with the weights the weighted ones.  What is left are few passes over
pieces that stay in the cache, cut by shape alone.  The plain twin is in ops/normal.py.
"""

from ..xp import array_module, on_host, par, pieces
from .means import FAR
from .products import one_blas_thread
from .windows import scratch

PASSES = 8                                        # over each row, forward; backward some more


def rows_of(x, axes, *weights):
    """x as the matrix whose rows are normed; None if it is none, or the plain way is as good."""
    n = x.shape[-1] if x.ndim else 0
    fits = (on_host(x) and x.ndim > 1 and axes == (x.ndim - 1,) and x.flags.c_contiguous
            and x.dtype.itemsize > 2 and x.size and n > 1)
    alike = all(getattr(v, "shape", ())[-1:] == (n,) == (v.size,) and v.dtype == x.dtype
                for v in weights)
    return x.reshape(-1, n) if fits and alike else None


def normed(x, w, b, eps):
    """(y, mean, r): y = w (x - mean) r + b, r = 1 / sqrt(var + eps) for every row, as columns.

    >>> import numpy as np
    >>> y, mean, r = normed(np.array([[1.0, 3.0], [5.0, 9.0]]), np.ones(2), np.zeros(2), eps=0.0)
    >>> y.tolist(), mean.tolist(), r.tolist()
    ([[-1.0, 1.0], [-1.0, 1.0]], [[2.0], [7.0]], [[1.0], [0.5]])
    """
    xp, n = array_module(x), x.shape[1]
    y, mean, r = xp.empty_like(x), xp.empty((len(x), 1), x.dtype), xp.empty((len(x), 1), x.dtype)
    ones, w, b = xp.full((n, 1), 1 / n, x.dtype), w.reshape(-1), b.reshape(-1)

    def spread(d):
        return xp.sqrt(xp.einsum("ij,ij->i", d, d)[:, None] / n + eps)      # Eq. (normalise.1)

    def piece(i, s):
        m = xp.matmul(x[s], ones, out=mean[s])
        d = xp.subtract(x[s], m, out=y[s])
        deviation = spread(d)
        if (abs(m) > FAR * deviation).any():      # its last digits are needed
            rest = d @ ones
            m += rest
            d -= rest
            deviation = spread(d)
        d *= xp.divide(1, deviation, out=r[s])                              # Eq. (normalise.1)
        d *= w                                                              # Eq. (normalise.1)
        d += b                                                              # Eq. (normalise.1)

    _sweep(piece, x)
    return y, mean, r


def again(x, w, b, mean, r):
    """The y of `normed` from its statistics, bit for bit; up to rounding where a mean is far off 0.
    """
    xp, n = array_module(x), x.shape[1]
    y, ones, w, b = xp.empty_like(x), xp.full((n, 1), 1 / n, x.dtype), w.reshape(-1), b.reshape(-1)

    def piece(i, s):
        d = xp.subtract(x[s], mean[s], out=y[s])
        if (abs(mean[s]) * r[s] > 1.01 * FAR).any():       # only where `normed` did so too
            d -= d @ ones
        d *= r[s]                                                           # Eq. (normalise.1)
        d *= w                                                              # Eq. (normalise.1)
        d += b                                                              # Eq. (normalise.1)

    _sweep(piece, x)
    return y


def gradients(g, x, w, mean, r):
    """Those in x, w and b; with h = r g that in x is w h - mean(w h) - d r^2 mean(w h d)."""
    xp, n, w = array_module(x), x.shape[1], w.reshape(-1)
    gx, count = xp.empty_like(x), len(pieces(len(x), n))
    gw, gb = xp.empty((2, count, n), x.dtype)

    def piece(i, s):
        d = xp.subtract(x[s], mean[s], out=scratch("deviations", x[s].shape, x.dtype))
        h = xp.multiply(g[s], r[s], out=gx[s])
        xp.einsum("ij,ij->j", h, d, out=gw[i])
        xp.matmul(xp.ones(len(d), x.dtype), g[s], out=gb[i])
        constant = h @ w[:, None] / n
        h *= w
        d *= xp.einsum("ij,ij->i", h, d)[:, None] / n * r[s] * r[s]         # Eq. (normalise.3)
        h -= constant                                                       # Eq. (normalise.3)
        h -= d                                                              # Eq. (normalise.3)

    _sweep(piece, x)
    return gx, gw.sum(0), gb.sum(0)


def _sweep(piece, x):
    """piece(i, s) for the slices that cut the rows into equal parts, on all cores."""
    cut = pieces(len(x), x.shape[1])
    with one_blas_thread:
        par(lambda lo, hi: [piece(i, cut[i]) for i in range(lo, hi)], len(cut),
            each=PASSES * x.size // len(cut))
