"""schedules/ramps: every equation, exactly, and every sentence of "Differs"."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def test_ramps_1_is_one_minus_the_ramp_of_the_paper():
    keep_prob, total = 0.9, 50
    kept = [1 - t / total * (1 - keep_prob) for t in range(total)]
    assert_allclose(md.linear_ramp(0.0, 0.1, total), 1 - np.array(kept), atol=1e-15)


def test_ramps_2_by_hand():
    assert_allclose(md.linear_ramp(0.2, 0.6, 5, steps=4), [0.2, 0.3, 0.4, 0.5, 0.6], rtol=1e-15)
    assert_allclose(md.linear_ramp(0.6, 0.2, 4, steps=2), [0.6, 0.4, 0.2, 0.2], rtol=1e-15)
    assert md.linear_ramp(0.3, 0.7, 3, steps=1).tolist() == [0.3, 0.7, 0.7]
    assert md.linear_ramp(0.3, 0.7, 1).tolist() == [0.3]
    assert md.linear_ramp(-1.0, 1.0, 3, steps=2).tolist() == [-1.0, 0.0, 1.0]
    assert set(md.linear_ramp(0.1, 0.1, 1000, steps=700)) == {0.1}


@PROPERTY
@given(start=st.floats(0, 1), end=st.floats(0, 1), total=st.integers(1, 50), data=st.data())
def test_ramps_2_goes_from_one_end_to_the_other_and_never_beyond(start, end, total, data):
    steps = data.draw(st.integers(1, total))
    values = md.linear_ramp(start, end, total, steps)
    assert values.shape == (total,) and values.dtype == "float64"
    assert values[0] == start and (values[steps:] == end).all()
    assert values.min() >= min(start, end) and values.max() <= max(start, end)
    due = [start + (end - start) * min(1, t / steps) for t in range(total)]
    assert_allclose(values, due, atol=1e-15)


def test_ramps_2_reaches_its_end_in_the_step_after_the_last():
    ramp = md.linear_ramp(0.0, 0.1, 4)
    assert_allclose(ramp, [0.0, 0.025, 0.05, 0.075], rtol=1e-15)
    assert_array_equal(md.linear_ramp(0.0, 0.1, 5, steps=4)[4:], [0.1])
    other = np.linspace(0.0, 0.1, 4)
    assert other.round(3).tolist() == [0.0, 0.033, 0.067, 0.1]
    assert_allclose(md.linear_ramp(0.0, 0.1, 4, steps=3), other, atol=1e-15)  # can be had as well


def test_ramps_of_a_ramp_in_two_pieces():
    # what joins later: 95 % of the target on the first half, the rest on the second
    first = md.linear_ramp(0.0, 0.95, 100, steps=50)
    second = np.concatenate([np.zeros(50), md.linear_ramp(0.0, 0.05, 50)])
    t = np.arange(100)
    due = 0.95 * np.minimum(1, t / 50) + 0.05 * np.clip((t - 50) / 50, 0, 1)
    assert_allclose(first + second, due, atol=1e-15)


@pytest.mark.parametrize("scale", [False, True])
def test_a_ramp_steers_the_rates_of_a_run(xp, backend, scale):
    net = md.nn.Sequential(one=md.Dropout(0.2), two=md.Dropout(0.4), last=md.nn.Linear(3, 2))
    x, y, seen = xp.asarray(md.gaussian(0, (4, 3))), xp.asarray([0, 1, 0, 1]), []
    ramp = md.scaled(md.linear_ramp(0, 1, 4)) if scale else md.linear_ramp(0, 0.8, 4)
    md.fit(net.init(0).to(backend), md.optim.SGD(0.1), (x, y), epochs=2, batch_size=2,
           schedules={"*.p" if scale else "one.p": ramp}, progress=False,
           recorder=lambda step, net, loss: seen.append((net.one.p, net.two.p)))
    due = [(0.05, 0.1), (0.2, 0.0)][not scale]    # each layer's own rate, or one layer to 0.8
    rest = [0, 0] if scale else [0, 0.4]
    assert_allclose(seen, np.outer(np.arange(4), due) + rest, rtol=1e-12)
    assert (net.one.p, net.two.p) == (0.2, 0.4)


@pytest.mark.parametrize("call, kind, message", [
    (lambda: md.linear_ramp(float("inf"), 1, 5), ValueError, "start must be finite, got inf"),
    (lambda: md.linear_ramp(0, float("nan"), 5), ValueError, "end must be finite"),
    (lambda: md.linear_ramp(0, 1, 0), ValueError, "total must be a whole number of at least 1"),
    (lambda: md.linear_ramp(0, 1, 2.5), TypeError, "total must be a whole number"),
    (lambda: md.linear_ramp(0, 1, 5, 6), ValueError, "steps must be at most total = 5, got 6"),
    (lambda: md.linear_ramp(0, 1, 5, 0), ValueError, "steps must be a whole number of at least 1"),
])
def test_a_mistake_in_a_ramp_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
