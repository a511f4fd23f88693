"""Averages of weights beside PyTorch 2.13 on the CPU; `--reference`."""

import numpy as np
import pytest

import minidrop as md
from minidrop import nn

from .test_torch import assert_close

pytestmark = pytest.mark.reference


def pair(torch):
    """The same network here and there, with two batch norms."""
    ours = nn.Sequential(nn.Conv2d(2, 4, 3), md.BatchNorm(4), nn.ReLU(), nn.Conv2d(4, 3, 3),
                         md.BatchNorm(3), nn.GlobalAvgPool2d(), nn.Linear(3, 2)).init(0)
    layers = [torch.nn.Conv2d(2, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
              torch.nn.Conv2d(4, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.AdaptiveAvgPool2d(1),
              torch.nn.Flatten(), torch.nn.Linear(3, 2)]
    theirs = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for w, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(torch.from_numpy(w.data.reshape(tuple(other.shape))))
    return ours, theirs


def norms(net):
    return [net.batchnorm1, net.batchnorm2]


def test_batch_norm_statistics_over_batches_of_one_size(torch, rng):
    ours, theirs = pair(torch)
    x = rng.normal(1, 2, (24, 2, 7, 6)).astype("float32")
    ours(x[:5] + 9)                               # what was there before is forgotten
    torch.optim.swa_utils.update_bn(list(torch.from_numpy(x).split(8)), theirs)
    md.batch_norm_statistics(ours, x, batch_size=8)
    for norm, other in zip(norms(ours), (theirs[1], theirs[4]), strict=True):
        assert_close(norm.running_mean, other.running_mean, 1e-5)
        assert_close(norm.running_var, other.running_var, 1e-5)
        assert int(norm.num_batches_tracked) == int(other.num_batches_tracked) == 3
    assert_close(ours.eval()(x), theirs.eval()(torch.from_numpy(x)), 1e-5)


def test_batch_norm_statistics_of_a_smaller_last_batch_are_weighed_by_its_examples(torch):
    x = np.array([[[0.0, 0.0]], [[0.0, 0.0]], [[6.0, 6.0]]], "float32")
    theirs = torch.nn.BatchNorm1d(1)
    torch.optim.swa_utils.update_bn(list(torch.from_numpy(x).split(2)), theirs)
    ours = md.batch_norm_statistics(md.BatchNorm(1).init(0), x, batch_size=2)
    assert (float(ours.running_mean[0]), float(theirs.running_mean[0])) == (2.0, 3.0)


def test_batch_norm_statistics_are_taken_without_noise_unless_asked_for(torch, rng):
    x = rng.standard_normal((64, 3)).astype("float32")
    theirs = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(3))
    torch.optim.swa_utils.update_bn([torch.from_numpy(x)], theirs)
    net = nn.Sequential(md.Dropout(0.5), md.BatchNorm(3)).init(0)
    off = md.batch_norm_statistics(net, x).batchnorm1.running_var.sum()
    on = md.batch_norm_statistics(net, x, noisy=True).batchnorm1.running_var.sum()
    assert off < 0.8 * float(theirs[1].running_var.sum()) and off < 0.8 * on


# --- averages of weights --------------------------------------------------------------------------

def moved(rng, ours, theirs):
    """Give both networks the same new weights."""
    for w, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        w.data = w.data + 0.1 * rng.standard_normal(w.shape).astype("float32")
        other.data.copy_(other.data.new_tensor(w.data.reshape(tuple(other.shape))))


def of_a_run(torch, rng, build, averaged):
    """Both averages of 20 moments, ours and that of `averaged(theirs)`, and the last networks."""
    ours, theirs = pair(torch)
    recorder, other = build(ours), averaged(theirs)
    for step in range(20):
        moved(rng, ours, theirs)
        theirs(torch.from_numpy(rng.standard_normal((4, 2, 7, 6)).astype("float32")))
        recorder(step, ours, None)
        other.update_parameters(theirs)
    return recorder, other, theirs


def assert_same_weights(ours, theirs):
    for w, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(w.data.reshape(tuple(other.shape)), other, 1e-5)


@pytest.mark.parametrize("build, averaged", [
    (lambda net: md.SWA(net, 1, 1), lambda swa_utils: {}),
    (lambda net: md.EMA(net, 0.9, kind="first"),
     lambda swa_utils: {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.9)}),
    (lambda net: md.EMA(net, 0.0), lambda swa_utils: {
        "multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.0)})],
    ids=["SWA", "EMA", "EMA without memory"])
def test_averaged_models(torch, rng, build, averaged):
    of = torch.optim.swa_utils
    recorder, other, _ = of_a_run(torch, rng, build,
                                  lambda net: of.AveragedModel(net, **averaged(of)))
    x = rng.standard_normal((16, 2, 7, 6)).astype("float32")
    mean = recorder.average(x, batch_size=8)
    assert recorder.taken == int(other.n_averaged) == 20
    assert_same_weights(mean, other.module)
    of.update_bn(list(torch.from_numpy(x).split(8)), other)
    assert_close(mean.eval()(x), other.eval()(torch.from_numpy(x)), 1e-5)


def test_the_corrected_average_is_another_one(torch, rng):
    of = torch.optim.swa_utils
    recorder, other, _ = of_a_run(
        torch, rng, lambda net: md.EMA(net, 0.99),
        lambda net: of.AveragedModel(net, multi_avg_fn=of.get_ema_multi_avg_fn(0.99)))
    with pytest.raises(AssertionError):
        assert_same_weights(recorder.average(np.ones((2, 2, 7, 6), "float32")), other.module)


def test_pytorch_keeps_the_last_buffers_and_ours_are_recomputed(torch, rng):
    of = torch.optim.swa_utils
    recorder, other, last = of_a_run(torch, rng, lambda net: md.SWA(net, 1, 1), of.AveragedModel)
    assert torch.equal(other.module[1].running_mean, last[1].running_mean)
    with pytest.raises(ValueError, match="x must be given"):
        recorder.average()


def test_an_average_in_float32_stops_before_it_arrives(torch):
    of = torch.optim.swa_utils
    net = torch.nn.Linear(1, 1, bias=False)
    other = of.AveragedModel(net, multi_avg_fn=of.get_ema_multi_avg_fn(0.9999))
    torch.nn.init.constant_(net.weight, 1.00945)
    other.update_parameters(net)
    torch.nn.init.constant_(net.weight, 1.01)
    before = other.module.weight.item()
    other.update_parameters(net)
    assert other.module.weight.item() == before < 1.0095


# --- learning rates -------------------------------------------------------------------------------

def rates_of(torch, lr, total, build):
    """The rates of PyTorch's scheduler, one for each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)
    scheduler, rates = build(optimizer), []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


@pytest.mark.parametrize("period, growth, floor", [(5, 1, 0.0), (4, 2, 0.01), (3, 3, 0.0),
                                                   (100, 1, 0.02), (1, 1, 0.0)])
def test_cosine_restarts(torch, period, growth, floor):
    due = rates_of(torch, 0.1, 60, lambda optimizer: (
        torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, period, growth, floor)))
    np.testing.assert_allclose(md.optim.cosine_restarts(0.1, 60, period, growth, floor), due,
                               rtol=1e-12)


@pytest.mark.parametrize("total, cycles", [(40, 4), (10, 3), (20, 6), (7, 1), (5, 5)])
def test_the_cyclic_rate_of_snapshot_ensembles_is_that_of_restarts(torch, total, cycles):
    due = rates_of(torch, 0.1, total, lambda optimizer: (
        torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, -(-total // cycles), 1)))
    np.testing.assert_allclose(md.cyclic_cosine(range(1, total + 1), total, cycles, 0.1), due,
                               rtol=1e-12)


def swalr(torch, strategy):
    """PyTorch's SWALR over the 40 steps that follow 50 at a rate of 0.1."""
    tail = rates_of(torch, 0.1, 60, lambda optimizer: torch.optim.swa_utils.SWALR(
        optimizer, swa_lr=0.02, anneal_epochs=40, anneal_strategy=strategy))
    return np.concatenate([np.full(50, 0.1), tail])


def test_swa_rates_are_swalr_where_that_is_linear(torch):
    np.testing.assert_allclose(md.swa_rates(0.1, 0.02, 110, 100), swalr(torch, "linear"),
                               rtol=1e-12)


def test_swa_rates_are_not_swalr_where_that_is_a_cosine(torch):
    ours, theirs = md.swa_rates(0.1, 0.02, 110, 100), swalr(torch, "cos")
    gone = [(0.1 - rates[60]) / 0.08 for rates in (ours, theirs)]                # a quarter
    assert gone == pytest.approx([0.25, (1 - np.cos(np.pi / 4)) / 2])
    np.testing.assert_allclose(ours[90:], theirs[90:], rtol=1e-12)
