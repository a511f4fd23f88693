"""units/alpha: every equation, exactly, and every sentence of "Differs"."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.check import Forbid, Record, exact_moments, gradcheck
from minidrop.units.alpha import SATURATION
from minidrop.xp import host
from tests.samplers import assert_fresh, assert_independent, assert_rate, assert_shared

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
RATES = (0.0, 0.05, 0.5, 0.9)
MOMENTS = [(0.0, 1.0), (0.7, 0.3), (-2.0, 4.0), (SATURATION, 1.0)]
X = np.array([1.0, -1.0, 0.0])


def keep(xp, *bits):
    return xp.asarray(np.array(bits, bool))


def inputs(mean, var):
    """Two numbers of this mean and variance: an x that takes both equally often has them too."""
    return mean + np.sqrt(var) * np.array([-1.0, 1.0])


def over_x_and_masks(f, x, p):
    """Mean and variance of f(x, mask) when x takes its values equally often, over both masks."""
    every = [exact_moments(lambda mask, v=v: f(np.array([v]), mask), 1, p) for v in x]
    means, variances = np.array(every)[:, :, 0].T
    return means.mean(), (variances + means**2).mean() - means.mean() ** 2


# --- (alpha.1): the draw --------------------------------------------------------------------------

def test_alpha_1_draws_once_for_each_entry(xp, backend):
    layer = md.AlphaDropout(0.25)
    layer.rng = Record(md.Stream(0, "", backend))
    layer(xp.ones((2, 3, 4)))
    assert [draw[:2] for draw in layer.rng.draws] == [("bernoulli", (0.75, (2, 3, 4)))]


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (2, 3, 2, 2, 2), (2, 3)])
def test_alpha_1_feature_draws_once_for_each_map(xp, backend, shape):
    layer = md.FeatureAlphaDropout(0.25)
    layer.rng = Record(md.Stream(0, "", backend))
    if len(shape) == 2:
        with pytest.raises(ValueError, match=r"shape must be \(N, C, L\), \(N, C, H, W\) or"):
            layer(xp.ones(shape))
        return
    layer(xp.ones(shape))
    due = (2, 3, *[1] * (len(shape) - 2))
    assert [draw[:2] for draw in layer.rng.draws] == [("bernoulli", (0.75, due))]


@pytest.mark.parametrize("p", [0.1, 0.5])
@pytest.mark.parametrize("kind", [md.AlphaDropout, md.FeatureAlphaDropout])
def test_alpha_1_drops_with_the_rate_p_independently_and_anew(kind, p):
    layer, x = kind(p).init(7), np.zeros((300, 300, 2), "float32")
    first, second = (layer(x) < 0 for _ in range(2))
    if kind is md.FeatureAlphaDropout:            # 90,000 draws, not 180,000
        assert_shared(first, 2)
        first, second = first[..., 0], second[..., 0]
    assert_rate(first.sum(), first.size, p)
    assert_fresh(first, second, 1 - p)
    for axis in range(first.ndim):
        assert_independent(first, axis, p)


# --- (alpha.2): the equation ----------------------------------------------------------------------

def test_alpha_2_by_hand(xp):
    x = md.Tensor(xp.asarray(X), requires_grad=True)
    y = md.alpha_dropout(x, keep(xp, 1, 0, 1), 0.1)
    y.sum().backward()
    assert_allclose(host(y.data), [1.0832555, -1.4577387, 0.1619710], atol=5e-8)
    assert_allclose(host(x.grad), [0.92128452, 0, 0.92128452], atol=5e-9)
    assert_array_equal(host(x.data), X)           # which is left alone


@PROPERTY
@given(shape=st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple),
       shared=st.integers(0, 15), seed=st.integers(0, 99), moments=st.sampled_from(MOMENTS),
       p=st.sampled_from(RATES))
def test_alpha_2_is_what_loops_give(xp, shape, shared, seed, moments, p):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    mask = rng.random([1 if shared >> i & 1 else n for i, n in enumerate(shape)]) < 1 - p
    (a, b), due = md.alpha_affine(p, *moments), np.empty(shape)
    for place in np.ndindex(shape):
        kept = mask[tuple(min(i, n - 1) for i, n in zip(place, mask.shape, strict=True))]
        due[place] = a * (x[place] if kept else SATURATION) + b
    y = md.alpha_dropout(xp.asarray(x), xp.asarray(mask), p, *moments)
    assert_allclose(host(y), due, rtol=1e-12, atol=1e-12)


def test_alpha_2_silences_to_one_value_which_is_selus_lowest(xp, backend):
    assert md.selu(np.array([-1e3])) == SATURATION
    layer = md.AlphaDropout(0.3).init(0).to(backend)
    x = xp.asarray(md.gaussian(0, 1000).astype("float32"))
    y, (a, b) = host(layer(x)), md.alpha_affine(0.3)
    assert (y[~host(layer.noise)] == np.float32(a * SATURATION + b)).all()


def test_alpha_2_at_p_0_is_the_identity(xp):
    for dtype, moments in itertools.product(("float32", "float64"), MOMENTS[:2]):
        x = xp.asarray((np.random.default_rng(0).normal(size=50) ** 9).astype(dtype))
        y = md.alpha_dropout(x, keep(xp, *[True] * 50), 0.0, *moments)
        assert_array_equal(host(y), host(x))      # to the last bit, in small numbers too


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5])
def test_alpha_2_gradient_for_a_given_mask(xp, p):
    x, mask = xp.asarray(np.array([[1.0, -2.0], [0.5, 3.0]])), keep(xp, 1, 0, 1, 1).reshape(2, 2)
    assert gradcheck(lambda t: md.alpha_dropout(t, mask, p), x, order=2) < 1e-8
    t = md.Tensor(x, requires_grad=True)
    gradient = md.grad(md.alpha_dropout(t, mask, p).sum(), t)
    assert_allclose(host(gradient), md.alpha_affine(p)[0] * host(mask))


def test_alpha_2_with_a_mask_of_maps_is_feature_alpha_dropout(xp):
    x, mask = xp.asarray(np.arange(16.0).reshape(2, 2, 2, 2)), keep(xp, 1, 0, 0, 1)
    y = host(md.alpha_dropout(x, mask.reshape(2, 2, 1, 1), 0.5))
    a, b = md.alpha_affine(0.5)
    assert_allclose(y[[0, 1], [0, 1]], a * host(x)[[0, 1], [0, 1]] + b)
    assert_allclose(y[[0, 1], [1, 0]], a * SATURATION + b)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_alpha_2_keeps_dtype_and_kind(xp, dtype):
    x, mask = xp.ones(3, dtype), keep(xp, 1, 0, 1)
    y = md.alpha_dropout(x, mask, 0.3)
    assert isinstance(y, xp.ndarray) and y.dtype == dtype
    assert isinstance(md.alpha_dropout(md.Tensor(x), mask, 0.3), md.Tensor)


def test_alpha_2_is_the_same_in_every_memory_order(xp):
    x = np.arange(120.0).reshape(2, 3, 4, 5) + 1
    mask, (a, b) = host(md.dropout_mask(1, x.shape, 0.5)), md.alpha_affine(0.5)
    due = np.where(mask, a * x + b, a * SATURATION + b)
    for axes in itertools.permutations(range(4)):
        turned = xp.asarray(np.ascontiguousarray(x.transpose(axes)))
        turned = turned.transpose(*map(int, np.argsort(axes)))
        assert_allclose(host(md.alpha_dropout(turned, xp.asarray(mask), 0.5)), due, rtol=1e-14)


# --- (alpha.3) to (alpha.6): moments, over all masks ----------------------------------------------

@pytest.mark.parametrize("mean, var", MOMENTS)
@pytest.mark.parametrize("p", RATES)
def test_alpha_3_moments_before_the_stretch(p, mean, var):
    q = 1 - p
    found = over_x_and_masks(lambda x, m: m * x + SATURATION * (1 - m), inputs(mean, var), p)
    assert_allclose(found, [q * mean + p * SATURATION, q * (p * (SATURATION - mean)**2 + var)],
                    atol=1e-12)
    a, b = md.alpha_affine(p, mean, var)          # which takes them back to mean and var
    assert_allclose(found, [(mean - b) / a, var / a**2], atol=1e-12)


def test_alpha_4_by_hand():
    assert_allclose(md.alpha_affine(0.1), [0.92128452, 0.16197097], atol=5e-9)
    assert md.alpha_affine(0.0) == (1.0, 0.0)
    q = 0.5                                       # for 0 and 1: (q + alpha'^2 q (1 - q))^(-1/2)
    a, b = md.alpha_affine(0.5)
    assert_allclose([a, b], [(q + SATURATION**2 * q**2) ** -0.5, -a * q * SATURATION], rtol=1e-14)


@pytest.mark.parametrize("mean, var", MOMENTS)
@pytest.mark.parametrize("p", RATES)
def test_alpha_5_mean_and_variance_are_kept(xp, p, mean, var):
    def output(x, mask):
        return host(md.alpha_dropout(xp.asarray(x), xp.asarray(mask), p, mean, var))

    assert_allclose(over_x_and_masks(output, inputs(mean, var), p), [mean, var], atol=1e-12)


@pytest.mark.parametrize("mean, var", MOMENTS)
def test_alpha_6_at_p_1_everything_is_the_mean(xp, mean, var):
    a, b = md.alpha_affine(1 - 1e-12, mean, var)
    assert_allclose(a * SATURATION + b, mean, atol=1e-5)
    assert md.alpha_affine(1.0, mean, var) == (0.0, mean)
    assert md.alpha_affine(0.0, mean, 1e-150) == (1.0, 0.0)       # the least variance
    x = md.Tensor(xp.asarray(X), requires_grad=True)
    for mask in (xp.zeros(3, bool), xp.ones(3, bool)):
        y = md.alpha_dropout(x, mask, 1.0, mean, var)
        y.sum().backward()
        assert (host(y.data) == mean).all() and not host(x.grad).any()


# --- the module -----------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", [md.AlphaDropout, md.FeatureAlphaDropout])
def test_alpha_module_follows_the_mode(xp, backend, kind):
    layer = kind(0.5, mean=0.3, var=2.0).init(3).to(backend)
    x = xp.asarray(md.gaussian(0, (2, 3, 4)))
    y = layer(x)
    assert y.dtype == "float32" and layer.noise.dtype == bool
    assert_array_equal(host(y), host(md.alpha_dropout(x, layer.noise, 0.5, 0.3, 2.0)))
    layer.eval().rng = Forbid()
    assert layer(x) is x


@pytest.mark.parametrize("kind", [md.AlphaDropout, md.FeatureAlphaDropout])
def test_alpha_module_repeats_its_masks_after_init(xp, backend, kind):
    layer, x = kind(0.5), xp.ones((10, 10, 2))
    first, again = ([host(layer.init(9).to(backend)(x)), host(layer(x))] for _ in range(2))
    assert_array_equal(first, again)
    assert (first[0] != first[1]).any()


# --- "Differs" ------------------------------------------------------------------------------------

@pytest.mark.parametrize("p", [0.05, 0.5])
def test_alpha_2_pulls_each_entry_towards_the_mean(p):
    # over the masks an entry x has the mean a (q x + p alpha') + b = a q x, which is nearer to 0
    (a, _), q = md.alpha_affine(p), 1 - p
    mean, variance = exact_moments(lambda mask: md.alpha_dropout(X, mask, p), 3, p)
    assert_allclose(mean, a * q * X, atol=1e-12)
    assert_allclose(variance, a**2 * p * q * (X - SATURATION) ** 2, atol=1e-12)
    assert 0 < a * q < 1
    assert_allclose(exact_moments(lambda mask: md.dropout(X, mask, p), 3, p)[0], X, atol=1e-12)


@pytest.mark.parametrize("p", [0.0, 0.05, 0.1, 0.5, 0.9])
def test_alpha_4_is_the_constant_of_pytorch_and_keras(p):
    positive = 1.7580993408473766                 # PyTorch: ((d - 1) positive a + positive a p)
    a = 1 / np.sqrt((positive**2 * p + 1) * (1 - p))
    keras = ((1 - p) * (1 + p * SATURATION**2)) ** -0.5
    assert_allclose(md.alpha_affine(p), [a, positive * a * p], rtol=1e-14)
    assert_allclose(md.alpha_affine(p), [keras, -keras * SATURATION * p], rtol=1e-14)
    dropped = a * SATURATION + md.alpha_affine(p)[1]
    assert_allclose(dropped, -positive * a + positive * a * p, rtol=1e-12)


def test_alpha_2_a_dropped_infinity_is_nan(xp):
    with np.errstate(invalid="ignore"):
        y = md.alpha_dropout(xp.asarray(np.array([1, np.inf, np.nan])), xp.zeros(3, bool), 1.0)
    assert_array_equal(host(y), [0, np.nan, np.nan])


# --- bad input ------------------------------------------------------------------------------------

@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_alpha_rates_outside_0_1_are_refused_wherever_they_enter(xp, p):
    x, mask = xp.ones((2, 3, 1)), xp.ones((2, 3, 1), bool)
    for kind in (md.AlphaDropout, md.FeatureAlphaDropout):
        layer = kind(0.5).init(0)
        layer.p = p                               # goes past __init__, so the sampler must look
        for use in (lambda kind=kind: kind(p), lambda layer=layer: layer(x),
                    lambda: md.alpha_affine(p), lambda: md.alpha_dropout(x, mask, p)):
            with pytest.raises(ValueError, match=r"p is a probability and must lie in \[0, 1\]"):
                use()


def test_alpha_refuses_what_does_not_fit(xp):
    x, mask = xp.ones((2, 3)), xp.ones((2, 3), bool)
    for error, words, use in [
            (TypeError, "x must hold floats", lambda: md.alpha_dropout(x.astype(int), mask, 0.5)),
            (ValueError, "mask has shape", lambda: md.alpha_dropout(x, mask[:, :2], 0.5)),
            (ValueError, "mask has shape", lambda: md.alpha_dropout(x[0], mask, 0.5)),
            (TypeError, "mask must be boolean", lambda: md.alpha_dropout(x, x * 0.5, 0.5)),
            (ValueError, "var must be above 0, got 0.0",
             lambda: md.alpha_dropout(x, mask, 0.5, var=0.0)),
            (ValueError, "mean must be finite", lambda: md.alpha_affine(0.1, mean=1e200)),
            (ValueError, "var must be", lambda: md.alpha_dropout(x, mask, 1.0, var=-1.0)),
            (ValueError, "mean must be", lambda: md.AlphaDropout(0.5, mean=float("nan"))),
            (TypeError, "var must be", lambda: md.FeatureAlphaDropout(0.5, var="1")),
            (ValueError, "init", lambda: md.AlphaDropout(0.5)(x))]:
        with pytest.raises(error, match=words):
            use()
