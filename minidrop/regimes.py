r"""Underfitting or overfitting: what the results of runs with and without dropout say.

Paper    Liu, Xu, Jin, Shen, Darrell, "Dropout reduces underfitting", ICML 2023, arXiv:2303.01500:
         "Liu 2023".
Where    After training: results on data that were not trained on, of the same runs without
         dropout, with standard, with early and with late dropout.
Symbols  $a_i, b_i$ the scores of two recipes with seed $i$ of $n$, higher is better,
         $\Delta(a, b)$ the gain of a over b.

Ours: paired by seed, so that what both runs share is no noise, with Student's t interval
$$ \Delta(a, b) = \frac1n \sum_i (a_i - b_i)                                  \tag{regimes.1} $$
Liu 2023, in words: overfitting is to generalise better with standard dropout
$$ \Delta(\mathrm{standard}, \mathrm{none}) > 0                               \tag{regimes.2} $$
Liu 2023, in words: underfitting is to generalise better without it
$$ \Delta(\mathrm{standard}, \mathrm{none}) < 0                               \tag{regimes.3} $$

A regime is one of a network, its data and its training together, and of one rate of dropout.
Liu 2023 recommends early dropout where a network underfits, and late dropout where it overfits.
"""

import math
from numbers import Real
from typing import NamedTuple

from .arguments import describe, number, option
from .intervals import Interval, mean_interval

NAMES = {-1: "underfitting", 0: "undecided", 1: "overfitting"}
ADVICE = {"underfitting": ("early", "none"), "overfitting": ("late", "standard")}   # and instead of


class Regime(NamedTuple):
    """The regime that results show, and what they say for which recipe.

    >>> print(regime(none=[0.90, 0.91, 0.90], standard=[0.93, 0.95, 0.94]))
    overfitting; advice: late; supported: standard
    standard - none: 0.037 +- 0.014
    """

    name: str                   # "underfitting", "overfitting" or "undecided"
    advice: str                 # what the paper would try: "early", "late" or "undecided"
    supported: str              # what the results speak for: also "none" and "standard"
    gains: dict                 # {"early - none": Interval, ...}, positive: early is better

    def __str__(self):
        gains = [f"{pair}: {gain}" for pair, gain in self.gains.items()]
        first = f"{self.name}; advice: {self.advice}; supported: {self.supported}"
        return "\n".join([first, *gains])


def regime(none, standard, early=None, late=None, better="higher", level=0.95):
    """Decide whether a network underfits or overfits, from results: a `Regime`.

    Each argument is a score, or one for each seed, the same seeds in the same order: accuracies on
    validation data, or losses with `better` "lower".  The network overfits if standard dropout is
    better than none, and underfits if it is worse; where the interval of the gain holds 0 this is
    "undecided".  Supported is, where it underfits, early dropout if that is shown to be better than
    none, and none if it is not; where it overfits, late dropout if that is shown to be better than
    standard dropout, and standard dropout if it is not.

    One score each has no interval (its half is nan), so that signs decide, and chance is not
    excluded.  `level` is that of each interval alone; that all five are right is less likely.
    ValueError for scores that are not finite or not as many as those without dropout.

    Source: Liu 2023 for the criterion.

    >>> found = regime(none=73.9, standard=67.9, early=74.3)       # ViT-T on ImageNet, Liu 2023
    >>> found.name, found.supported, round(found.gains["early - none"].mean, 1)
    ('underfitting', 'early', 0.4)
    """
    given = {"none": none, "standard": standard, "early": early, "late": late}
    scores = {name: _scores(value, name) for name, value in given.items()
              if value is not None or name in ("none", "standard")}
    for name, values in scores.items():
        if len(values) != len(scores["none"]):
            raise ValueError(f"{name} must hold one score for each of the {len(scores['none'])} "
                             f"seeds of none, got {len(values)}")
    if option(better, "better", ("higher", "lower")) == "lower":
        scores = {name: [-value for value in values] for name, values in scores.items()}
    gains = {f"{a} - {b}": _gain(scores[a], scores[b], level)
             for a in scores for b in ("none", "standard") if a not in ("none", b)}
    name = NAMES[_sign(gains["standard - none"])]                 # Eq. (regimes.2), (regimes.3)
    advice, instead = ADVICE.get(name, (name, name))
    gain = gains.get(f"{advice} - {instead}")
    return Regime(name, advice, advice if gain and _sign(gain) > 0 else instead, gains)


def _gain(a, b, level):
    """The interval of the gain of a over b; of one pair no half is known."""
    differences = [x - y for x, y in zip(a, b, strict=True)]                   # Eq. (regimes.1)
    return mean_interval(differences, level) if len(a) > 1 else Interval(differences[0], math.nan)


def _sign(gain):
    """-1, 0 or 1: which side of 0 the interval lies on; the mean alone, if there is none."""
    if abs(gain.mean) <= gain.half or gain.mean == 0:
        return 0
    return 1 if gain.mean > 0 else -1


def _scores(values, name):
    if isinstance(values, Real) or getattr(values, "ndim", None) == 0:
        values = [values]
    if isinstance(values, str | bytes | dict) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name} must be a score or one for each seed, got {describe(values)}")
    found = [number(value, name, least=-math.inf) for value in values]
    if not found:
        raise ValueError(f"{name} must hold at least one score, got none")
    return found
