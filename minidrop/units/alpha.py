r"""Alpha dropout: silence units without moving the mean and the variance that SELU keeps.

Paper    Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", NIPS 2017,
         arXiv:1706.02515: "Klambauer 2017".
Where    Units: the activations $x$ of SELU layers, one draw for each entry, or (feature alpha
         dropout) for each channel map (N, C, ...) of each example.
Symbols  $p$ drop probability, $q = 1 - p$ keep probability (as in the paper), $m$ mask (1 keeps),
         $\alpha' = -\lambda \alpha$ the value of SELU far below 0, $\mu$ and $\nu$ mean and
         variance of $x$ (0 and 1 in networks that normalise themselves), $x$ input, $y$ output.

Klambauer 2017, in words: keep with probability q
$$ m_i \sim \mathrm{Bernoulli}(q)                                              \tag{alpha.1} $$
Klambauer 2017, in words: silence to SELU's lowest value instead of 0, then stretch and shift
$$ y_i = a \, (m_i \, x_i + \alpha' (1 - m_i)) + b                             \tag{alpha.2} $$
Klambauer 2017, in words: moments before the stretch, over the draws and over x
$$ \mathbb{E}[m_i x_i + \alpha' (1 - m_i)] = q \mu + p \alpha', \qquad
   \mathrm{Var}[m_i x_i + \alpha' (1 - m_i)] = q \, (p (\alpha' - \mu)^2 + \nu) \tag{alpha.3} $$
Klambauer 2017, in words, and its code for any mean and variance: so that both come out as before
$$ a = \sqrt{\frac{\nu}{q \, (p (\alpha' - \mu)^2 + \nu)}}, \qquad
   b = \mu - a \, (q \mu + p \alpha')                                          \tag{alpha.4} $$
From (alpha.3) and (alpha.4): mean and variance are kept
$$ \mathbb{E}[y_i] = \mu, \qquad \mathrm{Var}[y_i] = \nu                       \tag{alpha.5} $$
From (alpha.4): the limit of a silenced unit at p = 1
$$ \lim_{p \to 1} a \alpha' + b = \mu                                          \tag{alpha.6} $$

Without noise  $y = x$.

Differs
- From dropout, which keeps the mean of each entry: here an entry's own mean is pulled towards
  $\mu$, and only the mean and variance over the layer are kept.
  [test_alpha_2_pulls_each_entry_towards_the_mean]
- From PyTorch and Keras, which hold $\mu = 0$ and $\nu = 1$: `mean` and `var` are options, as in
  the paper's code; their a and b are these.  [test_alpha_4_is_the_constant_of_pytorch_and_keras,
  test_alpha_dropout_under_the_mask_of_torch, test_alpha_dropout_under_the_mask_of_keras]
- From Keras, which divides by zero at a rate of 1, and like PyTorch: p = 1 gives zeros, by
  (alpha.6).  [test_alpha_6_at_p_1_everything_is_the_mean,
  test_keras_divides_by_zero_at_a_rate_of_1]
- From PyTorch, whose `F.feature_alpha_dropout` takes a 2-d input as plain alpha dropout: an input
  of `FeatureAlphaDropout` has 3 to 5 axes.  [test_alpha_1_feature_draws_once_for_each_map,
  test_torchs_feature_alpha_dropout_takes_a_matrix_entry_by_entry]
- From PyTorch's `F.alpha_dropout`, which does nothing unless told to train: the functions have no
  mode.  [test_torchs_alpha_dropout_is_idle_unless_it_is_told_to_train]
- From PyTorch: no `inplace`, as for `dropout`; its alpha layers take it and ignore it.
  [test_torchs_alpha_dropout_takes_inplace_and_ignores_it]
- Like PyTorch and Keras, and unlike what selects: the product is taken, so a dropped inf or nan
  gives nan.  [test_alpha_2_a_dropped_infinity_is_nan,
  test_torch_and_keras_give_nan_for_an_infinity_that_alpha_dropout_drops]
"""

import math

from ..arguments import floating, keep_mask, number, probability
from ..functional import masked
from ..nn import Noise
from .dropout import dropout_mask
from .spatial import spatial_dropout_mask

SATURATION = -1.7580993408473766    # -lambda alpha


def alpha_affine(p, mean=0.0, var=1.0):
    """(a, b) by which x, of this mean and variance, keeps both under alpha dropout.

    At p = 1, where a has no limit but the output has, (0, mean): by (alpha.6).

    Source: Klambauer 2017; its code for `mean` and `var`.

    >>> a, b = alpha_affine(0.1)
    >>> round(a, 8), round(b, 8)
    (0.92128452, 0.16197097)
    """
    mean, var = number(mean, "mean", least=-1e150, most=1e150), number(var, "var", most=1e300)
    if var < 1e-150:
        raise ValueError(f"var must be above 0, got {var!r}")
    p, q = probability(p), 1 - probability(p)
    if not q:
        return 0.0, mean
    a = math.sqrt(var / (q * (p * (SATURATION - mean) ** 2 + var)))            # Eq. (alpha.4)
    return a, mean - a * (q * mean + p * SATURATION)                           # Eq. (alpha.4)


def alpha_dropout(x, mask, p, mean=0.0, var=1.0):
    """`x` with the entries that `mask` drops at SELU's lowest value, stretched and shifted.

    `x` is a floating array or Tensor, `mask` boolean and broadcastable to x (True keeps): of the
    shape (N, C, 1, 1) it makes feature alpha dropout.  `mean` and `var` are those of x.  p = 1
    gives the mean everywhere.

    Source: Klambauer 2017.

    >>> import numpy as np
    >>> x, mask = np.array([1.0, -1.0, 0.0]), np.array([True, False, True])
    >>> alpha_dropout(x, mask, p=0.1).round(4)
    array([ 1.0833, -1.4577,  0.162 ])
    """
    mask, (a, b) = keep_mask(mask, floating(x).shape), alpha_affine(p, mean, var)
    number_of = x.dtype.type                      # b where kept, a s + b where dropped, exactly:
    shift = mask * number_of(-a * SATURATION) + number_of(a * SATURATION + b)  # x stays x at p = 0
    return masked(x, mask, a) + shift                                          # Eq. (alpha.2)


class AlphaDropout(Noise):
    """Alpha dropout as a layer, for SELU networks: one draw for each entry.

    `mean` and `var` are those of its inputs, 0 and 1 where every layer is SELU, the weights start
    with variance 1 / fan-in, and the data are standardised.

    >>> import numpy as np
    >>> layer = AlphaDropout(0.1).init(seed=1)
    >>> layer(np.zeros(4)).round(4), layer.eval()(np.zeros(4))
    (array([ 0.162 ,  0.162 ,  0.162 , -1.4577]), array([0., 0., 0., 0.]))
    """

    def __init__(self, p, mean=0.0, var=1.0):
        self.p, self.mean, self.var = probability(p), mean, var
        alpha_affine(0.0, mean, var)              # says what is wrong with them

    def sample(self, shape):
        return dropout_mask(self.rng, shape, self.p)                           # Eq. (alpha.1)

    def apply(self, x, mask):
        return alpha_dropout(x, mask, self.p, self.mean, self.var)


class FeatureAlphaDropout(AlphaDropout):
    """Alpha dropout of whole channel maps, for inputs (N, C, ...) of 3 to 5 axes.

    >>> import numpy as np
    >>> FeatureAlphaDropout(0.5).init(seed=2)(np.zeros((1, 2, 1, 2)))[0, :, 0].round(4)
    array([[-0.7792, -0.7792],
           [ 0.7792,  0.7792]])
    """

    def sample(self, shape):
        return spatial_dropout_mask(self.rng, shape, self.p)                   # Eq. (alpha.1)
