r"""Attention: tokens look at each other; and the patches of an image as tokens.

Symbols  $Q$ queries, $K$ keys, $V$ values, one row for each token, $d$ the length of a query,
         $X$ tokens (T, width), $W^Q_i, W^K_i, W^V_i$ the maps of head $i$, $W^O$ that of all heads,
         $x_p^t$ the numbers of patch $t$, $E$ their embedding.

Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.1, equation 1: values, weighed by keys
$$ \mathrm{Attention}(Q, K, V) = \mathrm{softmax}(Q K^\top / \sqrt d) \, V     \tag{attention.1} $$
Vaswani et al. 2017, section 3.2.2: every head attends on its own, and one map joins them
$$ [H_1, \dots, H_h] \, W^O, \qquad
   H_i = \mathrm{Attention}(X W^Q_i, X W^K_i, X W^V_i)                         \tag{attention.2} $$
Dosovitskiy et al. 2021 (arXiv:2010.11929), section 3.1: every patch of an image is a token
$$ [x_p^1 E; \; x_p^2 E; \; \dots; \; x_p^T E]                                 \tag{attention.3} $$
"""

import math

from ..arguments import floating, pair
from .vectors import softmax


def attention(q, k, v):
    """softmax(q k^T / sqrt(d)) v: q (..., S, d), k (..., T, d), v (..., T, e); y (..., S, e).

    The axes before the last two are the same in all three.

    Source: Vaswani et al. 2017, equation 1.

    >>> import numpy as np
    >>> q, k, v = np.array([[0.0]]), np.array([[1.0], [2.0]]), np.array([[4.0], [6.0]])
    >>> attention(q, k, v)                        # a query of 0 weighs all values alike
    array([[5.]])
    """
    weights = attention_weights(q, k)
    if _tokens(v, "v").shape[:-1] != k.shape[:-1]:
        raise ValueError("k and v must have shapes (..., T, d) and (..., T, e), got "
                         f"{k.shape} and {v.shape}")
    return weights @ v                                                    # Eq. (attention.1)


def attention_weights(q, k):
    """softmax(q k^T / sqrt(d)), rows that sum to 1: q (..., S, d), k (..., T, d); y (..., S, T).

    What every query takes from every token: `attention(q, k, v)` is `attention_weights(q, k) @ v`,
    and dropout of attention drops some of the weights.

    >>> import numpy as np
    >>> attention_weights(np.array([[0.0]]), np.array([[1.0], [2.0]]))
    array([[0.5, 0.5]])
    """
    if _tokens(k, "k").shape != (*_tokens(q, "q").shape[:-2], k.shape[-2], q.shape[-1]):
        raise ValueError(f"q and k must have shapes (..., S, d) and (..., T, d), got {q.shape} and "
                         f"{k.shape}")
    scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.swapaxes(-1, -2)
    return softmax(scores)                                                # Eq. (attention.1)


def _tokens(x, name):
    """`x` itself, if it is floats (..., tokens, width) and not empty."""
    if floating(x, name).ndim < 2 or 0 in x.shape[-2:]:
        raise ValueError(f"{name} must have shape (..., tokens, width), not empty, got {x.shape}")
    return x


def patches(x, size):
    """Images (N, C, H, W) cut into tokens (N, H / h * W / w, C h w), row by row; `size` is (h, w).

    >>> import numpy as np
    >>> patches(np.arange(16).reshape(1, 1, 4, 4) / 1, 2)[0, 1]
    array([2., 3., 6., 7.])
    """
    h, w = pair(size, "size")
    if floating(x).ndim != 4 or 0 in x.shape or x.shape[2] % h or x.shape[3] % w:
        raise ValueError("x must have shape (N, C, H, W), with H and W multiples of the size "
                         f"({h}, {w}), got {x.shape}")
    n, c, height, width = x.shape
    cut = x.reshape(n, c, height // h, h, width // w, w).transpose(0, 2, 4, 1, 3, 5)
    return cut.reshape(n, -1, c * h * w)
