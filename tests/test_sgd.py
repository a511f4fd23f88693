"""SGD, held against its four equations in Python floats."""

import numpy as np
import pytest

from minidrop.optim import SGD
from minidrop.xp import host
from tests.test_optim import DECAY, LR, MU, Weights, run

GRADIENTS = [1.0, -0.5, 2.0, 0.25]


def by_hand(w, lr=LR, momentum=0.0, nesterov=False, weight_decay=0.0):
    v, path = 0.0, []
    for g in GRADIENTS:
        g = g + weight_decay * w
        v = momentum * v + g
        w = w - lr * (g + momentum * v if nesterov else v)
        path.append(w)
    return path


def test_sgd_3_without_momentum_is_the_plain_step(xp):
    assert run(xp, SGD(lr=0.5), 1.0, GRADIENTS) == [0.5, 0.75, -0.25, -0.375]


def test_sgd_2_velocity_is_a_decaying_sum_of_the_gradients(xp):
    path = run(xp, SGD(lr=1.0, momentum=0.5), 0.0, GRADIENTS)
    velocities = [1.0, 0.5 - 0.5, 2.0, 1.0 + 0.25]
    assert path == (-np.cumsum(velocities)).tolist()


def test_sgd_1_weight_decay_is_the_gradient_of_half_the_square(xp):
    decayed, penalised = (Weights(xp.asarray([1.0, -2.0])).init(0).astype("float64")
                          for _ in range(2))
    for net, weight_decay in ((decayed, DECAY), (penalised, 0.0)):
        optimizer, w = SGD(LR, MU, weight_decay=weight_decay), net.w[0]
        for _ in range(3):
            loss = (w * w * w).sum()
            (loss if weight_decay else loss + 0.5 * DECAY * (w * w).sum()).backward()
            optimizer.step(net)
    np.testing.assert_allclose(host(decayed.w[0].data), host(penalised.w[0].data), rtol=1e-14)


def test_sgd_4_nesterov_looks_ahead_along_the_velocity(xp):
    path = run(xp, SGD(lr=1.0, momentum=0.5, nesterov=True), 0.0, GRADIENTS)
    velocities = np.array([1.0, 0.0, 2.0, 1.25])
    assert path == (-np.cumsum(GRADIENTS + 0.5 * velocities)).tolist()


@pytest.mark.parametrize("momentum, nesterov", [(0, False), (MU, False), (MU, True), (1.0, False)])
@pytest.mark.parametrize("weight_decay", [0.0, DECAY])
def test_all_together(momentum, nesterov, weight_decay, xp):
    options = {"momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
    np.testing.assert_allclose(run(xp, SGD(LR, **options), 3.0, GRADIENTS), by_hand(3.0, **options),
                               rtol=1e-14)


def test_the_state_lies_under_the_path_of_its_parameter(xp):
    optimizer = SGD(LR, momentum=MU)
    run(xp, optimizer, 0.0, [2.0, 1.0])
    assert list(optimizer.state_dict()) == ["velocity.w.0"]
    assert float(optimizer.state_dict()["velocity.w.0"][0]) == MU * 2.0 + 1.0
