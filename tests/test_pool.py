"""Pooling: against loops with ties, any memory order, and what is kept for the gradient."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minidrop as md
from minidrop import Tensor
from minidrop.ops import pool
from minidrop.xp import host

pytestmark = pytest.mark.slow

PROPERTY = settings(max_examples=80, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
VALUES = {"ties": (0.0, 1.0, 2.0), "infinite": (-np.inf, -np.inf, 0, np.inf),
          "nan": (np.nan, -np.inf, 1), "one nan": (*range(20), np.nan)}
SLOPES = (*range(-9, 10), np.inf, np.nan)
ORDERS = {"C": (0, 1, 2, 3), "channels-last": (0, 2, 3, 1), "turned": (3, 1, 0, 2)}


def laid(x, order):
    """The same numbers, with the axes in another order in memory."""
    axes = ORDERS[order]
    return np.ascontiguousarray(x.transpose(axes)).transpose(np.argsort(axes))


@st.composite
def pools(draw):
    """Images and windows: apart, side by side and overlapping, that fill the images or do not."""
    size = draw(st.tuples(*[st.integers(1, 4)] * 2))
    stride = draw(st.one_of(st.just(size), st.tuples(*[st.integers(1, 5)] * 2)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in size)
    shape = (draw(st.integers(0, 3)), draw(st.integers(1, 3)),
             *(draw(st.integers(max(1, k - 2 * p), 9)) for k, p in zip(size, padding, strict=True)))
    return shape, {"size": size, "stride": stride, "padding": padding}


def numbers(rng, shape, values):
    """Images of the given kind, or normal ones."""
    return rng.choice(VALUES[values], shape) if values else rng.standard_normal(shape)


def by_loops(x, g, size, stride, padding):
    """The largest of each window; its gradient, row by row, to the first of them or the last nan.
    """
    y, gx = np.empty_like(g), np.zeros_like(x)
    for n, c, i, j in itertools.product(*map(range, g.shape)):
        top, left = (k * s - p for k, s, p in zip((i, j), stride, padding, strict=True))
        rows, columns = (range(max(0, lo), min(lo + k, whole)) for lo, k, whole in
                         zip((top, left), size, x.shape[2:], strict=True))
        places = list(itertools.product(rows, columns))
        values = [x[(n, c, *place)] for place in places]
        nans = [place for place, value in zip(places, values, strict=True) if np.isnan(value)]
        place = nans[-1] if nans else places[int(np.argmax(values))]
        y[n, c, i, j] = x[(n, c, *place)]
        gx[(n, c, *place)] += g[n, c, i, j]
    return y, gx


@PROPERTY
@given(drawn=pools(), seed=st.integers(0, 2**32), values=st.sampled_from([None, *VALUES]),
       orders=st.tuples(*[st.sampled_from(sorted(ORDERS))] * 2),
       dtype=st.sampled_from(["float16", "float32", "float64"]))
def test_max_pooling_and_its_gradient_are_their_definition(xp, drawn, seed, values, orders, dtype):
    (shape, where), rng = drawn, np.random.default_rng(seed)
    x = laid(numbers(rng, shape, values).astype(dtype), orders[0])
    g = rng.choice(SLOPES, md.max_pool2d(x, **where).shape).astype(dtype)
    g = laid(g, orders[1])
    leaf = Tensor(xp.asarray(x), requires_grad=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "PASS", 20)            # many passes
        y = md.max_pool2d(leaf, **where)
        gx = md.grad(y, leaf, g=xp.asarray(g))
    assert y.dtype == gx.dtype == dtype
    for found, due in zip((y.data, gx), by_loops(x, g, **where), strict=True):
        np.testing.assert_array_equal(host(found), due)


@PROPERTY
@given(drawn=pools(), seed=st.integers(0, 2**32), values=st.sampled_from([None, *VALUES]))
def test_the_gradient_of_max_pooling_is_that_of_its_twin(xp, drawn, seed, values):
    (shape, where), rng = drawn, np.random.default_rng(seed)
    leaf = Tensor(xp.asarray(numbers(rng, shape, values)), requires_grad=True)
    y = md.max_pool2d(leaf, **where)
    g = xp.asarray(rng.choice(SLOPES, y.shape))
    twin = md.grad(y, leaf, g=Tensor(g), create_graph=True)
    np.testing.assert_array_equal(host(md.grad(y, leaf, g=g)), host(twin.data))


@pytest.mark.parametrize("size, stride, padding", [(2, 2, 0), (3, 2, 1), (2, 3, 0), (1, 1, 0)])
def test_the_bits_of_max_pooling_do_not_depend_on_the_threads(size, stride, padding, monkeypatch):
    monkeypatch.setattr("minidrop.xp.LEAST", 1 << 12)
    x, found = md.gaussian(0, (37, 8, 48, 50)), []
    for threads in (1, 2, 5):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        leaf = Tensor(x, requires_grad=True)
        y = md.max_pool2d(leaf, size, stride, padding)
        found.append((y.data.tobytes(), md.grad(y, leaf, g=y.data).tobytes()))
    assert found[0] == found[1] == found[2]


def test_images_of_infinities_keep_their_gradient_from_the_padding():
    x = Tensor(np.full((1, 1, 5, 5), -np.inf), requires_grad=True)
    y = md.max_pool2d(x, 3, 2, padding=1)
    assert (y.data == -np.inf).all()
    rows = np.array([1, 1, 0, 1, 0])              # the first of each window of 3 that is a pixel
    assert (md.grad(y, x, g=np.ones((1, 1, 3, 3))) == np.outer(rows, rows)).all()


def test_numbers_without_integers_as_wide_are_multiplied_themselves():
    x = Tensor(np.arange(9, dtype="longdouble").reshape(1, 1, 3, 3), requires_grad=True)
    assert md.grad(md.max_pool2d(x, 2, 1).sum(), x).tolist() == [[[[0, 0, 0], [0, 1, 1],
                                                                   [0, 1, 1]]]]


def test_means_take_infinite_pixels_and_slopes_to_their_windows_alone():
    x = Tensor(np.zeros((1, 1, 4, 4)), requires_grad=True)
    x.data[0, 0, 3, 3] = np.inf
    y = md.avg_pool2d(x, 2)
    assert y.data.tolist() == [[[[0, 0], [0, np.inf]]]]
    g = np.array([[[[4.0, np.inf], [np.nan, 8.0]]]])
    due = [[1, 1, np.inf, np.inf]] * 2 + [[np.nan, np.nan, 2, 2]] * 2
    np.testing.assert_array_equal(md.grad(y, x, g=g)[0, 0], due)


def test_max_pooling_keeps_less_than_a_byte_for_each_pixel():
    x = md.gaussian(0, (2, 3, 8, 12))
    _, kept = pool.max_pool2d.forward(x, size=(2, 2), stride=(2, 2), padding=(0, 0))
    assert sum(bits.nbytes for bits in kept) == 0.75 * x.size
