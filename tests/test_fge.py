"""averages/fge: every equation, exactly, and every sentence of "Differs"."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import minidrop as md
from minidrop import nn
from minidrop.optim import SGD
from minidrop.xp import host

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def official(epoch, cycle, part, alpha1, alpha2):
    """The rate at `part` of an epoch, by the two cases of the official code."""
    t = (epoch % cycle + part) / cycle
    if t < 0.5:
        return alpha1 * (1 - 2 * t) + alpha2 * 2 * t
    return alpha1 * (2 * t - 1) + alpha2 * (2 - 2 * t)


def test_fge_1_and_2_by_hand():
    assert_allclose(md.fge_rates(0.05, 0.01, 10, 8),
                    [0.05, 0.04, 0.03, 0.02, 0.01, 0.02, 0.03, 0.04, 0.05, 0.04], rtol=1e-12)
    assert md.fge_rates(1.0, 0.0, 3, 2).tolist() == [1.0, 0.0, 1.0]
    assert md.fge_rates(0.5, 0.5, 3, 4).tolist() == [0.5, 0.5, 0.5]


@PROPERTY
@given(batches=st.integers(1, 9), half=st.integers(1, 4), epochs=st.integers(1, 12))
def test_fge_2_has_the_values_of_the_official_code(batches, half, epochs):
    rates = md.fge_rates(0.05, 0.0001, epochs * batches, 2 * half * batches)
    due = [official(epoch, 2 * half, i / batches, 0.05, 0.0001)
           for epoch in range(epochs) for i in range(batches)]
    assert rates.dtype == "float64"
    assert_allclose(rates, due, rtol=1e-9)


@PROPERTY
@given(batches=st.integers(1, 9), half=st.integers(1, 4), epochs=st.integers(4, 30))
def test_fge_3_are_the_epochs_of_the_official_code(batches, half, epochs):
    cycle = 2 * half
    due = [(epoch + 1) * batches for epoch in range(epochs) if epoch % cycle + 1 == cycle // 2]
    assert md.fge_steps(epochs * batches, cycle * batches) == due


def test_fge_3_the_smallest_rate_is_that_of_the_step_after_a_collection():
    rates, steps = md.fge_rates(0.05, 0.01, 40, 8), md.fge_steps(40, 8)
    assert steps == [4, 12, 20, 28, 36]
    assert_allclose(rates[steps], 0.01, rtol=1e-12)               # that of the step to come
    assert_allclose(rates[np.array(steps) - 1], 0.01 + 2 * (0.05 - 0.01) / 8, rtol=1e-12)


def test_fge_4_the_mean_of_the_outputs_ranks_classes_as_their_sum_does(xp):
    z = xp.asarray(md.gaussian(1, (5, 20, 4)).astype("float64"))
    probs = md.softmax(z)
    mean = md.average_probabilities(probs)
    assert_allclose(host(mean.sum(-1)), 1, rtol=1e-12)
    assert_allclose(host(mean), host(probs).sum(0) / 5, rtol=1e-12)
    assert (mean.argmax(-1) == probs.sum(0).argmax(-1)).all()


def test_fge_3_and_4_a_run_whose_members_predict_together(xp, backend, tmp_path):
    """And the mean of the weights of these members is that of `SWA` at the same steps."""
    total, cycle = 12, 4
    x = xp.asarray(md.gaussian(1, (24, 6)).astype("float32"))
    y = xp.asarray(md.integers(2, 3, 24))
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).init(0).to(backend)
    seen, swa = [], md.SWA(net, start=cycle // 2, every=cycle)
    md.fit(net, SGD(lr=0.1), (x, y), epochs=4, batch_size=8, progress=False,
           schedules={"lr": md.fge_rates(0.5, 0.1, total, cycle)},
           recorder=[md.Snapshots(tmp_path, md.fge_steps(total, cycle)), swa,
                     lambda step, net, loss: seen.append(host(net.linear1.weight.data).copy())])
    ensemble = md.load_snapshots(net, tmp_path).eval()
    assert len(ensemble.members) == swa.taken == 3
    for member, taken in zip(ensemble.members, (2, 6, 10), strict=True):
        np.testing.assert_array_equal(host(member.linear1.weight.data), seen[taken - 1])
    due = sum(host(md.softmax(member(x)).data) for member in ensemble.members) / 3
    assert_allclose(np.exp(host(ensemble(x).data)), due, rtol=1e-5)
    mean = sum(seen[taken - 1].astype("float64") for taken in (2, 6, 10)) / 3
    assert_allclose(host(swa.average().linear1.weight.data), mean, rtol=1e-6)


@pytest.mark.parametrize("call, sentence", [
    (lambda: md.fge_rates(0.1, 0.2, 8, 4), r"alpha2 must be finite and in \[0, 0.1\], got 0.2"),
    (lambda: md.fge_rates(0.1, 0.05, 8, 3), "cycle must be an even number of steps, got 3"),
    (lambda: md.fge_steps(8, 3), "cycle must be an even number of steps, got 3"),
    (lambda: md.fge_steps(3, 8), "total must be at least half a cycle, 4, got 3"),
    (lambda: md.fge_rates(0.1, 0.05, 8, 0), "cycle must be a whole number of at least 2")])
def test_fge_refuses_what_is_wrong(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
