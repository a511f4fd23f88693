"""costs: what pruning saves, of units and of weights."""

import numpy as np
import pytest

import minidrop as md
from minidrop import models, nn

SIZES = {"mlp": (784, 1024, 1024, 10), "small": (784, 512, 512, 10), "smaller": (784, 256, 256, 10)}


def numbers(*sizes):
    return sum(a * b + b for a, b in zip(sizes[:-1], sizes[1:], strict=True))


def test_counts_are_those_of_the_arrays(xp, backend):
    net = nn.Sequential(nn.Linear(3, 4), md.BatchNorm(4), nn.Linear(4, 2, bias=False)).init(0)
    net.to(backend).linear1.weight.data[:2] = 0
    found = md.cost(net, xp.ones((5, 3), "float32"), repeats=2)
    assert found[:2] == (12 + 4 + 8 + 8, 6 + 4 + 4 + 8)             # the shifts of the norm are 0
    assert found.bytes == 4 * (32 + 8) + 8        # running mean and variance, and a counter
    assert found.seconds > 0 and net.training
    double = net.astype("float64")
    assert md.cost(double, xp.ones((5, 3))).bytes == 8 * 41


@pytest.mark.parametrize("sparsity, left", [(0.5, "small"), (0.75, "smaller")])
def test_units_of_an_mlp_save_numbers_memory_and_time(sparsity, left):
    net, x = models.mlp(*SIZES["mlp"]).init(0), np.ones((256, 784), "float32")
    md.prune(net, sparsity, unit=True)
    small = md.compress(net)
    before, after = md.cost(net, x), md.cost(small, x)
    assert before.parameters == numbers(*SIZES["mlp"]) == 1_863_690
    assert after.parameters == after.nonzero == numbers(*SIZES[left])
    assert (before.bytes, after.bytes) == (4 * before.parameters, 4 * after.parameters)
    assert after.seconds < 0.8 * before.seconds   # a third and an eighth of the products


def test_weights_save_nothing():
    net, x = models.mlp(*SIZES["mlp"]).init(0), np.ones((256, 784), "float32")
    whole = md.cost(net, x)
    md.prune(net, 0.75, unit=False)
    small = md.compress(net)
    for found in (md.cost(net, x), md.cost(small, x)):
        assert found.parameters == whole.parameters and found.bytes == whole.bytes
        assert found.nonzero == 1024 * (784 + 1024) // 4 + 10 * 1024 + 2 * 1024 + 10
        assert 0.3 < found.seconds / whole.seconds < 3


def test_units_of_vgg_save_numbers_and_time():
    net, x = models.vgg_small().init(0), np.ones((8, 3, 32, 32), "float32")
    md.prune(net, 0.75, unit=True)
    for w in net.parameters():
        if w.ndim == 1:
            w.data[:] = 0                         # so that no map stands for the constant ones
    small = md.compress(net)
    before, after = md.cost(net, x), md.cost(small, x)
    convolutions = [(3, 8), (8, 8), (8, 16), (16, 16)]
    assert after.parameters == sum(9 * a * b + b for a, b in convolutions) + numbers(
        16 * 64, 128, 10)
    assert before.parameters == 2_168_362 and after.seconds < 0.8 * before.seconds


def test_a_mistake_is_named():
    net, x = models.mlp(4, 3, 2).init(0), np.ones((2, 4), "float32")
    for arguments, kind, sentence in (
            ((models.mlp, x), TypeError, "model must be a Module"),
            ((net, [1.0]), TypeError, "x must be"), ((net, x, 0), ValueError, "repeats must be"),
            ((models.mlp(4, 3, 2), x), ValueError, r"call model.init\(seed\)")):
        with pytest.raises(kind, match=sentence):
            md.cost(*arguments)
