"""schedules/ramps: every equation, exactly, and every sentence of "Differs"."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None)


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


def test_ramps_3_and_4_by_hand():
    gammas, alphas = md.targeted_ramp(0.8, 0.5, total=6, steps=4)
    assert_allclose(gammas, [0, 0.38, 0.76, 0.78, 0.8, 0.8], rtol=1e-15)
    assert_allclose(alphas, [0, 0.125, 0.25, 0.375, 0.5, 0.5], rtol=1e-15)
    gammas, alphas = md.targeted_ramp(1.0, 1.0, total=5)          # a half of 2.5 steps
    assert_allclose(gammas, [0, 0.38, 0.76, 0.96, 0.98], rtol=1e-15)
    assert_allclose(alphas, [0, 0.2, 0.4, 0.6, 0.8], rtol=1e-15)
    assert [rates.tolist() for rates in md.targeted_ramp(0.3, 0.7, 2, 1)] == [[0, 0.3], [0, 0.7]]


@PROPERTY
@given(gamma=st.floats(0, 1), alpha=st.floats(0, 1), total=st.integers(1, 50), data=st.data())
def test_ramps_3_and_4_rise_to_their_targets_and_never_beyond(gamma, alpha, total, data):
    steps = data.draw(st.integers(1, total))
    for values, target in zip(md.targeted_ramp(gamma, alpha, total, steps), (gamma, alpha),
                              strict=True):
        assert values.shape == (total,) and values.dtype == "float64"
        assert values[0] == 0 and (values[steps:] == target).all() and values.max() <= target
        assert (np.diff(values) >= 0).all()


def test_ramps_3_and_4_have_the_values_of_the_official_code():
    t, half = np.arange(0, 100_000, 500), 20_000
    gamma, alpha = 0.99, 0.9
    due = 0.95 * gamma * np.minimum(1, t / half) + 0.05 * gamma * np.clip((t - half) / half, 0, 1)
    gammas, alphas = md.targeted_ramp(gamma, alpha, 100_000, steps=40_000)
    assert_allclose(gammas[t], due, atol=1e-15)
    assert_allclose(alphas[t], alpha * np.minimum(1, t / 40_000), atol=1e-15)
    gammas, alphas = md.targeted_ramp(gamma, alpha, 120, steps=98)       # a step for each epoch
    assert_allclose([gammas[49], gammas[98], gammas[-1]], [0.95 * gamma, gamma, gamma])
    assert_allclose([alphas[49], alphas[98], alphas[-1]], [alpha / 2, alpha, alpha])
    gammas, alphas = md.targeted_ramp(gamma, alpha, 100)                 # ends behind the run
    assert_allclose([gammas[50], gammas[-1], alphas[-1]],
                    [0.95 * gamma, 0.999 * gamma, 0.99 * alpha])


@pytest.mark.parametrize("unit", [False, True])
def test_ramps_3_and_4_steer_the_targeted_dropout_of_a_run(xp, backend, unit):
    net = md.models.wrap(md.models.mlp(20, 40, 3), "hidden*", lambda layer: md.TargetedDropout(
        layer, 0.5, 0.5, unit)).init(0).to(backend)
    gammas, alphas = md.targeted_ramp(0.9, 1.0, total=9, steps=6)
    x, y, dropped = xp.asarray(md.gaussian(0, (12, 20))), xp.asarray(np.arange(12) % 3), []
    layer = net.hidden1.linear

    def look(step, net, loss):
        mask = md.xp.host(layer.noise)
        assert (layer.gamma, layer.alpha) == (gammas[step], alphas[step])
        dropped.append(int((~mask).sum()))

    md.fit(net, md.optim.SGD(0.1), (x, y), epochs=3, batch_size=4, progress=False, recorder=look,
           schedules={"*.gamma": gammas, "*.alpha": alphas})
    n, rows = (40, 1) if unit else (20, 40)       # there are 40 units of 20 weights
    candidates = [rows * int(gamma * n + 1e-9) for gamma in gammas]
    assert dropped[0] == 0 and dropped[6:] == candidates[6:] == [0.9 * n * rows] * 3
    assert all(few <= most for few, most in zip(dropped, candidates, strict=True))
    assert (layer.gamma, layer.alpha) == (0.5, 0.5)


def test_ramps_5_by_hand():
    shares = md.gradual_sparsity(0.0, 0.8, total=6, steps=4)      # 1 - (3/4)^3 = 37/64, ...
    assert_allclose(shares, [0, 0.8 * 37 / 64, 0.8 * 7 / 8, 0.8 * 63 / 64, 0.8, 0.8], rtol=1e-15)
    late = md.gradual_sparsity(0.2, 1.0, total=7, steps=5, first=3)
    assert_allclose(late, [0.2, 0.2, 0.2, 0.2, 0.9, 1.0, 1.0], rtol=1e-15)
    assert md.gradual_sparsity(0.3, 0.7, 3, steps=1).tolist() == [0.3, 0.7, 0.7]
    assert set(md.gradual_sparsity(0.1, 0.1, 1000, steps=700)) == {0.1}


@PROPERTY
@given(start=st.floats(0, 1), end=st.floats(0, 1), total=st.integers(1, 50), data=st.data())
def test_ramps_5_is_a_cubic_between_its_ends(start, end, total, data):
    steps = data.draw(st.integers(1, total))
    first = data.draw(st.integers(0, steps - 1))
    shares = md.gradual_sparsity(start, end, total, steps, first)
    assert shares.shape == (total,) and shares.dtype == "float64"
    assert (shares[:first + 1] == start).all() and (shares[steps:] == end).all()
    assert shares.min() >= min(start, end) and shares.max() <= max(start, end)
    rise = np.diff(shares[first:steps + 1]) * np.sign(end - start)
    assert (rise >= -1e-15).all() and (np.diff(rise) <= 1e-15).all()      # ever more slowly
    third = np.diff(shares[first:steps + 1], 3)
    assert_allclose(third, 6 * (end - start) / (steps - first)**3, atol=1e-14)


def test_ramps_5_has_the_values_of_polynomial_decay():
    initial, final, begin, end, frequency = 0.5, 0.8, 2000, 4000, 100
    t = np.arange(6000)
    p = np.minimum(1.0, np.maximum(0.0, (t - begin) / (end - begin)))
    due = (initial - final) * (1 - p)**3 + final
    ours = md.gradual_sparsity(initial, final, 6000, steps=end, first=begin)
    assert_allclose(ours, due, atol=1e-15)
    held = ours[t // frequency * frequency]       # for a mask that stays a hundred steps
    assert len(set(ours)) == 2001 and len(set(held)) == 21


@pytest.mark.parametrize("unit", [False, True])
def test_ramps_5_prunes_while_a_network_trains(xp, backend, unit):
    """With plain SGD: in every step the smallest are out, and what is out stays as it is."""
    net = md.models.wrap(md.models.mlp(20, 40, 3), "hidden*", lambda layer: md.TargetedDropout(
        layer, 0.9, 1.0, unit)).init(0).to(backend)
    shares = md.gradual_sparsity(0.0, 0.9, total=9, steps=6)
    x, y = xp.asarray(md.gaussian(0, (12, 20))), xp.asarray(np.arange(12) % 3)
    layer, weights = net.hidden1.linear, [md.xp.host(net.hidden1.linear.weight.data).copy()]

    def look(step, net, loss):
        kept = md.magnitude_mask(weights[-1], shares[step], unit)
        assert_array_equal(md.xp.host(layer.noise), kept)
        weights.append(md.xp.host(layer.weight.data).copy())
        assert_array_equal(weights[-1][~kept], weights[-2][~kept])
        assert (weights[-1][kept] != weights[-2][kept]).any()

    md.fit(net, md.optim.SGD(0.1), (x, y), epochs=3, batch_size=4, progress=False, recorder=look,
           schedules={"*.gamma": shares})
    assert len(weights) == 10


def test_ramps_5_leaves_a_network_that_can_be_pruned():
    data, share, total, scores = md.data.digits(), 15 / 16, 6 * 19, []
    for gradual in (False, True):
        net, rates = md.models.mlp(64, 100, 10), {}
        if gradual:
            md.models.wrap(net, "hidden*", lambda layer: md.TargetedDropout(
                layer, share, 1.0, unit=False))
            rates["*.gamma"] = md.gradual_sparsity(0.0, share, total, steps=total // 2)
        md.fit(net.init(1), md.optim.SGD(0.1, momentum=0.9), data.train, epochs=6, schedules=rates,
               progress=False)
        md.prune(net, share, unit=False)
        scores.append(md.evaluate(net, data.test).accuracy)
    assert scores[0] < 0.8 < 0.9 < scores[1]      # 0.64 and 0.96


def test_ramps_3_lets_every_layer_have_its_own_target_if_scaled():
    net = md.models.mlp(6, 8, 3)
    for name, gamma in (("hidden1.linear", 0.4), ("out", 0.8)):
        md.models.wrap(net, name, lambda layer, gamma=gamma: md.TargetedDropout(
            layer, gamma, 0.5, unit=False))
    seen, (shares, _) = [], md.targeted_ramp(1.0, 1.0, total=4, steps=2)
    md.fit(net.init(0), md.optim.SGD(0.1), (md.gaussian(0, (8, 6)), np.arange(8) % 3), epochs=4,
           batch_size=8, progress=False, schedules={"*.gamma": md.scaled(shares)},
           recorder=lambda step, net, loss: seen.append((net.hidden1.linear.gamma, net.out.gamma)))
    assert_allclose(seen, [(0, 0), (0.38, 0.76), (0.4, 0.8), (0.4, 0.8)], rtol=1e-15)


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
    (lambda: md.targeted_ramp(1.1, 1, 5), ValueError, "gamma is a probability and must lie in"),
    (lambda: md.targeted_ramp(1, -1, 5), ValueError, "alpha is a probability and must lie in"),
    (lambda: md.targeted_ramp(1, 1, 0), ValueError, "total must be a whole number of at least 1"),
    (lambda: md.targeted_ramp(1, 1, 5, 6), ValueError, "steps must be at most total = 5, got 6"),
    (lambda: md.gradual_sparsity(0, 1.5, 5), ValueError, "end is a probability and must lie in"),
    (lambda: md.gradual_sparsity(0, 1, 5, 3, 3), ValueError, "first must be below steps = 3, got"),
])
def test_a_mistake_in_a_ramp_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
