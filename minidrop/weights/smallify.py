r"""Smallify: a switch for each unit; where its sign wavers it dies, and the unit is removed.

Papers   Leclerc, Vartak, Fernandez, Kraska, Madden, "Smallify: learning network size while
         training", arXiv:1806.03723 (2018): "Leclerc 2018"; what is told of it here stands in its
         first draft, ShrinkNets, beside the authors' code, fastdeepnets.
Where    Weights: a factor for each output of a Linear, or output map of a Conv2d, and a rule that
         runs after each step of training.  There is no noise.
Symbols  $h = L(x)$ outputs of the layer, $n$ an example, or a pixel of one, $\beta$ switches
         (`switch` in the code), $\theta$ weights and biases of the layer, $\theta_i$ those of unit
         $i$, $\lambda$ and $\lambda_2$ strengths, $p$ power (1 or 2), $s$ sign of a switch after a
         step, $a$ and $v$ moving mean and variance of the sign, $\rho$ `decay`, $\tau$ `threshold`.

Leclerc 2018, draft, in words: the switch layer
$$ y_i = \beta_i \, h_i, \qquad h = L(x)                                     \tag{smallify.1} $$
From (smallify.1): what the switches and the layer learn from
$$ \bar\beta_i = \sum_n \bar y_{ni} \, h_{ni}, \qquad
   \bar h_{ni} = \beta_i \, \bar y_{ni}                                     \tag{smallify.2} $$
Leclerc 2018, draft, in words: added to the loss
$$ \lambda \, \lVert \beta \rVert_1 + \lambda_2 \, \lVert \theta \rVert_p^p \tag{smallify.3} $$
Leclerc 2018, draft, in words: without the second term nothing is a minimum
$$ (\beta / k) \, (k \, \theta) = \beta \, \theta, \qquad
   \lambda \, \lVert \beta / k \rVert_1 \to 0 \;\text{ for }\; k \to \infty \tag{smallify.4} $$
From (smallify.3), p = 2: with it, a unit of the length $u = |\beta_i| \lVert \theta_i \rVert$ costs
$$ \min_{\beta_i} \Big( \lambda |\beta_i| + \lambda_2 \frac{u^2}{\beta_i^2} \Big)
   = \tfrac32 \, \lambda^{2/3} \, (2 \lambda_2 \, u^2)^{1/3}                \tag{smallify.5} $$
Leclerc 2018, draft, in words: with rows of length 1 it is the group lasso
$$ \lVert \beta \rVert_1 = \sum_i \lVert \beta_i \, \theta_i \rVert_2
   \;\text{ where }\; \lVert \theta_i \rVert_2 = 1                          \tag{smallify.6} $$
Leclerc 2018, code: moving variance and mean of the sign, from 0 and the first sign, here 1
$$ v \leftarrow \rho \, v + (1 - \rho) (s - a)^2, \qquad
   a \leftarrow \rho \, a + (1 - \rho) \, s                                 \tag{smallify.7} $$
Leclerc 2018, draft, in words: a switch whose sign varies is dead, and stays so
$$ \beta_i \leftarrow 0 \;\text{ once }\; v_i > \tau                        \tag{smallify.8} $$
From (smallify.7): so does one that changes its sign for good, after k steps
$$ v_k = 4 \, \rho^{k-1} (1 - \rho^k)                                       \tag{smallify.9} $$
Leclerc 2018, draft, in words: in the end switches become part of the layers
$$ W'_i = \beta_i \, W_i, \qquad b'_i = \beta_i \, b_i                      \tag{smallify.10} $$

Without noise  The same, (smallify.1): dead units give 0.

Differs
- From the draft, which starts switches at N(0, 1): `start="normal"` takes absolute values, as a
  sign can move to the weights of the layer; "uniform" is the code's (0, 1].
  [test_smallify_1_a_sign_can_move_to_the_weights]
- From Targeted Dropout's version, which starts in [0, 1), where a switch can be 0.
  [test_smallify_1_no_switch_starts_at_0]
- From the same, which kills at v = 0.5 too: 0.5 lives here, as in the authors' code, for example
  in the first step after a change of sign with $\rho$ = 7/8.
  [test_smallify_8_a_variance_at_the_threshold_lives]
- From the same, whose rule runs in each forward pass of training: here in `smallify_step`, after
  the optimizer's, and a forward pass changes nothing.
  [test_smallify_7_runs_after_a_step_and_in_no_forward_pass]
- From the authors' other strategies, a threshold for |beta| and the first change of sign: a change
  that is taken back at once kills nothing here, unless `decay=0` makes the first change the rule.
  [test_smallify_9_one_change_taken_back_kills_nothing,
  test_smallify_9_with_decay_0_the_first_change_kills]
- From an optimizer's weight decay of everything, which adds a square of the switches to
  (smallify.3): switches have none here, so that under SGD a decay of $2 \lambda_2$ is the second
  term.  [test_smallify_3_weight_decay_is_the_second_term]
- From the draft, which removes units while it trains: `smallify_step` kills them, and
  `models.remove_dead` takes them away, in training or after it, but not through a batch norm, which
  gives a dead unit a value.  [test_smallify_8_a_removed_unit_changes_no_output_and_no_later_step,
  test_smallify_8_nothing_is_removed_where_a_dead_unit_has_a_value]
"""

from functools import partial

from ..arguments import describe, floating, not_below_zero, number, option, probability
from ..nn import Conv2d, Module, Parameter, Wrapped
from ..noise import gaussian, uniform
from ..xp import array_module


def sign_variance(sign, mean, variance, decay):
    """Moving mean and variance of signs, after one more: (mean, variance), arrays of one shape.

    `decay` lies in [0, 1].

    Source: Leclerc 2018, code.

    >>> import numpy as np
    >>> mean, variance = sign_variance(np.array([-1.0]), np.array([1.0]), np.array([0.0]), 0.9)
    >>> mean, variance
    (array([0.8]), array([0.4]))
    """
    rho, shape = probability(decay, "decay"), floating(sign, "sign").shape
    for value, name in ((mean, "mean"), (variance, "variance")):
        if floating(value, name).shape != shape:
            raise ValueError(f"{name} must have the shape {shape} of sign, got {value.shape}")
    not_below_zero(variance, "variance")
    variance = rho * variance + (1 - rho) * (sign - mean) ** 2              # Eq. (smallify.7)
    return rho * mean + (1 - rho) * sign, variance                          # Eq. (smallify.7)


class Smallify(Wrapped):
    """A Linear or Conv2d with a switch, a trained factor, behind each of its outputs.

    Switches start "uniform" in (0, 1] or "normal", as |N(0, 1)|.  `decay` lies in [0, 1); the
    authors' code has 0.99, its searches also 0.9 and 0.  Buffers: `alive` (1 or 0), `mean` and
    `variance` of the sign.  Train it with
    `fit(net, ..., penalty=smallify_penalty(1e-3, 1e-4), project=smallify_step)`: without the step
    nothing goes, and without the penalty only switches that start near 0 do.  No strength is usual:
    the authors' code searches from 1e-7 to 1e-2 for the switches.

    >>> from minidrop import models
    >>> net = models.wrap(models.mlp(64, 32, 10), "hidden*", Smallify).init(seed=0)
    >>> [path for path, _ in net.named_parameters()][:3]
    ['hidden1.linear.weight', 'hidden1.linear.bias', 'hidden1.linear.switch']
    """

    buffers = ("alive", "mean", "variance")

    def __init__(self, layer, start="uniform", decay=0.99, threshold=0.5):
        super().__init__(layer)
        self.start = option(start, "start", ("uniform", "normal"))
        self.decay, self.threshold = probability(decay, "decay"), number(threshold, "threshold")
        if self.decay == 1:
            raise ValueError("decay must be below 1, where the mean of the sign never moves, got 1")
        self.switch = Parameter(self.weight.shape[:1], partial(_first_switches, start), decay=False)
        self.reset()

    def reset(self):
        xp, shape = array_module(), self.switch.shape
        self.alive, self.mean = xp.ones(shape, "float32"), xp.ones(shape, "float32")
        self.variance = xp.zeros(shape, "float32")

    def switches(self):
        """The switches, a Tensor (out,): 0 where they are dead."""
        return self.switch * self.alive

    def forward(self, x):
        y = self.layer.compute(x, self.weight, self.bias)
        beta = self.switches()
        if isinstance(self.layer, Conv2d):
            beta = beta.reshape(-1, 1, 1)
        return y * beta                                                     # Eq. (smallify.1)

    def expect(self, weight):
        return weight * self.switches().reshape(-1, *[1] * (len(weight.shape) - 1))

    def step(self):
        """Look at the signs once more, and kill the switches that waver too much; no frozen ones.
        """
        xp, w = array_module(self.alive), self.switch
        if not w.requires_grad:
            return
        self.mean, self.variance = sign_variance(xp.sign(w.data), self.mean, self.variance,
                                                 self.decay)
        self.alive = self.alive * (self.variance <= self.threshold)
        w.data = w.data * self.alive                                        # Eq. (smallify.8)

    def fold(self):
        """The layer itself, after its weights and bias have taken over the switches."""
        beta = self.switches().data
        self.weight.data = self.expect(self.weight).data                    # Eq. (smallify.10)
        if self.bias is not None:
            self.bias.data = self.bias.data * beta                          # Eq. (smallify.10)
        self.switch.data = self.alive
        return self.layer


def smallify_step(net):
    """One step of the rule in all `Smallify` layers: for `fit(..., project=smallify_step)`.

    >>> from minidrop.nn import Linear
    >>> layer = Smallify(Linear(3, 2), decay=0.9).init(seed=0)
    >>> layer.switch.data[0] = -1                               # and so it stays
    >>> smallify_step(layer), smallify_step(layer)
    (None, None)
    >>> layer.variance.round(3), layer.alive
    (array([0.684, 0.   ], dtype=float32), array([0., 1.], dtype=float32))
    """
    for layer in _layers(net):
        layer.step()


def smallify_penalty(switch, weight, power=2):
    """A penalty for `fit`: `switch` sum |beta| + `weight` sum |theta|^power, `power` 1 or 2.

    The function that it returns, f(net, step), adds up all `Smallify` layers of a network.

    Source: Leclerc 2018, draft.

    >>> from minidrop.nn import Linear
    >>> bool(smallify_penalty(1e-3, 1e-4)(Smallify(Linear(3, 2)).init(seed=0), 0) > 0)
    True
    """
    switch, weight = number(switch, "switch"), number(weight, "weight")
    option(power, "power", (1, 2))

    def penalty(net, step):
        total = 0.0
        for layer in _layers(net):
            theta = [layer.weight, *([] if layer.bias is None else [layer.bias])]
            norm = sum((w * w if power == 2 else abs(w)).sum() for w in theta)
            total = total + switch * abs(layer.switches()).sum() + weight * norm  # Eq. (smallify.3)
        return total

    return penalty


def smallify_fold(net):
    """`net` itself with plain layers in the place of its `Smallify` layers, and the same outputs.

    It works in place: weights and biases take over the switches.  ValueError, and nothing is
    changed, where something else of the network uses them too.

    >>> from minidrop import models
    >>> net = models.wrap(models.mlp(64, 32, 10), "hidden*", Smallify).init(seed=0)
    >>> smallify_fold(net).hidden1.linear
    Linear(n_in=64, n_out=32)
    """
    found = _layers(net)
    if net in found:
        return net.fold()
    places = [(parent, name, child) for _, parent in net.named_modules()
              for name, child in vars(parent).items() if isinstance(child, Smallify)]
    if len({id(child) for _, _, child in places}) < len(found):
        raise ValueError("net must hold its Smallify layers as attributes, not in a list or dict")
    for path, layer in net.named_modules():
        if layer in found and layer.is_tied(net):
            raise ValueError(f"net must use the weights of {path} nowhere else, where the switches "
                             "they take over would count too")
    for parent, name, child in places:
        setattr(parent, name, child.fold())
    return net


def _layers(net):
    """The Smallify layers of a network."""
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")
    found = [m for _, m in net.named_modules() if isinstance(m, Smallify)]
    if not found:
        raise ValueError(f"net must have a Smallify layer, got {describe(net)}")
    return found


def _first_switches(start, rng, shape):
    return 1 - uniform(rng, shape) if start == "uniform" else abs(gaussian(rng, shape))
