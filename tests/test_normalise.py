"""norms/normalise and ops/normal: the shared formula, its gradient, and how both are computed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import Tensor, grad
from minidrop.functional import moments
from minidrop.ops import normal as normal_file
from minidrop.ops.normal import normal
from minidrop.xp import LEAST, host

EPS = 1e-5


def numbers(shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(1.0, 2.0, shape)


def channels_last(x):
    """The same numbers, axis 1 adjacent in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


LAYOUTS = {"C": np.ascontiguousarray, "channels-last": channels_last, "F": np.asfortranarray,
           "reversed": lambda x: x[::-1].copy()[::-1],
           "stepped": lambda x: x.repeat(2, -1)[..., ::2]}
layouts = pytest.mark.parametrize("order", LAYOUTS)


@pytest.fixture(params=["plain", "swept"])
def form(request, monkeypatch):
    """Small arrays take the plain formulas; here they are swept in pieces too, as large ones."""
    if request.param == "swept":
        monkeypatch.setattr("minidrop.fast.channels.SMALL", 1)
    return request.param


# --- (normalise.1) to (normalise.3) ---------------------------------------------------------------

@pytest.mark.parametrize("axes", [0, 1, -1, (0, 1), (0, 2), (1, 2), (2, 0, 1)])
@layouts
def test_normalise_1_over_any_axes(xp, form, order, axes):
    x = numbers((4, 3, 5))
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    y = md.normalise(xp.asarray(LAYOUTS[order](x)), axes)
    assert_allclose(host(y), (x - mean) / np.sqrt(var + EPS), atol=1e-12)


def test_normalise_2_the_slopes_one_by_one(xp):
    x, m = Tensor(xp.asarray(numbers((5,))), True), 5
    y = md.normalise(x, 0)
    slopes = np.array([host(grad(y[i], x)) for i in range(m)])
    s, normed = np.sqrt(host(x.data).var() + EPS), host(y.data)
    assert_allclose(slopes, (np.eye(m) - 1 / m - np.outer(normed, normed) / m) / s, atol=1e-12)


@pytest.mark.parametrize("axes", [0, 1, (0, 2), (1, 2), (0, 1, 2)])
def test_normalise_3_for_a_weight_on_every_entry(xp, form, axes):
    x, g, w = (numbers((4, 3, 5), seed) for seed in range(3))
    leaf = Tensor(xp.asarray(x), True)
    gx = grad(md.normalise(leaf, axes, weight=xp.asarray(w)), leaf, g=xp.asarray(g))

    def average(t):
        return t.mean(axes, keepdims=True)

    s = np.sqrt(x.var(axes, keepdims=True) + EPS)
    normed, inner = (x - average(x)) / s, w * g
    assert_allclose(host(gx), (inner - average(inner) - normed * average(inner * normed)) / s,
                    atol=1e-12)
    assert_allclose(host(gx).sum(axes), 0, atol=1e-12)


# --- the fused primitive beside its twin ----------------------------------------------------------

CASES = [((6, 3), (3,), 0), ((4, 3, 5), (1, 3, 1), (0, 2)), ((4, 3, 5, 2), (1, 3, 1, 1), (0, 2, 3)),
         ((4, 3, 5, 2), (1, 3, 1, 2), (0, 2)), ((4, 3, 5), (3, 5), (1, 2)), ((4, 3, 5), (5,), 2),
         ((2, 2, 3, 4), (2, 3, 1), (2, 3)), ((4, 3, 5), (4, 3, 5), (0, 1)),
         ((90, 16, 16, 16), (1, 16, 1, 1), (0, 2, 3)), ((3000, 200), (200,), 1),
         ((30, 9000), (30, 1), 1)]


@pytest.mark.slow
@pytest.mark.parametrize("shape, w_shape, axes", CASES)
@layouts
def test_the_fused_form_is_its_twin(xp, form, order, shape, w_shape, axes):
    x, g = (xp.asarray(LAYOUTS[order](numbers(shape, seed))) for seed in (0, 1))
    w, b = (xp.asarray(numbers(w_shape, seed)) for seed in (2, 3))
    found = []
    for f in (normal, normal.twin):
        leaves = [Tensor(v, True) for v in (x, w, b)]
        y = f(*leaves, axes=axes if isinstance(axes, tuple) else (axes,), eps=EPS)
        found.append([host(v) for v in (y.data, *grad(y, leaves, g=g))])
    for fused, plain in zip(*found, strict=True):
        assert_allclose(fused, plain, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (2, 1), (0, 2)])
def test_each_gradient_can_be_asked_for_alone(xp, form, wanted):
    leaves = [Tensor(xp.asarray(numbers(s)), True) for s in ((6, 3), (3,), (3,))]
    y = normal(*leaves, axes=(0,), eps=EPS)
    g = xp.asarray(numbers((6, 3), 1))
    due = grad(y, leaves, g=g)
    for _ in range(2):
        for i, found in zip(wanted, grad(y, [leaves[i] for i in wanted], g=g), strict=True):
            assert_array_equal(host(found), host(due[i]))


def test_a_cotangent_that_was_changed_in_place_is_seen(xp):
    x, w = (Tensor(xp.asarray(numbers(shape)), True) for shape in ((4, 3), (3,)))
    y, u = md.normalise(x, 0, weight=w), xp.ones((4, 3))
    u[0] = 5.0
    first = host(grad(y, w, g=u)).copy()
    grad(y, x, g=u)
    u *= 2
    assert_allclose(host(grad(y, w, g=u)), 2 * first)


# --- how it is computed ---------------------------------------------------------------------------

@layouts
@pytest.mark.parametrize("axes", [(0, 2, 3), (1, 2, 3), (2, 3)])
@pytest.mark.parametrize("mean", [0.0, 1e4, -1e4])
def test_normalise_1_a_large_mean_costs_no_digits(xp, form, order, axes, mean):
    """In float32 numbers near 1e4 lie 1e-3 apart; of their squares, 10 apart, no variance is left.
    """
    x, g = (LAYOUTS[order]((numbers((8, 3, 16, 16), seed) + shift).astype("float32"))
            for seed, shift in ((0, mean), (1, -1)))
    leaf, w = (Tensor(xp.asarray(v), True) for v in (x, np.ones((1, 3, 1, 1), "float32")))
    y = md.normalise(leaf, axes, weight=w)
    gx, gw = map(host, grad(y, [leaf, w], g=xp.asarray(g)))
    exact = Tensor(x.astype("float64"), True), Tensor(np.ones((1, 3, 1, 1)), True)
    due = normal.twin(*exact, 0.0, axes=axes, eps=EPS)
    gx_due, gw_due = grad(due, exact, g=g.astype("float64"))
    near = 1e-5 if mean == 0 else 1e-3
    assert y.dtype == gx.dtype == gw.dtype == "float32"
    assert_allclose(host(y.data), due.data, atol=near)
    close = 1e-6 if mean == 0 else 4e-5 if 0 in axes else 2e-4      # the larger the set, the better
    assert_allclose(gx, gx_due, atol=close, rtol=1e-6)
    assert_allclose(gw, gw_due, rtol=0, atol=50 * near)     # a sum of 2048 products
    assert_allclose(host(moments(xp.asarray(x), axes)[1]), exact[0].data.var(axes, keepdims=True),
                    rtol=1e-5)


def test_the_variance_of_constant_channels_is_not_negative(form):
    x = np.random.default_rng(0).uniform(-1e3, 1e3, 200).astype("float32") + np.zeros((999, 1), "f")
    mean, var = moments(x, (0,))
    assert (var >= 0).all() and (var < 1e-6).all()
    assert_allclose(mean, x[:1], rtol=1e-6)


def test_large_constants_in_narrow_rows_have_no_variance():
    """Where a float32 sum of 251001 equal numbers is off by far more than their last digit."""
    values = np.array([3333.3, 33333.0, 1e5], "float32")
    x = np.broadcast_to(values, (1, 501, 501, 3)).transpose(0, 3, 1, 2)
    mean, var = moments(channels_last(x), (0, 2, 3))
    assert (var == 0).all()
    assert_array_equal(mean.ravel(), values)


def test_the_variance_is_found_where_squares_of_the_mean_overflow():
    x = (1e20 + 1e15 * np.random.default_rng(0).standard_normal((8, 32, 8, 8))).astype("float32")
    due = x.astype("float64").var((0, 2, 3), keepdims=True)
    assert_allclose(moments(x, (0, 2, 3))[1], due, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("axes", [(0, 2, 3), (1, 2, 3), (2, 3)])
@pytest.mark.parametrize("order", ["C", "channels-last"])
@pytest.mark.parametrize("shape", [(70, 16, 32, 32), (300, 7, 33, 17)])
def test_the_bits_do_not_depend_on_the_threads(order, shape, axes, monkeypatch):
    x, g = (LAYOUTS[order](numbers(shape, seed).astype("float32")) for seed in (0, 1))
    found = []
    monkeypatch.setattr("minidrop.xp.LEAST", 1 << 12)       # so that sweeps take threads, too
    for threads in (1, 3):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        leaf, w = Tensor(x, True), Tensor(np.ones((1, shape[1], 1, 1), "float32"), True)
        y = md.normalise(leaf, axes, weight=w)
        found.append([y.data, *grad(y, [leaf, w], g=g)])
    for one, other in zip(*found, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("n, pieces", [(32, 4 * [8]), (33, [8, 8, 8, 9]), (1, [1])])
def test_the_tokens_of_a_small_transformer_are_shared_evenly(n, pieces, monkeypatch):
    seen = []
    monkeypatch.setattr(normal_file, "par", lambda part, parts, each: (
        seen.append(parts * each // LEAST), part(0, parts)))
    x = numbers((n, 65, 192)).astype("float32")
    cut = normal_file._cut(x, 1.0, 0.0, (2,))
    assert [piece.stop - piece.start for piece in cut] == pieces
    md.normalise(x, 2)
    assert seen == [8 * x.size // LEAST]          # cores that it pays for: 12 of 32 images


@pytest.mark.parametrize("axes", [(0, 2, 3), (1, 2, 3), (2, 3)])
@pytest.mark.parametrize("order", ["C", "channels-last"])
def test_the_memory_order_of_the_input_is_kept(form, order, axes):
    x = LAYOUTS[order](numbers((4, 3, 5, 6)))
    y = md.normalise(Tensor(x, True), axes)
    assert y.data.strides == x.strides
