"""L0, variational dropout and Smallify beside their published equations in PyTorch's autograd.

The equations are written once more here, with PyTorch's functions and in other forms where there
are any: P(z = 0) by the distribution function, hardtanh, logit, log1p.  Both draw the same noise.
"""

import pytest

import minidrop as md
from minidrop import nn
from minidrop.check import Replay
from tests.parity.draws import assert_close

pytestmark = pytest.mark.reference
BETA, GAMMA, ZETA, N = 2 / 3, -0.1, 1.1, 50
SPREAD = {"output": (-1, 1), "input": (1, -1), "weight": None}


def gate_shape(log_alpha, gates, w):
    return log_alpha.reshape(*(SPREAD[gates] or w.shape[:2]), *([1] * (w.ndim - 2) if SPREAD[gates]
                                                               else w.shape[2:]))


def l0(torch, compute, p, x, u, gates):
    """Outputs of a batch, and what the gates cost."""
    s = torch.sigmoid((torch.logit(u) + p["log_alpha"]) / BETA)
    z = torch.nn.functional.hardtanh(s * (ZETA - GAMMA) + GAMMA, 0.0, 1.0)
    y = compute(x, gate_shape(z, gates, p["weight"]) * p["weight"], p["bias"])
    at_0 = torch.logit(torch.tensor(-GAMMA / (ZETA - GAMMA), dtype=u.dtype))
    shut = torch.sigmoid(BETA * at_0 - p["log_alpha"])            # P(s <= -gamma / (zeta - gamma))
    per_gate = p["weight"].numel() / shut.numel()
    return y, 0.3 / N * per_gate * (1 - shut).sum()


def variational(torch, compute, p, x, noise, local):
    """Outputs, and Molchanov's divergence with log alpha from weight and log sigma^2."""
    w, log_sigma2 = p["weight"], p["log_sigma2"]
    if local:
        deviation = compute(x**2, torch.exp(log_sigma2), None).sqrt()
        y = torch.distributions.Normal(compute(x, w, p["bias"]), deviation)
        y = y.loc + y.scale * noise
    else:
        y = compute(x, w + torch.exp(log_sigma2).sqrt() * noise, p["bias"])
    log_alpha = log_sigma2 - torch.log(w**2 + 1e-8)
    minus_kl = (0.63576 * torch.sigmoid(1.8732 + 1.48695 * log_alpha)
                - 0.5 * torch.log1p(torch.exp(-log_alpha)) - 0.63576)
    return y, -minus_kl.sum() / N


def smallify(torch, compute, p, x, alive, power):
    y = compute(x, p["weight"], p["bias"])
    beta = p["switch"] * alive
    theta = torch.cat([p["weight"].flatten(), p["bias"]])
    return (y.movedim(1, -1) * beta).movedim(-1, 1), (0.05 * torch.linalg.vector_norm(beta, 1)
                                                      + 1e-3 * theta.abs().pow(power).sum())


RIVALS = {
    **{f"L0, {gates}": (lambda layer, gates=gates: md.L0(layer, gates), l0, gates,
                        md.l0_penalty(0.3, N)) for gates in SPREAD},
    **{f"variational, {'local' if local else 'weights'}": (
        lambda layer, local=local: md.Variational(layer, -2.0, local=local), variational, local,
        md.variational_penalty(N)) for local in (True, False)},
    **{f"Smallify, {power}": (lambda layer: md.Smallify(layer, "normal", 0.8), smallify, power,
                              md.smallify_penalty(0.05, 1e-3, power)) for power in (1, 2)}}


class Pair:
    """A layer, and the same of PyTorch: its leaves, and what computes with them."""

    def __init__(self, torch, name, kind, dtype, rng):
        make, self.rule, self.option, self.penalty = RIVALS[name]
        self.torch, groups, F = torch, 1 if name == "L0, input" else 2, torch.nn.functional
        plain = (nn.Linear(12, 6) if kind == "linear" else
                 nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=groups))
        self.layer, self.rng, self.dtype = make(plain).init(0).astype(dtype), rng, dtype
        self.leaves = {path: torch.tensor(w.data, requires_grad=True)
                       for path, w in self.layer.named_parameters()}
        self.compute = F.linear if kind == "linear" else (
            lambda x, w, b: F.conv2d(x, w, b, 2, 1, 1, groups))
        self.x = self.draw((8, 12) if kind == "linear" else (8, 4, 7, 8))
        self.goal = self.draw(self.layer.eval()(self.x).shape)
        self.layer.train()
        one = torch.ones(6, dtype=getattr(torch, dtype))
        self.alive, self.mean, self.variance = one, one, 0 * one

    def draw(self, shape):
        return self.rng.standard_normal(shape).astype(self.dtype)

    def noise(self):
        """What both draw for the next batch."""
        if isinstance(self.layer, md.L0):
            noise = self.rng.uniform(0.02, 0.98, self.layer.log_alpha.shape).astype(self.dtype)
        else:
            noise = self.draw(self.goal.shape if self.layer.local else self.layer.weight.shape)
        self.layer.rng = Replay(noise)
        return noise

    def backward(self):
        """Outputs of both, after gradients of squared errors and penalty."""
        torch = self.torch
        noise = (self.alive if isinstance(self.layer, md.Smallify) else torch.tensor(self.noise()))
        ours = self.layer(self.x)
        (((ours - self.goal) ** 2).mean() + self.penalty(self.layer, 0)).backward()
        theirs, cost = self.rule(torch, self.compute, self.leaves, torch.tensor(self.x), noise,
                                 self.option)
        (((theirs - torch.tensor(self.goal)) ** 2).mean() + cost).backward()
        return ours.data, theirs.detach().numpy()

    def kill(self):
        """Smallify's rule on PyTorch's switches."""
        with self.torch.no_grad():
            sign = self.leaves["switch"].sign()
            self.variance = 0.8 * self.variance + 0.2 * (sign - self.mean)**2
            self.mean = self.torch.lerp(sign, self.mean, 0.8)
            self.alive = self.alive * (self.variance <= 0.5)
            self.leaves["switch"].mul_(self.alive)


@pytest.mark.parametrize("dtype, close", [("float32", 2e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("kind", ["linear", "conv"])
@pytest.mark.parametrize("name", RIVALS)
def test_outputs_and_gradients_of_loss_and_penalty(torch, rng, name, kind, dtype, close):
    both = Pair(torch, name, kind, dtype, rng)
    assert_close(*both.backward(), close)
    for path, w in both.layer.named_parameters():
        assert w.grad.any()
        assert_close(w.grad, both.leaves[path].grad.numpy(), close)


@pytest.mark.parametrize("kind", ["linear", "conv"])
@pytest.mark.parametrize("name", RIVALS)
def test_30_steps_of_adam(torch, rng, name, kind):
    both = Pair(torch, name, kind, "float64", rng)
    ours, theirs = md.optim.Adam(0.1), torch.optim.Adam(both.leaves.values(), 0.1)
    for _ in range(30):
        theirs.zero_grad()
        both.backward()
        ours.step(both.layer)
        theirs.step()
        if "switch" in both.leaves:
            md.smallify_step(both.layer)
            both.kill()
    for path, w in both.layer.named_parameters():
        assert_close(w.data, both.leaves[path].detach().numpy(), 1e-9)
    if "switch" in both.leaves:
        assert 0 < both.layer.alive.sum() < 6
        assert (both.alive.numpy() == both.layer.alive).all()


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_evaluation(torch, rng, kind):
    """Gates by hardtanh, and weights with log alpha above 3 left out."""
    for name in ("L0, output", "variational, local"):
        both = Pair(torch, name, kind, "float64", rng)
        p, x = both.leaves, torch.tensor(both.x)
        with torch.no_grad():
            if "L0" in name:
                both.layer.log_alpha.data[:] = [-4, -2, -1, 0, 2, 4]
                p["log_alpha"][:] = torch.tensor([-4.0, -2, -1, 0, 2, 4])
                z = torch.nn.functional.hardtanh(torch.sigmoid(p["log_alpha"]) * 1.2 - 0.1, 0, 1)
                w = p["weight"] * gate_shape(z, "output", p["weight"])
            else:
                alpha = torch.exp(p["log_sigma2"]) / p["weight"]**2
                w = torch.where(torch.log(alpha) > 3, 0.0, p["weight"])
                assert 0 < (w == 0).sum() < w.numel()
            due = both.compute(x, w, p["bias"])
        assert_close(both.layer.eval()(both.x).data, due.numpy(), 1e-12)
