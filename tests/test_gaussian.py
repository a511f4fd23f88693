"""units/gaussian: every equation, exactly, and every sentence of "Differs"."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.check import Forbid, Record, Replay, exact_moments, gradcheck
from minidrop.xp import host
from tests.samplers import assert_fresh, assert_independent, assert_rate

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
RATES = (0.0, 0.1, 0.5, 0.9)
X = np.array([1.0, -2.0, 0.5, 3.0])

# Means over a standard normal z are exact sums over five nodes, for polynomials up to degree 9.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
WEIGHTS = WEIGHTS / math.sqrt(2 * math.pi)


def noise_at_the_nodes(p):
    return md.gaussian_noise(Replay(NODES), 5, p)


# --- (gaussian.1): the draw -----------------------------------------------------------------------

@pytest.mark.parametrize("p", RATES)
def test_gaussian_1_is_one_plus_sigma_z(xp, backend, p):
    z = md.gaussian(md.Stream(5, "a", backend), (3, 5))
    noise = md.gaussian_noise(md.Stream(5, "a", backend), (3, 5), p)
    assert type(noise) is xp.ndarray
    assert_allclose(host(noise), 1 + np.sqrt(p / (1 - p)) * host(z), rtol=1e-6, atol=1e-6)


def test_gaussian_1_has_sigma_1_at_one_half():
    assert_array_equal(md.gaussian_noise(Replay(NODES), 5, 0.5), 1 + NODES)


def test_gaussian_1_at_p_0_is_1_exactly(xp, backend):
    assert (host(md.gaussian_noise(md.Stream(0, "", backend), 1000, 0.0)) == 1).all()


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_gaussian_1_has_these_moments(p):
    # 10^6 independent draws; 6 standard errors: a right sampler fails with probability 3 * 2e-9
    z = (md.gaussian_noise(11, 10**6, p).astype("float64") - 1) / math.sqrt(p / (1 - p))
    for value, mean, variance in [(z, 0, 1), (z**2, 1, 2), (z**4, 3, 96)]:
        assert abs(value.mean() - mean) < 6 * math.sqrt(variance / 10**6)


def test_gaussian_1_draws_every_entry_by_itself_and_anew():
    # the signs of 160,000 independent draws of z are draws with the rate 1/2
    stream = md.Stream(3)
    above, again = (md.gaussian_noise(stream, (400, 400), 0.3) > 1 for _ in range(2))
    assert_rate(above.sum(), 160_000, 0.5)
    assert_independent(above, 0)
    assert_independent(above, 1)
    assert_fresh(above, again, 0.5)


# --- (gaussian.2): the equation -------------------------------------------------------------------

def test_gaussian_2_by_hand(xp):
    x = md.Tensor(xp.asarray(np.array([2.0, 4.0])), requires_grad=True)
    noise = xp.asarray(np.array([1.5, 0.5]))
    y = md.gaussian_dropout(x, noise)
    y.sum().backward()
    assert_array_equal(host(y.data), [3, 2])
    assert_array_equal(host(x.grad), [1.5, 0.5])


@PROPERTY
@given(shape=st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple),
       shared=st.integers(0, 15), seed=st.integers(0, 99))
def test_gaussian_2_is_what_loops_give(xp, shape, shared, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    noise = rng.normal(size=[1 if shared >> i & 1 else n for i, n in enumerate(shape)])
    due = np.empty(shape)
    for place in np.ndindex(shape):
        due[place] = x[place] * noise[tuple(min(i, n - 1)
                                            for i, n in zip(place, noise.shape, strict=True))]
    assert_array_equal(host(md.gaussian_dropout(xp.asarray(x), xp.asarray(noise))), due)


def test_gaussian_2_gradients_for_given_noise(xp):
    x, noise = xp.asarray(X.reshape(2, 2)), xp.asarray(np.array([[1.5, -0.5], [0.0, 2.0]]))
    assert gradcheck(md.gaussian_dropout, x, noise, order=2) < 1e-8


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("of_noise", ["float32", "float64"])
def test_gaussian_2_keeps_dtype_and_kind(xp, dtype, of_noise):
    x, noise = xp.ones(4, dtype), xp.ones(4, of_noise)
    y = md.gaussian_dropout(x, noise)
    assert isinstance(y, xp.ndarray) and y.dtype == dtype
    assert isinstance(md.gaussian_dropout(md.Tensor(x), noise), md.Tensor)


def test_gaussian_2_is_the_same_in_every_memory_order(xp):
    x = np.arange(120.0).reshape(2, 3, 4, 5) + 1
    noise = host(md.gaussian_noise(1, x.shape, 0.5))
    for axes in itertools.permutations(range(4)):
        turned = xp.asarray(np.ascontiguousarray(x.transpose(axes)))
        turned = turned.transpose(*map(int, np.argsort(axes)))
        assert_array_equal(host(md.gaussian_dropout(turned, xp.asarray(noise))), x * noise)


# --- (gaussian.3) and (gaussian.4): moments, exactly ----------------------------------------------

@pytest.mark.parametrize("p", RATES)
def test_gaussian_3_mean_and_variance_are_those_of_dropout(xp, p):
    y = np.stack([host(md.gaussian_dropout(xp.asarray(X), xp.asarray(np.full(4, noise))))
                  for noise in noise_at_the_nodes(p)])
    mean = WEIGHTS @ y
    variance = WEIGHTS @ (y - mean) ** 2
    assert_allclose(mean, X, atol=1e-12)
    assert_allclose(variance, X**2 * p / (1 - p), atol=1e-12)
    of_dropout = exact_moments(lambda mask: md.dropout(X, mask, p), 4, p)
    assert_allclose((mean, variance), of_dropout, atol=1e-12)


@pytest.mark.parametrize("p", RATES)
def test_gaussian_4_the_fourth_moment_is_not_that_of_dropout(p):
    q = 1 - p
    ours = WEIGHTS @ (noise_at_the_nodes(p) - 1) ** 4
    theirs, _ = exact_moments(lambda mask: (md.dropout(np.ones(1), mask, p) - 1) ** 4, 1, p)
    assert_allclose(ours, 3 * p**2 / q**2, rtol=1e-12)
    assert_allclose(theirs, [p + p**4 / q**3], rtol=1e-12)
    if p == 0.5:
        assert_allclose(ours / theirs, 3)         # sigma^4 against 3 sigma^4


# --- the module -----------------------------------------------------------------------------------

def test_gaussian_module_follows_the_mode(xp, backend):
    layer, x = md.GaussianDropout(0.5).init(3).to(backend), xp.asarray(X.astype("float32"))
    y = layer(x)
    assert y.dtype == layer.noise.dtype == "float32"
    assert_array_equal(host(y), host(x) * host(layer.noise))
    layer.eval().rng = Forbid()
    assert layer(x) is x


def test_gaussian_module_draws_once_in_the_inputs_shape(xp, backend):
    layer = md.GaussianDropout(0.25)
    layer.rng = Record(md.Stream(0, "", backend))
    layer(xp.ones((2, 3, 4)))
    assert [draw[:2] for draw in layer.rng.draws] == [("gaussian", ((2, 3, 4),))]


def test_gaussian_module_repeats_its_noise_after_init(xp, backend):
    layer, x = md.GaussianDropout(0.5), xp.ones(100)
    first, again = ([host(layer.init(9).to(backend)(x)), host(layer(x))] for _ in range(2))
    assert_array_equal(first, again)
    assert (first[0] != first[1]).all()


# --- "Differs" ------------------------------------------------------------------------------------

@pytest.mark.parametrize("p", [1, 1.0, -0.1, 1.1, float("nan")])
def test_gaussian_1_silences_nothing_and_needs_p_below_1(xp, p):
    noise = md.gaussian_noise(0, 10_000, 0.9)
    assert (noise != 0).all() and (noise < 0).any()
    x, layer = xp.ones(4), md.GaussianDropout(0.5).init(0)
    layer.p = p                                   # goes past __init__, so the sampler must look
    words = "p must be below 1, where the noise has the variance" if p == 1 else r"lie in \[0, 1\]"
    for use in (lambda: md.GaussianDropout(p), lambda: md.gaussian_noise(0, 4, p),
                lambda: layer(x)):
        with pytest.raises(ValueError, match=words):
            use()


def test_gaussian_1_noise_is_float32_and_bounded(xp, backend):
    noise = md.gaussian_noise(md.Stream(0, "", backend), 100, 0.5)
    y = md.GaussianDropout(0.5).init(0).to(backend)(xp.ones(100, "float64"))
    assert noise.dtype == "float32" and y.dtype == "float64"
    assert_array_equal(host(y), host(noise))

    class Smallest(md.Stream):                    # where u is 2^-32 and v is 0
        def bits(self, shape):
            return np.zeros(shape, "uint32")

    extreme = md.gaussian_noise(Smallest(0), 2, 0.5) - 1
    assert_allclose(extreme, [math.sqrt(64 * math.log(2)), 0], rtol=1e-6)


# --- bad input ------------------------------------------------------------------------------------

def test_gaussian_refuses_what_does_not_fit(xp):
    x = xp.ones((2, 3))
    for error, words, use in [
            (TypeError, "x must hold floats", lambda: md.gaussian_dropout(x.astype(int), x)),
            (TypeError, "noise must hold floats", lambda: md.gaussian_dropout(x, x > 0)),
            (TypeError, "noise must be a NumPy", lambda: md.gaussian_dropout(x, None)),
            (ValueError, "noise must broadcast", lambda: md.gaussian_dropout(x, x[:, :2])),
            (ValueError, "noise must broadcast", lambda: md.gaussian_dropout(x[0], x)),
            (TypeError, "p must be a number", lambda: md.GaussianDropout("0.5")),
            (TypeError, "rng must be a Stream", lambda: md.gaussian_noise(None, 4, 0.5)),
            (ValueError, "init", lambda: md.GaussianDropout(0.5)(x))]:
        with pytest.raises(error, match=words):
            use()
