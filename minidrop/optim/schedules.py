r"""Learning-rate schedules: arrays with one rate per step, for `fit(..., schedules={"lr": rates})`.

Symbols  $t$ a step, from 0, $T$ the number of steps, $\eta_t$ the rate of step $t$, $f$ a factor,
         $M$ the milestones, $n$ the steps of the warm-up, $s$ its first factor, $T_i$ the steps of
         wave i, from 0, $g$ the growth, $T_{\mathrm{cur}}$ the steps since the last restart.

PyTorch's MultiStepLR: a factor at every milestone
$$ \eta_t = \eta_0 \, f^{\, |\{ m \in M :\, m \le t \}|}                         \tag{lr.1} $$
Loshchilov & Hutter 2017 (arXiv:1608.03983), section 3: half a wave down, here without restarts
$$ \eta_t = \eta_{\min} + \tfrac12 (\eta_0 - \eta_{\min}) (1 + \cos(\pi t / T))  \tag{lr.2} $$
Goyal et al. 2017 (arXiv:1706.02677), section 2.2, in words: the first steps rise linearly
$$ \eta_t \leftarrow \eta_t \, (s + (1 - s) \, t / n), \qquad t < n              \tag{lr.3} $$
Loshchilov & Hutter 2017, in words: a wave after the other, each longer by the same factor
$$ T_i = T_0 \, g^i                                                              \tag{lr.4} $$
Loshchilov & Hutter 2017, in words: where a step is in its wave tells its rate
$$ \eta_t = \eta_{\min} + \tfrac12 (\eta_0 - \eta_{\min}) (1 + \cos(\pi T_{\mathrm{cur}} / T_i))
                                                                                \tag{lr.5} $$
"""

import math

from ..arguments import count, describe, number
from ..xp import array_module


def step_decay(lr, total, milestones, factor=0.1):
    """`lr`, multiplied by `factor` at each of the `milestones`: an array (total,).

    Milestones are steps, from 0, in rising order and at most `total`.  One every k steps is
    `range(k, total, k)`.

    >>> step_decay(1.0, 6, milestones=[2, 4], factor=0.5)
    array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25])
    """
    lr, total, factor = number(lr, "lr"), count(total, "total"), number(factor, "factor")
    if isinstance(milestones, str) or not hasattr(milestones, "__iter__"):
        raise TypeError(f"milestones must be a list of steps, got {describe(milestones)}")
    steps = [count(m, "milestones", least=0) for m in milestones]
    if steps != sorted(set(steps)) or steps and steps[-1] > total:
        raise ValueError(f"milestones must rise and be at most total = {total}, got {steps}")
    xp = array_module()
    passed = xp.searchsorted(xp.asarray(steps, "int64"), xp.arange(total), side="right")
    return lr * factor**passed                                               # Eq. (lr.1)


def cosine(lr, total, floor=0.0):
    """From `lr` down towards `floor` along half a cosine wave: an array (total,).

    `floor` is at most `lr`, and would be reached in the step after the last.

    >>> cosine(1.0, 4).round(3)
    array([1.   , 0.854, 0.5  , 0.146])
    """
    lr, total = number(lr, "lr"), count(total, "total")
    floor, xp = number(floor, "floor", most=lr), array_module()
    wave = xp.cos(math.pi * xp.arange(total) / total)
    return floor + 0.5 * (lr - floor) * (1 + wave)                           # Eq. (lr.2)


def cosine_restarts(lr, total, period, growth=1, floor=0.0):
    """Cosine waves from `lr` down towards `floor`, one after the other: an array (total,).

    The first wave has `period` steps, each one after it `growth` times as many as the one before,
    a whole number.  The last is cut off where the run ends.  `floor` is at most `lr`.

    >>> cosine_restarts(1.0, 6, period=2, growth=2).round(3)
    array([1.   , 0.5  , 1.   , 0.854, 0.5  , 0.146])
    """
    lr, total, period = number(lr, "lr"), count(total, "total"), count(period, "period")
    growth, floor = count(growth, "growth"), number(floor, "floor", most=lr)
    xp, starts, lengths = array_module(), [0], [period]
    while starts[-1] + lengths[-1] < total:
        starts.append(starts[-1] + lengths[-1])
        lengths.append(lengths[-1] * growth)                                 # Eq. (lr.4)
    t = xp.arange(total)
    wave = xp.searchsorted(xp.array(starts), t, side="right") - 1
    part = (t - xp.array(starts)[wave]) / xp.array(lengths, "float64")[wave]
    return floor + 0.5 * (lr - floor) * (1 + xp.cos(math.pi * part))         # Eq. (lr.5)


def warmup(schedule, steps, start=0.1):
    """`schedule` with its first `steps` rates scaled by factors that rise from `start` to 1.

    `schedule` is an array or list of rates, `steps` at most its length, `start` lies in [0, 1].

    >>> warmup([1.0, 1.0, 1.0, 1.0], steps=2, start=0.5)
    array([0.5 , 0.75, 1.  , 1.  ])
    """
    if not hasattr(schedule, "__iter__") or isinstance(schedule, str | dict):
        raise TypeError(f"schedule must be an array of rates, got {describe(schedule)}")
    rates = array_module().array([number(rate, "schedule") for rate in schedule])
    steps, start = count(steps, "steps", least=0), number(start, "start", most=1.0)
    if steps > len(rates):
        raise ValueError(f"steps and schedule must fit: at most {len(rates)} steps, got {steps}")
    t = array_module().arange(steps)
    rates[:steps] *= start + (1 - start) * t / max(1, steps)                 # Eq. (lr.3)
    return rates
