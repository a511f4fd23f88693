r"""Max-norm: after every step, shorten the weight vectors that have become too long.

Paper    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to prevent
         neural networks from overfitting", JMLR 15 (2014) 1929-1958: "Srivastava 2014".
Where    Weights: the incoming weights of each unit, a row of (out, in); a convolution's weights
         count as (out, everything else).  Biases are left alone.
Symbols  $w$ the incoming weights of one unit, $c$ the limit.

Srivastava 2014, section 5.1: after each update, back onto the ball of radius c
$$ \Pi(w) = w \, \min(1, \; c / \lVert w \rVert_2)                           \tag{max_norm.1} $$
From (max_norm.1): no other point of the ball is as near to w
$$ \Pi(w) = \mathrm{argmin}_{\lVert u \rVert \le c} \; \lVert u - w \rVert   \tag{max_norm.2} $$
From (max_norm.1): so a second projection changes nothing
$$ \Pi(\Pi(w)) = \Pi(w)                                                      \tag{max_norm.3} $$

Without noise  The same: evaluation uses the weights as the last step left them.

Differs
- From Keras, whose MaxNorm multiplies every vector by a factor a little below 1: a vector within
  the limit keeps its bits.  [test_max_norm_1_within_the_limit_nothing_changes]
- From Keras, where the axis is an argument since kernels are (in, out): here rows are units.
  [test_max_norm_1_convolution_weights_are_rows_too]
"""

from ..arguments import describe, floating, matching, number
from ..functional import maximum, sqrt
from ..nn import Module


def max_norm(w, limit):
    """`w` with each row, w[i] flattened, shortened to the length `limit` where it is longer.

    `w` is an array or Tensor (out, ...) of at least two axes, `limit` is above 0.  Zero rows stay
    zero, and lengths are found without overflow.

    Source: Srivastava 2014, section 5.1.

    >>> import numpy as np
    >>> max_norm(np.array([[3.0, 4.0], [1.0, 2.0]]), limit=3)
    array([[1.8, 2.4], [1. , 2. ]])
    """
    if floating(w, "w").ndim < 2 or w.size == 0:
        raise ValueError(f"w must have shape (out, ...), not empty, got shape {w.shape}")
    limit = _limit(limit)
    row = tuple(range(1, w.ndim))
    unit = maximum(abs(w).max(row, keepdims=True), limit)         # in this unit no entry exceeds 1
    square = ((w / unit) ** 2).sum(row, keepdims=True)
    inside = limit / unit
    return w * (inside / sqrt(maximum(square, inside * inside)))               # Eq. (max_norm.1)


def _limit(limit):
    if number(limit, "limit") == 0:
        raise ValueError("limit must be above 0, got 0")
    return float(limit)


def apply_max_norm(net, limit, pattern="*"):
    """Project the weights of a network in place: every trained parameter of two or more axes.

    `pattern` picks them by their path, whole or from a dot on.  What is no weight (`decay=False`),
    such as the variances of `Variational`, is never projected, and no path for the pattern.  For
    `fit(..., project=lambda net: apply_max_norm(net, 3))`.

    >>> import numpy as np
    >>> from minidrop.nn import Linear
    >>> layer = Linear(2, 1).init(0)
    >>> layer.weight.data[:] = [[30, 40]]
    >>> apply_max_norm(layer, 5)
    >>> layer.weight.data
    array([[3., 4.]], dtype=float32)
    """
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")
    limit, wide = _limit(limit), {path: w for path, w in net.named_parameters()
                                  if w.ndim > 1 and w.decay}
    for path in matching(pattern, wide, what="weight of two or more axes"):
        w = wide[path]
        if w.requires_grad:
            w.data[...] = max_norm(w.data, limit)
