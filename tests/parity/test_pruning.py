"""Pruning beside `torch.nn.utils.prune`: the same masks where both remove as many."""

import importlib

import numpy as np
import pytest

import minidrop as md
from minidrop import nn

pytestmark = pytest.mark.reference
SHAPES = [(8, 20), (4, 3, 5, 5)]


def prune_of(torch):
    return importlib.import_module(f"{torch.__name__}.nn.utils.prune")


def layers(torch, shape):
    """The same layer of both, before another one."""
    w = np.random.default_rng(0).normal(size=shape).astype("float32")
    out, n_in, *size = shape
    theirs = torch.nn.Conv2d(n_in, out, size[0]) if size else torch.nn.Linear(n_in, out)
    theirs.weight.data = torch.from_numpy(w.copy())
    ours = nn.Conv2d(n_in, out, size[0]) if size else nn.Linear(n_in, out)
    net = nn.Sequential(layer=ours, last=nn.Linear(1, 1)).init(0)
    ours.weight.data = w
    return net, theirs


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("amount", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_units_are_pruned_as_by_ln_structured(torch, shape, amount):
    net, theirs = layers(torch, shape)
    md.prune(net, amount, unit=True)
    prune_of(torch).ln_structured(theirs, "weight", amount, n=2, dim=0)
    np.testing.assert_array_equal(net.layer.weight.data, theirs.weight.detach().numpy())
    assert (net.layer.weight.data.reshape(shape[0], -1).any(1)).sum() == (1 - amount) * shape[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("amount", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_weights_of_a_layer_are_pruned_as_by_l1_unstructured(torch, shape, amount):
    net, theirs = layers(torch, shape)
    md.prune(net, amount, unit=False, scope="layer")
    prune_of(torch).l1_unstructured(theirs, "weight", amount)
    np.testing.assert_array_equal(net.layer.weight.data, theirs.weight.detach().numpy())


def test_half_of_three_is_one_here_and_two_there(torch):
    net, theirs = layers(torch, (3, 1))
    md.prune(net, 0.5, unit=True)
    prune_of(torch).ln_structured(theirs, "weight", 0.5, n=2, dim=0)
    assert int((net.layer.weight.data == 0).sum()) == 1
    assert int((theirs.weight == 0).sum()) == 2


def test_global_pruning_is_global_unstructured(torch):
    net = nn.Sequential(one=nn.Linear(6, 5), two=nn.Linear(5, 4), last=nn.Linear(4, 2)).init(0)
    theirs = [torch.nn.Linear(6, 5), torch.nn.Linear(5, 4)]
    for layer, other in zip(theirs, net, strict=False):
        layer.weight.data = torch.from_numpy(other.weight.data.copy())
    prune_of(torch).global_unstructured(
        [(layer, "weight") for layer in theirs], prune_of(torch).L1Unstructured, amount=0.5)
    md.prune(net, 0.5, unit=False, scope="global")
    for layer, other in zip(theirs, net, strict=False):
        np.testing.assert_array_equal(other.weight.data, layer.weight.detach().numpy())
