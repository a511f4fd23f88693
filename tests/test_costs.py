"""costs: what pruning saves, of units and of weights."""

import time
from types import SimpleNamespace

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


def test_the_time_is_the_fastest_of_evaluation_but_for_the_first(monkeypatch):
    class Timed(nn.Linear):
        now, modes = 0.0, ()

        def forward(self, x):
            self.now += (1, 6, 6, 3, 6, 6)[len(self.modes)]
            self.modes += (self.training,)
            return super().forward(x)

    net = Timed(2, 1).init(0)
    monkeypatch.setattr(md.costs, "time", SimpleNamespace(perf_counter=lambda: net.now))
    assert md.cost(net, np.ones((1, 2), "float32"), repeats=3).seconds == 3
    assert net.modes == (False,) * 4 and net.training
    net = Timed(2, 1).init(0)
    assert md.cost(net, np.ones((1, 2), "float32")).seconds == 3 and len(net.modes) == 6


def shares_of_time(whole, others, x):
    """The processor's time for a forward pass of each, as a share of the whole network's."""
    times = []
    for _ in range(12):
        for net in (whole, *others):
            start = time.process_time()
            for _ in range(3):
                net.eval()(x)
            times.append(time.process_time() - start)
    fastest = np.array(times).reshape(12, -1).min(0)
    return fastest[1:] / fastest[0]


@pytest.mark.slow
def test_units_save_time_and_weights_do_not():
    net, x, small = models.mlp(*SIZES["mlp"]).init(0), np.ones((256, 784), "float32"), []
    for sparsity, unit in ((0.5, True), (0.75, True), (0.75, False)):
        with md.pruned(net, sparsity, unit):
            small.append(md.compress(net))
    half, quarter, weights = shares_of_time(net, small, x)
    print(f"of the time: half of the units {half:.0%}, a quarter {quarter:.0%}, of the weights "
          f"{weights:.0%}")
    assert half < 0.6 and quarter < 0.3 and 0.7 < weights < 1.4


@pytest.mark.parametrize("sparsity, left, share", [(0.5, "small", 36), (0.75, "smaller", 14)])
def test_units_of_an_mlp_save_numbers_memory_and_products(sparsity, left, share):
    net, x = models.mlp(*SIZES["mlp"]).init(0), np.ones((2, 784), "float32")
    md.prune(net, sparsity, unit=True)
    small = md.compress(net)
    before, after = md.cost(net, x), md.cost(small, x)
    assert before.parameters == numbers(*SIZES["mlp"]) == 1_863_690
    assert after.parameters == after.nonzero == numbers(*SIZES[left])
    assert (before.bytes, after.bytes) == (4 * before.parameters, 4 * after.parameters)
    products = [sum(w.size for w in one.parameters() if w.ndim == 2) for one in (net, small)]
    assert round(100 * after.parameters / before.parameters) == share
    assert round(100 * products[1] / products[0]) == share


def test_weights_save_nothing():
    net, x = models.mlp(*SIZES["mlp"]).init(0), np.ones((2, 784), "float32")
    whole = md.cost(net, x)
    md.prune(net, 0.75, unit=False)
    small = md.compress(net)
    for found in (md.cost(net, x), md.cost(small, x)):
        assert found.parameters == whole.parameters and found.bytes == whole.bytes
        assert found.nonzero == 1024 * (784 + 1024) // 4 + 10 * 1024 + 2 * 1024 + 10


def test_units_of_vgg_save_numbers():
    net, x = models.vgg_small().init(0), np.ones((1, 3, 32, 32), "float32")
    md.prune(net, 0.75, unit=True)
    for w in net.parameters():
        if w.ndim == 1:
            w.data[:] = 0                         # so that no map stands for the constant ones
    small = md.compress(net)
    before, after = md.cost(net, x), md.cost(small, x)
    convolutions = [(3, 8), (8, 8), (8, 16), (16, 16)]
    assert after.parameters == sum(9 * a * b + b for a, b in convolutions) + numbers(
        16 * 64, 128, 10)
    assert before.parameters == 2_168_362 and before.seconds > 0


def test_a_mistake_is_named():
    net, x = models.mlp(4, 3, 2).init(0), np.ones((2, 4), "float32")
    for arguments, kind, sentence in (
            ((models.mlp, x), TypeError, "model must be a Module"),
            ((net, [1.0]), TypeError, "x must be"), ((net, x, 0), ValueError, "repeats must be"),
            ((models.mlp(4, 3, 2), x), ValueError, r"call model.init\(seed\)")):
        with pytest.raises(kind, match=sentence):
            md.cost(*arguments)
