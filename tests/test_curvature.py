"""curvature: the Hessian's product beside the Hessian, entry by entry, and beside differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import models, nn
from minidrop.xp import host

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None)


@PROPERTY
@given(n=st.integers(1, 6), seed=st.integers(0, 99))
def test_curvature_2_of_a_quadratic_is_the_matrix_times_the_vector(n, seed):
    rng = np.random.default_rng(seed)
    a, v = rng.normal(size=(n, n)), rng.normal(size=n)
    x = md.Tensor(rng.normal(size=n), requires_grad=True)
    (found,) = md.hessian_product(0.5 * (x * (a @ x)).sum(), [x], [v])
    assert_allclose(found, (a + a.T) / 2 @ v, atol=1e-12)


def test_curvature_2_by_hand_across_two_parameters(xp):
    """E = x^2 y: H = (2 y, 2 x; 2 x, 0)."""
    x, y = (md.Tensor(xp.asarray([value]), requires_grad=True) for value in (3.0, 5.0))
    loss = (x * x * y).sum()
    found = md.hessian_product(loss, [x, y], [xp.asarray([1.0]), xp.asarray([2.0])])
    assert [host(part).tolist() for part in found] == [[10.0 + 12.0], [6.0]]
    alone = md.hessian_product(loss, [x], [xp.asarray([1.0])])
    assert host(alone[0]).tolist() == [10.0]
    assert all(type(part) is xp.ndarray for part in found)


def test_curvature_2_of_what_is_linear_is_zero(xp):
    x = md.Tensor(xp.asarray([1.0, 2.0]), requires_grad=True)
    (found,) = md.hessian_product((3 * x).sum(), [x], [xp.asarray([1.0, 1.0])])
    assert host(found).tolist() == [0, 0]


MODELS = {"mlp": ((6,), lambda: models.mlp(6, 5, 4, 3)),
          "lenet": ((1, 16, 16), lambda: models.lenet(size=16, classes=3)),
          "vgg_small": ((2, 4, 4), lambda: models.vgg_small(2, 4, 3)),
          "resnet8": ((3, 8, 8), lambda: models.resnet8(classes=3)),
          "vit": ((1, 8, 8), lambda: models.vit(8, 1, 4, 8, 1, 2, 3))}


@pytest.mark.parametrize("name", MODELS)
def test_curvature_1_every_model_beside_differences_of_gradients(name):
    shape, build = MODELS[name]
    net, rng = build().init(0).astype("float64").eval(), np.random.default_rng(0)
    x, y, params = rng.normal(size=(4, *shape)), np.array([0, 2, 1, 0]), net.parameters()
    v = [rng.normal(size=w.shape) for w in params]

    def gradients(step):
        for w, part in zip(params, v, strict=True):
            w.data = w.data + step * part
        found = md.grad(md.cross_entropy(net(x), y), params)
        for w, part in zip(params, v, strict=True):
            w.data = w.data - step * part
        return found

    found = md.hessian_product(md.cross_entropy(net(x), y), params, v)
    step = 1e-7                                   # so short that no ReLU has a kink on the way
    for got, above, below in zip(found, gradients(step), gradients(-step), strict=True):
        assert got.dtype == "float64"
        assert_allclose(got, (above - below) / (2 * step), atol=1e-5 * max(1, abs(got).max()))


def test_the_product_is_symmetric_and_leaves_the_graph():
    net, rng = models.mlp(6, 5, 3).init(0).astype("float64"), np.random.default_rng(0)
    x, y, params = rng.normal(size=(4, 6)), np.array([0, 2, 1, 0]), net.parameters()
    u, v = ([rng.normal(size=w.shape) for w in params] for _ in range(2))
    loss = md.cross_entropy(net(x), y)
    hv, hu, again = (md.hessian_product(loss, params, d) for d in (v, u, v))
    dots = [sum((a * b).sum() for a, b in zip(*pair, strict=True)) for pair in ((u, hv), (v, hu))]
    assert dots[0] == pytest.approx(dots[1], rel=1e-12) and abs(dots[0]) > 1e-3
    for a, b in zip(hv, again, strict=True):
        assert_array_equal(a, b)
    loss.backward()
    assert all(w.grad is not None for w in params)


def test_float32_stays_float32():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).init(0)
    x, y = np.ones((2, 3), "float32"), np.array([0, 1])
    ones = [np.ones(w.shape, "float32") for w in net.parameters()]
    found = md.hessian_product(md.cross_entropy(net(x), y), net.parameters(), ones)
    assert {part.dtype.name for part in found} == {"float32"}


def test_a_product_has_the_dtype_of_its_parameters(xp):
    x = md.Tensor(xp.asarray(np.array([1, 2], "float32")), requires_grad=True)
    for v in (np.array([1.0, 0.5]), np.array([2, 1]), np.array([1, 0.5], "float16")):
        (found,) = md.hessian_product((x * x).sum(), [x], [xp.asarray(v)])
        assert found.dtype == "float32" and host(found).tolist() == (2 * v).tolist()
    w = md.Tensor(xp.asarray([np.inf, np.nan, -1.0]), requires_grad=True)
    (found,) = md.hessian_product((3 * w).sum(), [w], [xp.ones(3)])
    assert repr(host(found).tolist()) == "[0.0, 0.0, 0.0]"


def test_a_mistake_is_named():
    x = md.Tensor(np.ones(2), requires_grad=True)
    y = md.Tensor(np.ones(2), requires_grad=True)
    for arguments, kind, sentence in (
            (((x * x), [x], [np.ones(2)]), TypeError, "loss must be a Tensor with one element"),
            (((x * x).sum(), x, [np.ones(2)]), TypeError, "params must be a list"),
            (((x * x).sum(), [x], np.ones(2)), TypeError, "direction must be a list"),
            (((x * x).sum(), [x], [np.ones(3)]), ValueError, "direction must hold arrays of the"),
            (((x * x).sum(), [x, y], [np.ones(2)]), ValueError, "direction must hold")):
        with pytest.raises(kind, match=sentence):
            md.hessian_product(*arguments)
    found = md.hessian_product((x * x).sum(), [x, y], [np.ones(2), np.ones(2)])
    assert [part.tolist() for part in found] == [[2, 2], [0, 0]]
