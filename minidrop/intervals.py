r"""Confidence intervals: how far a mean over a few seeds may lie from the mean over all of them.

Source   Student, "The probable error of a mean", Biometrika 6 (1908) 1-25; its distribution in
         closed form: Abramowitz & Stegun, "Handbook of mathematical functions" (1964), 26.7.3 and
         26.7.4.
Symbols  $x_1, \dots, x_n$ independent, normal, with mean $\mu$; $\bar x$ their mean, $s$ their
         standard deviation (with $n - 1$), $\nu = n - 1$ degrees of freedom, $c = \cos\theta$.

Student 1908: where the mean lies, with the probability $P(|T| \le t)$
$$ \mu \in \bar x \pm t \, s / \sqrt n                                       \tag{intervals.1} $$
Abramowitz & Stegun 26.7.3 and 26.7.4, with $\theta = \arctan(t / \sqrt \nu)$: that probability
$$ \sin\theta \, \big( 1 + \tfrac12 c^2 + \tfrac{1 \cdot 3}{2 \cdot 4} c^4 + \dots \big)
   \text{ up to } c^{\nu - 2}, \nu \text{ even}; \qquad
   \tfrac2\pi \big( \theta + \sin\theta \, ( c + \tfrac23 c^3 + \dots ) \big), \nu \text{ odd}
                                                                             \tag{intervals.2} $$
"""

import math
import sys
from numbers import Number
from typing import Any, NamedTuple

from .arguments import count, describe, probability
from .xp import array_module

MANY = 100_000                                    # degrees: the series has half as many terms

LARGE, SCALE = 1e150, 2.0**600                    # what is larger is divided: squares are finite


class Interval(NamedTuple):
    """A mean and half the width of its confidence interval: numbers, or arrays of one shape.

    Printed they are in lines, one for each number.

    >>> print(Interval(0.5, 0.25), f"{Interval(0.5, 0.25):.1f}")
    0.500 +- 0.250 0.5 +- 0.2
    """

    mean: Any
    half: Any

    @property
    def low(self):
        """The lower end."""
        return self.mean - self.half

    @property
    def high(self):
        """The upper end."""
        return self.mean + self.half

    def __str__(self):
        if getattr(self.mean, "ndim", 0):
            return "\n".join(map(str, map(Interval, self.mean, self.half)))
        return f"{self:.3f}"

    def __format__(self, digits):
        return f"{self.mean:{digits}} +- {self.half:{digits}}" if digits else str(self)


def mean_interval(values, level=0.95):
    """The `Interval` in which the mean of what `values` are drawn from lies, by Student's t.

    `values` are n >= 2 independent and about normal numbers, such as differences of paired seeds:
    (n,), or (n, ...) for one interval each.  `level` is how often the interval is right.

    >>> print(mean_interval([0.02, 0.05, 0.02, 0.03]))
    0.030 +- 0.023
    """
    x = _values(values)
    scale = array_module().where(abs(x).max(axis=0) > LARGE, SCALE, 1.0)
    x = x / scale
    deviation = x.std(axis=0, ddof=1)
    t = student(min(len(x) - 1, MANY), level)
    half = t * deviation / math.sqrt(len(x))                                 # Eq. (intervals.1)
    if not (half <= sys.float_info.max / scale).all():
        raise ValueError(f"values must have an interval that is finite, got {describe(values)}")
    mean, half = scale * x.mean(axis=0), scale * half
    return Interval(mean, half) if mean.ndim else Interval(float(mean), float(half))


def student(degrees, level=0.95):
    """The t that Student's variable stays within, on both sides, with probability `level`.

    `degrees` of freedom are a whole number up to 100,000, one less than there are values; of more
    t is smaller by (t + t^3) / 400,000 at most, and `mean_interval` takes that of 100,000.

    >>> round(student(4), 3), round(student(7), 3), round(student(1000), 3)
    (2.776, 2.365, 1.962)
    """
    n = count(degrees, "degrees", most=MANY)
    if not 0 < probability(level, "level") < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    low, high = 0.0, math.pi / 2                  # of theta, by bisection
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _within(middle, n) < level else (low, middle)
    return math.sqrt(n) * math.tan(low)


def _within(theta, n):
    """P(|T| <= sqrt(n) tan(theta)) for n degrees of freedom."""
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = n % 2
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(1 + odd, n, 2):                # term is that of cosine^(k - 1)
        total, term = total + term, term * cosine**2 * k / (k + 1)
    return (2 / math.pi) * (theta + sine * total) if odd else sine * total   # Eq. (intervals.2)


def _values(values):
    xp = array_module()
    try:
        x = xp.asarray(values)
        if x.dtype.kind not in "iufO" or x.dtype.kind == "O" and not all(map(_is_number, x.flat)):
            raise TypeError
        x = x.astype("float64")
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"values must be an array of numbers, got {describe(values)}") from None
    if x.ndim == 0 or len(x) < 2 or not xp.isfinite(x).all():
        raise ValueError("values must be at least two finite numbers, one for each seed, got "
                         f"{describe(values)}")
    return x


def _is_number(thing):
    return isinstance(thing, Number) and not isinstance(thing, bool)
