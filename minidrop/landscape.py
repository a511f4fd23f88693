r"""The loss landscape on a line: from one network to another, and the barrier between them.

Papers   Huang et al., "Snapshot ensembles: train 1, get M for free", ICLR 2017, arXiv:1704.00109:
         "Huang 2017".  Entezari, Sedghi, Saukh, Neyshabur, "The role of permutation invariance in
         linear mode connectivity of neural networks", ICLR 2022, arXiv:2110.06296: "Entezari 2022".
         Frankle, Dziugaite, Roy, Carbin, "Linear mode connectivity and the lottery ticket
         hypothesis", ICML 2020, arXiv:1912.05671: "Frankle 2020".
Where    The weights of two trained networks of one kind.
Symbols  $\theta_a, \theta_b$ their weights, $\lambda$ the share of the first, $J$ the loss or the
         error, $B$ barrier, $H$ the matrix of second derivatives, $d = \theta_a - \theta_b$.

Huang 2017, in words: interpolation of two snapshots
$$ \theta(\lambda) = \lambda \theta_a + (1 - \lambda) \theta_b             \tag{landscape.1} $$
Entezari 2022, in words: barrier, how far the way rises above the straight line between its ends
$$ B = \max_{0 \le \lambda \le 1} J(\theta(\lambda)) - \lambda J(\theta_a)
       - (1 - \lambda) J(\theta_b)                                         \tag{landscape.2} $$
From (landscape.1): how far a quadratic loss is above the line; no barrier where it curves upwards
$$ J(\theta(\lambda)) - \lambda J(\theta_a) - (1 - \lambda) J(\theta_b)
   = -\tfrac12 \lambda (1 - \lambda) \, d^\top H d                         \tag{landscape.3} $$

Two snapshots with a barrier between them lie in different valleys.  Without one they may still lie
in one valley and differ little.

Differs
- From Frankle 2020, whose instability is the highest error less the mean of the ends: that is the
  same where the ends are equally high.  [test_landscape_2_is_above_the_line_and_not_above_the_mean]
"""

import copy
import math
from typing import Any, NamedTuple

from .arguments import describe, floating, iterable, number
from .batch_statistics import batch_norm_statistics
from .functional import cross_entropy
from .nn import Module
from .train import evaluate
from .xp import array_module


class InterpolationCurve(NamedTuple):
    """Loss and error at each share of the first network: arrays (n,), float64.

    >>> InterpolationCurve(shares=[0.5], loss=[0.1], error=[0.03]).error
    [0.03]
    """

    shares: Any
    loss: Any
    error: Any                  # nan where the targets are no labels


def interpolate(a, b, share):
    """A network with the weights share * a + (1 - share) * b, and a's modes and noise.

    `a` and `b` are networks with the same paths and shapes, `share` is any finite number: 1 gives
    a, 0 gives b.  Floating buffers, such as the running statistics of batch norm, are mixed too,
    but belong to no network that was trained: `batch_norm_statistics(net, x)` recomputes them.
    Whole numbers are a's.

    Source: Huang 2017.

    >>> from minidrop.nn import Linear
    >>> a, b = Linear(2, 2).init(0), Linear(2, 2).init(1)
    >>> net = interpolate(a, b, 0.5)
    >>> bool((abs(net.weight - (a.weight + b.weight) / 2).data < 1e-7).all())
    True
    """
    share = number(share, "share", least=-math.inf)
    for name, net in (("a", a), ("b", b)):
        if not isinstance(net, Module):
            raise TypeError(f"{name} must be a Module, got {describe(net)}")
    first, second = a.state_dict(), b.state_dict()
    odd = sorted(path for path in first.keys() | second.keys()
                 if getattr(first.get(path), "shape", 0) != getattr(second.get(path), "shape", 1))
    if odd:
        raise ValueError("b must have the paths and shapes of a; these differ: "
                         f"{', '.join(odd[:8])}")
    return copy.deepcopy(a).load_state_dict({
        path: _mixed(value, second[path], share) for path, value in first.items()})


def _mixed(a, b, share):
    if a.dtype.kind != "f":
        return a
    array_module(a, b)                            # refuses a mixture of backends
    return share * a.astype("float64") + (1 - share) * b.astype("float64")    # Eq. (landscape.1)


def interpolation_curve(a, b, data, shares, loss=cross_entropy, statistics=None, batch_size=1024):
    """Loss and error of the networks between a and b: an `InterpolationCurve`.

    `data` is a pair (x, y), `shares` numbers as for `interpolate`.  With `statistics`, an array of
    inputs, the statistics of the batch norms are recomputed from it at every share, the ends
    included; training data are meant.

    Source: Huang 2017.

    >>> from minidrop.data import digits
    >>> from minidrop.models import mlp
    >>> a, b = mlp(64, 32, 10).init(0), mlp(64, 32, 10).init(1)
    >>> interpolation_curve(a, b, digits().test, [0, 0.5, 1]).loss.shape
    (3,)
    """
    iterable(shares, "shares", "a list of numbers")
    shares = [number(share, f"shares[{i}]", least=-math.inf) for i, share in enumerate(shares)]
    if not shares:
        raise ValueError("shares must hold at least one number, got none")
    if statistics is not None:
        floating(statistics, "statistics")
    rows = []
    for share in shares:
        net = interpolate(a, b, share)
        if statistics is not None:
            batch_norm_statistics(net, statistics)
        score = evaluate(net, data, loss, batch_size)
        rows.append((share, score.loss, 1 - score.accuracy))
    return InterpolationCurve(*array_module().asarray(rows, "float64").T)


def barrier(shares, values):
    """How far `values`, losses or errors, rise above the straight line between the ends: a float.

    `shares` and `values` are lists of one length, in any order, and have the ends 0 and 1 among
    them; what lies outside does not count.  0 where nothing rises above the line.  The highest
    point may lie between the shares: take many.

    Source: Entezari 2022.

    >>> barrier([0, 0.25, 0.5, 1], [1.0, 2.0, 2.5, 2.0])           # the line: 1, 1.25, 1.5, 2
    1.0
    """
    at: dict[float, float] = {}
    for name, given in (("shares", shares), ("values", values)):
        iterable(given, name, "a list of numbers")
    shares, values = list(shares), list(values)
    if len(shares) != len(values):
        raise ValueError("shares and values must be equally many, got "
                         f"{len(shares)} and {len(values)}")
    for i, (share, value) in enumerate(zip(shares, values, strict=True)):
        share = number(share, f"shares[{i}]", least=-math.inf)
        value = number(value, f"values[{i}]", least=-math.inf)
        if at.setdefault(share, value) != value:
            raise ValueError(f"shares must not repeat with another value, got {share:g} twice")
    if not {0.0, 1.0} <= at.keys():
        raise ValueError(f"shares must hold the ends 0 and 1, got {sorted(at)}")
    return max(value - share * at[1.0] - (1 - share) * at[0.0]                # Eq. (landscape.2)
               for share, value in at.items() if 0 <= share <= 1)
