"""The checks of samplers pass a right one and see each way of being wrong."""

import math
from itertools import product

import numpy as np
import pytest

import minidrop as md
from tests.samplers import (
    FALSE_ALARM,
    assert_fresh,
    assert_independent,
    assert_rate,
    assert_shared,
    surprise,
)

DRAWS = 4096


def mask(p=0.5, shape=(64, 64), seed=0):
    return md.dropout_mask(seed, shape, p)


@pytest.mark.parametrize("n, p", [(7, 0.3), (20, 0.05), (12, 0.5)])
def test_the_bound_is_above_the_exact_tail(n, p):
    chance = [math.comb(n, k) * p**k * (1 - p)**(n - k) for k in range(n + 1)]
    for k in range(n + 1):
        tail = sum(chance[k:]) if k >= n * p else sum(chance[:k + 1])
        assert tail <= math.exp(-surprise(k, n, p)) * (1 + 1e-12)


def test_the_bound_at_the_ends():
    assert surprise(0, 10, 0.0) == surprise(10, 10, 1.0) == 0
    assert surprise(1, 10, 0.0) == surprise(9, 10, 1.0) == math.inf


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_a_right_sampler_passes(p):
    first, second = mask(p), mask(p, seed=1)
    assert_rate((~first).sum(), DRAWS, p)
    assert_independent(first, 0, p)
    assert_independent(first, 1, p)
    assert_fresh(first, second, 1 - p)


def test_a_wrong_rate_is_seen():
    for p, due in product((0.1, 0.5), (0.2, 0.4)):
        with pytest.raises(AssertionError, match=f"of {DRAWS} draws, where"):
            assert_rate((~mask(p)).sum(), DRAWS, due)
    with pytest.raises(AssertionError):
        assert_rate(1, DRAWS, 0.0)


def test_a_count_of_entries_in_place_of_draws_is_a_false_alarm():
    """The classic mistake: 64 channels of 64 x 64 entries are 64 draws, not 262,144."""
    dropped = (~mask(shape=(64, 1))).sum()
    assert_rate(dropped, 64, 0.5)
    with pytest.raises(AssertionError):
        assert_rate((dropped + 1) * 4096, 64 * 4096, 0.5)


def test_shared_and_dependent_entries_are_seen():
    rows = np.broadcast_to(mask(shape=(64, 1)), (64, 64))
    assert_shared(rows, 1)
    for fault in (lambda: assert_shared(mask(), 1), lambda: assert_independent(rows, 1),
                  lambda: assert_independent(np.arange(DRAWS).reshape(64, 64) % 2 == 0, 1)):
        with pytest.raises(AssertionError):
            fault()


def test_a_frozen_mask_is_seen():
    with pytest.raises(AssertionError):
        assert_fresh(mask(), mask(), 0.5)
    assert FALSE_ALARM < 1e-6
