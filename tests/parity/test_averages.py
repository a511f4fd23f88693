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
