"""averages/ema: every equation, exactly, and every sentence of "Differs"."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import minidrop as md
from minidrop import nn
from minidrop.xp import host
from tests.test_swa import ORDERS, averaged, weights

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])


def from_zero(xp, ws, mu):
    average = xp.zeros_like(ws[0])
    for w in ws:
        average = md.ema(average, w, mu)
    return average


def recorded(xp, backend, values, **options):
    """The one weight that `EMA` ends with, after it had these values."""
    net = nn.Linear(1, 1, bias=False).init(0).to(backend)
    recorder = md.EMA(net, **options)
    for step, value in enumerate(values):
        net.weight.data = xp.full((1, 1), value, "float32")
        recorder(step, net, None)
    return float(recorder.average().weight.data[0, 0])


def test_ema_1_by_hand(xp):
    average, w = xp.asarray([1.0, 2.0]), xp.asarray([2.0, 4.0])
    assert host(md.ema(average, w, 0.75)).tolist() == [1.25, 2.5]
    assert host(md.ema(average, w, 0.0)).tolist() == [2.0, 4.0]
    assert host(average).tolist() == [1.0, 2.0]   # not written to
    both = md.ema([average, w], [w, average], 0.75)
    assert [host(a).tolist() for a in both] == [[1.25, 2.5], [1.75, 3.5]]


@PROPERTY
@given(t=st.integers(1, 12), mu=st.floats(0, 0.999), rows=st.integers(0, 3))
def test_ema_2_and_3_are_the_sums(xp, t, mu, rows):
    ws = weights(xp, t, (rows, 2))
    average = from_zero(xp, ws, mu)
    due = sum((1 - mu) * mu**(t - i) * host(w) for i, w in enumerate(ws, 1))
    assert_allclose(host(average), due, rtol=1e-12, atol=1e-12)
    share = sum((1 - mu) * mu**(t - i) for i in range(1, t + 1))
    assert share == pytest.approx(1 - mu**t, rel=1e-9)
    corrected = host(md.ema_corrected(average, mu, t))
    assert_allclose(corrected, due / share, rtol=1e-9, atol=1e-9)
    assert_allclose(host(md.ema_corrected([average], mu, t)[0]), corrected)


def test_ema_3_of_equal_weights_is_these_weights(xp):
    w = weights(xp, 1)[0]
    for t in (1, 2, 50):
        average = from_zero(xp, [w] * t, 0.99)
        assert_allclose(host(md.ema_corrected(average, 0.99, t)), host(w), rtol=1e-12)
        assert_allclose(host(average), (1 - 0.99**t) * host(w), rtol=1e-12)


def test_ema_4_is_the_sum_that_starts_at_the_first_weights(xp):
    ws, mu = weights(xp, 6), 0.9
    average = ws[0]
    for w in ws[1:]:
        average = md.ema(average, w, mu)
    due = mu**5 * host(ws[0]) + sum((1 - mu) * mu**(6 - i) * host(ws[i - 1]) for i in range(2, 7))
    assert_allclose(host(average), due, rtol=1e-12)


def test_ema_5_becomes_the_plain_mean(xp):
    ws, gaps = weights(xp, 8), []
    for mu in (0.99, 0.999, 0.9999):
        average = md.ema_corrected(from_zero(xp, ws, mu), mu, 8)
        gaps.append(abs(host(average) - host(averaged(ws))).max())
    assert gaps[0] < 0.05 and np.allclose(np.divide(gaps[:2], gaps[1:]), 10, rtol=0.02)


def test_ema_1_with_a_memory_of_n_in_n_plus_1_is_the_plain_mean(xp):
    ws = weights(xp, 6)
    average = ws[0]
    for n, w in enumerate(ws[1:], 1):
        average = md.ema(average, w, n / (n + 1))
    assert_allclose(host(average), host(averaged(ws)), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ORDERS)
def test_ema_1_and_3_in_every_dtype_and_memory_order(xp, dtype, order):
    first, second = (ORDERS[order](w) for w in weights(xp, 2, (5, 6), dtype))
    result = md.ema(first, second, 0.75)
    assert result.dtype == md.ema_corrected(result, 0.75, 3).dtype == dtype
    assert_allclose(host(result), 0.75 * host(first) + 0.25 * host(second), rtol=1e-5)
    other = md.ema(first, second.astype("float64" if dtype == "float32" else "float32"), 0.75)
    assert other.dtype == dtype                   # that of the average


def test_ema_1_and_3_of_tensors_have_their_gradients(xp):
    ws = weights(xp, 2)
    md.gradcheck(lambda a, w: md.ema_corrected(md.ema(a, w, 0.9), 0.9, 3), *ws, order=2)


def test_ema_3_and_4_what_the_first_weights_weigh(xp, backend):
    values = [1.0] + 99 * [0.0]
    assert round(recorded(xp, backend, values, mu=0.999, kind="first"), 3) == 0.906
    assert round(recorded(xp, backend, values, mu=0.999), 4) == 0.0095


@pytest.mark.parametrize("mu", [1.0, 1.5, -0.1])
def test_ema_1_a_memory_of_1_is_refused(mu):
    for call in (lambda: md.ema(np.ones(2), np.ones(2), mu), lambda: md.EMA(nn.Linear(1, 1), mu),
                 lambda: md.ema_corrected(np.ones(2), mu, 1)):
        with pytest.raises(ValueError, match="^mu must be "):
            call()


def test_ema_1_float32_stops_before_it_arrives_and_the_recorder_does_not(xp, backend):
    w = xp.full(1, 1.01, "float32")
    stopped = xp.full(1, 1.00894, "float32")
    assert md.ema(stopped, w, 0.9999) == stopped  # the way is not over, and there is no step
    before = xp.full(1, 1.0088, "float32")
    assert md.ema(before, w, 0.9999) > before
    values = [1.00894] + 20000 * [1.01]
    assert recorded(xp, backend, values, mu=0.9999, kind="first") > 1.0098


@pytest.mark.parametrize("call, sentence", [
    (lambda: md.ema(np.ones(2), np.ones(3), 0.9), "w must have the shapes of average"),
    (lambda: md.ema_corrected(np.ones(2), 0.9, 0), "t must be a whole number of at least 1"),
    (lambda: md.ema_corrected(2.0, 0.9, 1), "average must be a list of arrays"),
    (lambda: md.EMA(nn.Linear(1, 1), 0.9, kind="zero"), "kind must be one of 'corrected'")])
def test_ema_refuses_what_is_wrong(call, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        call()
