"""Convolution and pooling beside PyTorch 2.13: random shapes, strides, groups, memory orders."""

import numpy as np
import pytest

import minidrop as md
from tests.parity.test_torch import CLOSE, ORDERS, assert_agree, dtypes, orders

pytestmark = pytest.mark.reference
CHANNELS_LAST = "channels last"


@pytest.fixture(scope="session")
def torch():
    """The module torch; without it these tests fail, since --reference asked for them."""
    import importlib

    return importlib.import_module("torch")


def in_order(order, array):
    if order == CHANNELS_LAST:
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return ORDERS[order](array)


def drawn(seed):
    """A random convolution: shapes of images and filters, and how they meet."""
    rng = np.random.default_rng(seed)
    size, stride = rng.integers(1, 6, 2), rng.integers(1, 4, 2)
    padding, groups = rng.integers(0, 4, 2), int(rng.choice([1, 1, 2, 3]))
    space = np.maximum(size - 2 * padding, 1) + rng.integers(0, 9, 2)
    channels, filters = groups * rng.integers(1, 5, 2)
    how = {"stride": tuple(map(int, stride)), "padding": tuple(map(int, padding)), "groups": groups}
    return (int(rng.integers(1, 6)), channels, *space), (filters, channels // groups, *size), how


@dtypes
@pytest.mark.parametrize("order", [*ORDERS, CHANNELS_LAST])
@pytest.mark.parametrize("seed", range(25))
def test_conv2d(torch, dtype, order, seed):
    shape, filters, how = drawn(seed)
    rng = np.random.default_rng(seed)
    arrays = [in_order(order, rng.standard_normal(s).astype(dtype)) for s in (shape, filters)]
    if seed % 2:
        arrays.append(rng.standard_normal(filters[0]).astype(dtype))
    assert_agree(torch, lambda *a: md.conv2d(*a, **how),
                 lambda *a: torch.nn.functional.conv2d(*a, **how), arrays, rng)


@dtypes
@pytest.mark.parametrize("shape, filters, how", [
    ((64, 32, 32, 32), (32, 32, 3, 3), {"padding": 1}), ((32, 16, 32, 32), (32, 16, 3, 3),
     {"padding": 1, "stride": 2}), ((64, 20, 12, 12), (50, 20, 5, 5), {}),
    ((16, 24, 16, 16), (24, 1, 7, 7), {"padding": 3, "groups": 24})])
def test_conv2d_at_the_sizes_of_networks(torch, dtype, shape, filters, how):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(dtype) for s in (shape, filters, filters[:1])]
    assert_agree(torch, lambda *a: md.conv2d(*a, **how),
                 lambda *a: torch.nn.functional.conv2d(*a, **how), arrays, rng)


@dtypes
@pytest.mark.parametrize("order", [*ORDERS, CHANNELS_LAST])
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize("seed", range(12))
def test_pools(torch, name, dtype, order, seed):
    rng = np.random.default_rng(seed)
    size, stride = (tuple(map(int, rng.integers(1, 5, 2))) for _ in range(2))
    padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in size)
    shape = (2, 3, *(np.array(size) + rng.integers(0, 9, 2)))
    x = in_order(order, np.round(rng.standard_normal(shape), 1).astype(dtype))      # with ties
    assert_agree(torch, lambda x: getattr(md, name)(x, size, stride, padding),
                 lambda x: getattr(torch.nn.functional, name)(x, size, stride, padding), [x], rng)


@pytest.mark.parametrize("order", [*ORDERS, CHANNELS_LAST])
@pytest.mark.parametrize("values", [(-np.inf, 0.0), (np.nan, -np.inf, 1.0), (np.inf, np.nan, 2.0)])
@pytest.mark.parametrize("size, stride, padding", [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 1)])
def test_where_nan_and_infinities_send_their_gradient(torch, order, values, size, stride, padding):
    x = in_order(order, np.random.default_rng(0).choice(values, (4, 3, 9, 8)))
    ours = md.Tensor(x, requires_grad=True)
    theirs = torch.tensor(x.copy("K"), requires_grad=True)
    y = md.max_pool2d(ours, size, stride, padding)
    y.backward(np.ones(y.shape))
    torch.nn.functional.max_pool2d(theirs, size, stride, padding).sum().backward()
    np.testing.assert_array_equal(ours.grad, theirs.grad.numpy())


@dtypes
@orders
def test_global_average(torch, dtype, order):
    rng = np.random.default_rng(0)
    x = ORDERS[order](rng.standard_normal((3, 4, 5, 6)).astype(dtype))
    assert_agree(torch, md.global_avg_pool2d, lambda x: x.mean((2, 3)), [x], rng)


@pytest.mark.parametrize("dtype", CLOSE)
def test_second_order(torch, dtype):
    """A Hessian-vector product through convolution and pooling, as PyTorch's double backward."""
    rng = np.random.default_rng(0)
    x, w, v = (rng.standard_normal(s).astype(dtype) for s in
               [(4, 3, 8, 8), (5, 3, 3, 3), (5, 3, 3, 3)])

    def loss(lib, x, w, tanh):
        y = tanh(lib.max_pool2d(lib.conv2d(x, w, padding=1), 2))
        return (lib.avg_pool2d(y, 2) ** 2).sum()

    leaf, leaf2 = md.Tensor(w, requires_grad=True), torch.tensor(w, requires_grad=True)
    g = md.grad(loss(md, x, leaf, md.tanh), leaf, create_graph=True)
    g2, = torch.autograd.grad(loss(torch.nn.functional, torch.tensor(x), leaf2, torch.tanh), leaf2,
                              create_graph=True)
    product = md.grad((g * v).sum(), leaf)
    product2, = torch.autograd.grad((g2 * torch.tensor(v)).sum(), leaf2)
    assert np.abs(product - product2.numpy()).max() <= CLOSE[dtype] * product2.abs().max().item()
