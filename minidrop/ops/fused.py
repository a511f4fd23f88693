"""Primitives fused for numerics or speed.  Each has a composite twin in tests/test_fused.py."""

import math

from ..device import losses
from ..device import masks as on_device
from ..fast import masks
from ..fast.products import ones, product, products
from ..tape import data_of, primitive
from ..xp import DEVICE_CHUNK, array_module, chunks, on_host
from .linalg import matmul
from .reduce import log_softmax
from .shape import reshape


@primitive
def linear(x, w, b):
    """y = x W^T + b for x (..., in), W (out, in), b (out,), added in the product's memory."""
    return product(x, w.T, plus=b)


def _gradients(wanted, g, _y, x, w, _b):
    """Those of x, w and b: products that are shared among the cores together."""
    rows, of_x = _rows(g), _rows(x)
    pairs = (rows, w), (rows.T, of_x), (ones(len(rows), like=rows), rows)
    made = dict(zip(wanted, products(*[pairs[i] for i in wanted]), strict=True))
    if 0 in made and x.ndim != 2:
        made[0] = made[0].reshape(x.shape)
    if 2 in made:
        made[2] = made[2][0]
    return made


def _rows(x):
    return x if x.ndim == 2 else reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


linear.vjps(lambda g, _y, _x, w, _b: matmul(g, w),
            lambda g, _y, x, _w, _b: matmul(_rows(g).T, _rows(x)),
            lambda g, _y, _x, _w, _b: _rows(g).sum(0), joint=_gradients)


@primitive(twice=False, keeps=True)
def softmax_cross_entropy(z, y):
    """Mean over the batch of -sum_k y_k ln softmax(z)_k; labels y (N,) or probabilities (N, K).

    For the gradient in z, (sum_k y_k) softmax(z) - y over N, it keeps softmax(z).  A GPU keeps
    nothing and makes it again.
    """
    xp, n = array_module(z), len(z)
    if losses.runs(z, y):
        return losses.cross_entropies(z, y).sum() / n, ()
    d = z - z.max(-1, keepdims=True)              # a common offset costs no digits
    p = xp.exp(d)
    sums = p.sum(-1)
    lse = xp.log(sums)
    p /= sums[:, None]
    if y.ndim == 1:
        return (lse - d[xp.arange(n), y]).sum() / n, p
    return (lse * y.sum(-1) - (d * y).sum(-1)).sum() / n, p


def _residual(g, _loss, z, y, kept):
    if isinstance(kept, tuple):                   # nothing is kept on a GPU
        return losses.residual(z, y) * (g / len(z))
    if y.ndim == 1:
        r = kept.copy()
        r[array_module(r).arange(len(y)), y] -= 1
    else:
        r = kept * y.sum(-1, keepdims=True)
        r -= y
    return r * (g / len(z))


def _composite(z, y):
    s, n = log_softmax(z), len(y)
    chosen = s[array_module(data_of(s)).arange(n), y] if y.ndim == 1 else s * y
    return -chosen.sum() / n


softmax_cross_entropy.vjps(_residual, lambda g, _loss, z, _y, kept: -log_softmax(z) * (g / len(z)),
                           twin=_composite)


@primitive
def masked(x, mask, scale):
    """scale x where the mask keeps, else 0, in one pass over memory; linear, so its own adjoint.

    `mask` (boolean) broadcasts to x, `scale` is a Python float or an array that holds one number of
    x's dtype, so that a GPU need not be waited for.  The product is taken, so a dropped inf or nan
    gives nan.
    """
    array_module(x, mask)                         # refuses a mixture
    if x.ndim and on_host(x):
        return masks.masked(x, mask, scale)
    if on_device.runs(x, mask, scale):
        return on_device.masked(x, mask, scale)
    if mask.size < x.size:                        # scaling the mask is less work
        return x * (mask * scale).astype(x.dtype)
    return x * mask * scale


masked.vjps(lambda g, _y, _x, mask, scale: masked(g, mask, scale))


@primitive
def masked_linear(x, w, mask):
    """y[n, o] = sum_i mask[n, o, i] w[o, i] x[n, i]: each row of x meets a mask of its own.

    x (N, in), w (out, in), mask boolean (N, out, in); y (N, out).  The masked weights exist for a
    few examples at a time.  Linear in x and in w, and its adjoints are itself with the axes of the
    mask in another order.
    """
    xp = array_module(x, w, mask)
    if on_host(x):
        return masks.masked_linear(x, w, mask)
    y = xp.empty((len(x), len(w)), xp.result_type(x, w))
    for s in chunks(0, len(x), each=w.size, size=DEVICE_CHUNK):
        y[s] = (mask[s] * w @ x[s, :, None])[..., 0]
    return y


masked_linear.vjps(
    lambda g, _y, _x, w, mask: masked_linear(g, w.T, mask.transpose(0, 2, 1)),
    lambda g, _y, x, _w, mask: masked_linear(g.T, x.T, mask.transpose(1, 2, 0)))
