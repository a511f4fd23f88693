r"""Gaussian dropout: multiply each unit by a normal number of mean 1 instead of silencing some.

Paper    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to prevent
         neural networks from overfitting", JMLR 15 (2014) 1929-1958: "Srivastava 2014".
Where    Units: the activations $x$ of any layer, one draw for each entry.
Symbols  $p$ rate of the dropout that it takes the place of, $q = 1 - p$ (Srivastava 2014 writes $p$
         for our $q$), $\sigma^2$ variance of the noise ($\alpha$ in variational dropout),
         $\varepsilon$ noise, $m$ mask of dropout, $x$ input, $y$ output.

Srivastava 2014, section 10: draw real numbers of mean 1, as spread as the m / q of dropout
$$ \varepsilon_i \sim \mathcal{N}(1, \sigma^2), \qquad \sigma^2 = p / q        \tag{gaussian.1} $$
Srivastava 2014, section 10: multiply
$$ y_i = \varepsilon_i \, x_i                                                  \tag{gaussian.2} $$
From (gaussian.1) and (gaussian.2): mean and variance are those of dropout
$$ \mathbb{E}[y_i] = x_i, \qquad \mathrm{Var}[y_i] = x_i^2 \, p / q            \tag{gaussian.3} $$
From (gaussian.1): the fourth moment is not
$$ \mathbb{E}[(\varepsilon_i - 1)^4] = 3 \, \frac{p^2}{q^2}, \qquad
   \mathbb{E}\big[(\tfrac{m_i}{q} - 1)^4\big] = p + \frac{p^4}{q^3}            \tag{gaussian.4} $$

Without noise  $y = x$.

Differs
- From dropout: nothing is silenced, the noise can be negative, and p = 1 is refused, since the
  variance has no limit there.  [test_gaussian_1_silences_nothing_and_needs_p_below_1]
- From Keras, which has the same $\sigma$ but takes a rate of 1 and divides by zero at the first
  call.  [test_gaussian_dropout_on_the_normal_numbers_of_keras,
  test_keras_divides_by_zero_at_a_rate_of_1]
- From Keras, which draws in the type of the layer: the noise is float32 and of at most
  $\sqrt{64 \ln 2} = 6.66$ standard deviations, and is used in the type of x.
  [test_gaussian_1_noise_is_float32_and_bounded, test_keras_draws_gaussian_noise_in_the_layers_type]
- From PyTorch, which has no Gaussian dropout.  [test_torch_has_no_gaussian_dropout]
"""

import math

from ..arguments import fitting, floating, probability
from ..nn import Noise
from ..noise import gaussian


def gaussian_noise(rng, shape, p):
    """Draw factors of mean 1 and variance p / (1 - p), float32 of `shape`.

    `rng` is a `Stream` or an int seed.  ValueError for p outside [0, 1).

    Source: Srivastava 2014, section 10.

    >>> gaussian_noise(3, 4, p=0.5).round(3)
    array([-0.798,  0.647,  2.048,  1.384], dtype=float32)
    """
    p = _below_1(p)
    return 1 + math.sqrt(p / (1 - p)) * gaussian(rng, shape)                   # Eq. (gaussian.1)


def gaussian_dropout(x, noise):
    """`x` times the given noise, floats that broadcast to x.

    Source: Srivastava 2014, section 10.

    >>> import numpy as np
    >>> gaussian_dropout(np.array([2.0, 4.0]), np.array([1.5, 0.5]))
    array([3., 2.])
    """
    return floating(x) * fitting(floating(noise, "noise"), x, "noise")         # Eq. (gaussian.2)


class GaussianDropout(Noise):
    """Gaussian dropout as a layer: active in training, the identity in evaluation.

    `p` lies in [0, 1): the noise has the variance p / (1 - p) of dropout at the rate p.

    >>> import numpy as np
    >>> layer = GaussianDropout(0.5).init(seed=3)
    >>> layer(np.ones(4)).round(3), layer.eval()(np.ones(4))
    (array([-0.798,  0.647,  2.048,  1.384]), array([1., 1., 1., 1.]))
    """

    def __init__(self, p):
        self.p = _below_1(p)

    def sample(self, shape):
        return gaussian_noise(self.rng, shape, self.p)

    def apply(self, x, noise):
        return gaussian_dropout(x, noise)


def _below_1(p):
    if probability(p) == 1:
        raise ValueError(f"p must be below 1, where the noise has the variance p / (1 - p), got "
                         f"{p!r}")
    return float(p)
