"""Is what comes out a normal variable of the mean and the variance that are due?"""

import math
from typing import NamedTuple

import numpy as np

from ...xp import erf
from ..technique import fails, held


class Case(NamedTuple):
    """Independent rows of one input, y (rows, units), with the moments of each unit."""

    text: str                                     # how the input is named
    y: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    @property
    def standard(self):
        """y as standard normal variables, if all is as due."""
        return (self.y - self.mean) / np.sqrt(self.variance)


def normal(box, cases, averaged=False):
    """The Outcome of a check: rows are normal, drawn for each row and unit by itself.

    With `averaged` they may be the mean of any number of such variables, the same in all cases.
    """
    for case in cases:
        signs = case.standard[:, :2] > 0
        if not box.chance.rate((signs[:, 0] == signs[:, 1]).sum(), len(signs), 0.5):
            return fails(case.text, "two units that share their noise, or are off on the same side",
                         "drawn for each unit, about its mean")
    near, failed = 1, None
    if averaged:
        near = max(1, round(float(np.median([1 / max(c.standard.var(), 1e-3) for c in cases]))))
    around = range(max(1, math.floor(0.9 * near)), min(math.ceil(1.1 * near), near + 10) + 1)
    for samples in sorted(around, key=lambda number: abs(number - near)) if averaged else [1]:
        if (odd := _odd(box, cases, samples)) is None:
            return held(f"{len(cases[0].y)} rows"
                        + (f", the mean of {samples} draws" if samples > 1 else ""))
        failed = failed or odd
    case, unit = failed or (cases[0], 0)
    y = case.y[:, unit]
    return fails(f"{case.text}, unit {unit}",
                 f"a mean of {y.mean():.4f} and a variance of {y.var():.4f}",
                 f"normal, {case.mean[unit]:.4f} and {case.variance[unit]:.4f}")


def _odd(box, cases, samples):
    """(case, unit), the first that is not normal as the mean of so many draws; None for none."""
    def cdf(z):
        return 0.5 + 0.5 * erf(z * math.sqrt(samples / 2))

    for case in cases:
        for unit, z in enumerate(case.standard.T):
            if not box.chance.distribution(z, cdf):
                return case, unit
    return None
