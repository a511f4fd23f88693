"""Activations, losses and attention beside PyTorch 2.13 on the CPU; `--reference`."""

import math

import numpy as np
import pytest

import minidrop as md

from .test_torch import CLOSE, ORDERS, assert_agree, assert_close, dtypes, orders

pytestmark = pytest.mark.reference

ACTIVATIONS = {
    "gelu": (md.gelu, lambda torch: lambda x: torch.nn.functional.gelu(x, approximate="tanh")),
    "exact gelu": (lambda x: md.gelu(x, "none"), lambda torch: torch.nn.functional.gelu),
    "selu": (md.selu, lambda torch: torch.nn.functional.selu),
    "GELU": (md.nn.GELU("none"), lambda torch: torch.nn.GELU()),
    "Softmax": (md.nn.Softmax(), lambda torch: torch.nn.Softmax(-1)),
    "LogSoftmax": (md.nn.LogSoftmax(), lambda torch: torch.nn.LogSoftmax(-1)),
}


@dtypes
@orders
@pytest.mark.parametrize("shape", [(5,), (4, 6), (2, 3, 4), (2, 3, 4, 5)])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_on_random_numbers(torch, rng, name, dtype, order, shape):
    ours, theirs = ACTIVATIONS[name]
    x = ORDERS[order](3 * rng.standard_normal(shape).astype(dtype))
    assert_agree(torch, ours, theirs(torch), [x], rng)


def test_the_constants_of_selu(torch):
    ours = md.selu(np.array([1.0, -math.inf]))
    theirs = torch.selu(torch.tensor([1.0, -math.inf], dtype=torch.float64))
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-15)


@dtypes
@orders
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("soft", [False, True], ids=["labels", "soft targets"])
def test_cross_entropy_with_label_smoothing(torch, rng, dtype, order, smoothing, soft):
    z = ORDERS[order](3 * rng.standard_normal((7, 5)).astype(dtype))
    y = rng.dirichlet(np.ones(5), 7).astype(dtype) if soft else rng.integers(5, size=7)
    assert_agree(torch, lambda z: md.cross_entropy(z, y, smoothing),
                 lambda z: torch.nn.functional.cross_entropy(
                     z, torch.from_numpy(y), label_smoothing=smoothing), [z], rng)


# --- attention -----------------------------------------------------------------------------------

@dtypes
@orders
@pytest.mark.parametrize("lead", [(2,), (3, 2)])
def test_attention(torch, rng, dtype, order, lead):
    shapes = [(*lead, 5, 4), (*lead, 6, 4), (*lead, 6, 3)]
    arrays = [ORDERS[order](rng.standard_normal(shape).astype(dtype)) for shape in shapes]
    assert_agree(torch, md.attention, torch.nn.functional.scaled_dot_product_attention, arrays, rng)


@dtypes
@orders
@pytest.mark.parametrize("width, heads", [(6, 1), (6, 2), (8, 8), (12, 3)])
def test_multi_head_attention(torch, rng, dtype, order, width, heads):
    """The same weights in the same layout; values, and the gradients of x and of every weight."""
    ours = md.nn.MultiHeadAttention(width, heads).init(0).astype(dtype)
    theirs = torch.nn.MultiheadAttention(width, heads, batch_first=True,
                                         dtype=getattr(torch, dtype))
    for path, w in ours.named_parameters():
        w.data = rng.standard_normal(w.shape).astype(dtype) * 0.3
        theirs.get_parameter(path).data = torch.from_numpy(w.data.copy())
    x = ORDERS[order](rng.standard_normal((3, 5, width)).astype(dtype))
    assert_agree(torch, ours, lambda x: theirs(x, x, x, need_weights=False)[0], [x], rng)
    for path, w in ours.named_parameters():
        assert_close(w.grad, theirs.get_parameter(path).grad, CLOSE[dtype])


def test_heads_start_as_in_torch(torch):
    ours, theirs = md.nn.MultiHeadAttention(64, 4).init(0), torch.nn.MultiheadAttention(64, 4)
    for path, w in ours.named_parameters():
        bounds = [float(abs(a).max()) for a in (w.data, theirs.get_parameter(path).detach())]
        assert bounds[0] == pytest.approx(bounds[1], rel=0.01)


@dtypes
@orders
@pytest.mark.parametrize("patch", [2, (2, 3)])
def test_patch_embedding_is_the_convolution_of_torch(torch, rng, dtype, order, patch):
    ours = md.nn.PatchEmbedding(3, 5, patch).init(0).astype(dtype)
    weight, bias = (torch.from_numpy(w.data) for w in ours.parameters())
    x = ORDERS[order](rng.standard_normal((2, 3, 4, 6)).astype(dtype))
    assert_agree(torch, ours, lambda x: torch.nn.functional.conv2d(x, weight, bias, stride=patch)
                 .flatten(2).transpose(1, 2), [x], rng)
