"""landscape: networks between networks, and barriers that are known exactly."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.xp import host

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None)


def network(seed, backend="numpy"):
    net = nn.Sequential(one=nn.Linear(6, 5), norm=md.BatchNorm(5), act=nn.ReLU(),
                        drop=md.Dropout(0.5), out=nn.Linear(5, 3)).init(seed).to(backend)
    for k in range(seed + 1):
        net(net.one.weight.data[:, :] * 0 + k * seed)          # running statistics of its own
    return net


def pair(xp, n=30):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 6)).astype("float32"), rng.integers(3, size=n)
    return xp.asarray(x), xp.asarray(y)


def weight(w, dtype="float64"):
    """A network that is one number: its output for the input 1."""
    net = nn.Linear(1, 1, bias=False).init(0).astype(dtype)
    net.weight.data[:] = w
    return net


ONE = np.ones((1, 1)), np.ones((1, 1))


# --- (landscape.1) --------------------------------------------------------------------------------

@pytest.mark.parametrize("share", [0, 0.25, 0.5, 1, -0.5, 1.5])
def test_landscape_1_mixes_weights_and_running_statistics(xp, backend, share):
    a, b = network(1, backend), network(2, backend)
    before = [{k: host(v).copy() for k, v in net.state_dict().items()} for net in (a, b)]
    found = md.interpolate(a, b, share)
    for path, value in found.state_dict().items():
        first, second = (state[path] for state in before)
        if path == "norm.num_batches_tracked":
            assert int(value) == int(first)
        else:
            assert type(value) is xp.ndarray and value.dtype == "float32"
            assert_allclose(host(value), share * first + (1 - share) * second, atol=1e-7)
            assert (first != second).any() or path == "norm.weight" or path == "norm.bias"
    for net, state in zip((a, b), before, strict=True):        # neither was touched
        assert all((host(v) == state[k]).all() for k, v in net.state_dict().items())


def test_landscape_1_ends_are_the_networks_bit_for_bit_and_a_copy():
    a, b = network(1), network(2)
    a.drop.p, b.drop.p = 0.25, 0.75
    for share, end in ((1, a), (0, b)):
        found = md.interpolate(a, b, share)
        for w, due in zip(found.parameters(), end.parameters(), strict=True):
            assert_array_equal(w.data, due.data)
            assert w.data is not due.data
        assert found.drop.p == 0.25 and found.training
    assert not md.interpolate(a.eval(), b, 0.5).training


def test_landscape_1_rounds_once():
    a, b = weight(1e8, "float32"), weight(1.0, "float32")
    assert float(md.interpolate(a, b, 1e-8).weight.data[0, 0]) == 2.0


# --- curves ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("statistics", [False, True])
def test_a_curve_is_what_a_loop_finds(xp, backend, statistics):
    a, b, data = network(1, backend), network(2, backend), pair(xp)
    shares = [0.0, 0.75, 0.25, 1.0]
    x = data[0] if statistics else None
    curve = md.interpolation_curve(a, b, data, shares, statistics=x)
    assert curve.shares.tolist() == shares and {v.dtype.name for v in curve} == {"float64"}
    for i, share in enumerate(shares):
        net = md.interpolate(a, b, share)
        if statistics:
            md.batch_norm_statistics(net, x)
        score = md.evaluate(net, data)
        assert (curve.loss[i], curve.error[i]) == (score.loss, 1 - score.accuracy)
    other = md.interpolation_curve(a, b, data, shares, statistics=None if statistics else data[0])
    assert abs(other.loss - curve.loss).min() > 1e-3           # at the ends too


def test_a_curve_looks_at_so_many_examples_at_once():
    seen = []

    def loss(z, y):
        seen.append(len(y))
        return md.cross_entropy(z, y)

    md.interpolation_curve(network(1), network(2), pair(np), [0.5], loss=loss, batch_size=12)
    assert seen == [12, 12, 6]


def test_a_curve_takes_another_loss_and_targets_that_are_no_labels():
    curve = md.interpolation_curve(weight(3.0), weight(0.0), ONE, [0, 0.5, 1], loss=md.mse_loss)
    assert curve.loss.tolist() == [1, 0.25, 4]
    assert np.isnan(curve.error).all()


# --- (landscape.2) and (landscape.3) --------------------------------------------------------------

def of(a, b, loss):
    curve = md.interpolation_curve(weight(a), weight(b), ONE, np.linspace(0, 1, 101), loss=loss)
    return md.barrier(*curve[:2])


def test_landscape_2_between_two_wells_is_the_hill_between_them():
    """(w^2 - 1)^2 has its minima at -1 and 1 and 1 between them."""
    def wells(output, _):
        return ((output * output - 1)**2).mean()

    assert of(-1.0, 1.0, wells) == pytest.approx(1, abs=1e-12)
    assert of(1.0, 1.0, wells) == of(1.0, 1.1, wells) == 0
    shares = np.linspace(0, 1, 101)               # and to an end that is 25 / 16 high
    above = ((2.5 * shares - 1)**2 - 1)**2 - shares * 25 / 16
    assert of(1.5, -1.0, wells) == pytest.approx(above.max(), abs=1e-12)


@PROPERTY
@given(n=st.integers(1, 5), share=st.floats(-1, 2), seed=st.integers(0, 99))
def test_landscape_3_of_a_quadratic(n, share, seed):
    rng = np.random.default_rng(seed)
    h = rng.normal(size=(n, n))
    h = h + h.T
    nets = []
    for _ in range(2):
        net = nn.Linear(n, 1, bias=False).init(0).astype("float64")
        net.weight.data = rng.normal(size=(1, n))
        nets.append(net)
    data, d = (np.eye(n), np.zeros((n, 1))), (nets[0].weight - nets[1].weight).data[0]

    def quadratic(w, _):                          # the outputs for the unit vectors are the weights
        return 0.5 * (w * (h @ w)).sum()

    curve = md.interpolation_curve(*nets, data, [share, 0, 1], loss=quadratic)
    rise = curve.loss[0] - share * curve.loss[2] - (1 - share) * curve.loss[1]
    assert rise == pytest.approx(-0.5 * share * (1 - share) * (d @ h @ d), abs=1e-10)
    grid = md.interpolation_curve(*nets, data, [0, 0.25, 0.5, 0.75, 1], loss=quadratic)
    assert md.barrier(*grid[:2]) == pytest.approx(max(0.0, -(d @ h @ d) / 8), abs=1e-10)


def test_landscape_2_is_above_the_line_and_not_above_the_mean():
    shares, losses = [0, 0.25, 1], [0.0, 0.25, 1.0]            # a straight way uphill
    assert md.barrier(shares, losses) == 0
    assert max(losses) - (losses[0] + losses[-1]) / 2 == 0.5   # Frankle's


def test_landscape_2_takes_any_order_and_the_part_between_the_ends():
    assert md.barrier([1, 0.5, -1, 0, 2], [1.0, 3.0, 99.0, 2.0, 99.0]) == 1.5
    assert md.barrier(np.array([0.0, 1.0]), np.array([5.0, 7.0])) == 0
    assert md.barrier([0, 0.5, 0.5, 1], [1, 2, 2, 1]) == 1         # two curves, one point of both


def test_independent_networks_have_a_barrier_and_neighbours_on_a_path_have_none():
    data, nets = md.data.digits(), []
    for seed in range(2):
        net = md.models.mlp(64, 32, 10).init(seed)
        md.fit(net, md.optim.SGD(0.1, momentum=0.9), data, epochs=4, seed=seed, progress=False)
        nets.append(net)
    later = md.interpolate(nets[0], nets[0], 1)
    md.fit(later, md.optim.SGD(0.1, momentum=0.9), data, epochs=1, seed=9, progress=False)
    shares = [0, 0.25, 0.5, 0.75, 1]
    apart, near = (md.barrier(*md.interpolation_curve(nets[0], other, data.train, shares)[:2])
                   for other in (nets[1], later))
    assert apart > 0.1 and near < 0.02            # 0.37 beside 0.00


def test_a_mistake_is_named():
    a, b = network(1), nn.Linear(6, 5).init(0)
    other = "b must have the paths and shapes of a"
    for call, kind, sentence in (
            (lambda: md.interpolate(a, b, 0.5), ValueError, other),
            (lambda: md.interpolate(a, a, math.inf), ValueError, "share must be finite"),
            (lambda: md.interpolate(a, "b", 0.5), TypeError, "b must be a Module"),
            (lambda: md.interpolation_curve(a, a, pair(np), []), ValueError, "shares must hold at"),
            (lambda: md.interpolation_curve(a, a, pair(np), [1], statistics=[1]), TypeError,
             "statistics must be a NumPy or CuPy array"),
            (lambda: md.barrier([0, 0.5], [1, 1]), ValueError, "shares must hold the ends 0 and 1"),
            (lambda: md.barrier([0, 1], [1]), ValueError,
             "shares and values must be equally many, got 2 and 1"),
            (lambda: md.barrier([0, 0.5, 0.5, 1], [1, 9, 2, 1]), ValueError,
             "shares must not repeat with another value, got 0.5 twice"),
            (lambda: md.barrier([0, 1], [1, math.nan]), ValueError, r"values\[1\] must be finite")):
        with pytest.raises(kind, match=sentence):
            call()
