r"""The dynamics of training: how long gradients are, how far they lead, how well they agree.

Paper    Liu, Xu, Jin, Shen, Darrell, "Dropout reduces underfitting", ICML 2023, PMLR 202
         22233-22248, arXiv:2303.01500: "Liu 2023".  No code of theirs computes these numbers
         (facebookresearch/dropout, issue 1).
Where    The whole network: all that is trained in it as one flat vector of d numbers.
Symbols  $g_i$ the gradients of $n$ mini-batches at the same weights, noise on, $\hat g$ the
         gradient of the whole training set without noise, $u = g / \lVert g \rVert$ a direction,
         $\bar u = \frac{1}{n} \sum_i u_i$, $W_t$ the weights after $t$ steps.

Liu 2023, in words: gradient norm
$$ \lVert g_i \rVert_2                                                       \tag{dynamics.1} $$
Liu 2023, in words: model distance
$$ \lVert W_t - W_0 \rVert_2                                                 \tag{dynamics.2} $$
Liu 2023, in words: gradient direction variance, over the unordered pairs; computed by (dynamics.6)
$$ \mathrm{GDV} = \frac{2}{n (n - 1)} \sum_{i < j}
   \tfrac12 \left( 1 - \frac{\langle g_i, g_j \rangle}
                            {\lVert g_i \rVert \lVert g_j \rVert} \right)    \tag{dynamics.3} $$
Liu 2023, in words: gradient direction error; computed by (dynamics.7)
$$ \mathrm{GDE} = \frac{1}{n} \sum_i \tfrac12 \left( 1 - \frac{\langle g_i, \hat g \rangle}
                  {\lVert g_i \rVert \lVert \hat g \rVert} \right)           \tag{dynamics.4} $$
From (dynamics.3), in O(n d): the mean cosine of two directions, by their mean
$$ \frac{2}{n (n - 1)} \sum_{i < j} \langle u_i, u_j \rangle
   = \frac{n \lVert \bar u \rVert^2 - 1}{n - 1}                              \tag{dynamics.5} $$
From (dynamics.5): half the variance of the directions, a sum of squares, so no digits cancel
$$ \mathrm{GDV} = \tfrac12 \cdot \frac{1}{n - 1} \sum_i
                  \lVert u_i - \bar u \rVert^2                               \tag{dynamics.6} $$
From (dynamics.4), likewise: a quarter of the squared distance to the right direction
$$ \mathrm{GDE} = \frac{1}{4 n} \sum_i \lVert u_i - \hat u \rVert^2          \tag{dynamics.7} $$
From (dynamics.3) and (dynamics.4): a signal along g-hat, snr times as long as noise across it
$$ \mathrm{GDV} = \tfrac12 (1 - \rho^2), \qquad \mathrm{GDE} = \tfrac12 (1 - \rho), \qquad
   \rho = \mathrm{snr} / \sqrt{1 + \mathrm{snr}^2}                           \tag{dynamics.8} $$

Both lie in [0, 1]: 0 for equal directions, 1/2 for right angles, 1 for opposite ones.  More than
two gradients cannot all be opposite: by (dynamics.6) GDV is at most n / (2 (n - 1)).  In
(dynamics.8) the noises are at right angles to each other, as they nearly are in many dimensions.

Without noise  GDV and GDE then show what the choice of the mini-batches alone does.

Differs
- A sum over all i and j that differ, with the same factor in front, would be twice as large: here
  each pair counts once.  [test_dynamics_3_counts_each_pair_once]
- From SuperTinyLanguageModels, which logs the mean cosine and not the distance, so that 1 means
  agreement.  [test_dynamics_3_is_no_similarity]
- From the same, which averages over the layers: here a layer weighs as much as its gradient does.
  [test_dynamics_3_is_not_the_mean_over_layers]
- From the same, which compares the gradients of consecutive steps, and so the curvature too: here
  all belong to the same weights.  [test_dynamics_3_of_consecutive_steps_sees_the_curvature]
- From another reimplementation, which has a number for each tensor and takes the mean of the same
  mini-batches for the right direction: it cannot see an error that they all share.
  [test_dynamics_4_against_the_mean_of_the_batches_misses_what_they_share]
"""

import math

from .arguments import floating, iterable
from .tape import data_of
from .xp import array_module


def gradient_norm(grads):
    """The length of each gradient: an array (n,), float64.

    `grads` is an array (n, d) or an iterable of n flat vectors, of which one at a time is needed.
    Lengths are summed in float64 and without overflow.  ValueError for what is not finite.

    Source: Liu 2023.

    >>> import numpy as np
    >>> gradient_norm(np.array([[3.0, 4.0], [0.0, 2.0]]))
    array([5., 2.])
    """
    lengths: list[float] = []
    xp = None
    for g in _vectors(grads):
        xp = array_module(g)
        lengths.append(_length(_scaled(g, f"grads[{len(lengths)}]")))          # Eq. (dynamics.1)
    if xp is None:
        raise ValueError("grads must hold at least one gradient, got none")
    return xp.asarray(lengths)


def model_distance(params, params0):
    """How far the weights `params` are from `params0`, two flat vectors: a float.

    >>> import numpy as np
    >>> model_distance(np.array([1.0, 2.0]), np.array([4.0, -2.0]))
    5.0
    """
    w, w0 = _vector(params, "params"), _vector(params0, "params0")
    array_module(w, w0)                           # refuses a mixture
    if w.shape != w0.shape:
        raise ValueError(f"params must be as long as params0, {w0.size}, got {w.size}")
    step = w.astype("float64")
    step -= w0
    return _length(_scaled(step, "params - params0"))                          # Eq. (dynamics.2)


def gradient_direction_variance(grads):
    """How much directions differ: the mean over all pairs of half of 1 - cosine, in [0, 1].

    `grads` is an array (n, d) or an iterable of n >= 2 flat vectors, which is run through once, in
    the memory of a few vectors of float64.  ValueError for a gradient that is zero, which has no
    direction.

    Source: Liu 2023.

    >>> import numpy as np
    >>> gradient_direction_variance(np.array([[1.0, 0.0], [0.0, 3.0]]))
    0.5
    """
    directions = Directions()
    for g in _vectors(grads):
        directions.add(g)
    return directions.variance()


def gradient_direction_error(grads, reference):
    """How far directions are from that of `reference`: the mean of half of 1 - cosine, in [0, 1].

    `grads` is an array (n, d) or an iterable of n >= 1 flat vectors, `reference` a flat vector: the
    gradient of the whole training set without noise.  ValueError for zeros among them.

    Source: Liu 2023.

    >>> import numpy as np
    >>> error = gradient_direction_error(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 1.0]))
    >>> round(error, 6)
    0.146447
    """
    directions = Directions(_vector(reference, "reference"))
    for g in _vectors(grads):
        directions.add(g)
    return directions.error()


class Directions:
    """Gradients that come one at a time, of which sums are kept and not the gradients themselves.

    >>> import numpy as np
    >>> directions = Directions(reference=np.array([1.0, 1.0]))
    >>> directions.add(np.array([1.0, 0.0])), directions.add(np.array([0.0, 2.0]))
    (1.0, 2.0)
    >>> directions.variance(), round(directions.error(), 6)
    (0.5, 0.146447)
    """

    def __init__(self, reference=None):
        self.reference = None
        if reference is not None:
            self.reference, _ = _direction(_vector(reference, "reference"), "reference")
        self.n, self.mean, self.spread, self.away = 0, None, 0.0, 0.0

    def add(self, g):
        """Take a gradient into account, a flat vector; its length."""
        name = f"grads[{self.n}]"
        g, known = _vector(g, name), self.reference if self.mean is None else self.mean
        if known is not None:
            array_module(g, known)                # refuses a mixture
            if g.shape != known.shape:
                raise ValueError(f"{name} must be as long as the other vectors, {known.size}, got "
                                 f"{g.size}")
        u, length = _direction(g, name)
        self.n += 1
        if self.reference is not None:
            apart = u - self.reference
            self.away += float(apart @ apart)
        if self.mean is None:
            self.mean = u
        else:                                     # one pass: Welford's mean and sum of squares
            u -= self.mean
            self.spread += (self.n - 1) / self.n * float(u @ u)
            u /= self.n
            self.mean += u
        return length

    def variance(self):
        """Gradient direction variance of at least two gradients."""
        if self.n < 2:
            raise ValueError(f"grads must hold at least two gradients, got {self.n}")
        return min(self.spread / (2 * (self.n - 1)), 1.0)                      # Eq. (dynamics.6)

    def error(self):
        """Gradient direction error of at least one gradient."""
        if self.n < 1:
            raise ValueError("grads must hold at least one gradient, got none")
        return min(self.away / (4 * self.n), 1.0)                              # Eq. (dynamics.7)


def _vectors(grads):
    """The gradients, one by one, all of the same length."""
    if hasattr(type(grads), "dtype"):
        grads = data_of(floating(grads, "grads"))
        if grads.ndim != 2:
            raise ValueError("grads must have shape (n, d) or be an iterable of flat vectors, got "
                             f"shape {grads.shape}")
    iterable(grads, "grads", "an array (n, d) or an iterable of flat vectors")
    return (_vector(g, f"grads[{i}]") for i, g in enumerate(grads))


def _vector(value, name):
    """The array of a flat vector of floats."""
    if floating(value, name).ndim != 1 or value.size == 0:
        raise ValueError(f"{name} must be a flat vector, (d,), got shape {value.shape}; "
                         "minidrop.flat(arrays) makes one of many arrays")
    return data_of(value)


def _scaled(g, name):
    """(g / top, top) in float64, where top is the largest entry: squares do not overflow."""
    top = max(float(g.max()), -float(g.min()))
    if not math.isfinite(top):
        raise ValueError(f"{name} must be finite, got {top}")
    g = g.astype("float64")
    if top:
        g /= top
    return g, top


def _length(scaled):
    g, top = scaled
    return top * math.sqrt(float(g @ g))


def _direction(g, name):
    """(g / |g|, |g|) in float64."""
    g, top = _scaled(g, name)
    if not top:
        raise ValueError(f"{name} is zero and has no direction")
    size = math.sqrt(float(g @ g))
    g /= size
    return g, top * size
