r"""Ramps: let a rate grow step by step while the network learns.

Papers   Ghiasi, Lin, Le, "DropBlock: a regularization method for convolutional networks",
         NeurIPS 2018, arXiv:1810.12890: "Ghiasi 2018".
         Gomez, Zhang, Kamalakara, Madaan, Swersky, Gal, Hinton, "Learning sparse networks using
         targeted dropout", arXiv:1905.13678 (2019): "Gomez 2019".  Official code: for-ai/TD.
         Zhu, Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model
         compression", arXiv:1710.01878 (2017): "Zhu 2017".
Where    Over time: a number of the model that a schedule steers, such as the `p` of its layers.
Symbols  $t$ a step, from 0, $T$ the number of steps, $n$ the step in which the value arrives,
         $v_t$ the value of step $t$, $p$ drop probability (Ghiasi 2018 has keep_prob $= 1 - p$),
         $\gamma$ share of candidates and $\alpha$ drop probability of targeted dropout, $s_t$ share
         of pruned weights, which moves from step $t_0$ on.

Ghiasi 2018, in words (scheduled DropBlock): keep_prob falls linearly from 1 to its target
$$ 1 - p_t = 1 - \tfrac{t}{T} \, (1 - \mathrm{keep\_prob}), \qquad \text{so} \quad
   p_t = p \, t / T                                                            \tag{ramps.1} $$
From (ramps.1), in general: between any two values, in the n first steps of a run
$$ v_t = (1 - r) \, v_0 + r \, v_n, \qquad r = \min(1, t / n)                   \tag{ramps.2} $$
Gomez 2019, in words (ramping): almost all of gamma in the first half, the rest in the second
$$ \gamma_t = \gamma \, \Big( 0.95 \, \min(1, 2 r) + 0.05 \, \max(0, 2 r - 1) \Big)
                                                                                \tag{ramps.3} $$
Official code: and alpha in a straight line
$$ \alpha_t = \alpha \, r                                                       \tag{ramps.4} $$
Zhu 2017, in words (gradual pruning): the share rises fast at first, and ever more slowly
$$ s_t = s_n + (s_0 - s_n) \, (1 - r)^3, \qquad
   r = \min\!\Big(1, \max\!\Big(0, \frac{t - t_0}{n - t_0}\Big)\Big)             \tag{ramps.5} $$

Without noise  The same: a schedule steers a layer also where it draws nothing.

Differs
- From Ghiasi 2018, which speaks of the probability to keep: the array holds drop probabilities, as
  our layers do.  [test_ramps_1_is_one_minus_the_ramp_of_the_paper]
- From miguelvr/dropblock, whose ramp (NumPy's linspace) has the target in its last step: here it is
  reached in step T, the first one behind the run, as in the paper's code; four steps up to 0.1 hold
  0, 0.025, 0.05, 0.075 and not 0, 0.033, 0.067, 0.1.
  [test_ramps_2_reaches_its_end_in_the_step_after_the_last]
- From Gomez 2019, which counts epochs, 49 for each half, and the official code, whose halves are
  20,000 steps: `targeted_ramp` takes any number of steps, by default those of the run.
  [test_ramps_3_and_4_have_the_values_of_the_official_code]
- From TensorFlow's `PolynomialDecay`, by which masks are found anew in every hundredth step: here
  each step has its value.  [test_ramps_5_has_the_values_of_polynomial_decay]
"""

import math

from ..arguments import count, number, probability
from ..xp import array_module


def linear_ramp(start, end, total, steps=None):
    """From `start` to `end` in a straight line: an array (total,), one value for each step.

    It arrives at `end` in step `steps`, counted from 0, and stays there; by default that is the
    step behind the last, as in the paper's code.  `steps` lies in 1..`total`.

    >>> linear_ramp(0.0, 0.1, total=5)
    array([0.  , 0.02, 0.04, 0.06, 0.08])
    >>> linear_ramp(0.0, 0.1, total=5, steps=2)
    array([0.  , 0.05, 0.1 , 0.1 , 0.1 ])
    """
    start, end = (number(value, name, least=-math.inf) for value, name in (
        (start, "start"), (end, "end")))
    r = _progress(total, steps)
    values = (1 - r) * start + r * end                                       # Eq. (ramps.2)
    return array_module().clip(values, min(start, end), max(start, end))     # rounded, it may leave


def targeted_ramp(gamma, alpha, total, steps=None):
    """Rates for ramping targeted dropout: two arrays (total,), for its `gamma` and its `alpha`.

    Both start at 0 and reach `gamma` and `alpha` in step `steps`, counted from 0; by default that
    is the step behind the last.  `steps` lies in 1..`total`.

        gammas, alphas = targeted_ramp(0.99, 0.99, total)
        fit(..., schedules={"*.gamma": gammas, "*.alpha": alphas})

    Source: Gomez 2019.

    >>> gammas, alphas = targeted_ramp(gamma=1.0, alpha=0.5, total=5, steps=4)
    >>> gammas, alphas
    (array([0.   , 0.475, 0.95 , 0.975, 1.   ]), array([0.   , 0.125, 0.25 , 0.375, 0.5  ]))
    """
    gamma, alpha = probability(gamma, "gamma"), probability(alpha, "alpha")
    xp, r = array_module(), _progress(total, steps)
    most, rest = xp.minimum(1, 2 * r), xp.maximum(0, 2 * r - 1)
    gammas = gamma * (0.95 * most + 0.05 * rest)                             # Eq. (ramps.3)
    return gammas, alpha * r                                                 # Eq. (ramps.4)


def gradual_sparsity(start, end, total, steps=None, first=0):
    """Shares for pruning while a network trains: an array (total,), from `start` to `end`.

    The share is `start` up to step `first`, from 0, and arrives at `end` in step `steps`; by
    default that is the step behind the last.  Targeted dropout with the rate 1 prunes by it: what
    is a candidate is out, and learns nothing, until it is again one of the larger weights of its
    row.  Plain SGD leaves its value as it is; momentum and weight decay still move it.

    Source: Zhu 2017.

    >>> gradual_sparsity(0.0, 0.8, total=6, steps=4)
    array([0.    , 0.4625, 0.7   , 0.7875, 0.8   , 0.8   ])

    In six epochs a hidden layer learns to do with 4 of 64 weights to a unit:

    >>> from minidrop.data import digits
    >>> from minidrop.models import mlp, wrap
    >>> from minidrop.optim import SGD
    >>> from minidrop.train import evaluate, fit
    >>> from minidrop.weights.pruning import prune
    >>> from minidrop.weights.targeted import TargetedDropout
    >>> share, total = 15 / 16, 6 * 19
    >>> net = wrap(mlp(64, 100, 10), "hidden*", lambda layer: TargetedDropout(
    ...     layer, gamma=share, alpha=1.0, unit=False)).init(seed=0)
    >>> history = fit(net, SGD(0.1, momentum=0.9), digits().train, epochs=6, progress=False,
    ...     schedules={"*.gamma": gradual_sparsity(0.0, share, total, steps=total // 2)})
    >>> prune(net, share, unit=False), evaluate(net, digits().test).accuracy > 0.9
    ({'hidden1.linear.weight': 0.0625}, True)
    """
    start, end = probability(start, "start"), probability(end, "end")
    r = _progress(total, steps, first)
    values = end + (start - end) * (1 - r)**3                                # Eq. (ramps.5)
    return array_module().clip(values, min(start, end), max(start, end))     # rounded, it may leave


def _progress(total, steps, first=0):
    """0 up to step `first`, 1 in step `steps` and from there on: (total,)."""
    total = count(total, "total")
    steps = total if steps is None else count(steps, "steps")
    if steps > total:
        raise ValueError(f"steps must be at most total = {total}, got {steps}")
    if count(first, "first", least=0) >= steps:
        raise ValueError(f"first must be below steps = {steps}, got {first}")
    xp = array_module()
    return xp.clip((xp.arange(total) - first) / (steps - first), 0.0, 1.0)
