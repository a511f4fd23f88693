r"""Underfitting or overfitting: what the results of runs with and without dropout say.

Paper    Liu, Xu, Jin, Shen, Darrell, "Dropout reduces underfitting", ICML 2023, arXiv:2303.01500:
         "Liu 2023".
Where    After training: results on data that were not trained on, of the same runs without
         dropout, with standard, with early and with late dropout.
Symbols  $a_i, b_i$ the scores of two recipes with seed $i$ of $n$, higher is better,
         $\Delta(a, b)$ the gain of a over b, $h$ half of its interval.

Ours: paired by seed, so that what both runs share is no noise, with Student's t interval
$$ \Delta(a, b) = \frac1n \sum_i (a_i - b_i)                                  \tag{regimes.1} $$
Liu 2023, in words: overfitting is to generalise better with standard dropout
$$ \Delta(\mathrm{standard}, \mathrm{none}) > 0                               \tag{regimes.2} $$
Liu 2023, in words: underfitting is to generalise better without it
$$ \Delta(\mathrm{standard}, \mathrm{none}) < 0                               \tag{regimes.3} $$
Ours: undecided is a gain whose interval holds 0
$$ |\Delta(a, b)| \le h                                                       \tag{regimes.4} $$

A regime is one of a network, its data and its training together, and of one rate of dropout.
Liu 2023 recommends early dropout where a network underfits, and late dropout where it overfits.
"""

import math
from numbers import Real
from typing import NamedTuple

from .arguments import iterable, number, option
from .intervals import Interval, mean_interval

NAMES = {-1: "underfitting", 0: "undecided", 1: "overfitting"}
ADVICE = {"underfitting": "early", "overfitting": "late", "undecided": None}
VERDICTS = {-1: "worse", 0: "undecided", 1: "better"}


class Regime(NamedTuple):
    """The regime that results show, what the paper would try there, and every gain.

    >>> print(regime(none=[0.90, 0.91, 0.90], standard=[0.93, 0.95, 0.94]))
    overfitting; Liu 2023 would try late dropout
    standard - none: 0.037 +- 0.014, better
    """

    name: str                   # "underfitting", "overfitting" or "undecided"
    advice: str | None          # what the paper would try, tried here or not: "early", "late", None
    gains: dict                 # {"early - none": Interval, ...}, positive: early is better

    def __str__(self):
        alone = any(math.isnan(gain.half) for gain in self.gains.values())
        first = self.name + " by one score each" * alone
        if self.advice:
            first += f"; Liu 2023 would try {self.advice} dropout"
        return "\n".join([first, *(_line(pair, gain) for pair, gain in self.gains.items())])


def regime(none, standard, early=None, late=None, better="higher", level=0.95):
    """Decide whether a network underfits or overfits, from results: a `Regime`.

    Each argument is a score, or one for each seed, the same seeds in the same order: accuracies on
    validation data, or losses with `better` "lower".  The network overfits if standard dropout is
    better than none, and underfits if it is worse; where the interval of the gain holds 0 this is
    "undecided".  The gains of each recipe given over none and over standard dropout are decided
    likewise, one by one: what helps most here may be another recipe than the paper's.

    One score each has no interval (its half is nan): signs name the regime, and no gain is called
    better or worse, as chance is not excluded.  `level` is that of each interval alone; that all
    five are right is less likely.  ValueError for scores that are not finite or not as many as
    those without dropout.

    Source: Liu 2023 for the criterion.

    >>> print(regime(none=73.9, standard=67.9, early=74.3))        # ViT-T on ImageNet, Liu 2023
    underfitting by one score each; Liu 2023 would try early dropout
    standard - none: -6.000
    early - none: 0.400
    early - standard: 6.400
    """
    given = {"none": none, "standard": standard, "early": early, "late": late}
    scores = {name: _scores(value, name) for name, value in given.items()
              if value is not None or name in ("none", "standard")}
    for name, values in scores.items():
        if len(values) != len(scores["none"]):
            raise ValueError(f"{name} and none must hold one score for each seed, got "
                             f"{len(values)} and {len(scores['none'])}")
    if option(better, "better", ("higher", "lower")) == "lower":
        scores = {name: [-value for value in values] for name, values in scores.items()}
    gains = {f"{a} - {b}": _gain(scores[a], scores[b], level)
             for a in scores for b in ("none", "standard") if a not in ("none", b)}
    name = NAMES[_sign(gains["standard - none"])]                 # Eq. (regimes.2), (regimes.3)
    return Regime(name, ADVICE[name], gains)


def _gain(a, b, level):
    """The interval of the gain of a over b; of one pair no half is known."""
    if len(a) == 1:
        return Interval(a[0] - b[0], math.nan)
    return mean_interval([x - y for x, y in zip(a, b, strict=True)], level)    # Eq. (regimes.1)


def _sign(gain):
    """-1, 0 or 1: which side of 0 the interval lies on; the mean alone, if there is none."""
    if abs(gain.mean) <= gain.half or gain.mean == 0:                          # Eq. (regimes.4)
        return 0
    return 1 if gain.mean > 0 else -1


def _line(pair, gain):
    """How a gain is printed: with what its interval shows, if it has one."""
    if math.isnan(gain.half):
        return f"{pair}: {gain.mean:.3f}"
    return f"{pair}: {gain}, {VERDICTS[_sign(gain)]}"


def _scores(values, name):
    if isinstance(values, Real) or getattr(values, "ndim", None) == 0:
        values = [values]
    iterable(values, name, "a score or one for each seed")
    found = [number(value, name, least=-math.inf) for value in values]
    if not found:
        raise ValueError(f"{name} must hold at least one score, got none")
    return found
