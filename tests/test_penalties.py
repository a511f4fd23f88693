"""L1 and L2, exactly; and why a penalty is weight decay under SGD but not under Adam."""

import numpy as np
import pytest

import minidrop as md
from minidrop import Module, Parameter, Tensor, grad
from minidrop.check import gradcheck
from minidrop.optim import SGD, Adam, AdamW
from minidrop.xp import host

LR, EPS = 0.1, 1e-8
W0 = np.array([2.0, -0.5, 1e-3, -40.0])
G = np.array([0.3, -1.0, 5.0, 1e-4])


def arrays(xp, dtype="float64"):
    rng = np.random.default_rng(0)
    return [xp.asarray(rng.standard_normal(shape).astype(dtype)) for shape in ((3, 4), (4,), ())]


class Slope(Module):
    """The loss g w: its gradient in w is g wherever w is."""

    def __init__(self, g):
        self._g, self.w = g, Parameter(g.shape, lambda rng, shape: np.zeros(shape))

    def forward(self):
        return (self._g * self.w).sum()


def train(xp, optimizer, strength=0.0, g=G, steps=1):
    """w after `steps` steps from W0, with `strength` times the L2 penalty in the loss."""
    net = Slope(xp.asarray(g)).init(0)
    net.w.data = xp.asarray(W0.copy())
    for _ in range(steps):
        loss = net()
        (loss + strength * md.l2(net.parameters()) if strength else loss).backward()
        optimizer.step(net)
    return host(net.w.data)


# --- the values and their gradients --------------------------------------------------------------

def test_l1_1_is_the_sum_of_all_absolute_values(xp):
    ws = arrays(xp)
    due = sum(np.abs(host(w)).sum() for w in ws)
    for params in (ws, tuple(ws), iter(ws)):
        assert float(md.l1(params)) == pytest.approx(due, rel=1e-14)


def test_l2_1_is_half_the_sum_of_all_squares(xp):
    ws = arrays(xp)
    due = 0.5 * sum((host(w)**2).sum() for w in ws)
    assert float(md.l2(ws)) == pytest.approx(due, rel=1e-14)
    assert float(md.l2(ws[0])) == float(md.l2([ws[0]]))


def assert_slope(xp, f, slope):
    leaves = [Tensor(w, requires_grad=True) for w in arrays(xp)]
    for leaf, g in zip(leaves, grad(f(leaves), leaves), strict=True):
        np.testing.assert_allclose(host(g), slope(host(leaf.data)), rtol=1e-15)
    gradcheck(lambda *ws: f(ws), *arrays(xp), order=2)


def test_l1_2_the_gradient_is_the_sign_and_0_at_0(xp):
    assert_slope(xp, md.l1, np.sign)
    zero = Tensor(xp.zeros(2), requires_grad=True)
    assert host(grad(md.l1(zero), zero)).tolist() == [0, 0]


def test_l2_2_the_gradient_is_the_weight_itself(xp):
    assert_slope(xp, md.l2, lambda w: w)


@pytest.mark.parametrize("f", [md.l1, md.l2])
def test_a_penalty_keeps_the_dtype_and_the_kind(f, xp):
    ws = arrays(xp, "float32")
    assert f(ws).dtype == "float32" and not isinstance(f(ws), Tensor)
    leaves = [Tensor(w, requires_grad=True) for w in ws]
    value = f(leaves)
    assert isinstance(value, Tensor) and value.dtype == "float32" and value.shape == ()


def test_l1_3_the_lasso_of_one_weight_is_exactly_zero_up_to_lambda():
    """A minimum over a grid that holds it, and at zero the slopes on both sides point to it."""
    grid, strength = np.arange(-3000, 3001) / 1000, 0.75
    for u in (-2.0, -0.75, -0.5, 0.0, 0.25, 0.75, 1.5):
        value = [0.5 * (w - u) ** 2 + strength * float(md.l1(np.array([w]))) for w in grid]
        assert grid[np.argmin(value)] == np.sign(u) * max(abs(u) - strength, 0)


def test_l1_2_a_gradient_step_passes_over_zero(xp):
    net = Slope(xp.zeros(1)).init(0).astype("float64")
    net.w.data, path = xp.asarray([0.15]), []
    sgd = SGD(lr=0.1)
    for _ in range(4):
        md.l1(net.parameters()).backward()
        sgd.step(net)
        path.append(float(net.w.data[0]))
    np.testing.assert_allclose(path, [0.05, -0.05, 0.05, -0.05], rtol=1e-12)


# --- weight decay --------------------------------------------------------------------------------

@pytest.mark.parametrize("rule", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}])
def test_l2_3_under_sgd_a_penalty_is_weight_decay(rule, xp):
    penalised = train(xp, SGD(LR, **rule), strength=0.4, steps=20)
    decayed = train(xp, SGD(LR, weight_decay=0.4, **rule), steps=20)
    np.testing.assert_allclose(penalised, decayed, rtol=1e-12)
    once = train(xp, SGD(LR, **rule | {"nesterov": False}), strength=0.4)
    np.testing.assert_allclose(once, (1 - LR * 0.4) * W0 - LR * G, rtol=1e-14)


@pytest.mark.parametrize("strength", [1e-3, 0.4, 1e3])
def test_l2_4_adam_divides_the_penalty_by_the_size_of_the_gradient(strength, xp):
    total = G + strength * W0
    due = W0 - LR * total / (np.abs(total) + EPS)
    for found in (train(xp, Adam(LR), strength), train(xp, Adam(LR, weight_decay=strength))):
        np.testing.assert_allclose(found, due, rtol=1e-12)


@pytest.mark.parametrize("strength", [1e-2, 0.4, 1e3])
def test_l2_5_without_a_gradient_every_lambda_takes_the_same_step(strength, xp):
    found = train(xp, Adam(LR), strength, g=0 * G)
    np.testing.assert_allclose(found, W0 - LR * np.sign(W0), atol=LR * EPS / (strength * 1e-3))
    decayed = train(xp, AdamW(LR, weight_decay=strength), g=0 * G)
    np.testing.assert_allclose(decayed, (1 - LR * strength) * W0, rtol=1e-13)


@pytest.mark.parametrize("strength", [1e-3, 0.4, 1e3])
def test_l2_6_adamw_decays_beside_the_step(strength, xp):
    found = train(xp, AdamW(LR, weight_decay=strength))
    due = (1 - LR * strength) * W0 - LR * G / (np.abs(G) + EPS)
    np.testing.assert_allclose(found, due, rtol=1e-12)


def test_l2_4_and_6_leave_different_weights_where_gradients_differ_in_size(xp):
    """Four weights that start alike: AdamW shrinks them alike, the penalty least where g is large.

    The gradients change sign at every step, so that without a penalty nothing moves far.
    """
    sizes, strength, steps = np.array([1e-2, 1e-1, 1.0, 10.0]), 0.5, 200
    ends = {}
    for name, optimizer in (("penalty", Adam(0.01, weight_decay=strength)),
                            ("decay", AdamW(0.01, weight_decay=strength)), ("none", Adam(0.01))):
        net = Slope(xp.asarray(sizes)).init(0)
        net.w.data = xp.ones(4)
        for t in range(steps):
            net.w.grad = xp.asarray(sizes * (-1) ** t)
            optimizer.step(net)
        ends[name] = host(net.w.data)
    assert np.ptp(ends["none"]) < 1e-3 and np.ptp(ends["decay"]) < 1e-3
    np.testing.assert_allclose(ends["decay"], (1 - 0.01 * strength) ** steps, atol=0.02)
    assert (np.diff(ends["penalty"]) > 0.1).sum() >= 2 and (np.diff(ends["penalty"]) > 0).all()


@pytest.mark.parametrize("penalty", [md.l1, md.l2])
def test_fit_adds_the_penalty_to_the_training_loss_alone(penalty, xp, backend):
    x, y = xp.asarray(md.gaussian(0, (8, 3))), xp.asarray([0, 1, 2, 0, 1, 2, 0, 1])
    losses, scores = [], []
    for strength in (0.0, 2.0):
        net = md.nn.Linear(3, 3).init(0).to(backend)
        size = float(penalty(net.parameters()))
        history = md.fit(net, SGD(lr=0.0), (x, y), epochs=1, batch_size=8, progress=False,
                         penalty=lambda net, step, s=strength: s * penalty(net.parameters()))
        losses.append(history.loss[0])
        scores.append(md.evaluate(net, (x, y)).loss)
    assert losses[1] - losses[0] == pytest.approx(2 * size, rel=1e-6) and scores[0] == scores[1]


def test_parameters_without_values_say_so():
    with pytest.raises(md.nn.NotInitialised, match="call model.init"):
        md.l2(md.nn.Linear(2, 2).parameters())
