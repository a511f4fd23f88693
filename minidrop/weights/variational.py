r"""Variational dropout: noise on each weight whose strength is learnt, until what is noise is cut.

Papers   Kingma, Salimans, Welling, "Variational dropout and the local reparameterization trick",
         NIPS 2015, arXiv:1506.02557: "Kingma 2015".
         Molchanov, Ashukha, Vetrov, "Variational dropout sparsifies deep neural networks", ICML
         2017, arXiv:1701.05369: "Molchanov 2017".
Where    Weights: each of them is a normal variable; the noise is drawn at the outputs of the layer,
         once for each output of each example.
Symbols  $\theta$ mean of a weight (`weight` in the code), $\sigma^2$ its variance,
         $\ell = \log \sigma^2$ (`log_sigma2` in the code),
         $\alpha = \sigma^2 / \theta^2$ its noise, $A$ input (`x`), $b$ pre-activation, $\gamma$ and
         $\delta$ mean and variance of $b$, $\varepsilon$ standard normal noise, $N$ examples, $M$
         of them in a batch, squares and roots of matrices by entries, KL the divergence of a
         weight's distribution from the prior, its price, $r_t$ weight of KL in step $t$,
         $c_0 = -(\gamma_E + \log 2) / 2 = -0.635$, with Euler's constant $\gamma_E$.

Molchanov 2017, in words: a weight is a mean and noise beside it; theta and log sigma^2 are trained
$$ w = \theta + \sigma \, \varepsilon                                    \tag{variational.1} $$
Molchanov 2017, in words: so that the noise of a weight is (here with 1e-8 for means of 0)
$$ \log \alpha = \log \sigma^2 - \log(\theta^2 + 10^{-8})                \tag{variational.2} $$
Kingma 2015, in words: a pre-activation is then normal too
$$ \gamma = A \, \theta, \qquad \delta = A^2 \, (\alpha \, \theta^2) = A^2 \, \sigma^2
                                                                         \tag{variational.3} $$
Kingma 2015, in words (local reparameterisation): so draw it, and no weights
$$ b = \gamma + \sqrt{\delta} \, \varepsilon                             \tag{variational.4} $$
From (variational.4): theta has no part in delta, and the noise none in theta's gradient
$$ \bar \theta = A^\top \bar b, \qquad
   \bar \ell = (A^2)^\top \Big( \bar b \,
   \frac{\varepsilon}{2 \sqrt{\delta}} \Big) \odot \sigma^2              \tag{variational.5} $$
From (variational.3): examples share drawn weights, but no local noise
$$ \mathrm{Cov}[b_m, b_n] = \sum_i A_{mi} A_{ni} \, \sigma_i^2
   \;\text{ for weights, } \quad 0 \;\text{ for local noise}             \tag{variational.6} $$
From (variational.6): so only local noise averages out over a batch of M like examples
$$ \mathrm{Var}[\bar\theta] = \frac{1}{M} \, \mathrm{Var}[\bar\theta_1]  \tag{variational.7} $$
Kingma 2015, in words: the divergence from a log-uniform prior, up to a constant; here it ends at 0
$$ -\mathrm{KL} = \tfrac12 \log \alpha - \mathbb{E} \log |1 + \sqrt{\alpha} \, \varepsilon| + c_0
                                                                         \tag{variational.8} $$
Kingma 2015, in words: a polynomial for alpha up to 1
$$ -\mathrm{KL} \approx c_0 + \tfrac12 \log \alpha + 1.16145124 \, \alpha - 1.50204118 \, \alpha^2
   + 0.58629921 \, \alpha^3                                              \tag{variational.9} $$
Molchanov 2017, in words: and one formula for every alpha
$$ -\mathrm{KL} \approx k_1 \, \sigma(k_2 + k_3 \log \alpha)
   - \tfrac12 \log(1 + \alpha^{-1}) - k_1, \qquad
   k = (0.63576, 1.8732, 1.48695)                                        \tag{variational.10} $$
Molchanov 2017, in words, divided by N: added to the mean loss of a batch
$$ \frac{r_t}{N} \sum \mathrm{KL}, \qquad
   r_t = \min\Big(1, \max\Big(0, \frac{t - t_0}{t_1 - t_0}\Big)\Big)     \tag{variational.11} $$
Molchanov 2017, in words: noise of 20 times the mean squared, a dropout of 0.9526, is no weight
$$ \hat w = \theta \, [\log \alpha \le 3], \qquad
   p = \alpha / (1 + \alpha)                                             \tag{variational.12} $$

Without noise  $b = A \hat w$.

Differs
- From the authors' code, whose dense layer has no 1e-8 in log alpha, so that a mean of 0 has no
  gradient that is a number.  [test_variational_2_a_mean_of_0_has_a_gradient]
- From the authors' code, where log alpha is cut to [-8, 8] and the variance is $\alpha \theta^2$:
  so cutting changes the variance, and the noise has a part in theta's gradient.  Nothing is cut
  here.  [test_variational_3_the_variance_is_not_cut]
- From the authors' code, which adds 1e-8 to delta: a variance of 0 stays 0, or as near as
  a root with a slope can be.  [test_variational_4_without_variance_there_is_no_noise]
- From the authors' code, which multiplies the mean loss by N: here the divergence is divided by it,
  so that learning rates mean what they mean elsewhere; the warm-up grows in steps, not in epochs.
  [test_variational_11_is_the_bound_divided_by_n]
- From the authors' code, which can cut weights in training too: here in evaluation alone.
  [test_variational_12_cuts_in_evaluation_alone]
- From the older code of the authors, whose formula for the divergence ends at 0.67 below: an
  additive constant, and within 0.01 of ours but for it.
  [test_variational_10_beside_the_older_formula]
- From Kingma 2015, whose alpha is at most 1: the polynomial is no divergence beyond, where weights
  become noise.  [test_variational_9_is_for_alpha_up_to_1]
- From Targeted Dropout's version for units, where the weights of a filter share log sigma^2: each
  still has its own alpha then, and here its own variance too.
  [test_variational_2_a_shared_variance_is_no_shared_alpha]
- From an optimizer's weight decay of everything, which would draw log sigma^2 to 0, a variance of
  1: log sigma^2 has none here (`decay=False`).
  [test_variational_module_weight_decay_leaves_the_variances_alone]
- From Gaussian dropout, whose noise lies on the inputs, so that all units of an example share it: a
  unit's mean and variance are the same, but units here are independent.
  [test_variational_4_units_are_independent]
"""

import math

from ..arguments import (
    COUNTED,
    count,
    describe,
    fitting,
    flag,
    floating,
    not_below_zero,
    number,
    option,
)
from ..functional import exp, log, masked, maximum, sigmoid, sqrt
from ..nn import Module, OnWeights, Parameter, constant
from ..noise import gaussian
from ..xp import array_module

LEAST = 1e-8                                      # of a squared mean; 6e-5 in float16
K1, K2, K3 = 0.63576, 1.87320, 1.48695            # Molchanov 2017
CUBIC = 1.16145124, -1.50204118, 0.58629921       # Kingma 2015
C0 = -(0.5772156649015329 + math.log(2)) / 2      # mean of log |standard normal|


def variational_log_alpha(theta, log_sigma2):
    """log alpha of weights with the means `theta` and the logarithms `log_sigma2` of variances.

    Source: Molchanov 2017.

    >>> import numpy as np
    >>> variational_log_alpha(np.array([0.5, -1.0]), np.log([0.25, 0.0001])).round(3)
    array([-0.  , -9.21])
    """
    if floating(theta, "theta").shape != floating(log_sigma2, "log_sigma2").shape:
        raise ValueError(f"log_sigma2 must have the shape {theta.shape} of theta, got "
                         f"{log_sigma2.shape}")
    least = max(LEAST, _smallest(theta))
    return log_sigma2 - log(theta * theta + least)                       # Eq. (variational.2)


def variational_kl(log_alpha, approximation="molchanov"):
    """The divergence of each weight from the log-uniform prior, about 0 where it is all noise.

    `log_alpha` is a floating array or Tensor.  `approximation` is "molchanov", within 0.01
    everywhere, or "kingma", for alpha up to 1 (log alpha up to 0).

    Source: Molchanov 2017; Kingma 2015.

    >>> import numpy as np
    >>> variational_kl(np.array([-4.0, 0.0, 3.0])).round(4)
    array([2.6342, 0.4312, 0.0254])
    """
    option(approximation, "approximation", ("molchanov", "kingma"))
    floating(log_alpha, "log_alpha")
    if approximation == "kingma":
        alpha, (a, b, c) = exp(log_alpha), CUBIC
        cubic = alpha * (a + alpha * (b + alpha * c))
        return -(C0 + 0.5 * log_alpha + cubic)                           # Eq. (variational.9)
    inverse = maximum(-log_alpha, 0.0) + log(1 + exp(-abs(log_alpha)))   # log(1 + 1 / alpha)
    return K1 - K1 * sigmoid(K2 + K3 * log_alpha) + 0.5 * inverse        # Eq. (variational.10)


def local_reparameterisation(mean, variance, noise):
    """Normal variables of these means and variances, for given standard normal noise.

    All are floating arrays or Tensors of one shape.  A variance of 0 counts as the smallest normal
    number of its dtype, whose root is 1e-19 in float32.

    Source: Kingma 2015.

    >>> import numpy as np
    >>> local_reparameterisation(np.array([-1.5, 2.0]), np.array([4.25, 0.0]), np.array([2.0, 2.0]))
    array([2.62310563, 2.        ])
    """
    if floating(mean, "mean").shape != floating(variance, "variance").shape:
        raise ValueError(f"variance must have the shape {mean.shape} of mean, got {variance.shape}")
    noise = fitting(floating(noise, "noise"), mean, "noise")
    return _varied(mean, not_below_zero(variance, "variance"), noise)


def _varied(mean, variance, noise):
    deviation = sqrt(maximum(variance, _smallest(variance)))             # has a slope at 0 too
    return mean + deviation * noise                                      # Eq. (variational.4)


def variational_penalty(examples, scale=1.0, warm_up=None):
    """A penalty for `fit`: the divergence of all `Variational` layers, divided by `examples`.

    `examples` is their number in the training set, since the loss is a mean.  The function that it
    returns, f(net, step), multiplies by `scale`, and before the second of the two steps of
    `warm_up` by less: by 0 up to the first, then by a line up to 1.

    Source: Molchanov 2017.

    >>> from minidrop.nn import Linear
    >>> net, penalty = Variational(Linear(3, 2)).init(seed=0), variational_penalty(100, 1.0, (5, 9))
    >>> [round(float(penalty(net, step)) / float(net.kl() / 100), 2) for step in (0, 5, 6, 9, 20)]
    [0.0, 0.0, 0.25, 1.0, 1.0]
    """
    weight = number(scale, "scale") / count(examples, "examples", most=COUNTED)
    first, last = _warm_up(warm_up)

    def penalty(net, step):
        if not isinstance(net, Module):
            raise TypeError(f"net must be a Module, got {describe(net)}")
        found = [m for _, m in net.named_modules() if isinstance(m, Variational)]
        if not found:
            raise ValueError(f"net must have a Variational layer, got {describe(net)}")
        grown = 1.0 if step >= last else max(0.0, (step - first) / (last - first))
        return weight * grown * sum(m.kl() for m in found)               # Eq. (variational.11)

    return penalty


class Variational(OnWeights):
    """A Linear or Conv2d whose weights are normal variables with trained means and variances.

    All `log_sigma2` start at `start`; in evaluation weights with a log alpha above `threshold` are
    0.  With `local` noise, drawn for each output, `.noise` has the outputs' shape; without, one
    draw of all weights serves a batch.  Train it with
    `fit(net, ..., penalty=variational_penalty(len(x), warm_up=(5 * steps, 20 * steps)))`, for
    `steps` in an epoch: without the penalty noise only costs, and hardly anything goes.  A `scale`
    of 1 is the bound itself; this warm-up is that of the authors' code, for 200 epochs.

    >>> from minidrop import models
    >>> net = models.wrap(models.mlp(64, 32, 10), "*", Variational).init(seed=0)
    >>> [path for path, _ in net.named_parameters()][:3]
    ['hidden1.linear.weight', 'hidden1.linear.bias', 'hidden1.linear.log_sigma2']
    """

    def __init__(self, layer, start=-10.0, threshold=3.0, local=True):
        super().__init__(layer)
        self.start = number(start, "start", least=-math.inf)
        self.threshold = number(threshold, "threshold", least=-math.inf)
        self.local = flag(local, "local")
        self.log_sigma2 = Parameter(self.weight.shape, constant(self.start), decay=False)

    def forward(self, x):
        if not (self.training and self.local):
            return super().forward(x)
        mean, variance = self.moments(x)
        self.noise = None                         # it makes room for the next
        self.noise = self.sample(mean.shape)
        noise = fitting(self.noise, mean, "noise")
        return _varied(mean, variance, noise)     # a convolution may round to below 0

    def sample(self, shape):
        return gaussian(self.rng, shape)

    def apply(self, weight, noise):
        deviation = exp(0.5 * self.log_sigma2)
        return weight + deviation * fitting(noise, weight, "noise")      # Eq. (variational.1)

    def expect(self, weight):
        return masked(weight, ~self.pruned(), 1.0)                       # Eq. (variational.12)

    def moments(self, x):
        """Mean and variance of the outputs for the input `x`: a pair of arrays or Tensors."""
        mean = self.layer.compute(x, self.weight, self.bias)
        variance = self.layer.compute(x * x, exp(self.log_sigma2), None)
        return mean, variance                                            # Eq. (variational.3)

    def log_alpha(self):
        """How noisy each weight is, in the shape of the weights, a Tensor."""
        return variational_log_alpha(self.weight, self.log_sigma2)

    def pruned(self):
        """Which weights are 0 in evaluation: boolean, in the shape of the weights."""
        return self.log_alpha() > self.threshold

    def kl(self):
        """The divergence of all weights, a Tensor ()."""
        return variational_kl(self.log_alpha()).sum()

    def score(self, unit):
        """Minus log alpha; for units that of a row: the squares of its means beside its noise."""
        if not flag(unit, "unit"):
            return -self.log_alpha().data
        signal, noise = (square.reshape(len(square), -1).sum(1) for square in (
            self.weight.data ** 2, exp(self.log_sigma2.data)))
        least = _smallest(signal)
        return log(signal + max(LEAST, least)) - log(maximum(noise, least))


def _smallest(array):
    """The smallest normal number of its dtype."""
    return float(array_module().finfo(str(array.dtype)).smallest_normal)


def _warm_up(steps):
    """(first, last) of a ramp; (0, 0) for None, which has none."""
    if steps is None:
        return 0, 0
    if not isinstance(steps, tuple | list) or len(steps) != 2:
        raise TypeError(f"warm_up must be two steps (first, last) or None, got {describe(steps)}")
    first, last = (count(step, "warm_up", least=0) for step in steps)
    if first >= last:
        raise ValueError(f"warm_up must be two steps that rise, got {steps!r}")
    return first, last
