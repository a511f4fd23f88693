"""units/spatial: every equation, exactly, and every sentence of "Differs"."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.check import Forbid, Record, exact_moments, gradcheck
from minidrop.xp import host
from tests.samplers import assert_fresh, assert_independent, assert_rate, assert_shared

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
SHAPES = [(2, 3, 5), (2, 3, 4, 5), (2, 3, 2, 3, 4), (1, 1, 1), (0, 3, 2, 2), (2, 3, 0, 2)]
MAPS = np.arange(1.0, 9.0).reshape(1, 2, 2, 2)    # two maps of four places


def keep(xp, shape, *bits):
    return xp.asarray(np.array(bits, bool).reshape(shape))


# --- (spatial.1): the draw ------------------------------------------------------------------------

@pytest.mark.parametrize("shape", SHAPES)
def test_spatial_1_draws_once_for_each_map(xp, backend, shape):
    rng = Record(md.Stream(5, "a", backend))
    mask = md.spatial_dropout_mask(rng, shape, 0.25)
    due = (*shape[:2], *[1] * (len(shape) - 2))
    assert mask.shape == due and mask.dtype == bool
    assert [(name, args) for name, args, _ in rng.draws] == [("bernoulli", (0.75, due))]
    assert_array_equal(host(mask), md.Stream(5, "a").bits(due) < 0.75 * 2.0**32)


def test_spatial_1_is_exact_at_both_ends(xp, backend):
    for p in (0.0, 1.0):
        mask = md.spatial_dropout_mask(md.Stream(0, "", backend), (100, 100, 2, 2), p)
        assert host(mask).sum() == (1 - p) * 10_000


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_spatial_1_drops_maps_with_the_rate_p_and_independently(p):
    # 250,000 draws, not 4 million: the places of a map share one
    layer, x = md.SpatialDropout(p).init(7), np.ones((500, 500, 4, 4), "float32")
    dropped = layer(x) == 0
    assert_shared(dropped, (2, 3))
    assert_rate(dropped[:, :, 0, 0].sum(), 250_000, p)
    for axis in (0, 1):
        assert_independent(dropped[:, :, 0, 0], axis, p)


def test_spatial_1_draws_anew_at_every_call():
    stream = md.Stream(0)
    first, second = (md.spatial_dropout_mask(stream, (100, 100, 3), 0.3) for _ in range(2))
    assert_fresh(first, second, 0.7)


# --- (spatial.2): the equation --------------------------------------------------------------------

def test_spatial_2_by_hand(xp):
    x = xp.asarray(np.arange(1.0, 13.0).reshape(1, 3, 2, 2))
    y = host(md.spatial_dropout(x, keep(xp, (1, 3, 1, 1), 1, 0, 1), 0.5))
    assert_array_equal(y[0], [[[2, 4], [6, 8]], [[0, 0], [0, 0]], [[18, 20], [22, 24]]])


@PROPERTY
@given(shape=st.lists(st.integers(1, 4), min_size=3, max_size=5).map(tuple),
       p=st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), seed=st.integers(0, 99))
def test_spatial_2_is_what_loops_give(xp, shape, p, seed):
    x = np.random.default_rng(seed).normal(size=shape)
    mask = md.spatial_dropout_mask(seed, shape, p)
    due = np.zeros(shape)
    for place in np.ndindex(shape):
        n, c, *_ = place
        if mask[n, c].item():
            due[place] = x[place] / (1 - p)
    assert_allclose(host(md.spatial_dropout(xp.asarray(x), xp.asarray(mask), p)), due, rtol=1e-15)


def test_spatial_2_at_p_0_is_the_identity(xp):
    assert_array_equal(host(md.spatial_dropout(xp.asarray(MAPS), xp.ones((1, 2, 1, 1), bool), 0.0)),
                       MAPS)


@pytest.mark.parametrize("kept", [False, True])
def test_spatial_2_at_p_1_gives_zeros_and_a_zero_gradient(xp, kept):
    x = md.Tensor(xp.asarray(MAPS), requires_grad=True)
    y = md.spatial_dropout(x, xp.full((1, 2, 1, 1), kept), 1.0)
    y.sum().backward()
    assert not host(y.data).any() and not host(x.grad).any()


@pytest.mark.parametrize("shape", SHAPES[:3])
def test_spatial_2_gradient_for_a_given_mask(xp, shape):
    x = xp.asarray(np.random.default_rng(0).normal(size=shape))
    mask = keep(xp, (2, 3, *[1] * (len(shape) - 2)), 1, 0, 1, 0, 0, 1)
    assert gradcheck(lambda t: md.spatial_dropout(t, mask, 0.2), x, order=2) < 1e-8
    t = md.Tensor(x, requires_grad=True)
    gradient = md.grad(md.spatial_dropout(t, mask, 0.2).sum(), t)
    assert_allclose(host(gradient), np.broadcast_to(host(mask) / 0.8, shape))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_spatial_2_keeps_dtype_and_kind(xp, dtype):
    x, mask = xp.asarray(MAPS.astype(dtype)), keep(xp, (1, 2, 1, 1), 1, 0)
    y = md.spatial_dropout(x, mask, 0.3)
    assert isinstance(y, xp.ndarray) and y.dtype == dtype
    assert isinstance(md.spatial_dropout(md.Tensor(x), mask, 0.3), md.Tensor)


def test_spatial_2_takes_a_mask_that_examples_or_channels_share(xp):
    x = xp.ones((2, 3, 2, 2))
    channels = host(md.spatial_dropout(x, keep(xp, (1, 3, 1, 1), 1, 0, 1), 0.5))
    examples = host(md.spatial_dropout(x, keep(xp, (2, 1, 1, 1), 0, 1), 0.5))
    assert channels[:, :, 0, 0].tolist() == [[2, 0, 2]] * 2
    assert examples[:, :, 0, 0].tolist() == [[0] * 3, [2] * 3]


# --- (spatial.3) and (spatial.4): over all masks --------------------------------------------------

@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_spatial_3_mean_and_covariance(xp, p):
    def output(mask):
        return host(md.spatial_dropout(xp.asarray(MAPS), xp.asarray(mask), p)).ravel()

    x, same = MAPS.ravel(), np.kron(np.eye(2), np.ones((4, 4)))
    mean, _ = exact_moments(output, (1, 2, 1, 1), p)
    products, _ = exact_moments(lambda mask: np.outer(output(mask), output(mask)), (1, 2, 1, 1), p)
    assert_allclose(mean, x, atol=1e-12)
    assert_allclose(products - np.outer(mean, mean), same * np.outer(x, x) * p / (1 - p),
                    atol=1e-12)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_spatial_4_the_dropped_share_of_all_entries(xp, p):
    # NC = 6 maps of S = 3 places: all masks of 6, and for dropout all masks of 6 places
    def dropped(drop, shape):
        return lambda mask: np.array((host(drop(xp.ones(shape), xp.asarray(mask), p)) == 0).mean())

    mean, variance = exact_moments(dropped(md.spatial_dropout, (2, 3, 3)), (2, 3, 1), p)
    assert_allclose([mean, variance], [p, p * (1 - p) / 6], atol=1e-12)
    _, of_units = exact_moments(dropped(md.dropout, (2, 2, 3)), (2, 2, 3), p)
    _, of_maps = exact_moments(dropped(md.spatial_dropout, (2, 2, 3)), (2, 2, 1), p)
    assert_allclose(of_maps, 3 * of_units, rtol=1e-9)


# --- the module -----------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", SHAPES[:3])
def test_spatial_module_follows_the_mode(xp, backend, shape):
    layer, x = md.SpatialDropout(0.5).init(3).to(backend), xp.ones(shape, "float32")
    y = layer(x)
    assert layer.noise.shape == (2, 3, *[1] * (len(shape) - 2)) and y.dtype == "float32"
    assert_array_equal(host(y), np.broadcast_to(2 * host(layer.noise), shape))
    layer.eval().rng = Forbid()
    assert layer(x) is x


def test_spatial_module_draws_one_mask_of_one_value_a_map(xp, backend):
    layer = md.SpatialDropout(0.25)
    layer.rng = Record(md.Stream(0, "", backend))
    layer(xp.ones((2, 3, 4, 4)))
    assert [draw[:2] for draw in layer.rng.draws] == [("bernoulli", (0.75, (2, 3, 1, 1)))]


def test_spatial_module_repeats_its_masks_after_init(xp, backend):
    layer, x = md.SpatialDropout(0.5), xp.ones((10, 10, 2))
    first, again = ([host(layer.init(9).to(backend)(x)), host(layer(x))] for _ in range(2))
    assert_array_equal(first, again)
    assert (first[0] != first[1]).any()


# --- "Differs" ------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 1, 1, 1, 1, 1)])
def test_spatial_1_and_2_refuse_other_ranks(xp, shape):
    x, mask = xp.ones(shape), xp.ones(shape, bool)
    for name, use in [("shape", lambda: md.spatial_dropout_mask(0, shape, 0.5)),
                      ("x", lambda: md.spatial_dropout(x, mask, 0.5)),
                      ("x", lambda: md.SpatialDropout(0.5).init(0)(x))]:
        with pytest.raises(ValueError, match=rf"{name} must be \(N, C, L\), \(N, C, H, W\) or"):
            use()


def test_spatial_2_is_the_same_in_every_memory_order(xp):
    x = np.arange(120.0).reshape(2, 3, 4, 5) + 1
    mask = keep(xp, (2, 3, 1, 1), 1, 0, 1, 0, 0, 1)
    due = np.where(host(mask), 2 * x, 0)
    for axes in itertools.permutations(range(4)):
        turned = xp.asarray(np.ascontiguousarray(x.transpose(axes)))
        turned = turned.transpose(*map(int, np.argsort(axes)))
        assert_array_equal(host(md.spatial_dropout(turned, mask, 0.5)), due)


def test_spatial_2_leaves_its_input_alone(xp):
    x, mask = xp.asarray(MAPS.copy()), keep(xp, (1, 2, 1, 1), 1, 0)
    md.spatial_dropout(x, mask, 0.5)
    assert_array_equal(host(x), MAPS)
    assert host(mask).ravel().tolist() == [True, False]


def test_spatial_2_a_dropped_infinity_is_nan(xp):
    x = xp.asarray(np.array([[[1.0, np.inf, np.nan]]]))
    with np.errstate(invalid="ignore"):
        y = md.spatial_dropout(x, xp.zeros((1, 1, 1), bool), 0.5)
    assert_array_equal(host(y)[0, 0], [0, np.nan, np.nan])


# --- bad input ------------------------------------------------------------------------------------

@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_spatial_rates_outside_0_1_are_refused_wherever_they_enter(xp, p):
    x, mask, layer = xp.ones((2, 3, 4)), xp.ones((2, 3, 1), bool), md.SpatialDropout(0.5).init(0)
    layer.p = p                                   # goes past __init__, so the sampler must look
    for use in (lambda: md.SpatialDropout(p), lambda: md.spatial_dropout_mask(0, x.shape, p),
                lambda: layer(x), lambda: md.spatial_dropout(x, mask, p)):
        with pytest.raises(ValueError, match=r"p is a probability and must lie in \[0, 1\], got"):
            use()


def test_spatial_masks_that_do_not_hold_one_value_a_map_are_refused(xp):
    x = xp.ones((3, 3, 3, 3))
    for shape in [(3, 3), (3, 3, 3), (3, 3, 3, 3), (3, 3, 1, 3), (3, 3, 3, 1), (3, 2, 1, 1),
                  (1, 3, 3, 1, 1)]:
        with pytest.raises(ValueError, match="mask"):
            md.spatial_dropout(x, xp.ones(shape, bool), 0.5)
    mask = xp.ones((3, 3, 1, 1), bool)
    for words, use in [("x must hold", lambda: md.spatial_dropout(x.astype(int), mask, 0.5)),
                       ("mask must be boolean", lambda: md.spatial_dropout(x, mask / 2, 0.5)),
                       ("mask must be a boolean", lambda: md.spatial_dropout(x, None, 0.5))]:
        with pytest.raises(TypeError, match=words):
            use()
