"""Every fused primitive beside its composite twin: one formula, once in one pass and once in many.

Forward, gradients and Hessian-vector products agree on random shapes, values and memory orders.
"""

import math
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minidrop import Tensor, cross_entropy, grad, log_softmax
from minidrop.ops import fused
from minidrop.ops.elementwise import exp, log
from minidrop.ops.shape import transpose
from minidrop.tape import Primitive
from minidrop.xp import LEAST, host, par

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])


# --- the twins: add, mul, matmul, exp, log, sum and indexing alone --------------------------------

def linear(x, w, b):
    return x @ transpose(w) + b


def softmax(z):
    return exp(z) / exp(z).sum(-1, keepdims=True)


def softmax_cross_entropy(z, y):
    if y.ndim == 1:
        return -log(softmax(z)[range_like(y), y]).sum() / z.shape[0]
    return -(y * log(softmax(z))).sum() / z.shape[0]


def masked(x, mask, scale):
    return x * mask * scale


def masked_linear(x, w, mask):
    return (mask * w @ x[..., None])[..., 0]


def range_like(array):
    return fused.array_module(array).arange(len(array))


TWINS = {twin.__name__: twin for twin in
         (linear, softmax_cross_entropy, masked, masked_linear)}


def test_every_fused_primitive_has_a_twin():
    assert TWINS.keys() == {p.name for p in vars(fused).values()
                            if isinstance(p, Primitive) and p.forward.__module__ == fused.__name__}


# --- arguments: float64 in any memory order -------------------------------------------------------

def in_order(array, order):
    """The same numbers under other strides."""
    if order == "fortran":
        return array.T.copy().T
    if order == "reversed":
        return array[::-1].copy()[::-1]
    if order == "stepped":
        wide = array.repeat(2, -1)
        return wide[..., ::2]
    return array


SIZES = st.integers(1, 5)
ORDERS = st.sampled_from(["c", "fortran", "reversed", "stepped"])
SEEDS = st.integers(0, 2**32)
PROBABILITIES = st.sampled_from([0.0, 0.3, 0.5, 1.0])


def drawn(xp, rng, shape, order):
    return in_order(xp.asarray(rng.standard_normal(shape)), order)


def assert_agree(xp, name, *args):
    """Hold value, gradients and Hessian-vector products of primitive and twin together."""
    free = [i for i, arg in enumerate(args) if getattr(arg, "dtype", None) == "float64"]
    rng, found = np.random.default_rng(1), []
    directions = [xp.asarray(rng.standard_normal(args[i].shape)) for i in free]
    for f in (getattr(fused, name), TWINS[name]):
        leaves = {i: Tensor(args[i], requires_grad=True) for i in free}
        y = f(*(leaves.get(i, arg) for i, arg in enumerate(args)))
        u = Tensor(xp.asarray(np.random.default_rng(2).standard_normal(y.shape)), True)
        adjoints = grad(y, list(leaves.values()), g=u.data)
        first = grad(y, list(leaves.values()), create_graph=True, g=u)
        slope = sum((g * v).sum() for g, v in zip(first, directions, strict=True))
        second = grad(slope, [u, *leaves.values()])
        found.append([host(t) for t in (y.data, *adjoints, *(g.data for g in first), *second)])
    for fast, plain in zip(*found, strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-10, atol=1e-11)


@PROPERTY
@given(n=SIZES, inputs=SIZES, outputs=SIZES, batch=st.sampled_from([(), (2,)]),
       orders=st.tuples(ORDERS, ORDERS), seed=SEEDS)
def test_linear_is_matmul_and_add(xp, n, inputs, outputs, batch, orders, seed):
    rng = np.random.default_rng(seed)
    assert_agree(xp, "linear", drawn(xp, rng, (*batch, n, inputs), orders[0]),
          drawn(xp, rng, (outputs, inputs), orders[1]), xp.asarray(rng.standard_normal(outputs)))


@PROPERTY
@given(n=SIZES, classes=SIZES, soft=st.booleans(), orders=st.tuples(ORDERS, ORDERS), seed=SEEDS)
def test_cross_entropy_is_exp_and_sum(xp, n, classes, soft, orders, seed):
    """Soft targets need not sum to 1: cut and mixed labels come close to it, not onto it."""
    rng = np.random.default_rng(seed)
    target = rng.random((n, classes)) if soft else rng.integers(classes, size=n)
    target = in_order(xp.asarray(target), orders[1])
    assert_agree(xp, "softmax_cross_entropy", drawn(xp, rng, (n, classes), orders[0]), target)


@st.composite
def shape_and_mask_shape(draw):
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    kept = draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    skipped = draw(st.integers(0, len(shape)))
    return shape, tuple(n if k else 1 for n, k in zip(shape, kept, strict=True))[skipped:]


@PROPERTY
@given(shapes=shape_and_mask_shape(), p=PROBABILITIES, orders=st.tuples(ORDERS, ORDERS), seed=SEEDS)
def test_masked_is_two_products(xp, shapes, p, orders, seed):
    shape, mask_shape = shapes
    rng = np.random.default_rng(seed)
    mask, scale = xp.asarray(rng.random(mask_shape) >= p), 1 / (1 - p) if p < 1 else 0.0
    mask = in_order(mask, orders[1] if mask_shape else "c")
    x = drawn(xp, rng, shape, orders[0] if shape else "c")
    assert_agree(xp, "masked", x, mask, scale)
    np.testing.assert_array_equal(host(fused.masked(x, mask, scale)), host(x * mask * scale))


def test_masked_linear_of_two_dtypes_is_of_the_wider(xp):
    x, w = xp.ones((2, 3), "float32"), xp.full((4, 3), 1 / 3)
    y = fused.masked_linear(x, w, xp.ones((2, 4, 3), bool))
    assert y.dtype == "float64"
    np.testing.assert_allclose(host(y), 1.0, rtol=1e-15)


@pytest.mark.parametrize("mask_shape", [(2, 3, 4, 5), (2, 1, 4, 5), (3, 1, 1)])
def test_masked_takes_a_scale_that_stays_where_the_arrays_are(xp, mask_shape):
    rng = np.random.default_rng(0)
    x, mask = (xp.asarray(rng.random(shape)) for shape in ((2, 3, 4, 5), mask_shape))
    scale = xp.full((1, 1, 1, 1), 1.5)
    np.testing.assert_array_equal(host(fused.masked(x, mask > 0.5, scale)),
                                  host(fused.masked(x, mask > 0.5, 1.5)))


@PROPERTY
@given(sizes=st.tuples(st.integers(0, 5), SIZES, SIZES), p=PROBABILITIES,
       orders=st.tuples(ORDERS, ORDERS), axes=st.permutations(range(3)), seed=SEEDS)
def test_masked_linear_is_a_product_with_weights_for_each_row(xp, sizes, p, orders, axes, seed):
    (n, inputs, outputs), rng = sizes, np.random.default_rng(seed)
    shape = n, outputs, inputs
    mask = np.ascontiguousarray((rng.random(shape) >= p).transpose(axes))
    assert_agree(xp, "masked_linear", drawn(xp, rng, (n, inputs), orders[0] if n else "c"),
                 drawn(xp, rng, (outputs, inputs), orders[1]),
                 xp.asarray(mask).transpose(*np.argsort(axes).tolist()))


# --- what only the fused form promises -----------------------------------------------------------

@pytest.mark.parametrize("size", [1e3, 1e4, 1e30])
def test_cross_entropy_of_huge_logits_is_finite_and_right(size, xp):
    z = Tensor(xp.asarray([[size, 0.0], [size, 0.0]], dtype="float32"), requires_grad=True)
    loss = cross_entropy(z, xp.asarray([0, 1]))
    assert float(loss) == pytest.approx(size / 2, rel=1e-6)
    assert host(grad(loss, z)).tolist() == [[0.0, 0.0], [0.5, -0.5]]


@pytest.mark.parametrize("y", [[0, 2], [[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]]])
def test_the_gradient_of_cross_entropy_may_be_asked_for_again(y, xp):
    z = Tensor(xp.asarray([[1.0, 0.0, 2.0], [-1.0, 3.0, 0.5]]), requires_grad=True)
    loss = cross_entropy(z, xp.asarray(y))
    assert host(grad(loss, z)).tolist() == host(grad(loss, z)).tolist()


def test_log_softmax_of_huge_numbers_is_finite_and_right(xp):
    z, half = xp.asarray([[1e4, 0.0, 1e4]]), -math.log(2)
    np.testing.assert_allclose(host(log_softmax(z)), [[half, half - 1e4, half]])
    assert host(log_softmax(z - 2e4)).tolist() == host(log_softmax(z)).tolist()


@pytest.mark.parametrize("shape, mask_shape", [
    ((2 * LEAST + 7,), (2 * LEAST + 7,)), ((3, LEAST + 1), (LEAST + 1,)),
    ((LEAST + 3, 5), (LEAST + 3, 1)),
    ((40, 8, 33, 64), (40, 8, 1, 1)), ((64, 33, 8, 40), (1, 1, 8, 40))])
@pytest.mark.parametrize("order", ["c", "fortran"])
def test_masked_gives_the_same_bits_on_any_number_of_threads(shape, mask_shape, order, monkeypatch):
    rng = np.random.default_rng(0)
    x = in_order(rng.standard_normal(shape, dtype="float32"), order)
    mask = rng.random(mask_shape) < 0.7
    for threads in (1, 3):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        y = fused.masked(x, mask, 1 / 0.7)
        np.testing.assert_array_equal(y, x * mask * (1 / 0.7))
        assert y.strides == x.strides             # such as those of channels-last


def test_masked_linear_gives_the_same_bits_on_any_number_of_threads(monkeypatch):
    rng, found = np.random.default_rng(0), []
    x, w = (rng.standard_normal(shape, dtype="float32") for shape in ((9, 300), (300, 300)))
    mask = rng.random((9, 300, 300)) < 0.5
    for threads in (1, 3):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        leaves = [Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)]
        y = fused.masked_linear(*leaves, mask)
        found.append([y.data, *grad(y.sum(), leaves)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(found[0][0], masked_linear(x, w, mask), rtol=1e-4, atol=1e-4)


def test_par_waits_for_every_part_and_passes_its_error_on(monkeypatch):
    monkeypatch.setattr("minidrop.xp.threads", lambda: 3)
    done = []

    def slow(lo, hi):
        time.sleep(0.02 * (lo > 0))
        done.append((lo, hi))
        if done[0] != done[-1]:
            raise KeyError(lo)

    with pytest.raises(KeyError):
        par(slow, 3 * LEAST)
    assert (0, LEAST) in done and len(done) > 1


def test_masked_does_not_write_into_its_arguments(xp):
    x, mask = xp.ones((3, 4), "float32"), xp.asarray([True, False, True, True])
    y = fused.masked(x, mask, 2.0)
    y += 1
    assert bool((x == 1).all()) and host(mask).tolist() == [True, False, True, True]
