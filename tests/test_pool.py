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


def by_loops(x, g, size, stride, padding):
    """The largest of each window and its gradient, to the first of the largest row by row."""
    y, gx = np.empty_like(g), np.zeros_like(x)
    for n, c, i, j in itertools.product(*map(range, g.shape)):
        top, left = (k * s - p for k, s, p in zip((i, j), stride, padding, strict=True))
        rows, columns = (range(max(0, lo), min(lo + k, whole)) for lo, k, whole in
                         zip((top, left), size, x.shape[2:], strict=True))
        place = max(itertools.product(rows, columns), key=lambda place: x[(n, c, *place)])
        y[n, c, i, j] = x[(n, c, *place)]
        gx[(n, c, *place)] += g[n, c, i, j]
    return y, gx


@PROPERTY
@given(drawn=pools(), seed=st.integers(0, 2**32), ties=st.booleans(),
       orders=st.tuples(*[st.sampled_from(sorted(ORDERS))] * 2),
       dtype=st.sampled_from(["float32", "float64"]))
def test_max_pooling_and_its_gradient_are_their_definition(xp, drawn, seed, ties, orders, dtype):
    (shape, where), rng = drawn, np.random.default_rng(seed)
    x = rng.integers(0, 3, shape) if ties else rng.standard_normal(shape)
    x = laid(x.astype(dtype), orders[0])
    g = laid(rng.integers(-9, 10, md.max_pool2d(x, **where).shape).astype(dtype), orders[1])
    leaf = Tensor(xp.asarray(x), requires_grad=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "PASS", 20)            # many passes
        y = md.max_pool2d(leaf, **where)
        gx = md.grad(y, leaf, g=xp.asarray(g))
    assert y.dtype == gx.dtype == dtype
    for found, due in zip((y.data, gx), by_loops(x, g, **where), strict=True):
        np.testing.assert_array_equal(host(found), due)


@PROPERTY
@given(drawn=pools(), seed=st.integers(0, 2**32), ties=st.booleans())
def test_the_gradient_of_max_pooling_is_that_of_its_twin(xp, drawn, seed, ties):
    (shape, where), rng = drawn, np.random.default_rng(seed)
    x = rng.integers(0, 3, shape) + 0.0 if ties else rng.standard_normal(shape)
    leaf = Tensor(xp.asarray(x), requires_grad=True)
    y = md.max_pool2d(leaf, **where)
    g = xp.asarray(rng.integers(-9, 10, y.shape) + 0.0)
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


def test_an_image_of_infinities_gives_its_gradient_to_the_image():
    x = Tensor(np.full((1, 1, 2, 2), -np.inf), requires_grad=True)
    y = md.max_pool2d(x, 2)
    assert y.data.tolist() == [[[[-np.inf]]]]
    assert md.grad(y, x, g=np.ones((1, 1, 1, 1))).tolist() == [[[[1, 0], [0, 0]]]]


def test_max_pooling_keeps_less_than_a_byte_for_each_pixel():
    x = md.gaussian(0, (2, 3, 8, 12))
    _, kept = pool.max_pool2d.forward(x, size=(2, 2), stride=(2, 2), padding=(0, 0))
    assert sum(bits.nbytes for bits in kept) == 0.75 * x.size
