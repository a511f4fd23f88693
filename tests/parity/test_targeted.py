"""Targeted dropout beside PyTorch: the candidates of `prune`, and layers with masked weights."""

import importlib

import numpy as np
import pytest

import minidrop as md
from minidrop import nn
from tests.parity.draws import assert_close

pytestmark = pytest.mark.reference
SHAPES = [(8, 12), (6, 4, 3, 5)]


def removed(torch, method, w, *args, **named):
    """What `torch.nn.utils.prune` removes of a weight: boolean."""
    prune = importlib.import_module("torch.nn.utils.prune")
    layer = torch.nn.Module()
    layer.register_parameter("weight", torch.nn.Parameter(torch.tensor(w)))
    getattr(prune, method)(layer, "weight", *args, **named)
    return ~layer.weight_mask.numpy().astype(bool)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gamma", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_the_candidates_of_a_row_are_those_of_l1_unstructured(torch, rng, shape, gamma):
    w = rng.standard_normal(shape).astype("float32")
    theirs = [removed(torch, "l1_unstructured", row, amount=gamma) for row in w]
    assert (md.targeted_candidates(w, gamma, unit=False) == np.stack(theirs)).all()
    whole = removed(torch, "l1_unstructured", w, amount=gamma)     # of all rows together
    assert whole.sum() == gamma * w.size
    one = w.reshape(1, -1)
    assert (md.targeted_candidates(one, gamma, unit=False).reshape(shape) == whole).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_the_candidate_units_are_those_of_ln_structured(torch, rng, shape, gamma):
    w = rng.standard_normal(shape).astype("float32")
    theirs = removed(torch, "ln_structured", w, amount=gamma, n=2, dim=0)
    ours = md.targeted_candidates(w, gamma, unit=True)
    assert (theirs == ours.reshape(-1, *[1] * (w.ndim - 1))).all() and ours.sum() == gamma * len(w)


@pytest.mark.parametrize("n, gamma, theirs, ours", [(5, 0.7, 4, 3), (3, 0.5, 2, 1), (5, 0.5, 2, 2),
                                                    (100, 0.29, 29, 29), (7, 0.99, 7, 6)])
def test_prune_rounds_to_the_nearest_count_and_we_round_down(torch, rng, n, gamma, theirs, ours):
    w = rng.standard_normal((n, n)).astype("float32")
    assert removed(torch, "l1_unstructured", w[0], amount=gamma).sum() == theirs
    units = removed(torch, "ln_structured", w, amount=gamma, n=2, dim=0)
    assert units.all(1).sum() == theirs
    assert md.targeted_candidates(w, gamma, unit=False)[0].sum() == ours
    assert md.targeted_candidates(w, gamma, unit=True).sum() == ours


@pytest.mark.parametrize("dtype, close", [("float32", 2e-6), ("float64", 1e-14)])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_a_layer_is_that_of_pytorch_with_masked_weights(torch, rng, kind, unit, dtype, close):
    plain = nn.Linear(20, 6) if kind == "linear" else nn.Conv2d(3, 6, 3, stride=2, padding=1)
    layer = md.TargetedDropout(plain, 0.75, 0.66, unit).init(0).astype(dtype)
    x = rng.standard_normal((5, 20) if kind == "linear" else (5, 3, 7, 8)).astype(dtype)
    leaf = md.Tensor(x, requires_grad=True)
    y = layer(leaf)
    g = rng.standard_normal(y.shape).astype(dtype)
    y.backward(g)
    w, b, inputs = (torch.tensor(a, requires_grad=True) for a in (
        layer.weight.data, layer.bias.data, x))
    mask = torch.tensor(layer.noise.reshape(-1, *[1] * (w.ndim - 1)) if unit else layer.noise)
    if kind == "linear":
        theirs = torch.nn.functional.linear(inputs, w * mask, b)
    else:
        theirs = torch.nn.functional.conv2d(inputs, w * mask, b, 2, 1)
    theirs.backward(torch.tensor(g))
    assert not mask.all()
    for mine, other in ((y.data, theirs.detach()), (layer.weight.grad, w.grad),
                        (layer.bias.grad, b.grad), (leaf.grad, inputs.grad)):
        assert_close(mine, other.numpy(), close)
    assert not layer.weight.grad[~np.broadcast_to(mask.numpy(), w.shape)].any()
