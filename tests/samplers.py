"""What every sampler must show: its rate, what it shares, what is independent, that it draws anew.

Counts of independent draws are compared with Chernoff's bound: K successes of n draws with
probability p deviate so far from n p, to one side, with a probability of at most

    exp(-n KL(K / n, p)),    KL(a, p) = a ln(a / p) + (1 - a) ln((1 - a) / (1 - p)),

whatever n and p are.  A right sampler therefore fails here with a probability below FALSE_ALARM a
call, by proof and not by approximation.  n is the number of independent draws, before broadcasting.
"""

import math

import numpy as np

FALSE_ALARM = 1e-9


def surprise(successes, draws, p):
    """Minus the logarithm of Chernoff's bound: n KL(successes / n, p), infinite if impossible."""
    def part(k, q):
        return 0.0 if k == 0 else math.inf if q == 0 else k * math.log(k / (draws * q))

    return part(successes, p) + part(draws - successes, 1 - p)


def assert_rate(dropped, draws, p):
    """`dropped` of `draws` independent draws agree with the rate p."""
    dropped, draws = int(dropped), int(draws)
    assert surprise(dropped, draws, p) < math.log(2 / FALSE_ALARM), (
        f"{dropped} of {draws} draws, where {draws * p:.0f} were due")


def assert_shared(mask, axes):
    """The mask has one value along `axes`."""
    assert np.array_equal(mask.min(axis=axes), mask.max(axis=axes))


def assert_independent(mask, axis, p=0.5):
    """Neighbours along `axis` of a mask drawn with the rate p agree as often as strangers.

    The pairs (0, 1), (2, 3), ... are disjoint, so they are independent draws.
    """
    mask = np.moveaxis(np.asarray(mask, bool), axis, 0)
    pairs = len(mask) // 2
    agree = mask[0:2 * pairs:2] == mask[1:2 * pairs:2]
    assert_rate(agree.sum(), agree.size, p**2 + (1 - p)**2)


def assert_fresh(first, second, q):
    """Two calls of a sampler that keeps with probability q agree as often as strangers."""
    agree = np.asarray(first) == np.asarray(second)
    assert_rate(agree.sum(), agree.size, q**2 + (1 - q)**2)
