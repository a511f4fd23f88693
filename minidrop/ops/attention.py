r"""Self-attention of many heads as one primitive: a few images at a time, which stay in the cache.

Symbols  As in functional/attention: $P$ the weights softmax$(Q K^\top / \sqrt d)$, $g$ a cotangent.
"""

import math

from ..products import one_blas_thread
from ..tape import primitive
from ..xp import array_module, chunks, on_host, par
from .activations import softmax

PASSES = 4                  # over an image's numbers: as long as its products and exponentials take


@primitive(keeps=True, twice=False)
def self_attention(packed, heads):
    """softmax(q k^T / sqrt(d)) v in every head, packed (N, T, 3 width) to (N, T, width).

    In the rows of `packed` lie the queries, then the keys, then the values of all heads, side by
    side.  Kept are the weights, (N, heads, T, T).
    """
    xp, (q, k, v) = array_module(packed), apart(packed, heads)
    weights = xp.empty((*q.shape[:-1], q.shape[-2]), packed.dtype)
    y = xp.empty((*packed.shape[:2], packed.shape[2] // 3), packed.dtype)
    joined, = apart(y, heads, parts=1)

    def part(s):
        scores = xp.matmul(q[s], k[s].swapaxes(-1, -2), out=weights[s])
        scores *= 1 / math.sqrt(q.shape[-1])
        scores -= scores.max(-1, keepdims=True)   # a common offset costs no digits
        xp.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        joined[s] = scores @ v[s]

    _by_images(part, packed, weights)
    return y, weights


def _gradient(g, y, packed, heads, kept):
    """With G = g V^T: V gets P^T g, and the scores P * (G - rows of (P * G) summed)."""
    xp, (q, k, v) = array_module(packed), apart(packed, heads)
    gradient, (g,) = xp.empty(packed.shape, packed.dtype), apart(g, heads, parts=1)
    gq, gk, gv = apart(gradient, heads)

    def part(s):
        p = kept[s]
        gv[s] = p.swapaxes(-1, -2) @ g[s]
        scores = g[s] @ v[s].swapaxes(-1, -2)
        scores -= (scores * p).sum(-1, keepdims=True)
        scores *= p
        scores *= 1 / math.sqrt(q.shape[-1])
        gq[s] = scores @ k[s]
        gk[s] = scores.swapaxes(-1, -2) @ q[s]

    _by_images(part, packed, kept)
    return gradient


def _composite(packed, heads):
    q, k, v = apart(packed, heads)
    weights = softmax((q * (1 / math.sqrt(q.shape[-1]))) @ k.swapaxes(-1, -2))
    return (weights @ v).transpose(0, 2, 1, 3).reshape(*packed.shape[:2], -1)


self_attention.vjps(_gradient, twin=_composite)


def apart(x, heads, parts=3):
    """x (N, T, parts * heads * d) as (parts, N, heads, T, d): what lies side by side in its rows.

    >>> import numpy as np
    >>> q, k, v = apart(np.arange(12).reshape(1, 1, 12), heads=2)
    >>> k.tolist()
    [[[[4, 5]], [[6, 7]]]]
    """
    return x.reshape(*x.shape[:2], parts, heads, -1).transpose(2, 0, 3, 1, 4)


def _by_images(part, packed, weights):
    """part(slice) for all images: in passes on all cores, or in one on a GPU."""
    if not on_host(packed):
        part(slice(None))
        return
    n = len(packed)
    each = (packed.size + weights.size) // max(1, n)
    with one_blas_thread:
        par(lambda lo, hi: [part(s) for s in chunks(lo, hi, each)], n, PASSES * each)
