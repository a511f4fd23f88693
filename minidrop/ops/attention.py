r"""Self-attention of many heads as one primitive: a few images at a time, which stay in the cache.

Symbols  As in functional/attention: $P$ the weights softmax$(Q K^\top / \sqrt d)$, $g$ a cotangent.
"""

import math

from ..fast.products import one_blas_thread
from ..tape import primitive
from ..xp import array_module, on_host, par, pieces
from .activations import softmax

PIECE = 1 << 18             # numbers in a piece: few and long calls
PASSES = 4                  # over an image's numbers: as long as its products and exponentials take
SAFE = 60.0                 # scores up to here, e^60 = 1e26, are summed without an offset


@primitive(keeps=True, twice=False)
def self_attention(packed, heads):
    """softmax(q k^T / sqrt(d)) v in every head, packed (N, T, 3 width) to (N, T, width).

    In the rows of `packed` lie the queries, then the keys, then the values of all heads, side by
    side.  Kept are the weights, (N, heads, T, T).

    Why it is fast: the scores of a few images stay in the cache, and products are written where
    they belong.  NumPy's inner loops do not like rows as short as T: the largest score is looked
    for in all rows at once, and seldom subtracted; sums are a product with ones.
    """
    xp, (q, k, v) = array_module(packed), apart(packed, heads)
    weights = xp.empty((*q.shape[:-1], q.shape[-2]), packed.dtype)
    y = xp.empty((*packed.shape[:2], packed.shape[2] // 3), packed.dtype)
    (joined,), ones = apart(y, heads, parts=1), xp.ones((q.shape[-2], 1), packed.dtype)

    def part(s):
        scores = xp.matmul(q[s], k[s].swapaxes(-1, -2), out=weights[s])
        scores *= 1 / math.sqrt(q.shape[-1])
        if not _small(scores):
            scores -= scores.max(-1, keepdims=True)       # a common offset costs no digits
        xp.exp(scores, out=scores)
        scores /= scores @ ones
        xp.matmul(scores, v[s], out=joined[s])

    _by_images(part, packed, weights)
    return y, weights


def _small(scores):
    most = float(array_module(scores).finfo(scores.dtype).max)
    limit = min(SAFE, math.log(max(1, most / scores.shape[-1])) / 2)      # T e^limit < most
    return on_host(scores) and -limit <= scores.min(initial=0) and scores.max(initial=0) <= limit


def _gradient(g, y, packed, heads, kept):
    """With G = g V^T: V gets P^T g, and the scores P * (G - rows of (g * y) summed).

    For the sums of P * G, of which T belong to each row, are those of g * (P V), of which d do.
    """
    xp, (q, k, v) = array_module(packed), apart(packed, heads)
    gradient = xp.empty(packed.shape, packed.dtype)
    (g,), (y,), (gq, gk, gv) = apart(g, heads, 1), apart(y, heads, 1), apart(gradient, heads)

    def part(s):
        p = kept[s]
        xp.matmul(p.swapaxes(-1, -2), g[s], out=gv[s])
        scores = g[s] @ v[s].swapaxes(-1, -2)
        scores -= xp.einsum("nhti,nhti->nht", g[s], y[s])[..., None]
        scores *= p
        scores *= 1 / math.sqrt(q.shape[-1])
        xp.matmul(scores, k[s], out=gq[s])
        xp.matmul(scores.swapaxes(-1, -2), q[s], out=gk[s])

    _by_images(part, packed, kept)
    return gradient


def _composite(packed, heads):
    q, k, v = apart(packed, heads)
    weights = softmax((q * (1 / math.sqrt(q.shape[-1]))) @ k.swapaxes(-1, -2))
    return (weights @ v).transpose(0, 2, 1, 3).reshape(*packed.shape[:2], packed.shape[2] // 3)


self_attention.vjps(_gradient, twin=_composite)


def apart(x, heads, parts=3):
    """x (N, T, parts * heads * d) as (parts, N, heads, T, d): what lies side by side in its rows.

    >>> import numpy as np
    >>> q, k, v = apart(np.arange(12).reshape(1, 1, 12), heads=2)
    >>> k.tolist()
    [[[[4, 5]], [[6, 7]]]]
    """
    *outer, numbers = x.shape
    return x.reshape(*outer, parts, heads, numbers // (parts * heads)).transpose(2, 0, 3, 1, 4)


def _by_images(part, packed, weights):
    """part(slice) for all images: in pieces on all cores, or in one on a GPU."""
    if not on_host(packed):
        part(slice(None))
        return
    n, size = max(1, len(packed)), packed.size + weights.size
    cut = pieces(len(packed), size // n, PIECE)
    with one_blas_thread:
        each = PASSES * size // max(1, len(cut))
        par(lambda lo, hi: [part(s) for s in cut[lo:hi]], len(cut), each)
