"""Activations, losses and attention beside PyTorch 2.13 on the CPU; `--reference`."""

import math

import numpy as np
import pytest

import minidrop as md

from .test_torch import ORDERS, assert_agree, dtypes, orders

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
