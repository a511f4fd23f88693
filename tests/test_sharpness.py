"""sharpness: known spectra, exact means over directions, and scales that are free."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import models, nn
from minidrop.check import Forbid, Replay
from minidrop.xp import host

pytestmark = pytest.mark.slow

PROPERTY = settings(max_examples=20, deadline=None, derandomize=True, database=None)


def known(values, seed=0):
    """A matrix with these eigenvalues, and its eigenvectors as columns."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))
    return q @ np.diag(np.asarray(values, float)) @ q.T, q


def case(h, xp=np, slope=0.0, at=0.0):
    """A network of the d weights `at`, its data, and their loss slope w + w h w / 2."""
    net = nn.Linear(len(h), 1, bias=False).init(0).astype("float64")
    net.to("numpy" if xp is np else "cupy").weight.data[:] = at
    h = xp.asarray(h)

    def loss(w, _):                               # the outputs for the unit vectors are the weights
        return (slope * w).sum() + 0.5 * (w * (h @ w)).sum()

    return net, (xp.eye(len(h)), xp.zeros((len(h), 1))), loss


def classifier(seed=0, backend="numpy"):
    return models.mlp(6, 5, 4, 3).init(seed).to(backend)


def pair(xp, n=30):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 6)).astype("float32"), rng.integers(3, size=n)
    return xp.asarray(x), xp.asarray(y)


def hessian(net, data, loss=md.cross_entropy):
    """All second derivatives, one product for each parameter."""
    net = copy.deepcopy(net).astype("float64").eval()
    params = net.parameters()
    d = sum(w.size for w in params)
    value = loss(net(data[0].astype("float64")), data[1])
    return np.stack([md.flat(md.hessian_product(value, params, md.gradients.unflat(e, params)))
                     for e in np.eye(d)])


# --- (sharpness.1), (sharpness.2) and (sharpness.3) -----------------------------------------------

SPECTRA = {"positive": [3, 2, 1, 0.5], "a dominating negative": [1, 0.3, -0.5, -4],
           "negative alone": [-0.5, -1, -4], "equal and opposite": [2, 1, -2],
           "nearly opposite": [2, 0.5, -1.99], "a little more negative": [2, 0.5, -2.01],
           "zero": [0, 0, 0], "zero at the top": [0, -1, -3], "one value": [7],
           "minus one": [-1, -1], "close": [1, 0.9], "twice the same": [2, 2, 1],
           "tiny": [1e-9, 1e-10], "huge": [1e9, -1e8]}


@pytest.mark.parametrize("name", SPECTRA)
def test_sharpness_1_of_a_quadratic_with_a_known_spectrum(name):
    values = SPECTRA[name]
    h, q = known(values)
    found = md.largest_curvature(*case(h), tolerance=1e-6, iterations=600)
    size = max(map(abs, values))
    assert found.value == pytest.approx(max(values), rel=1e-9, abs=1e-12 * size)
    assert found.residual <= 1e-6 * abs(max(values)) + 1e-12 * size
    v = found.direction
    assert np.linalg.norm(v) == pytest.approx(1, abs=1e-12) or size == 0
    assert_allclose(h @ v, max(values) * v, atol=2e-6 * size)
    if values.count(max(values)) == 1:
        assert abs(v @ q[:, 0]) == pytest.approx(1, abs=1e-6)


@PROPERTY
@given(n=st.integers(1, 8), seed=st.integers(0, 999))
def test_sharpness_2_and_3_are_bounds(n, seed):
    rng = np.random.default_rng(seed)
    h = rng.normal(size=(n, n))
    h = h + h.T
    values = np.linalg.eigvalsh(h)
    found = md.largest_curvature(*case(h), tolerance=0.3, iterations=4000, rng=seed)
    assert found.value <= values[-1] + 1e-12
    assert abs(values - found.value).min() <= found.residual + 1e-12
    assert found.residual <= 0.3 * abs(found.value) + 1e-9
    v = found.direction
    assert found.value == pytest.approx(v @ h @ v, abs=1e-12)
    assert found.residual == pytest.approx(np.linalg.norm(h @ v - found.value * v), abs=1e-12)


@pytest.mark.parametrize("batch_size", [30, 7])
def test_sharpness_1_of_a_network_is_the_largest_eigenvalue_of_all_its_second_derivatives(
        xp, backend, batch_size):
    net, data = classifier(0, backend), pair(xp)
    found = md.largest_curvature(net, data, tolerance=1e-3, batch_size=batch_size, iterations=400)
    values, vectors = np.linalg.eigh(hessian(classifier(), pair(np)))
    assert found.value == pytest.approx(values[-1], rel=1e-4)
    assert type(found.direction) is xp.ndarray and found.direction.dtype == "float64"
    assert abs(host(found.direction) @ vectors[:, -1]) > 0.999
    assert all(isinstance(value, float) for value in found[:2]) and found.iterations < 400


def test_sharpness_1_sees_no_noise_and_leaves_the_network_alone(xp, backend):
    net = nn.Sequential(one=nn.Linear(6, 5), norm=md.BatchNorm(5), act=nn.Tanh(),
                        drop=md.Dropout(0.5), out=nn.Linear(5, 3)).init(0).to(backend)
    net.drop.rng = Forbid()
    before = {path: host(value).copy() for path, value in net.state_dict().items()}
    first = md.largest_curvature(net, pair(xp))
    random = md.random_sharpness(net, pair(xp), 0.1, draws=2, rng=0)
    for path, value in net.state_dict().items():
        assert_array_equal(host(value), before[path])
        assert value.dtype in ("float32", "int64")
    assert net.training and all(w.grad is None for w in net.parameters())
    net.norm.running_var[:] = 4.0                 # what evaluation uses
    assert md.largest_curvature(net, pair(xp)).value != pytest.approx(first.value, rel=1e-2)
    assert md.random_sharpness(net, pair(xp), 0.1, 2, 0).rise.mean != random.rise.mean


def test_a_network_that_draws_in_evaluation_is_refused_and_its_stream_stays():
    net = nn.Sequential(md.DropConnect(6, 3, 0.5)).init(0)
    state = net.dropconnect1.rng.state
    for measure in (lambda: md.largest_curvature(net, pair(np)),
                    lambda: md.random_sharpness(net, pair(np), 0.1, 2, 0)):
        with pytest.raises(ValueError, match="net must draw nothing in evaluation, and 'dropconn"):
            measure()
    assert net.dropconnect1.rng.state == state
    net.dropconnect1.inference = "mean"
    assert md.random_sharpness(net, pair(np), 0.0, 2, 0).rises.tolist() == [0, 0]


def test_frozen_parameters_do_not_count():
    net, data = classifier(), pair(np)
    for w in net.parameters()[:-2]:
        w.requires_grad = False
    d = sum(w.size for w in net.parameters()[-2:])
    found = md.largest_curvature(net, data, tolerance=1e-6, iterations=2000)
    assert found.direction.shape == (d,)
    values = np.linalg.eigvalsh(hessian(classifier(), data)[-d:, -d:])
    assert found.value == pytest.approx(values[-1], rel=1e-8)


def test_what_is_not_given_is_a_thousandth_two_hundred_and_zero():
    h, _ = known([3, 1])
    found, due = md.largest_curvature(*case(h)), md.largest_curvature(*case(h), rng=0)
    assert found.residual <= 3e-3 and found.iterations > 2
    assert_array_equal(found.direction, due.direction)
    with pytest.raises(ValueError, match="iterations must be more than 200, or tolerance larger"):
        md.largest_curvature(*case(known([1, 0.9999])[0]), tolerance=0)


def test_what_did_not_converge_is_an_error_in_one_sentence():
    h, _ = known([1, 0.999, 0.998])
    with pytest.raises(ValueError, match=r"iterations must be more than 5, or tolerance larger th"):
        md.largest_curvature(*case(h), tolerance=1e-6, iterations=5)
    assert md.largest_curvature(*case(h), tolerance=1e-2, iterations=5).iterations <= 5


def test_gradient_descent_is_stable_up_to_two_over_the_largest_curvature():
    """What the number is for: w <- w - lr H w grows where lr > 2 / lambda_max."""
    h, _ = known([5, 1, 0.1])
    top = md.largest_curvature(*case(h), tolerance=1e-6, iterations=1000).value
    for lr, grows in ((1.99 / top, False), (2.01 / top, True)):
        w = np.ones(3)
        for _ in range(2000):
            w = w - lr * h @ w
        assert (np.linalg.norm(w) > 2) is np.bool_(grows)


# --- (sharpness.4) and (sharpness.5) --------------------------------------------------------------

@pytest.mark.parametrize("slope, at", [(0.0, 0.0), (0.7, 0.3)])
def test_sharpness_5_is_exact_over_orthogonal_directions(xp, slope, at):
    """The mean over any orthonormal basis is that over all directions."""
    h, _ = known([4, 1, -2, 0.5], seed=1)
    _, basis = known([1, 2, 3, 4], seed=2)
    net, data, loss = case(h, xp, slope=slope, at=at)
    directions = [3.7 * xp.asarray(column) for column in basis.T]
    found = md.random_sharpness(net, data, 0.6, draws=4, rng=Replay(*directions), loss=loss)
    assert found.rise.mean == pytest.approx(0.6**2 * 3.5 / (2 * 4), abs=1e-12)
    assert type(found.rises) is np.ndarray
    assert_allclose(found.rises, [0.6**2 * q @ h @ q / 2 for q in basis.T], atol=1e-12)


def test_sharpness_4_goes_both_ways_so_that_slopes_cancel():
    """J = |w| at 0.25: steps of 1 lead to 1.25 and 0.75."""
    net = nn.Linear(1, 1, bias=False).init(0)
    net.weight.data[:] = 0.25
    found = md.random_sharpness(net, (np.ones((1, 1)), np.zeros((1, 1))), 1, 2, 0,
                                loss=lambda w, _: md.relu(w).sum() + md.relu(-w).sum())
    assert found.rises.tolist() == [0.75, 0.75]


def test_sharpness_5_holds_within_the_interval():
    """400 directions, an interval at a false-alarm probability of 1e-6."""
    h, _ = known([4, 1, -2, 0.5, 0.1], seed=3)
    found = md.random_sharpness(*case(h)[:2], 0.5, draws=400, rng=7, loss=case(h)[2])
    due = 0.5**2 * np.trace(h) / (2 * 5)
    wide = md.mean_interval(found.rises, level=1 - 1e-6)
    assert wide.low < due < wide.high and wide.half < 0.1
    assert found.rise == md.mean_interval(found.rises)


def test_sharpness_4_draws_a_fresh_direction_each_time_and_repeats_for_a_seed():
    net, data = classifier(), pair(np)
    found = md.random_sharpness(net, data, 0.5, draws=4, rng=3)
    assert len(set(found.rises.tolist())) == 4
    again = md.random_sharpness(net, data, 0.5, draws=4, rng=3)
    assert_array_equal(found.rises, again.rises)
    stream = md.Stream(3)
    first, second = (md.random_sharpness(net, data, 0.5, draws=2, rng=stream) for _ in range(2))
    assert_array_equal(np.concatenate([first.rises, second.rises]), found.rises)


@pytest.mark.parametrize("normalise", ["none", "filter"])
def test_a_radius_of_zero_is_no_rise(normalise):
    found = md.random_sharpness(classifier(), pair(np), 0, 2, 0, normalise=normalise)
    assert found.rises.tolist() == [0, 0]


# --- (sharpness.6) and (sharpness.7) --------------------------------------------------------------

def test_sharpness_6_is_as_long_as_the_filters(xp, backend):
    net = models.lenet(size=16, classes=3).init(0).to(backend)
    seen = []

    class Spy(nn.Module):
        def __init__(self, net):
            self.net = net

        def forward(self, x):
            seen.append([host(w.data).copy() for w in self.net.parameters()])
            return self.net(x)

    data = xp.ones((2, 1, 16, 16), "float32"), xp.asarray([0, 1])
    md.random_sharpness(Spy(net), data, 0.25, draws=2, rng=0, normalise="filter")
    start, *others = seen
    assert len(others) == 4 and {w.ndim for w in start} == {1, 2, 4}
    for other in others:
        for before, after in zip(start, other, strict=True):
            if before.ndim == 1:
                assert_array_equal(before, after)
                continue
            for w, moved in zip(before, after, strict=True):
                assert np.linalg.norm(moved - w) == pytest.approx(0.25 * np.linalg.norm(w))
    assert_allclose(others[0][0] + others[1][0], 2 * start[0], atol=1e-12)
    assert abs(others[0][0] - others[2][0]).min() > 0


def rescaled(net, scale):
    """The same function: the first layer times `scale`, a number or one for each unit."""
    other = copy.deepcopy(net).astype("float64")
    first, second = other.hidden1.linear, other.hidden2.linear
    first.weight.data = first.weight.data * np.reshape(scale, (-1, 1))
    first.bias.data = first.bias.data * scale
    second.weight.data = second.weight.data / scale
    return other


def test_sharpness_7_rescaled_layers_change_sharpness_but_no_filter_normalised_one():
    net, data = classifier().astype("float64"), pair(np)
    other = rescaled(net, 8.0)
    assert_allclose(other(data[0]).data, net(data[0]).data, rtol=1e-6)
    plain = [md.largest_curvature(n, data).value for n in (net, other)]
    random = [md.random_sharpness(n, data, 0.5, 20, 0).rise.mean for n in (net, other)]
    normalised = [md.random_sharpness(n, data, 0.5, 20, 0, normalise="filter").rises
                  for n in (net, other)]
    assert plain[1] > 5 * plain[0] and abs(random[1] - random[0]) > 0.5 * abs(random[0])
    assert_allclose(normalised[0], normalised[1], rtol=1e-9)
    assert abs(normalised[0]).min() > 1e-6


def test_sharpness_7_of_single_units_is_seen_by_filter_normalisation():
    net, data = classifier().astype("float64"), pair(np)
    other = rescaled(net, np.array([1.0, 2, 4, 8, 16]))
    assert_allclose(other(data[0]).data, net(data[0]).data, rtol=1e-6)
    rises = [md.random_sharpness(n, data, 0.5, 20, 0, normalise="filter").rises
             for n in (net, other)]
    assert abs(rises[0] - rises[1]).max() > 0.01


def test_a_filter_of_zeros_stays():
    net = nn.Linear(3, 2, bias=False).init(0)
    net.weight.data[1] = 0
    found = md.random_sharpness(net, (np.eye(3), np.array([0, 1, 1])), 0.5, 2, 0,
                                normalise="filter")
    assert np.isfinite(found.rises).all() and (found.rises != 0).all()


def test_a_mistake_is_named():
    net, data = classifier(), pair(np)
    frozen = classifier()
    for w in frozen.parameters():
        w.requires_grad = False
    for call, kind, sentence in (
            (lambda: md.largest_curvature("net", data), TypeError, "net must be a Module"),
            (lambda: md.largest_curvature(frozen, data), ValueError, "net has no parameter that"),
            (lambda: md.largest_curvature(net, data, loss=lambda z, _: (z * z).mean() * math.nan),
             ValueError, "net and data must give finite second derivatives under loss, got nan"),
            (lambda: md.largest_curvature(net, data, tolerance=-1), ValueError, "tolerance must"),
            (lambda: md.random_sharpness(net, data, 0.5, 1, 0), ValueError, "draws must be a wh"),
            (lambda: md.random_sharpness(net, data, -1, 2, 0), ValueError, "radius must be finite"),
            (lambda: md.random_sharpness(net, data, 1, 2, 0, normalise="layer"), ValueError,
             "normalise must be one of 'none', 'filter'")):
        with pytest.raises(kind, match=sentence):
            call()
