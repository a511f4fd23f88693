"""Learning-rate schedules: three equations, and their use in a run."""

import math

import numpy as np
import pytest

import minidrop as md
from minidrop.optim import SGD, Adam, cosine, cosine_restarts, step_decay, warmup


def test_lr_1_every_milestone_passed_is_a_factor():
    rates = step_decay(0.8, 8, [2, 5], factor=0.5)
    assert rates.tolist() == [0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2]
    assert step_decay(0.8, 3, []).tolist() == [0.8] * 3
    assert step_decay(1.0, 4, range(4), 0.5).tolist() == [0.5, 0.25, 0.125, 0.0625]


def test_lr_2_the_cosine_starts_at_the_rate_and_passes_the_middle_halfway():
    rates = cosine(0.9, 40, floor=0.1)
    assert rates[0] == 0.9 and rates[20] == pytest.approx(0.5, rel=1e-15)
    np.testing.assert_allclose(rates[1:] + rates[:0:-1], 1.0, rtol=1e-14)     # it is symmetric
    assert rates[-1] == pytest.approx(0.1 + 0.4 * (1 - math.cos(math.pi / 40)), rel=1e-12)


def test_lr_3_the_warm_up_rises_to_the_schedule_and_leaves_the_rest():
    due = cosine(0.9, 10)
    rates = warmup(due, 4, start=0.2)
    np.testing.assert_allclose(rates[:4] / due[:4], [0.2, 0.4, 0.6, 0.8], rtol=1e-15)
    np.testing.assert_array_equal(rates[4:], due[4:])
    np.testing.assert_array_equal(warmup(due, 0), due)
    assert due[0] == 0.9                          # a new array


def test_lr_4_and_5_every_wave_is_a_cosine_of_its_own():
    rates = cosine_restarts(0.9, 37, period=5, growth=2, floor=0.1)
    waves = [cosine(0.9, length, floor=0.1) for length in (5, 10, 20, 40)]
    np.testing.assert_allclose(rates, np.concatenate(waves)[:37], rtol=1e-14)
    assert [t for t in range(37) if rates[t] == 0.9] == [0, 5, 15, 35]


def test_lr_5_waves_of_one_length_and_one_alone():
    np.testing.assert_allclose(cosine_restarts(0.2, 12, 4), np.tile(cosine(0.2, 4), 3), rtol=1e-14)
    for period, growth in ((12, 1), (12, 3)):
        np.testing.assert_allclose(cosine_restarts(0.2, 12, period, growth), cosine(0.2, 12),
                                   rtol=1e-14)
    assert cosine_restarts(0.2, 3, period=1).tolist() == [0.2] * 3
    np.testing.assert_allclose(cosine_restarts(0.2, 5, period=9), cosine(0.2, 9)[:5], rtol=1e-14)


def test_lr_5_is_the_cyclic_rate_of_snapshot_ensembles():
    for total, cycles in ((40, 4), (10, 3), (20, 6), (7, 1)):
        period = -(-total // cycles)
        due = md.cyclic_cosine(range(1, total + 1), total, cycles, 0.1)
        np.testing.assert_allclose(cosine_restarts(0.1, total, period), due, rtol=1e-12, atol=1e-17)


def test_schedules_are_arrays_of_float64():
    for rates in (cosine(1, 5), step_decay(1, 5, [2]), warmup([1] * 5, 2)):
        assert rates.shape == (5,) and rates.dtype == "float64"


@pytest.mark.parametrize("build", [SGD, Adam])
def test_a_schedule_steers_every_step_of_a_run(build, xp, backend):
    x, y = xp.asarray(md.gaussian(0, (6, 3))), xp.asarray([0, 1, 2, 0, 1, 2])
    net, seen, optimizer = md.nn.Linear(3, 3).init(0).to(backend), [], build(lr=0.5)
    rates = warmup(cosine(0.5, 9), 3)
    md.fit(net, optimizer, (x, y), epochs=3, batch_size=2, schedules={"lr": rates}, progress=False,
           recorder=lambda step, net, loss: seen.append(optimizer.lr))
    assert seen == rates.tolist() and optimizer.lr == 0.5


@pytest.mark.parametrize("build, kind, message", [
    (lambda: step_decay(0.1, 5, [3, 2]), ValueError, "milestones must rise and be at most"),
    (lambda: step_decay(0.1, 5, [2, 2]), ValueError, "milestones must rise"),
    (lambda: step_decay(0.1, 5, [6]), ValueError, "at most total = 5"),
    (lambda: step_decay(0.1, 5, 3), TypeError, "milestones must be a list of steps"),
    (lambda: step_decay(0.1, 5, [1.5]), TypeError, "milestones must be a whole number"),
    (lambda: cosine(0.1, 5, floor=0.2), ValueError, r"floor must be finite and in \[0, 0.1\]"),
    (lambda: cosine_restarts(0.1, 5, 2, floor=0.2), ValueError, r"floor must be .* \[0, 0.1\]"),
    (lambda: cosine_restarts(0.1, 5, 2, growth=1.5), TypeError, "growth must be a whole number"),
    (lambda: cosine_restarts(0.1, 5, 0), ValueError, "period must be a whole number of at least"),
    (lambda: cosine(0.1, 0), ValueError, "total must be a whole number of at least 1"),
    (lambda: warmup([0.1] * 5, 6), ValueError, "steps and schedule must fit: at most 5 steps"),
    (lambda: warmup(0.1, 5), TypeError, "schedule must be an array of rates"),
    (lambda: warmup([0.1], 1, start=1.5), ValueError, "start must be finite and in"),
])
def test_a_mistake_is_named(build, kind, message):
    with pytest.raises(kind, match=message):
        build()
