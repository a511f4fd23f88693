"""averages/swa: every equation, exactly, and every sentence of "Differs"."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.xp import host

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
ORDERS = {"C": lambda a: a, "F": lambda a: a.T.copy().T, "strided": lambda a: a[:, ::2],
          "reversed": lambda a: a[::-1]}


def weights(xp, n, shape=(3, 4), dtype="float64", around=1.0, apart=1.0):
    drawn = md.gaussian(1, (n, *shape)).astype("float64")
    return [xp.asarray((around + apart * w).astype(dtype)) for w in drawn]


def averaged(ws):
    average = ws[0]
    for n, w in enumerate(ws[1:], 1):
        average = md.swa(average, w, n)
    return average


def test_swa_1_by_hand(xp):
    average, w = xp.asarray([1.0, 2.0]), xp.asarray([4.0, 8.0])
    assert host(md.swa(average, w, 1)).tolist() == [2.5, 5.0]
    assert host(md.swa(average, w, 2)).tolist() == [2.0, 4.0]
    assert host(md.swa(average, w, 0)).tolist() == [4.0, 8.0]
    assert host(average).tolist() == [1.0, 2.0]   # not written to
    both = md.swa([average, w], [w, average], 1)
    assert [host(a).tolist() for a in both] == [[2.5, 5.0], [2.5, 5.0]]


@PROPERTY
@given(n=st.integers(1, 12), rows=st.integers(0, 4), columns=st.integers(1, 5))
def test_swa_2_is_the_plain_mean(xp, n, rows, columns):
    ws = weights(xp, n, (rows, columns))
    due = [[sum(float(w[i, j]) for w in map(host, ws)) / n for j in range(columns)]
           for i in range(rows)]
    assert_allclose(host(averaged(ws)), np.reshape(due, (rows, columns)), rtol=1e-12, atol=1e-12)


def test_swa_1_leads_from_any_mean_of_n(xp):
    ws = weights(xp, 7)
    assert_allclose(host(md.swa(sum(ws[:6]) / 6, ws[6], 6)), host(sum(ws) / 7), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ORDERS)
def test_swa_1_in_every_dtype_and_memory_order(xp, dtype, order):
    first, second = (ORDERS[order](w) for w in weights(xp, 2, (5, 6), dtype))
    result = md.swa(first, second, 1)
    assert result.dtype == dtype
    assert_allclose(host(result), (host(first) + host(second)) / 2, rtol=1e-6)
    other = md.swa(first, second.astype("float64" if dtype == "float32" else "float32"), 1)
    assert other.dtype == dtype                   # that of the average


def test_swa_1_of_tensors_has_its_gradient(xp):
    ws = weights(xp, 2)
    md.gradcheck(lambda a, w: md.swa(a, w, 3), *ws, order=2)


def test_swa_3_is_exact_for_a_linear_model(xp, backend):
    x, nets = xp.asarray(md.gaussian(3, (8, 4)).astype("float64")), []
    for w, b in zip(weights(xp, 5), weights(xp, 5, (3,)), strict=True):
        nets.append(nn.Linear(4, 3).init(0).to(backend).astype("float64"))
        nets[-1].weight.data, nets[-1].bias.data = w, b
    mean = nn.Linear(4, 3).init(0).to(backend).astype("float64")
    mean.weight.data = averaged([net.weight.data for net in nets])
    mean.bias.data = averaged([net.bias.data for net in nets])
    due = sum(host(net(x).data) for net in nets) / 5
    assert_allclose(host(mean(x).data), due, rtol=1e-12, atol=1e-12)


def test_swa_3_is_of_second_order_for_a_network(xp, backend):
    def difference(apart):
        """Between the output of the mean and the mean of the outputs."""
        x = xp.asarray(md.gaussian(3, (8, 4)).astype("float64"))
        net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).init(0).to(backend)
        net.astype("float64")
        first = [w.data for w in net.parameters()]
        steps = [weights(xp, 3, w.shape, around=0.0, apart=apart) for w in first]
        moments = [[w + d[i] for w, d in zip(first, steps, strict=True)] for i in range(3)]

        def output(arrays):
            for w, array in zip(net.parameters(), arrays, strict=True):
                w.data = array
            return host(net(x).data)

        mean = md.swa(md.swa(moments[0], moments[1], 1), moments[2], 2)
        return abs(output(mean) - sum(map(output, moments)) / 3).max()

    distances = [0.1 / 4**k for k in range(4)]
    gaps = [difference(apart) for apart in distances]
    slopes = np.diff(np.log(gaps)) / np.diff(np.log(distances))
    assert gaps[-1] > 1e-9 and abs(slopes[-1] - 2) < 0.02, (gaps, slopes)


def official_rate(epoch, swa_start, lr, swa_lr):
    """The rate of an epoch, by the three cases of the official code."""
    t, ratio = epoch / swa_start, swa_lr / lr
    if t <= 0.5:
        return lr
    if t <= 0.9:
        return lr * (1 - (1 - ratio) * (t - 0.5) / 0.4)
    return lr * ratio


def test_swa_4_has_the_values_of_the_official_code():
    epochs, swa_start, batches = 200, 161, 3
    rates = md.swa_rates(0.1, 0.05, epochs * batches, swa_start * batches)
    assert rates.shape == (600,) and rates.dtype == "float64"
    due = [official_rate(epoch, swa_start, 0.1, 0.05) for epoch in range(epochs)]
    assert_allclose(rates[::batches], due, rtol=1e-12)
    assert_array_equal(rates[:241], 0.1)
    assert 0.05 < rates[434] < rates[242] < 0.1 and (abs(rates[435:] - 0.05) < 1e-15).all()


def test_swa_4_may_rise_as_well_and_may_be_short():
    assert_allclose(md.swa_rates(0.0, 1.0, 10, 10), [0] * 6 + [0.25, 0.5, 0.75, 1], atol=1e-12)
    assert md.swa_rates(0.3, 0.1, 1, 1).tolist() == [0.3]
    assert md.swa_rates(0.3, 0.1, 3, 1).tolist() == [0.3, 0.1, 0.1]


def test_swa_4_a_straight_line_is_not_a_cosine():
    rates = md.swa_rates(1.0, 0.0, 1000, 1000)
    quarter = 1 - rates[600]                      # of the way from step 500 to step 900
    assert quarter == pytest.approx(0.25)
    assert round((1 - np.cos(np.pi / 4)) / 2, 3) == 0.146


def test_swa_1_float32_loses_digits_and_the_recorder_does_not(xp, backend):
    net = nn.Linear(1, 1, bias=False).init(0).to(backend)
    w = net.weight.data = xp.full((1, 1), 0.1, "float32")
    recorder, average = md.SWA(net, 1, 1), w
    for n in range(1000):
        average = md.swa(average, w, n)
        recorder(n, net, None)
    lost = float(w[0, 0]) - float(average[0, 0])
    assert round(lost / float(np.spacing(np.float32(0.1)))) == 123
    assert float(recorder.average().weight.data[0, 0]) == float(w[0, 0])


@pytest.mark.parametrize("average, w, n, sentence", [
    (np.ones(2), np.ones(3), 1, r"w must have the shapes of average, \[\(2,\)\], got \[\(3,\)\]"),
    ([np.ones(2)], [np.ones(2)] * 2, 1, "w must have the shapes of average"),
    (np.ones(2), np.ones(2), -1, "n must be a whole number of at least 0"),
    ([], [], 1, "average must hold at least one array"),
    (np.ones(2, int), np.ones(2), 1, r"average\[0\] must hold floats"),
    (1.0, np.ones(2), 1, "average must be a list of arrays")])
def test_swa_1_refuses_what_is_wrong(average, w, n, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        md.swa(average, w, n)


def test_swa_4_refuses_a_start_behind_the_end():
    with pytest.raises(ValueError, match="start must be at most total = 5, got 6"):
        md.swa_rates(0.1, 0.05, 5, 6)
