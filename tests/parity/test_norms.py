"""The norms beside PyTorch 2.13 on the CPU: values, gradients, statistics; `--reference`."""

import math

import numpy as np
import pytest

import minidrop as md

from .test_torch import CLOSE, ORDERS, assert_agree, assert_close, dtypes

pytestmark = pytest.mark.reference

LAST = {"channels-last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)}
orders = pytest.mark.parametrize("order", ORDERS | LAST)


def drawn(rng, order, shape, dtype):
    return (ORDERS | LAST)[order](rng.normal(0.5, 2.0, shape).astype(dtype))


def random_shapes(rng, count):
    """Shapes (N, C, ...) with 2 to 5 axes.

    There are 3 numbers in a channel or more: 2 become -1 and 1 whatever they are, so their gradient
    is zero but for eps, and what both libraries print is rounding.
    """
    return [(int(rng.integers(3, 9)), int(rng.integers(1, 9)),
             *(int(n) for n in rng.integers(1, 9, rng.integers(0, 4)))) for _ in range(count)]


SHAPES = [*random_shapes(np.random.default_rng(7), 8), (32, 16, 32, 32), (3, 600), (9, 5, 81, 77)]


@dtypes
@orders
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_of_the_batch_and_of_given_statistics(torch, rng, dtype, order, shape):
    x, c = drawn(rng, order, shape, dtype), shape[1]
    w, b, mean = rng.standard_normal((3, c)).astype(dtype)
    var = rng.uniform(0.5, 2, c).astype(dtype)
    theirs = torch.nn.functional.batch_norm
    assert_agree(torch, lambda x, w, b: md.batch_norm(x, None, None, w, b),
                 lambda x, w, b: theirs(x, None, None, w, b, training=True), [x, w, b], rng)
    assert_agree(torch, lambda x, w, b: md.batch_norm(x, mean, var, w, b, 1e-3),
                 lambda x, w, b: theirs(x, torch.from_numpy(mean), torch.from_numpy(var), w, b,
                                        eps=1e-3), [x, w, b], rng)


@dtypes
@orders
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0, None])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_over_several_steps_then_in_evaluation(torch, rng, dtype, order, momentum,
                                                          affine):
    ours = md.BatchNorm(5, momentum, affine=affine).init(0).astype(dtype)
    theirs = torch.nn.BatchNorm2d(5, momentum=momentum, affine=affine).to(getattr(torch, dtype))
    for step in range(6):
        n = 3 + step
        assert_agree(torch, ours, theirs, [drawn(rng, order, (n, 5, 4, 3), dtype)], rng)
        assert ours.state_dict().keys() == dict(theirs.state_dict()).keys()
        for name, value in theirs.state_dict().items():
            assert_close(ours.state_dict()[name], value, CLOSE[dtype])
    assert_agree(torch, ours.eval(), theirs.eval(), [drawn(rng, order, (2, 5, 4, 3), dtype)], rng)


@dtypes
@orders
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layer_norm_over_any_last_axes(torch, rng, dtype, order, shape):
    for last in range(1, len(shape) + 1):
        sizes = shape[-last:]
        if math.prod(sizes) < 3:
            continue                              # zero but for eps, as above
        w, b = rng.standard_normal((2, *sizes)).astype(dtype)
        assert_agree(torch, lambda x, w, b, sizes=sizes: md.layer_norm(x, sizes, w, b),
                     lambda x, w, b, sizes=sizes: torch.nn.functional.layer_norm(x, sizes, w, b),
                     [drawn(rng, order, shape, dtype), w, b], rng)


@dtypes
@orders
@pytest.mark.parametrize("shape", [(2, 6, 7), (5, 6, 3, 4), (2, 6, 2, 3, 4), (32, 12, 17, 16)])
def test_instance_and_group_norm(torch, rng, dtype, order, shape):
    w, b = rng.standard_normal((2, shape[1])).astype(dtype)
    functional = torch.nn.functional
    for groups in (1, 2, 3, 6):
        x = drawn(rng, order, shape, dtype)
        assert_agree(torch, lambda x, w, b, g=groups: md.group_norm(x, g, w, b, 1e-3),
                     lambda x, w, b, g=groups: functional.group_norm(x, g, w, b, 1e-3), [x, w, b],
                     rng)
    assert_agree(torch, md.instance_norm,
                 lambda x, w, b: functional.instance_norm(x, None, None, w, b), [x, w, b], rng)


@dtypes
def test_the_layers_begin_as_those_of_torch(torch, rng, dtype):
    for ours, theirs in [
            (md.LayerNorm((4, 3)), torch.nn.LayerNorm((4, 3))),
            (md.LayerNorm(3, affine=False), torch.nn.LayerNorm(3, elementwise_affine=False)),
            (md.InstanceNorm(6), torch.nn.InstanceNorm2d(6)),
            (md.InstanceNorm(6, affine=True), torch.nn.InstanceNorm2d(6, affine=True)),
            (md.GroupNorm(2, 6), torch.nn.GroupNorm(2, 6)),
            (md.GroupNorm(2, 6, 1e-2, False), torch.nn.GroupNorm(2, 6, 1e-2, False))]:
        ours, theirs = ours.init(0).astype(dtype), theirs.to(getattr(torch, dtype))
        assert ours.state_dict().keys() == dict(theirs.state_dict()).keys()
        assert_agree(torch, ours, theirs, [drawn(rng, "C", (5, 6, 4, 3), dtype)], rng)


def test_hessian_vector_product_of_batch_norm(torch, rng):
    arrays = [rng.standard_normal(shape) for shape in ((6, 3, 2, 2), (3,), (3,))]
    vectors = [rng.standard_normal(array.shape) for array in arrays]
    leaves = [md.Tensor(array, True) for array in arrays]
    leaves2 = [torch.tensor(array, requires_grad=True) for array in arrays]
    y = md.tanh(md.batch_norm(leaves[0], None, None, *leaves[1:]))
    y2 = torch.tanh(torch.nn.functional.batch_norm(leaves2[0], None, None, *leaves2[1:], True))
    first = md.grad((y * y).sum(), leaves, create_graph=True)
    first2 = torch.autograd.grad((y2 * y2).sum(), leaves2, create_graph=True)
    slope = sum((g * v).sum() for g, v in zip(first, vectors, strict=True))
    slope2 = sum((g * torch.from_numpy(v)).sum() for g, v in zip(first2, vectors, strict=True))
    for h, h2 in zip(md.grad(slope, leaves), torch.autograd.grad(slope2, leaves2), strict=True):
        assert_close(h, h2, 1e-9)
