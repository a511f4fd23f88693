"""Batch statistics: those of one batch, of several by hand, and what must not change."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.check import Forbid
from minidrop.xp import host

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])


def images(xp, n, dtype="float32"):
    return xp.asarray((2 + 3 * md.gaussian(1, (n, 2, 4, 3))).astype(dtype))


def convolutional(p=0.0):
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), md.BatchNorm(4), nn.ReLU(), md.Dropout(p),
                         nn.Conv2d(4, 3, 3, padding=1), md.BatchNorm(3), nn.GlobalAvgPool2d())


def statistics(net):
    return [host(getattr(norm, name)) for norm in (net.batchnorm1, net.batchnorm2)
            for name in norm.buffers]


def test_batch_statistics_1_one_batch_gives_the_statistics_of_that_batch(xp, backend):
    x = images(xp, 7, "float64")
    net = convolutional().init(0).to(backend).astype("float64")
    assert md.batch_norm_statistics(net, x) is net
    h = net.conv2d1(x).data
    assert_allclose(host(net.batchnorm1.running_mean), host(h.mean((0, 2, 3))), rtol=1e-12)
    assert_allclose(host(net.batchnorm1.running_var), host(h).var((0, 2, 3), ddof=1), rtol=1e-12)
    h = net.conv2d2(nn.ReLU()(md.batch_norm(h, None, None, net.batchnorm1.weight,
                                            net.batchnorm1.bias))).data
    assert_allclose(host(net.batchnorm2.running_mean), host(h.mean((0, 2, 3))), rtol=1e-12)
    assert_allclose(host(net.batchnorm2.running_var), host(h).var((0, 2, 3), ddof=1), rtol=1e-12)
    assert int(net.batchnorm1.num_batches_tracked) == 1


@PROPERTY
@given(n=st.integers(1, 13), batch_size=st.integers(1, 15))
def test_batch_statistics_1_by_the_layers_own_average(xp, backend, n, batch_size):
    x = images(xp, n, "float64")
    net, other = (convolutional().init(0).to(backend).astype("float64") for _ in range(2))
    net(x)                                        # what is there before does not matter
    md.batch_norm_statistics(net, x, batch_size)
    for seen in range(0, n, batch_size):          # the official way: a momentum for each batch
        part = x[seen:seen + batch_size]
        for norm in (other.batchnorm1, other.batchnorm2):
            norm.momentum = len(part) / (seen + len(part))
        other(part)
    for ours, due in zip(statistics(net), statistics(other), strict=True):
        assert_allclose(ours, due, rtol=1e-12)


def test_batch_statistics_1_every_example_weighs_the_same(xp, backend):
    x = xp.asarray([[[0.0, 0.0]], [[0.0, 0.0]], [[6.0, 6.0]]], dtype="float32")
    norm = md.BatchNorm(1).init(0).to(backend)
    assert float(md.batch_norm_statistics(norm, x, batch_size=2).running_mean[0]) == 2.0
    theirs = md.BatchNorm(1, momentum=None).init(0).to(backend)      # as update_bn: batches count
    theirs(x[:2])
    theirs(x[2:])
    assert float(theirs.running_mean[0]) == 3.0


def test_batch_statistics_1_the_spread_between_batches_does_not_count(xp, backend):
    x = xp.asarray([[0.0], [2.0], [100.0], [102.0]], dtype="float32")
    norm = md.BatchNorm(1).init(0).to(backend)
    assert float(md.batch_norm_statistics(norm, x, batch_size=2).running_var[0]) == 2.0
    mixed = md.batch_norm_statistics(norm, x[xp.asarray([0, 2, 1, 3])], batch_size=2)
    assert float(mixed.running_var[0]) == 5000.0


def test_batch_statistics_1_many_batches_lose_no_digits(xp, backend):
    norm, x = md.BatchNorm(1).init(0).to(backend), xp.full((600, 1), 0.1, "float32")
    mean = md.batch_norm_statistics(norm, x, batch_size=2).running_mean
    assert mean.dtype == "float32" and float(mean[0]) == float(x[0, 0])


def test_batch_statistics_1_noise_is_off_or_on_by_name(xp, backend):
    x = images(xp, 16)
    net = convolutional(p=0.5).init(0).to(backend)
    plain = convolutional(p=0.0).init(0).to(backend)
    rng, net.dropout1.rng = net.dropout1.rng, Forbid()
    md.batch_norm_statistics(net, x)              # nothing is drawn
    md.batch_norm_statistics(plain, x)
    for ours, due in zip(statistics(net), statistics(plain), strict=True):
        assert_array_equal(ours, due)
    net.dropout1.rng = rng
    md.batch_norm_statistics(net, x, noisy=True)
    other = convolutional(p=0.5).init(0).to(backend).train()      # the whole network in training
    for norm in (other.batchnorm1, other.batchnorm2):
        norm.momentum = None
    other(x)
    for ours, due in zip(statistics(net), statistics(other), strict=True):
        assert_allclose(ours, due, rtol=1e-6)
    assert (net.batchnorm2.running_var > 1.05 * plain.batchnorm2.running_var).all()


def test_a_branch_that_is_closed_in_a_batch_does_not_count_it(xp, backend):
    x = images(xp, 6)
    branch = nn.Sequential(md.BatchNorm(2))
    net = md.StochasticDepth(branch, 0.5).init(0).to(backend)

    class Turns:
        """A gate that is open, closed and open again, whatever was asked for."""

        def __init__(self):
            self.gates = [True, False, True]

    turns = Turns()
    net.sample = lambda shape: turns.gates.pop(0)
    net.eval()
    md.batch_norm_statistics(net, x, batch_size=2, noisy=True)
    assert int(branch.batchnorm1.num_batches_tracked) == 2
    due = np.concatenate([host(x)[:2], host(x)[4:]]).mean((0, 2, 3))
    assert_allclose(host(branch.batchnorm1.running_mean), due, rtol=1e-6)
    turns.gates += [False]
    md.batch_norm_statistics(net, x, noisy=True)  # never met: left as it is
    assert_allclose(host(branch.batchnorm1.running_mean), due, rtol=1e-6)
    assert not net.training and not branch.batchnorm1.training and not branch.skipped


def test_nothing_else_changes(xp, backend):
    x, net = images(xp, 9), convolutional(p=0.5).init(0).to(backend)
    net.train()
    net.batchnorm1.training = False
    net.batchnorm2.momentum = 0.3
    weights = [w.data.copy() for w in net.parameters()]
    modes = [module.training for _, module in net.named_modules()]
    state = net.dropout1.rng.state
    md.batch_norm_statistics(net, x, batch_size=4)
    assert all((w.data == old).all() for w, old in zip(net.parameters(), weights, strict=True))
    assert modes == [module.training for _, module in net.named_modules()]
    assert (net.batchnorm1.momentum, net.batchnorm2.momentum) == (0.1, 0.3)
    assert net.dropout1.rng.state == state and net.dropout1.noise is None
    assert all(w.grad is None for w in net.parameters())
    for norm in (net.batchnorm1, net.batchnorm2):
        assert norm.running_mean.dtype == norm.running_var.dtype == "float32"
        assert norm.num_batches_tracked.dtype == "int64" and int(norm.num_batches_tracked) == 3
        assert all(type(getattr(norm, name)) is type(x) for name in norm.buffers)


def test_a_pass_that_fails_changes_nothing(xp, backend):
    net = nn.Sequential(nn.Linear(3, 2), md.BatchNorm(2)).init(0).to(backend)
    x = xp.asarray(md.gaussian(1, (5, 3)))
    net(x)
    before = [host(net.batchnorm1.running_mean), host(net.batchnorm1.running_var)]
    with pytest.raises(ValueError, match="more than one value in a channel"):
        md.batch_norm_statistics(net, x, batch_size=2)            # the last batch has one example
    assert_array_equal(before, [host(net.batchnorm1.running_mean),
                                host(net.batchnorm1.running_var)])
    assert net.batchnorm1.momentum == 0.1 and int(net.batchnorm1.num_batches_tracked) == 1
    assert net.training and net.batchnorm1.training


def test_a_network_without_batch_norm_is_left_alone(xp, backend):
    net = nn.Sequential(nn.Linear(3, 2), md.Dropout(0.5), md.LayerNorm(2)).init(0).to(backend)
    net.forward = None                            # it is not even called
    assert md.batch_norm_statistics(net, xp.ones((4, 3), "float32")) is net


def test_evaluation_with_them_is_training_without_noise(xp, backend):
    x = images(xp, 12, "float64")
    net = convolutional().init(0).to(backend).astype("float64")
    due = net(x).data                             # by the batch; biased variance, so not quite
    y = md.batch_norm_statistics(net, x).eval()(x).data
    assert_allclose(host(y), host(due), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("x", [np.ones((0, 2, 4, 3), "float32"), np.ones(3, "float32")])
def test_there_must_be_something_to_look_at(x):
    with pytest.raises(ValueError, match="x must be inputs"):
        md.batch_norm_statistics(convolutional().init(0), x)
