"""Chance: how far a right implementation may stray, with bounds that are proved and added up.

A check that counts may fail what is right, by bad luck.  Each comparison here has a false alarm of
at most ALARM, for any number of draws: no normal approximation, and nothing is assumed of whoever
draws but the law that is asked about.  `spent` is their sum, a bound for all of them together.

Chernoff 1952, Hoeffding 1963: K successes of n draws of probability p
    P(K / n on one side beyond k / n) <= exp(-n KL(k / n, p)),
    KL(a, p) = a ln(a / p) + (1 - a) ln((1 - a) / (1 - p))
Hoeffding 1963: a mean of n draws within [low, high]
    P(|mean - due| >= t) <= 2 exp(-2 n t^2 / (high - low)^2)
Dvoretzky, Kiefer, Wolfowitz 1956, with the constant of Massart 1990: the distribution F of n draws
    P(sup |F_n - F| >= t) <= 2 exp(-2 n t^2)
"""

import math

import numpy as np

ALARM = 1e-9


class Chance:
    """Comparisons of draws with their law; `spent` bounds the chance that any of them is wrong.

    >>> chance = Chance()
    >>> chance.rate(507, 1000, 0.5), chance.rate(607, 1000, 0.5), chance.spent
    (True, False, 2e-09)
    """

    def __init__(self):
        self.spent = 0.0

    def rate(self, successes, draws, p):
        """Do so many successes agree with so many independent draws of probability `p`?

        Arrays of successes are compared entry by entry, and share one false alarm: an array of
        answers.
        """
        self.spent += ALARM
        successes, p = np.broadcast_arrays(np.asarray(successes, float), np.asarray(p, float))
        limit = math.log(2 * successes.size / ALARM) if successes.size else 0.0
        agrees = surprise(successes, draws, p) < limit
        return bool(agrees) if agrees.ndim == 0 else agrees

    def mean(self, values, due, low, high):
        """Does the mean of independent `values` within [low, high] agree with `due`?"""
        self.spent += ALARM
        values = np.asarray(values, float)
        margin = (high - low) * math.sqrt(math.log(2 / ALARM) / (2 * values.size))
        return bool(abs(values.mean() - due) <= margin)

    def distribution(self, values, cdf):
        """Do independent `values` agree with the distribution function `cdf`?

        `cdf` maps an array of numbers to P(value <= number); it may have steps.
        """
        self.spent += ALARM
        return distance(values, cdf) <= math.sqrt(math.log(2 / ALARM) / (2 * np.size(values)))


def surprise(successes, draws, p):
    """Minus the logarithm of Chernoff's bound: n KL(K / n, p), infinite where it cannot be.

    >>> float(surprise(5, 10, 0.5)), float(surprise(1, 10, 0.0))
    (0.0, inf)
    """
    def part(k, q):
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.asarray(k * np.log(np.divide(k, draws * q)))
        return np.where(np.equal(k, 0), 0.0, np.where(np.equal(q, 0), np.inf, each))

    successes, p = np.asarray(successes, float), np.asarray(p, float)
    return np.maximum(part(successes, p) + part(draws - successes, 1 - p), 0.0)


def distance(values, cdf):
    """The largest distance of the distribution of `values` from `cdf`, on both sides of a step."""
    values, counts = np.unique(np.asarray(values, float), return_counts=True)
    after = counts.cumsum() / counts.sum()
    before = after - counts / counts.sum()
    at, just_below = cdf(values), cdf(np.nextafter(values, -np.inf))
    return float(max(np.abs(after - at).max(), np.abs(before - just_below).max()))
