"""weights/variational: every equation, exactly, and every sentence of "Differs"."""

import copy
import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import models, nn
from minidrop.check import Forbid, Record, Replay, gradcheck
from minidrop.xp import host
from tests.samplers import assert_fresh, assert_independent, assert_rate

PROPERTY = settings(max_examples=20, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
EULER = 0.5772156649015329
NINE = np.linspace(-8, 8, 9)

# Means over standard normal numbers are exact sums over five nodes, for polynomials up to degree 9.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
WEIGHTS = WEIGHTS / math.sqrt(2 * math.pi)


def exact(f, n):
    """Mean and covariance (k, k) of f(noise), an array (k,), over n standard normal numbers."""
    mean = second = 0.0
    for nodes in itertools.product(range(5), repeat=n):
        weight, value = math.prod(WEIGHTS[list(nodes)]), f(NODES[list(nodes)])
        mean, second = mean + weight * value, second + weight * np.outer(value, value)
    return mean, second - np.outer(mean, mean)


def minus_kl(log_alpha):
    """(variational.8) without any noise: log eps^2 of eps ~ N(1, alpha) is a sum over Poisson.

    eps^2 / alpha has a noncentral chi-square distribution, so that, with j ~ Poisson(1 / 2 alpha),
    E log(eps^2 / alpha) = log 2 + E digamma(j + 1/2).
    """
    rate = math.exp(-log_alpha) / 2
    j = np.arange(int(rate + 40 * math.sqrt(rate + 1) + 60))
    factorials = np.cumsum(np.log(np.maximum(j, 1)))
    digamma = -EULER - 2 * math.log(2) + np.concatenate(
        [[0], np.cumsum(2 / (2 * j[1:] - 1))])
    mean = (np.exp(j * math.log(rate) - rate - factorials) * digamma).sum()
    return 0.5 * log_alpha - 0.5 * (log_alpha + math.log(2) + mean) - (EULER + math.log(2)) / 2


def layer_of(xp, backend, theta, log_sigma2, **options):
    """A Variational(Linear) with these means and log variances (out, in), and no bias."""
    out, n_in = np.shape(theta)
    layer = md.Variational(nn.Linear(n_in, out, bias=False), **options).init(0).to(backend)
    layer.weight.data = xp.asarray(np.asarray(theta, "float64"))
    layer.log_sigma2.data = xp.asarray(np.asarray(log_sigma2, "float64"))
    return layer


THETA, LOG_SIGMA2 = np.array([[0.5, -1.0], [2.0, 0.3]]), np.log([[0.25, 1.0], [0.1, 0.7]])
A = np.array([[1.0, 2.0], [-0.5, 1.5]])


# --- (variational.1) and (variational.2): a weight ------------------------------------------------

def test_variational_1_mean_and_variance_of_a_weight(xp, backend):
    layer = layer_of(xp, backend, THETA, LOG_SIGMA2)
    for i in np.ndindex(2, 2):
        def weight(z, i=i):
            return host(layer.apply(layer.weight, xp.asarray(np.full((2, 2), z[0]))).data)[i][None]

        mean, variance = exact(weight, 1)
        assert_allclose(mean, THETA[i], rtol=1e-12)
        assert_allclose(variance, np.exp(LOG_SIGMA2[i]), rtol=1e-12)


def test_variational_2_by_hand(xp):
    found = md.variational_log_alpha(xp.asarray(THETA), xp.asarray(LOG_SIGMA2))
    assert_allclose(host(found), LOG_SIGMA2 - np.log(THETA**2 + 1e-8), atol=1e-12)
    assert_allclose(np.exp(host(found)), np.exp(LOG_SIGMA2) / THETA**2, rtol=2e-7)


def test_variational_2_a_mean_of_0_has_a_gradient(xp):
    theta = md.Tensor(xp.asarray(np.array([0.0, 1e-30, 0.1])), requires_grad=True)
    log_alpha = md.variational_log_alpha(theta, xp.full(3, -10.0))
    slope = host(md.grad(md.variational_kl(log_alpha).sum(), theta))
    assert np.isfinite(slope).all() and slope[0] == 0 and slope[2] != 0
    gradcheck(lambda t, s: md.variational_kl(md.variational_log_alpha(t, s)),
              xp.asarray(THETA), xp.asarray(LOG_SIGMA2), order=2)


def test_variational_2_a_shared_variance_is_no_shared_alpha(xp):
    """Weights of 1, 2 and 4 with one variance: alpha is 1 / 16 of the first's for the last."""
    theta, shared = xp.asarray(np.array([1.0, 2.0, 4.0])), xp.full(3, 0.7)
    log_alpha = host(md.variational_log_alpha(theta, shared))
    assert_allclose(np.exp(log_alpha) / np.exp(0.7), [1, 1 / 4, 1 / 16], rtol=1e-7)
    assert md.Variational(nn.Conv2d(2, 3, 2)).log_sigma2.shape == (3, 2, 2, 2)


# --- (variational.3) to (variational.7): local noise ----------------------------------------------

def test_variational_3_by_hand(xp, backend):
    layer = layer_of(xp, backend, [[0.5, -1.0]], np.log([[0.25, 1.0]]))       # alpha = 1
    mean, variance = layer.moments(xp.asarray(np.array([[1.0, 2.0]])))
    assert_allclose(host(mean.data), [[-1.5]], rtol=1e-14)
    assert_allclose(host(variance.data), [[4.25]], rtol=1e-14)


@pytest.mark.parametrize("local", [True, False])
def test_variational_3_and_6_moments_of_weights_and_of_local_noise(xp, backend, local):
    """Both ways of drawing, exactly: four outputs, two examples of two units, from four numbers."""
    layer, x = layer_of(xp, backend, THETA, LOG_SIGMA2, local=local), xp.asarray(A)

    def outputs(z):
        layer.rng = Replay(xp.asarray(z.reshape(2, 2)))
        return host(layer(x).data).ravel()        # example 0: unit 0, unit 1; example 1: ...

    mean, covariance = exact(outputs, 4)
    assert_allclose(mean.reshape(2, 2), A @ THETA.T, atol=1e-12)
    sigma2, due = np.exp(LOG_SIGMA2), np.zeros((4, 4))
    for m, n, unit in itertools.product(range(2), repeat=3):
        if m == n or not local:
            due[2 * m + unit, 2 * n + unit] = (A[m] * A[n] * sigma2[unit]).sum()
    assert_allclose(covariance, due, atol=1e-11)


def test_variational_4_by_hand(xp):
    y = md.local_reparameterisation(*(xp.asarray(np.array([v])) for v in (-1.5, 4.25, -2.0)))
    assert_allclose(host(y), -1.5 - 2 * math.sqrt(4.25), rtol=1e-15)


@PROPERTY
@given(shape=st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple),
       seed=st.integers(0, 99))
def test_variational_4_is_what_loops_give(xp, shape, seed):
    rng = np.random.default_rng(seed)
    mean, variance, z = rng.normal(size=shape), rng.exponential(size=shape), rng.normal(size=shape)
    due = np.empty(shape)
    for i in np.ndindex(shape):
        due[i] = mean[i] + math.sqrt(variance[i]) * z[i]
    found = md.local_reparameterisation(*map(xp.asarray, (mean, variance, z)))
    assert_allclose(host(found), due, atol=1e-12)


@PROPERTY
@given(n=st.integers(0, 3), channels=st.integers(1, 3), height=st.integers(2, 5),
       width=st.integers(2, 5), stride=st.integers(1, 2), seed=st.integers(0, 99))
def test_variational_3_of_a_convolution_is_what_loops_give(xp, backend, n, channels, height, width,
                                                           stride, seed):
    """Every weight of every place, with a kernel of 1 x 2."""
    layer = md.Variational(nn.Conv2d(channels, 2, (1, 2), stride=stride), start=-1.0).init(seed)
    layer.astype("float64").to(backend)
    x = np.random.default_rng(seed).normal(size=(n, channels, height, width))
    mean, variance = (host(moment.data) for moment in layer.moments(xp.asarray(x)))
    w, b = host(layer.weight.data), host(layer.bias.data)
    for place in np.ndindex(mean.shape):
        i, o, row, column = place
        due, noise = b[o], 0.0
        for c, k in itertools.product(range(channels), range(2)):
            pixel = x[i, c, row * stride, column * stride + k]
            due, noise = due + w[o, c, 0, k] * pixel, noise + math.exp(-1) * pixel**2
        assert_allclose([mean[place], variance[place]], [due, noise], atol=1e-12)
    layer.rng = Replay(xp.asarray(np.ones(mean.shape)))
    assert_allclose(host(layer(xp.asarray(x)).data), mean + np.sqrt(variance), atol=1e-12)


def test_variational_4_without_variance_there_is_no_noise(xp, backend):
    layer = layer_of(xp, backend, THETA, LOG_SIGMA2)
    x = md.Tensor(xp.asarray(np.array([[0.0, 0.0], [1.0, 0.0]])), requires_grad=True)
    layer.rng = Replay(xp.asarray(np.full((2, 2), 3.0)))
    y = layer(x)
    assert_allclose(host(y.data)[0], [0, 0], atol=1e-150)             # and not 3e-4
    with np.errstate(all="raise"):
        y.sum().backward()
    for w in (layer.weight, layer.log_sigma2, x):
        assert np.isfinite(host(w.grad)).all() and host(w.grad).any()


def test_variational_5_gradients_for_given_noise(xp, backend):
    layer, z = layer_of(xp, backend, THETA, LOG_SIGMA2), np.array([[1.5, -0.5], [0.3, 2.0]])
    layer.rng, g = Replay(xp.asarray(z)), np.array([[1.0, -2.0], [0.5, 0.7]])
    (layer(xp.asarray(A)) * xp.asarray(g)).sum().backward()
    sigma2 = np.exp(LOG_SIGMA2)
    deviation = np.sqrt(A**2 @ sigma2.T)
    assert_allclose(host(layer.weight.grad), g.T @ A, rtol=1e-12)     # as without any noise
    due = (g * z / (2 * deviation)).T @ A**2 * sigma2
    assert_allclose(host(layer.log_sigma2.grad), due, rtol=1e-12)


@pytest.mark.parametrize("make, shape", [(lambda: nn.Linear(3, 2), (4, 3)),
                                         (lambda: nn.Conv2d(2, 4, 2, groups=2), (2, 2, 3, 4))])
def test_variational_4_and_5_gradients_hold_for_every_argument(xp, backend, make, shape):
    layer = md.Variational(make(), start=-1.0).init(0).astype("float64").to(backend)
    x = xp.asarray(md.gaussian(1, shape).astype("float64"))
    z = xp.asarray(md.gaussian(2, layer.moments(x)[0].shape).astype("float64"))

    def f(x, weight, log_sigma2):
        layer.weight, layer.log_sigma2 = weight, log_sigma2
        return md.local_reparameterisation(*layer.moments(x), z)

    assert gradcheck(f, x, layer.weight.data, layer.log_sigma2.data, order=2) < 1e-6
    for local in (True, False):
        layer = md.Variational(make(), -1.0, local=local).init(0).astype("float64").to(backend)
        layer(x).sum().backward()
        assert host(layer.weight.grad).any() and host(layer.log_sigma2.grad).any()


@pytest.mark.parametrize("local", [True, False])
def test_variational_7_only_local_noise_averages_out(xp, backend, local):
    """The gradient of a mean of squares over like examples, exactly: theta's variance is 1 / M."""
    def variance(examples):
        layer = layer_of(xp, backend, [[0.8]], [[0.2]], local=local)
        x = xp.asarray(np.full((examples, 1), 1.3))

        def gradient(z):
            layer.rng = Replay(xp.asarray(z.reshape(-1, 1)))
            return host(md.grad((layer(x) ** 2).mean(), layer.weight)).ravel()

        return exact(gradient, examples if local else 1)[1]

    assert_allclose(variance(3), variance(1) / (3 if local else 1), rtol=1e-9)


def test_variational_4_units_are_independent(xp, backend):
    """Gaussian dropout of the inputs at p = 1/2 (alpha = 1): the same variances, but shared."""
    x, sigma2 = A[:1], THETA**2

    def noisy_inputs(z):
        noisy = md.gaussian_dropout(xp.asarray(x), xp.asarray(1 + z[None]))
        return (noisy @ xp.asarray(THETA.T))[0]

    layer = layer_of(xp, backend, THETA, np.log(sigma2))

    def noisy_weights(z):
        layer.rng = Replay(xp.asarray(z[None]))
        return host(layer(xp.asarray(x)).data)[0]

    mean, shared = exact(lambda z: host(noisy_inputs(z)), 2)
    same_mean, independent = exact(noisy_weights, 2)
    assert_allclose(mean, same_mean, atol=1e-12)
    assert_allclose(np.diag(shared), np.diag(independent), atol=1e-12)
    assert abs(independent[0, 1]) < 1e-12
    assert_allclose(shared[0, 1], (x[0]**2 * THETA[0] * THETA[1]).sum(), atol=1e-12)
    assert shared[0, 1] != 0


def test_variational_3_the_variance_is_not_cut(xp, backend):
    """exp(-10) and not exp(-8), where log alpha is -10."""
    layer = layer_of(xp, backend, [[1.0]], [[-10.0]])
    x = xp.ones((1, 1))
    assert_allclose(host(layer.moments(x)[1].data), math.exp(-10), rtol=1e-12)
    theta = md.Tensor(xp.ones((1, 1)), requires_grad=True)
    cut = math.exp(-8) * theta * theta            # what the authors' code has for sigma^2
    assert_allclose(host(md.grad(cut.sum(), theta)), 2 * math.exp(-8))
    assert_allclose(float(md.grad(layer.kl(), layer.log_sigma2)[0, 0]), -0.5, atol=1e-3)


# --- (variational.8) to (variational.10): the divergence ------------------------------------------

@pytest.mark.parametrize("log_alpha", NINE)
def test_variational_8_is_what_quadrature_gives(log_alpha):
    """E log |1 + sqrt(alpha) z| over both sides of its pole, with z = pole +- t^4."""
    alpha = math.exp(log_alpha)
    pole = -1 / math.sqrt(alpha)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    total = 0.0
    for sign, span in ((1, 12 - pole), (-1, 12 + pole)):
        if span <= 0:
            continue
        end = span ** 0.25
        t = end * (nodes + 1) / 2
        z = pole + sign * t**4
        values = np.log(np.sqrt(alpha) * t**4) * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        total += (weights * values * 4 * t**3).sum() * end / 2
    due = 0.5 * log_alpha - total - (EULER + math.log(2)) / 2
    assert_allclose(minus_kl(log_alpha), due, atol=1e-6)


def test_variational_9_is_close_up_to_alpha_1(xp):
    places = np.linspace(-10, 0, 41)
    found = -host(md.variational_kl(xp.asarray(places), "kingma"))
    errors = found - [minus_kl(place) for place in places]
    assert (errors > -1e-4).all() and (errors < 0.041).all() and abs(errors[0]) < 1e-4
    alpha = math.exp(-1.0)
    due = 0.5 * -1 + 1.16145124 * alpha - 1.50204118 * alpha**2 + 0.58629921 * alpha**3
    assert_allclose(-md.variational_kl(np.array([-1.0]), "kingma"),
                    due - (EULER + math.log(2)) / 2, rtol=1e-12)


def test_variational_9_is_for_alpha_up_to_1():
    """At log alpha = 3 the divergence is 0.02, and the polynomial more than 4,000 below 0."""
    assert_allclose(minus_kl(3.0), -0.02469, atol=5e-6)
    assert md.variational_kl(np.array([3.0]), "kingma")[0] < -4000


def test_variational_10_is_close_everywhere(xp):
    found = -host(md.variational_kl(xp.asarray(NINE)))
    errors = found - [minus_kl(place) for place in NINE]
    assert abs(errors).max() < 0.009
    places = np.linspace(-12, 12, 97)
    fine = -md.variational_kl(places) - [minus_kl(place) for place in places]
    assert abs(fine).max() < 0.01
    by_hand = -host(md.variational_kl(xp.asarray(np.array([0.0, 3.0]))))
    assert_allclose(by_hand, [-0.43124, -0.02542], atol=5e-6)
    assert_allclose([minus_kl(0.0), minus_kl(3.0)], [-0.42669, -0.02469], atol=5e-6)


def test_variational_10_falls_to_0_and_stays_finite(xp):
    places = np.linspace(-30, 30, 601)
    kl = host(md.variational_kl(xp.asarray(places)))
    assert (np.diff(kl) < 0).all() and 0 < kl[-1] < 1e-12
    with np.errstate(all="raise", under="ignore"):
        ends = host(md.variational_kl(xp.asarray(np.array([-1000.0, 1000.0]))))
        assert_allclose(ends, [0.63576 + 500, 0], atol=1e-12)
        assert np.isfinite(md.variational_kl(np.array([-200.0, 200.0], "float32"))).all()


@pytest.mark.parametrize("approximation", ["molchanov", "kingma"])
def test_variational_9_and_10_have_these_slopes(xp, approximation):
    places = np.array([-7.0, -2.0, -0.3, 0.0])
    log_alpha = md.Tensor(xp.asarray(places), requires_grad=True)
    slope = host(md.grad(md.variational_kl(log_alpha, approximation).sum(), log_alpha))
    alpha = np.exp(places)
    s = 1 / (1 + np.exp(-1.8732 - 1.48695 * places))
    due = (-0.63576 * 1.48695 * s * (1 - s) - 0.5 / (1 + alpha) if approximation == "molchanov" else
           -0.5 - 1.16145124 * alpha + 2 * 1.50204118 * alpha**2 - 3 * 0.58629921 * alpha**3)
    assert_allclose(slope, due, atol=1e-12)       # at 0 too, where |log alpha| has its kink
    gradcheck(lambda t: md.variational_kl(t, approximation), xp.asarray(places[:3]), order=2)


def test_variational_10_beside_the_older_formula():
    places = np.linspace(-12, 12, 97)
    older = 0.03 + 0.64 / (1 + np.exp(-1.5 * (places + 1.3))) - 0.5 * np.log1p(np.exp(-places))
    assert abs(older - 0.67 + md.variational_kl(places)).max() < 0.01


# --- (variational.11): the penalty ----------------------------------------------------------------

def test_variational_11_is_the_bound_divided_by_n(xp, backend):
    """N times our loss and penalty is the sum over the examples plus the divergence."""
    net = nn.Sequential(md.Variational(nn.Linear(3, 4), -2.0), nn.ReLU(),
                        md.Variational(nn.Linear(4, 2), -3.0)).init(0).to(backend)
    kl = float(net[0].kl().data) + float(net[2].kl().data)
    due = sum(float(md.variational_kl(md.variational_log_alpha(w.data, s.data)).sum())
              for w, s in ((net[i].weight, net[i].log_sigma2) for i in (0, 2)))
    assert_allclose(kl, due, rtol=1e-6)
    x, y = xp.asarray(md.gaussian(0, (8, 3))), xp.asarray([0, 1] * 4)
    losses = [md.fit(copy.deepcopy(net), md.optim.SGD(0.0), (x, y), 1, batch_size=8,
                     penalty=penalty, progress=False).loss[0]
              for penalty in (None, md.variational_penalty(8), md.variational_penalty(8, 0.01))]
    assert_allclose(8 * losses[1], 8 * losses[0] + kl, rtol=1e-5)
    assert_allclose(losses[2] - losses[0], 0.01 * kl / 8, rtol=1e-4)


def test_variational_11_warms_up_between_two_steps():
    net = md.Variational(nn.Linear(3, 2)).init(0)
    penalty, kl = md.variational_penalty(10, warm_up=(4, 10)), float(net.kl().data)
    grown = [float(penalty(net, step).data) * 10 / kl for step in (0, 3, 4, 5, 7, 9, 10, 11, 999)]
    assert_allclose(grown, [0, 0, 0, 1 / 6, 0.5, 5 / 6, 1, 1, 1], rtol=1e-5)
    always = md.variational_penalty(10)
    assert [float(always(net, step).data) * 10 / kl for step in (0, 1)] == pytest.approx([1, 1])


def test_variational_11_noise_takes_the_weights_that_are_not_needed(xp, backend):
    """The target needs one input of four; the noise of the others grows until they are cut."""
    x = xp.asarray(md.gaussian(0, (64, 4)))
    y = (x[:, 0] > 0).astype("int64")
    net = md.Variational(nn.Linear(4, 2, bias=False), start=-2.0).init(0).to(backend)
    md.fit(net, md.optim.Adam(0.2), (x, y), 40, batch_size=64, progress=False,
           penalty=md.variational_penalty(64))
    pruned = host(net.pruned())
    assert pruned[:, 1:].all() and not pruned[:, 0].any()
    assert md.evaluate(net, (x, y)).accuracy > 0.95
    x[:, 1:] = 99.0
    assert md.evaluate(net, (x, y)).accuracy > 0.95


def test_variational_11_without_it_noise_shrinks_and_hardly_anything_goes(xp, backend):
    """The run above, where with the penalty the noise of the input that is needed grew to 1."""
    x = xp.asarray(md.gaussian(0, (64, 4)))
    y = (x[:, 0] > 0).astype("int64")
    for start in (-2.0, -10.0):
        net = md.Variational(nn.Linear(4, 2, bias=False), start=start).init(0).to(backend)
        md.fit(net, md.optim.Adam(0.2), (x, y), 40, batch_size=64, progress=False)
        assert host(net.log_sigma2.data).max() < -3
    assert not host(net.pruned()).any()


# --- (variational.12): evaluation -----------------------------------------------------------------

def test_variational_12_cuts_in_evaluation_alone(xp, backend):
    theta = np.array([[1.0, 1.0, 1.0, 1.0]])
    layer = layer_of(xp, backend, theta, [[-9.0, 2.99, 3.01, 40.0]])
    assert host(layer.pruned()).tolist() == [[False, False, True, True]]
    x = xp.asarray(np.array([[1.0, 2.0, 4.0, 8.0]]))
    layer.rng = Replay(xp.zeros((1, 1)))
    assert_allclose(host(layer(x).data), [[15]])
    layer.eval().rng = Forbid()
    assert_allclose(host(layer(x).data), [[3]])
    assert_allclose(math.exp(3) / (1 + math.exp(3)), 0.9526, atol=5e-5)
    layer.threshold = 50.0
    assert_allclose(host(layer(x).data), [[15]])
    layer.threshold = float(layer.log_alpha().data[0, 1])         # log alpha at it is kept
    assert host(layer.pruned()).tolist() == [[False, False, True, True]]


def test_the_score_of_a_unit_with_one_weight_is_that_of_the_weight(xp, backend):
    layer = layer_of(xp, backend, np.array([[0.0], [1e-5], [-1.0]]), [[-30.0], [-2.0], [1.0]])
    assert_allclose(host(layer.score(unit=True)), host(layer.score(unit=False))[:, 0], rtol=1e-12)


def test_the_score_is_minus_log_alpha_and_of_a_unit_that_of_its_row(xp, backend):
    layer = layer_of(xp, backend, THETA, LOG_SIGMA2)
    assert_allclose(host(layer.score(unit=False)), -(LOG_SIGMA2 - np.log(THETA**2 + 1e-8)))
    due = np.log((THETA**2).sum(1)) - np.log(np.exp(LOG_SIGMA2).sum(1))
    assert_allclose(host(layer.score(unit=True)), due, atol=1e-7)
    conv = md.Variational(nn.Conv2d(2, 3, 2)).init(0).to(backend)
    assert conv.score(unit=True).shape == (3,) and conv.score(unit=False).shape == (3, 2, 2, 2)
    assert type(conv.score(True)) is type(conv.score(False)) is xp.ndarray


# --- the module -----------------------------------------------------------------------------------

def test_variational_module_draws_once_for_each_output_or_each_weight(xp, backend):
    for local, shape in ((True, (2, 4, 5, 3)), (False, (4, 3, 2, 2))):
        layer = md.Variational(nn.Conv2d(3, 4, 2), local=local).init(0).to(backend)
        layer.rng = Record(md.Stream(0, "", backend))
        layer(xp.ones((2, 3, 6, 4), "float32"))
        assert [draw[:2] for draw in layer.rng.draws] == [("gaussian", (shape,))]
        assert layer.noise.shape == shape


def test_variational_module_draws_every_output_by_itself_and_anew(xp, backend):
    # the signs of the noise of 400 x 400 outputs are independent draws with the rate 1/2
    layer = md.Variational(nn.Linear(1, 400)).init(3).to(backend)
    x = xp.ones((400, 1), "float32")
    first, again = (host((layer(x) - layer.moments(x)[0]).data) > 0 for _ in range(2))
    assert_rate(first.sum(), 160_000, 0.5)
    assert_independent(first, 0)
    assert_independent(first, 1)
    assert_fresh(first, again, 0.5)


@pytest.mark.parametrize("optimizer", [md.optim.SGD, md.optim.Adam, md.optim.AdamW])
def test_variational_module_weight_decay_leaves_the_variances_alone(optimizer):
    layer = md.Variational(nn.Linear(3, 2)).init(0)
    weight = layer.weight.data.copy()
    for w in layer.parameters():
        w.grad = np.zeros_like(w.data)
    optimizer(1.0, weight_decay=0.5).step(layer)
    assert_array_equal(layer.log_sigma2.data, np.full((2, 3), -10, "float32"))
    assert (layer.weight.data != weight).all()


def test_variational_module_repeats_its_noise_after_init(xp, backend):
    for local in (True, False):
        layer, x = md.Variational(nn.Linear(3, 50), -1.0, local=local), xp.ones((2, 3), "float32")
        first, again = ([host(layer.init(9).to(backend)(x).data), host(layer(x).data)]
                        for _ in range(2))
        assert_array_equal(first, again)
        assert (first[0] != first[1]).any()


def test_variational_module_in_a_network_keeps_the_values_of_the_layers():
    net = models.wrap(models.lenet(), "*", md.Variational).init(seed=0)
    plain = models.lenet().init(seed=0).state_dict()
    for path, value in net.state_dict().items():
        assert (value == (-10 if path.endswith("log_sigma2") else plain[path])).all()
    x = md.gaussian(1, (2, 1, 28, 28))
    assert_array_equal(copy.deepcopy(net)(x).data, net(x).data)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("log_sigma2", [-200.0, -20.0, -8.0, 0.0, 8.0])
def test_variational_is_finite_in_every_dtype(xp, backend, dtype, log_sigma2):
    """Outputs, divergence and all gradients, for means of 0 and small ones, and no noise at all."""
    layer = md.Variational(nn.Linear(3, 2), log_sigma2).init(0).to(backend).astype(dtype)
    layer.weight.data = xp.asarray(np.array([[0, 1e-3, 1.0], [-0.01, 0.0, 2.0]], dtype))
    x = md.Tensor(xp.asarray(np.array([[0, 0, 0], [1, 2, -1]], dtype)), requires_grad=True)
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        (layer(x).sum() + layer.kl()).backward()
    for w in (*layer.parameters(), x):
        assert str(w.grad.dtype) == dtype and np.isfinite(host(w.grad)).all()
    assert np.isfinite(host(layer.score(unit=True))).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("local", [True, False])
def test_variational_keeps_dtype_and_kind(xp, backend, dtype, local):
    layer = md.Variational(nn.Linear(3, 4), local=local).init(0).to(backend).astype(dtype)
    y = layer(xp.ones((2, 3), dtype))
    assert isinstance(y, md.Tensor) and y.dtype == layer.kl().dtype == dtype
    x = xp.ones(3, dtype)
    for value in (md.variational_kl(x), md.variational_log_alpha(x, x),
                  md.local_reparameterisation(x, x, xp.ones(3, "float32"))):
        assert isinstance(value, xp.ndarray) and value.dtype == dtype


def test_variational_is_the_same_in_every_memory_order(xp):
    x = np.arange(24.0).reshape(2, 3, 4) / 10 - 1
    due = host(md.local_reparameterisation(*map(xp.asarray, (x, x * x, x + 1))))
    for axes in itertools.permutations(range(3)):
        mean, variance, z = (
            xp.asarray(np.ascontiguousarray(a.transpose(axes))).transpose(
                *map(int, np.argsort(axes))) for a in (x, x * x, x + 1))
        assert_array_equal(host(md.local_reparameterisation(mean, variance, z)), due)
        assert_array_equal(host(md.variational_kl(mean)), host(md.variational_kl(xp.asarray(x))))


# --- bad input ------------------------------------------------------------------------------------

def test_variational_refuses_what_does_not_fit(xp):
    x, layer = xp.ones((2, 3)), nn.Linear(3, 2)
    for error, words, use in [
            (ValueError, "log_sigma2 must have", lambda: md.variational_log_alpha(x, x[0])),
            (TypeError, "theta must hold floats", lambda: md.variational_log_alpha(x > 0, x)),
            (TypeError, "log_alpha must be a NumPy", lambda: md.variational_kl(0.0)),
            (ValueError, "approximation must be", lambda: md.variational_kl(x, "Kingma")),
            (ValueError, "variance must have", lambda: md.local_reparameterisation(x, x[0], x)),
            (ValueError, "noise must broadcast",
             lambda: md.local_reparameterisation(x[0], x[0], x)),
            (TypeError, "layer must be a Linear or Conv2d", lambda: md.Variational(nn.ReLU())),
            (TypeError, "local must be True or False", lambda: md.Variational(layer, local=1)),
            (ValueError, "examples must be a whole number", lambda: md.variational_penalty(0)),
            (TypeError, "warm_up must be two", lambda: md.variational_penalty(9, warm_up=3)),
            (ValueError, "steps that rise", lambda: md.variational_penalty(9, warm_up=(3, 3))),
            (ValueError, "net must have a Variational",
             lambda: md.variational_penalty(9)(layer, 0)),
            (TypeError, "net must be a Module", lambda: md.variational_penalty(9)(None, 0)),
            (ValueError, "init", lambda: md.Variational(layer)(x))]:
        with pytest.raises(error, match=words):
            use()
