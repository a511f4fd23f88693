"""functional/order: exact counts, whatever shares and ties there are; norms without overflow."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import minidrop as md
from minidrop.functional import magnitudes, smallest
from minidrop.xp import host

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None)


@PROPERTY
@given(rows=st.integers(1, 4), n=st.integers(1, 12), kinds=st.integers(1, 6), share=st.floats(0, 1),
       seed=st.integers(0, 99))
def test_smallest_are_the_first_of_a_stable_order(rows, n, kinds, share, seed):
    scores = np.random.default_rng(seed).integers(kinds, size=(rows, n)) / 4      # many are equal
    due = np.zeros((rows, n), bool)
    for row, chosen in zip(scores, due, strict=True):
        chosen[sorted(range(n), key=lambda i: row[i])[:math.floor(share * n + 1e-9)]] = True
    assert_array_equal(smallest(scores, share), due)


def test_smallest_counts_what_the_share_says_and_not_what_its_float_does(xp):
    scores = xp.asarray(np.random.default_rng(0).normal(size=(3, 100)).astype("float32"))
    for percent in range(101):
        assert host(smallest(scores, percent / 100).sum(axis=1)).tolist() == [percent] * 3
    assert 0.29 * 100 < 29                        # what floor alone would take for 28


def test_smallest_has_room_for_rounding_and_for_no_more(xp):
    scores = xp.asarray(np.arange(100.0))
    for share, n in ((0.29 - 5e-12, 29), (0.29 - 2e-11, 28), (0.29 - 5e-10, 28)):
        assert int(smallest(scores, share).sum()) == n


def test_smallest_of_equal_entries_are_the_first(xp):
    for dtype in ("float32", "float64"):
        equal = smallest(xp.zeros((2, 5), dtype), 0.6)
        assert equal.dtype == bool and host(equal).tolist() == [[True] * 3 + [False] * 2] * 2
    assert host(smallest(xp.ones(999), 0.5)).tolist() == [True] * 499 + [False] * 500
    row = xp.asarray([2.0, 1.0, 1.0, math.inf, 1.0, 0.0])
    assert host(smallest(row, 0.5)).tolist() == [False, True, True, False, False, True]


def test_smallest_reads_any_memory_order_and_tensors(xp):
    scores = xp.asarray(np.random.default_rng(0).normal(size=(7, 6)))
    due = host(smallest(scores, 0.5))
    assert_array_equal(host(smallest(xp.asarray(host(scores).T.copy()).T, 0.5)), due)
    assert_array_equal(host(smallest(md.Tensor(scores), 0.5)), due)


def test_smallest_refuses_what_has_no_order():
    for scores, share, sentence in (
            (np.zeros((3, 0)), 0.5, "scores must have rows that are not empty"),
            (np.float64(1), 0.5, "scores must"), (np.arange(3), 0.5, "scores must"),
            (np.zeros(3), 1.5, "share is a probability"), (np.zeros(3), math.nan, "share")):
        with pytest.raises((ValueError, TypeError), match=sentence):
            smallest(scores, share)


# --- magnitudes -----------------------------------------------------------------------------------

def test_magnitudes_are_absolute_values_or_norms_of_rows(xp):
    w = np.random.default_rng(0).normal(size=(4, 3, 2, 5))
    for kind in (xp.asarray(w), md.Tensor(xp.asarray(w)), xp.asarray(w.T.copy()).T):
        assert_array_equal(host(magnitudes(kind, False)), abs(w).reshape(4, 30))
        norms = np.sqrt((w**2).sum((1, 2, 3)))
        np.testing.assert_allclose(host(magnitudes(kind, True)), norms, rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_magnitudes_order_the_largest_and_the_tiniest_rows(xp, dtype):
    finfo = np.finfo(dtype)
    tops = xp.asarray(np.array([finfo.max / 2, 0, finfo.smallest_normal, finfo.max / 4], dtype))
    norms = magnitudes(tops[:, None] * xp.asarray(np.array([0.6, 0.8], dtype)), True)
    assert norms.dtype == dtype and host(norms.argsort()).tolist() == [1, 2, 3, 0]
    np.testing.assert_allclose(host(norms), host(tops), rtol=4 * finfo.eps, atol=finfo.tiny / 100)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_magnitudes_of_infinite_rows_are_infinite(xp, dtype):
    w = xp.asarray(np.array([[math.inf, np.finfo(dtype).max], [3, 4], [-math.inf, math.nan],
                             [0, 0]], dtype))
    assert_array_equal(host(magnitudes(w, True)), np.array([math.inf, 5, math.nan, 0], dtype))
    assert host(smallest(magnitudes(w[:2], True), 0.5)).tolist() == [False, True]


def test_magnitudes_refuse_what_has_no_rows():
    for w, unit, sentence in (
            (np.zeros(3), True, "w must have shape"), (np.zeros((2, 0)), False, "w must have"),
            (np.zeros((2, 2), int), True, "w must hold floats"),
            (np.zeros((2, 2)), 1, "unit must be True or False")):
        with pytest.raises((ValueError, TypeError), match=sentence):
            magnitudes(w, unit)
