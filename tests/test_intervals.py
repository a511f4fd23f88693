"""intervals: Student's t against its density, and intervals that are right as often as they say."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import minidrop as md
from tests.samplers import assert_rate

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None)
PRINTED = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 7: 2.365, 9: 2.262, 30: 2.042,
           120: 1.980}                            # the tables of every textbook: 95 %, two-sided


def test_intervals_1_by_hand():
    interval = md.mean_interval([1.0, 2.0, 6.0])                # s^2 = (4 + 1 + 9) / 2 = 7
    assert interval.mean == 3.0
    t = 0.95 * math.sqrt(2 / (1 - 0.95**2))                     # for two degrees of freedom
    assert_allclose(interval.half, t * math.sqrt(7 / 3), rtol=1e-12)
    assert interval.low == 3.0 - interval.half and interval.high == 3.0 + interval.half


def test_intervals_1_is_right_as_often_as_it_says():
    """20,000 experiments of four normal numbers each: the mean 1 is missed by 1 - level of them."""
    x = md.gaussian(md.Stream(0, "intervals"), (4, 20_000)) + 1
    for level in (0.5, 0.95):
        interval = md.mean_interval(x, level)
        missed = (interval.low > 1) | (interval.high < 1)
        assert_rate(missed.sum(), missed.size, 1 - level)


def test_intervals_1_holds_for_each_column():
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    interval = md.mean_interval(x)
    assert interval.mean.shape == interval.half.shape == (2, 3)
    one = md.mean_interval(list(x[:, 1, 2]))
    assert one == (interval.mean[1, 2], interval.half[1, 2])
    assert md.mean_interval([2, 2, 2]) == (2, 0)
    assert md.mean_interval([Fraction(1, 2), Decimal("0.5")]) == (0.5, 0)
    large = md.mean_interval(np.array([[1e-100, 1e200], [3e-100, 3e200]]))
    assert_allclose(large.half * [1e100, 1e-200], md.mean_interval([1, 3]).half, rtol=1e-12)
    assert_allclose(large.mean * [1e100, 1e-200], 2, rtol=1e-12)


@pytest.mark.parametrize("degrees", PRINTED)
def test_intervals_2_agrees_with_the_printed_tables(degrees):
    assert round(md.student(degrees), 3) == PRINTED[degrees]


@PROPERTY
@given(degrees=st.integers(1, 60), level=st.floats(0.01, 0.999))
def test_intervals_2_is_the_area_under_the_density(degrees, level):
    """The integral of c (1 + t^2 / n)^(-(n + 1) / 2), in theta: c sqrt(n) cos(theta)^(n - 1)."""
    n, top = degrees, math.atan(md.student(degrees, level) / math.sqrt(degrees))
    c = math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2)) / math.sqrt(math.pi)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    area = c * top * (weights * np.cos(top * (nodes + 1) / 2)**(n - 1)).sum()
    assert_allclose(area, level, rtol=1e-11)


def test_intervals_2_for_one_and_two_degrees_in_closed_form():
    for level in (1e-3, 0.3, 0.95, 0.9999):
        assert_allclose(md.student(1, level), math.tan(math.pi * level / 2), rtol=1e-9)
        assert_allclose(md.student(2, level), level * math.sqrt(2 / (1 - level**2)), rtol=1e-9)


def test_an_interval_is_printed_with_its_half_width():
    assert str(md.mean_interval([0.0, 2.0])) == "1.000 +- 12.706"
    assert repr(md.mean_interval([2, 2])) == "Interval(mean=2.0, half=0.0)"
    both = md.mean_interval([[[0.0, 1.0]], [[2.0, 1.0]]])
    assert str(both) == "1.000 +- 12.706\n1.000 +- 0.000"


@pytest.mark.parametrize("call, kind, message", [
    (lambda: md.mean_interval([1.0]), ValueError, "values must be at least two finite numbers"),
    (lambda: md.mean_interval(3.0), ValueError, "values must be at least two finite numbers"),
    (lambda: md.mean_interval([]), ValueError, "values must be at least two finite numbers"),
    (lambda: md.mean_interval([1.0, math.nan]), ValueError, "values must be at least two finite"),
    (lambda: md.mean_interval([1.0, math.inf]), ValueError, "values must be at least two finite"),
    (lambda: md.mean_interval(["a", "b"]), TypeError, "values must be an array of numbers, got"),
    (lambda: md.mean_interval([1e308, 1e308, -1e308]), ValueError,
     "values must have an interval that is finite, got list"),
    (lambda: md.mean_interval(np.array(["1", "2"], object)), TypeError, "values must be an array"),
    (lambda: md.mean_interval(np.array([True, False], object)), TypeError, "values must be an arr"),
    (lambda: md.mean_interval([1, 10**400]), TypeError, "values must be an array of numbers, got"),
    (lambda: md.mean_interval([[1, 2], [3]]), TypeError, "values must be an array of numbers, got"),
    (lambda: md.mean_interval([1, 2], level=1), ValueError, "level must lie between 0 and 1, got"),
    (lambda: md.student(4, level=0.0), ValueError, "level must lie between 0 and 1, got 0.0"),
    (lambda: md.student(4, level=95), ValueError, "level is a probability and must lie in"),
    (lambda: md.student(0), ValueError, "degrees must be a whole number of at least 1, got 0"),
    (lambda: md.student(2.5), TypeError, "degrees must be a whole number, got float 2.5"),
])
def test_a_mistake_in_values_or_levels_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
