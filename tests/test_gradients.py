"""Gradients as flat vectors: equal to those of a training step, at weights and modes left alone."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.check import Forbid
from minidrop.xp import host

N = 20


def data(xp, n=N, dtype="float32"):
    return xp.asarray(md.gaussian(1, (n, 6)).astype(dtype)), xp.asarray(md.integers(2, 3, n))


def mlp(backend="numpy", p=0.5):
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), md.Dropout(p), nn.Linear(8, 3)
                         ).init(0).to(backend)


def with_norm(backend="numpy"):
    return nn.Sequential(nn.Linear(6, 8), md.BatchNorm(8), nn.ReLU(), md.Dropout(0.5),
                         nn.Linear(8, 3)).init(0).to(backend)


def batches(xp, size=4):
    x, y = data(xp)
    return [(x[i:i + size], y[i:i + size]) for i in range(0, N, size)]


def one(net, batch):
    return next(md.mini_batch_gradients(net, [batch]))


# --- flat -----------------------------------------------------------------------------------------

def test_flat_is_all_entries_in_the_order_of_the_parameters(xp, backend):
    a, b = np.arange(6.0).reshape(2, 3), np.array([7.0, 8.0])
    parts = [xp.asarray(a), md.Tensor(xp.asarray(b)), xp.asarray(np.array(9.0))]
    assert_array_equal(host(md.flat(parts)), [0, 1, 2, 3, 4, 5, 7, 8, 9])
    assert_array_equal(host(md.flat([xp.asarray(np.asfortranarray(a))])), a.ravel())
    net = mlp(backend)
    vector = md.flat(net.parameters())
    assert vector.dtype == "float32" and vector.shape == (6 * 8 + 8 + 8 * 3 + 3,)
    due = [net.linear1.weight, net.linear1.bias, net.linear2.weight, net.linear2.bias]
    assert_array_equal(host(vector), np.concatenate([host(w.data).ravel() for w in due]))


def test_flat_is_a_copy(xp):
    a = xp.ones(3)
    md.flat(a)[:] = 2
    assert_array_equal(host(a), 1)


# --- mini-batch gradients -------------------------------------------------------------------------

def test_a_gradient_is_that_of_a_training_step(xp, backend):
    batch = batches(xp)[0]
    g, net = one(mlp(backend), batch), mlp(backend)
    before = md.flat(net.parameters())
    md.train_step(net, md.optim.SGD(lr=0.5), *batch)
    assert g.dtype == "float32" and host(g).any()
    assert_array_equal(host(md.flat(net.parameters())), host(before - 0.5 * g))


def test_gradients_are_drawn_one_by_one_with_noise_of_their_own(xp, backend):
    net, taken = mlp(backend), []
    batch = batches(xp)[0]
    gradients = md.mini_batch_gradients(net, (taken.append(i) or batch for i in range(3)))
    assert taken == []
    found = [host(next(gradients))]
    assert taken == [0]
    found += [host(g) for g in gradients]
    assert taken == [0, 1, 2]
    assert all((a != b).any() for a, b in zip(found, found[1:], strict=False))
    again = [host(g) for g in md.mini_batch_gradients(mlp(backend), 3 * [batch])]
    assert_array_equal(found, again)              # the streams of the modules were used, and moved


@pytest.mark.parametrize("mode", [True, False])
def test_the_network_stays_as_it_is_between_gradients(xp, backend, mode):
    net = with_norm(backend).train(mode)
    net.linear1.weight.grad = marker = xp.ones((8, 6), "float32")
    net.relu1.skipped = True
    before = {path: host(array).copy() for path, array in net.state_dict().items()}
    for _ in md.mini_batch_gradients(net, batches(xp)):
        assert [m.training for _, m in net.named_modules()] == 6 * [mode]
        assert net.linear1.weight.grad is marker and net.linear2.weight.grad is None
        assert net.relu1.skipped and not net.dropout1.skipped
    for path, array in net.state_dict().items():
        assert_array_equal(host(array), before[path])


def test_batch_norm_is_frozen_and_uses_its_running_statistics(xp, backend):
    net, batch = with_norm(backend).astype("float64"), batches(xp, 10)[0]
    net.batchnorm1.running_mean[:] = 0.5
    net.dropout1.p = 0.0
    assert_array_equal(host(net.batchnorm1.running_mean), 0.5)
    x, y = batch[0].astype("float64"), batch[1]
    each = [host(one(net, (x[i:i + 1], y[i:i + 1]))) for i in range(len(x))]   # even of one example
    assert_allclose(host(one(net, (x, y))), np.mean(each, axis=0), atol=1e-13)
    assert_array_equal(host(net.batchnorm1.running_mean), 0.5)
    assert int(net.batchnorm1.num_batches_tracked) == 0


class Counted(md.Dropout):
    """Dropout that keeps a number with the weights."""

    buffers = ("count",)

    def __init__(self, p, xp):
        super().__init__(p)
        self.count = xp.zeros(1)


def test_noise_with_a_buffer_stays_on(xp, backend):
    def gradient(drop):
        net = nn.Sequential(nn.Linear(6, 8), drop=drop, out=nn.Linear(8, 3)).init(0).to(backend)
        return host(one(net, batches(xp)[0]))

    assert_array_equal(gradient(Counted(0.5, xp)), gradient(md.Dropout(0.5)))


def test_a_gradient_of_multi_sample_dropout_is_one_of_all_its_samples(xp, backend):
    net = md.MultiSampleDropout(nn.Linear(3, 2), 0.5, m=6).init(0).to(backend)
    x, y = xp.asarray(md.gaussian(0, (4, 3))), xp.asarray([0, 1, 1, 0])
    (g,) = md.mini_batch_gradients(net, [(x, y)], md.multi_sample_cross_entropy)
    assert net.noise.shape == (6, 4, 3)
    md.multi_sample_loss(net.head, x, y, net.noise, 0.5).backward()
    np.testing.assert_allclose(host(g), host(md.flat([w.grad for w in net.parameters()])),
                               rtol=1e-5)


def test_frozen_parameters_are_left_out(xp, backend):
    net, batch = mlp(backend), batches(xp)[0]
    whole = host(one(net, batch))
    net = mlp(backend)
    net.linear1.weight.requires_grad = net.linear2.bias.requires_grad = False
    assert_array_equal(host(one(net, batch)), whole[48:-3])


class Closed(md.StochasticDepth):
    """Stochastic depth whose gate is closed for good."""

    def sample(self, shape):
        return False


def test_a_skipped_branch_counts_with_zeros(xp, backend):
    net = nn.Sequential(nn.Linear(6, 3), Closed(nn.Linear(3, 3), 0.5)).init(0).to(backend)
    g = host(one(net, batches(xp)[0]))
    assert g.shape == (21 + 12,) and g[:21].any() and not g[21:].any()
    assert not net.closed1.branch.skipped
    alone = Closed(nn.Linear(6, 6), 0.5).init(0).to(backend)
    assert_array_equal(host(one(alone, batches(xp)[0])), np.zeros(42))
    assert host(md.full_gradient(net, data(xp)))[21:].any()      # without noise it is there


def test_a_parameter_that_the_loss_does_not_reach_has_a_gradient_of_zero(xp, backend):
    net = nn.Sequential(nn.Linear(6, 3)).init(0)
    net.aside = [nn.Linear(2, 2).init(0)]
    assert not host(one(net.to(backend), batches(xp)[0]))[21:].any()


# --- the full gradient ----------------------------------------------------------------------------

@pytest.mark.parametrize("size", [1, 7, N, 1024])
def test_pieces_give_the_gradient_of_the_whole_set(xp, backend, size):
    net, (x, y) = with_norm(backend).astype("float64"), data(xp, dtype="float64")
    net.batchnorm1.running_mean[:] = 0.3
    found = md.full_gradient(net, (x, y), batch_size=size)
    md.cross_entropy(net.eval()(x), y).backward()
    assert found.dtype == "float64"
    assert_allclose(host(found), host(md.flat([w.grad for w in net.parameters()])), atol=1e-12)


def test_the_full_gradient_draws_nothing_and_leaves_the_network_as_it_is(xp, backend):
    net = with_norm(backend)
    net.dropout1.rng = Forbid()
    before = {path: host(array).copy() for path, array in net.state_dict().items()}
    g = md.full_gradient(net, data(xp), batch_size=6)
    assert g.dtype == "float32"
    assert [m.training for _, m in net.named_modules()] == 6 * [True]
    assert all(w.grad is None for w in net.parameters())
    for path, array in net.state_dict().items():
        assert_array_equal(host(array), before[path])


def test_single_precision_is_gathered_in_double(xp, backend):
    # one piece with the gradient 2^26 and 999 with 1: in float32 their sum would not grow
    net = nn.Linear(1, 1, bias=False).init(0).to(backend)
    x, y = xp.ones((1000, 1), "float32"), xp.zeros(1000, "int64")
    x[0] = 2.0**26
    g = md.full_gradient(net, (x, y), lambda z, y: z.mean(), batch_size=1)
    assert_allclose(host(g), (2**26 + 999) / 1000, rtol=1e-7)


@pytest.mark.parametrize("gather", [
    lambda net, examples, loss: one(net, examples) if loss is None else
    next(md.mini_batch_gradients(net, [examples], loss)),
    lambda net, examples, loss: md.full_gradient(net, examples, *[loss] * (loss is not None))])
def test_an_error_within_leaves_the_modes_alone(xp, backend, gather):
    def fails(z, y):
        raise KeyboardInterrupt

    net = mlp(backend)
    for error, loss in [(KeyboardInterrupt, fails), (ValueError, lambda z, y: z),
                        (ValueError, lambda z, y: md.Tensor(1.0))]:
        with pytest.raises(error):
            gather(net, data(xp), loss)
        assert all(module.training for _, module in net.named_modules())
    for w in net.parameters():
        w.requires_grad = False
    with pytest.raises(ValueError, match="net has no parameter that needs a gradient"):
        gather(net, data(xp), None)


# --- a network of two million weights -------------------------------------------------------------

@pytest.mark.slow
def test_50_gradients_of_a_network_of_2_million_weights_take_the_memory_of_a_few():
    net = nn.Sequential(nn.Linear(1000, 1000), nn.ReLU(), md.Dropout(0.5), nn.Linear(1000, 1000),
                        nn.ReLU(), nn.Linear(1000, 2)).init(0)
    x, y, d = md.gaussian(1, (100, 1000)), md.integers(2, 2, 100), 2_004_002
    parts = [(x[i:i + 2], y[i:i + 2]) for i in range(0, 100, 2)]
    assert md.flat(net.parameters()).shape == (d,)
    tracemalloc.start()
    try:
        variance = md.gradient_direction_variance(md.mini_batch_gradients(net, parts))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.1 < variance < 0.6
    assert peak < 5 * 8 * d                       # five vectors of float64; 50 of float32 are 25


def test_what_does_not_fit_is_refused_in_one_sentence(xp, backend):
    net, (x, y) = mlp(backend), data(xp)
    for error, words, use in [
            (TypeError, "net must be a Module", lambda: md.mini_batch_gradients(x, [(x, y)])),
            (TypeError, "batches must be an iterable of pairs",
             lambda: md.mini_batch_gradients(net, None)),
            (TypeError, r"each of batches must be a pair \(x, y\), got",
             lambda: next(md.mini_batch_gradients(net, [x]))),
            (ValueError, "each of batches must hold as many x as y", lambda: one(net, (x, y[1:]))),
            (TypeError, "loss must be a function", lambda: md.mini_batch_gradients(net, [], None)),
            (TypeError, "arrays must be arrays or Tensors, got a Sequential; give its .parameters",
             lambda: md.flat(net)),
            (ValueError, "init", lambda: md.flat(nn.Linear(2, 2).parameters()))]:
        with pytest.raises(error, match=words):
            use()
