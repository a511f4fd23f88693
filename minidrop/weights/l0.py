r"""L0: gates that close completely, and a penalty on how many weights are expected to be there.

Paper    Louizos, Welling, Kingma, "Learning sparse neural networks through L0 regularization",
         ICLR 2018, arXiv:1712.01312: "Louizos 2018".
Where    Weights: a gate for each group of them, a unit's, an input's or each weight alone, and one
         draw of all gates for a batch.
Symbols  $\log \alpha$ how far open a gate stands (trained), $\beta$ temperature (2/3 by default),
         $(\gamma, \zeta)$ the interval that [0, 1] is stretched to (-0.1 and 1.1), $u$ noise, $z$
         gate, $\hat z$ gate without noise, $\theta$ weights, $|g|$ their number in group $g$,
         $\sigma$ the logistic function, $\lambda$ strength, $N$ examples.

Louizos 2018, in words: a concrete variable, on (0, 1)
$$ s = \sigma\big( (\log u - \log(1 - u) + \log \alpha) / \beta \big), \qquad
   u \sim U(0, 1)                                                                \tag{l0.1} $$
Louizos 2018, in words: stretched beyond both ends and cut off, so that 0 and 1 have a chance
$$ \bar s = s \, (\zeta - \gamma) + \gamma, \qquad
   z = \min(1, \max(0, \bar s))                                                  \tag{l0.2} $$
From (l0.1) and (l0.2): the distribution function of the gate within (0, 1)
$$ P(z \le x) = \sigma\Big( \beta \log\big( (x - \gamma) / (\zeta - x) \big) - \log \alpha \Big)
                                                                                 \tag{l0.3} $$
Louizos 2018, in words: the chance that the group is there; from (l0.3) at 0
$$ P(z \ne 0) = \sigma\big( \log \alpha - \beta \log(-\gamma / \zeta) \big)      \tag{l0.4} $$
From (l0.3) at 1: the chance that its gate is wide open
$$ P(z = 1) = \sigma\Big( \log \alpha - \beta \log\big( (1 - \gamma) / (\zeta - 1) \big) \Big)
                                                                                 \tag{l0.5} $$
Louizos 2018, in words: the weights of a batch
$$ w = z_g \, \theta                                                             \tag{l0.6} $$
Louizos 2018, in words: added to the mean loss, the number of weights that are expected to be there
$$ \frac{\lambda}{N} \sum_g |g| \; P(z_g \ne 0)                                  \tag{l0.7} $$
Louizos 2018, equation 13: the gate without noise
$$ \hat z = \min\big(1, \max(0, \; \sigma(\log \alpha) (\zeta - \gamma) + \gamma) \big)
                                                                                 \tag{l0.8} $$
From (l0.1) and (l0.2): a gate that is neither shut nor wide open learns from the loss
$$ \frac{dz}{d \log \alpha} = (\zeta - \gamma) \, s \, (1 - s) / \beta
   \;\text{ where }\; 0 < \bar s < 1, \quad 0 \text{ elsewhere}                  \tag{l0.9} $$
From (l0.4): and every gate from the penalty
$$ \frac{d P(z \ne 0)}{d \log \alpha} = P(z \ne 0) \, P(z = 0)                   \tag{l0.10} $$

Without noise  $w = \hat z_g \, \theta$: groups whose $\hat z$ is 0 are gone.

Differs
- From a mean: $\hat z$ is not E[z], and has no $\beta$; at log alpha = 2 it is 0.957 and E[z] is
  0.857.  [test_l0_8_is_not_the_mean_of_the_gate]
- From the authors' code, which gates the inputs of a dense layer and the outputs of a convolution:
  `gates` says which, for both, and "weight" gates each weight alone.
  [test_l0_6_gates_units_inputs_or_weights]
- From the authors' code, which leaves out a convolution's bias in training and has it back in
  evaluation, where the gate multiplies it: the bias is there in both and has no gate.
  [test_l0_6_the_bias_is_there_in_both_modes]
- From the authors' code, which counts a convolution's bias with the opposite sign of $\lambda$, so
  that open gates are rewarded for it: weights are counted, and nothing else.
  [test_l0_7_counts_the_weights_alone]
- From the authors' code, which keeps log alpha within log 0.01 and log 100, where a gate that is
  shut in evaluation still opens in one draw of 21: nothing stops it here.
  [test_l0_4_a_clamped_gate_still_opens]
- From the authors' code, whose initial drop rate d sets log alpha to log((1 - d) / d): that is not
  the chance of a shut gate, which at d = 0.5 is 0.168; `start` is log alpha itself.
  [test_l0_4_closed_forms]
- From the authors' code, which has an L2 penalty among the gates and can draw gates for each
  example: add `l2` of the weights; the gates of a batch are the same for all its examples.
  [test_l0_module_draws_once_for_a_batch]
- From an optimizer's weight decay of everything, which would draw log alpha to 0, where shut gates
  are open again: log alpha has none here (`decay=False`).
  [test_l0_module_weight_decay_leaves_the_gates_alone]
- From the authors' code, which evaluates with averages of the parameters over the run (0.999): here
  with the parameters as they are.  [test_l0_module_draws_once_for_a_batch]
- From the authors' code, whose $u$ stays 1e-6 away from both ends: 2^-25 and 2^-24 here, whole
  steps of the 24 bits.  [test_l0_1_noise_is_inside_the_unit_interval]
"""

import math
from functools import partial

from ..arguments import COUNTED, count, describe, flag, floating, inside, number, option
from ..functional import log, maximum, relu, sigmoid, where
from ..nn import Module, OnWeights, Parameter
from ..noise import gaussian, uniform

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1


def hard_concrete_noise(rng, shape):
    """Draw what hard concrete gates are made of: uniform float32 of `shape`, inside (0, 1).

    `rng` is a `Stream` or an int seed.

    Source: Louizos 2018.

    >>> hard_concrete_noise(3, 4).round(3)
    array([0.115, 0.873, 0.416, 0.368], dtype=float32)
    """
    return maximum(uniform(rng, shape), 2.0**-25)


def hard_concrete(u, log_alpha, beta=BETA, gamma=GAMMA, zeta=ZETA):
    """Gates in [0, 1], both ends included, for noise `u` inside (0, 1).

    `u` and `log_alpha` are floating arrays or Tensors of one shape; `beta` is above 0, `gamma`
    below 0, `zeta` above 1.

    Source: Louizos 2018.

    >>> import numpy as np
    >>> hard_concrete(np.array([0.1, 0.3, 0.5, 0.7, 0.9]), np.zeros(5)).round(4)
    array([0.    , 0.1629, 0.5   , 0.8371, 1.    ])
    """
    beta, gamma, zeta = _stretch(beta, gamma, zeta)
    if floating(u, "u").shape != floating(log_alpha, "log_alpha").shape:
        raise ValueError(f"u must have the shape {log_alpha.shape} of log_alpha, got {u.shape}")
    noise = log(inside(u, "u")) - log(1 - u)
    noise = noise if noise.dtype == log_alpha.dtype else noise.astype(log_alpha.dtype)
    s = sigmoid((noise + log_alpha) / beta)                                    # Eq. (l0.1)
    return _cut(s * (zeta - gamma) + gamma)                                    # Eq. (l0.2)


def hard_concrete_expect(log_alpha, gamma=GAMMA, zeta=ZETA):
    """Gates without noise, of the shape of `log_alpha`.

    Source: Louizos 2018, equation 13.

    >>> import numpy as np
    >>> hard_concrete_expect(np.array([-3.0, 0.0, 2.0, 3.0])).round(4)
    array([0.   , 0.5  , 0.957, 1.   ])
    """
    _, gamma, zeta = _stretch(BETA, gamma, zeta)
    return _cut(sigmoid(floating(log_alpha, "log_alpha")) * (zeta - gamma) + gamma)  # Eq. (l0.8)


def hard_concrete_nonzero(log_alpha, beta=BETA, gamma=GAMMA, zeta=ZETA):
    """The chance that a gate is not 0, of the shape of `log_alpha`.

    Source: Louizos 2018.

    >>> import numpy as np
    >>> hard_concrete_nonzero(np.array([0.0, 2.0])).round(4)
    array([0.8318, 0.9734])
    """
    beta, gamma, zeta = _stretch(beta, gamma, zeta)
    floating(log_alpha, "log_alpha")
    return sigmoid(log_alpha - beta * math.log(-gamma / zeta))                 # Eq. (l0.4)


def l0_penalty(strength, examples):
    """A penalty for `fit`: `strength` / `examples` for each weight that is expected to be there.

    The function that it returns, f(net, step), adds up all `L0` layers of a network; `examples` is
    the number of examples in the training set, since the loss is a mean.

    Source: Louizos 2018.

    >>> from minidrop.nn import Linear
    >>> float(l0_penalty(0.1, examples=100)(L0(Linear(3, 2)).init(seed=0), 0).data) < 0.1 / 100 * 6
    True
    """
    scale = number(strength, "strength") / count(examples, "examples", most=COUNTED)

    def penalty(net, step):
        return scale * expected_l0(net)                                        # Eq. (l0.7)

    return penalty


def expected_l0(net):
    """How many weights of the `L0` layers of a network are expected not to be 0, a Tensor ().

    >>> from minidrop.nn import Linear
    >>> round(float(expected_l0(L0(Linear(3, 2)).init(seed=0)).data), 2)       # 6 times 0.8318
    4.98
    """
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")
    found = [m for _, m in net.named_modules() if isinstance(m, L0)]
    if not found:
        raise ValueError(f"net must have an L0 layer, got {describe(net)}")
    return sum(m.expected_l0() for m in found)


class L0(OnWeights):
    """A Linear or Conv2d with hard concrete gates on its weights, whose places are trained.

    `gates` is "output" (one for each unit or output map), "input" (for each input or input map) or
    "weight".  `log_alpha` starts near `start`.  The uniform noise of the last batch stays in
    `.noise`.  Train it with `fit(net, ..., penalty=l0_penalty(1.0, examples=len(x)))`: without the
    penalty an open gate costs nothing, and nothing goes.  `compress` writes the gates into the
    weights: count what is left behind it, as in `cost(compress(net), x)`.  A strength of 1 is what
    the authors' code for LeNet-5 on MNIST starts from; the lesson on rivals has 0.5 and 1 for
    digits.

    >>> from minidrop import models
    >>> net = models.wrap(models.mlp(64, 32, 10), "hidden*", L0).init(seed=0)
    >>> [path for path, _ in net.named_parameters()][:3]
    ['hidden1.linear.weight', 'hidden1.linear.bias', 'hidden1.linear.log_alpha']
    """

    def __init__(self, layer, gates="output", start=0.0, beta=BETA, gamma=GAMMA, zeta=ZETA):
        super().__init__(layer)
        self.gates = option(gates, "gates", ("output", "input", "weight"))
        if gates == "input" and getattr(layer, "groups", 1) > 1:
            raise ValueError("gates must be 'output' or 'weight' for a convolution in groups, got "
                             "'input'")
        self.start = number(start, "start", least=-math.inf)
        self.beta, self.gamma, self.zeta = _stretch(beta, gamma, zeta)
        shape = self.spread if gates == "weight" else (math.prod(self.spread),)
        self.log_alpha = Parameter(shape, partial(_near, self.start), decay=False)

    @property
    def spread(self):
        """Where gates meet the weights: (out, 1, ...), (1, in, ...) or the shape of the weights."""
        out, n_in, *size = self.weight.shape
        ones = (1,) * len(size)
        return {"output": (out, 1, *ones), "input": (1, n_in, *ones),
                "weight": self.weight.shape}[self.gates]

    def noise_shape(self, weight):
        """One number for each gate."""
        return self.log_alpha.shape

    def sample(self, shape):
        return hard_concrete_noise(self.rng, shape)

    def apply(self, weight, u):
        z = hard_concrete(u, self.log_alpha, self.beta, self.gamma, self.zeta)
        return weight * z.reshape(self.spread)                              # Eq. (l0.6)

    def expect(self, weight):
        z = hard_concrete_expect(self.log_alpha, self.gamma, self.zeta)
        return weight * z.reshape(self.spread)

    def expected_l0(self):
        """How many of the weights are expected not to be 0, a Tensor ()."""
        p = hard_concrete_nonzero(self.log_alpha, self.beta, self.gamma, self.zeta)
        return p.sum() * (math.prod(self.weight.shape) / math.prod(p.shape))

    def score(self, unit):
        """log alpha where each unit (or weight) has its gate, else the size of what is left."""
        if self.gates == ("output" if flag(unit, "unit") else "weight"):
            return self.log_alpha.data
        return super().score(unit)

    def measure(self, unit):
        """What `score(unit)` is measured in: its own, where that is log alpha, else size."""
        own = self.gates == ("output" if flag(unit, "unit") else "weight")
        return super().measure(unit) if own else "size"


def _cut(x):
    """min(1, max(0, x)), with the slope 0 at both ends."""
    return where(x >= 1, 1.0, relu(x))        # nan stays nan


def _near(start, rng, shape):
    return start + 0.01 * gaussian(rng, shape)


def _stretch(beta, gamma, zeta):
    beta = number(beta, "beta", least=2.0**-1022)
    gamma = number(gamma, "gamma", least=-math.inf)
    zeta = number(zeta, "zeta")
    if gamma >= 0:
        raise ValueError(f"gamma must be below 0, got {gamma:g}")
    if zeta <= 1:
        raise ValueError(f"zeta must be above 1, got {zeta:g}")
    return beta, gamma, zeta
