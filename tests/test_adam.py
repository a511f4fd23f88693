"""Adam and AdamW, held against their equations in Python floats."""

import math

import numpy as np
import pytest

from minidrop import catalog, nn
from minidrop.optim import Adam, AdamW, cosine, warmup
from tests import test_checkpoint
from tests.test_optim import DECAY, LR, run

GRADIENTS = [1.0, -0.5, 2.0, 0.25, 0.0, 1e-4]


def by_hand(w, lr=LR, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.0, decoupled=False):
    m = v = 0.0
    path = []
    for t, g in enumerate(GRADIENTS, 1):
        if decoupled:
            w = w - lr * decay * w
        else:
            g = g + decay * w
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        w = w - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        path.append(w)
    return path


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.5), (0.5, 0.0)])
@pytest.mark.parametrize("eps", [1e-8, 0.1])
@pytest.mark.parametrize("decay", [0.0, DECAY])
@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_adam_1_and_2_and_3_and_4_step_as_by_hand(kind, decay, eps, betas, xp):
    path = run(xp, kind(LR, betas, eps, weight_decay=decay), 3.0, GRADIENTS)
    due = by_hand(3.0, LR, *betas, eps, decay, decoupled=kind is AdamW)
    np.testing.assert_allclose(path, due, rtol=1e-13)


def test_adam_3_the_running_means_of_a_constant_gradient_are_corrected_to_it(xp):
    """So every step is lr g / (|g| + eps), from the first one on."""
    path = run(xp, Adam(LR, eps=1.0), 0.0, [3.0] * 5)
    np.testing.assert_allclose(path, [-LR * k * 3 / 4 for k in range(1, 6)], rtol=1e-13)


def test_adam_4_is_printed_as_it_is_computed(xp):
    """The formula on the page, read as arithmetic; of the first gradient g, m is g and v is g^2."""
    formula = next(e.latex for e in catalog.technique("adam").equations if e.tag == "adam.4")
    for latex, python in [(r"w \leftarrow", ""), (r"\,", "*"), (r"\eta", "lr"), (r"\hat ", ""),
                          (r"\sqrt{", "sqrt("), ("}", ")"), (r"\epsilon", "eps")]:
        formula = formula.replace(latex, python)
    w, g, eps = 2.0, 3.0, 0.5
    due = eval(formula, {"sqrt": math.sqrt, "w": w, "m": g, "v": g * g, "lr": LR, "eps": eps})
    np.testing.assert_allclose(run(xp, Adam(LR, eps=eps), w, [g]), [due], rtol=1e-13)


@pytest.mark.parametrize("g", [1e-3, -1.0, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_adam_7_the_first_step_has_the_size_of_the_rate(g, dtype, xp):
    w, = run(xp, Adam(LR, eps=1e-3), 0.5, [g], dtype)
    assert w == pytest.approx(0.5 - LR * g / (abs(g) + 1e-3), rel=1e-6)


def test_adam_6_without_a_gradient_the_weights_shrink_by_a_factor(xp):
    path = run(xp, AdamW(LR, weight_decay=0.5), 2.0, [0.0, 0.0])
    np.testing.assert_allclose(path, [2.0 * 0.95, 2.0 * 0.95**2], rtol=1e-15)


def test_adam_5_the_penalty_without_a_gradient_takes_whole_steps(xp):
    for decay in (1e-3, 1.0):
        path = run(xp, Adam(LR, weight_decay=decay), 2.0, [0.0])
        np.testing.assert_allclose(path, [2.0 - LR], rtol=1e-6)


def test_a_parameter_that_was_frozen_for_a_while_has_its_own_count():
    net, adam = nn.Linear(1, 1).init(0), Adam(LR)
    for frozen in (False, True, True, False):
        net.bias.requires_grad = not frozen
        before = net.bias.item()
        net.weight.grad, net.bias.grad = np.ones((1, 1), "float32"), np.ones(1, "float32")
        adam.step(net)
        assert frozen == (net.bias.item() == before)
    counts = {key: int(t) for key, t in adam.state_dict().items() if key.startswith("step.")}
    assert counts == {"step.weight": 4, "step.bias": 2}
    assert net.bias.item() == pytest.approx(before - LR, rel=1e-5)     # as a second step of its own


@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_a_run_that_is_broken_off_ends_in_the_bits_of_an_undisturbed_one(kind, tmp_path):
    def outcome(**changes):
        rates = warmup(cosine(0.1, test_checkpoint.EPOCHS * test_checkpoint.STEPS), 4)
        return test_checkpoint.run(optimizer=kind(), schedules={"lr": rates}, **changes)

    whole, path = outcome(), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        outcome(path=path, recorder=test_checkpoint.stop_at(7))
    assert test_checkpoint.bits(*outcome(path=path)) == test_checkpoint.bits(*whole)


def test_the_settings_show():
    assert repr(AdamW(0.1)) == ("AdamW(lr=0.1, eps=1e-08, beta1=0.9, beta2=0.999, "
                                "weight_decay=0.01)")
