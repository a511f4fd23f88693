"""Fifty steps of every optimizer, and the schedules, beside PyTorch 2.13; `--reference`."""

import math

import numpy as np
import pytest

import minidrop as md

from .test_torch import CLOSE, assert_close, dtypes

pytestmark = pytest.mark.reference

RULES = [("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}), ("Adam", {}),
         ("Adam", {"weight_decay": 0.1}), ("Adam", {"betas": (0.5, 0.9), "eps": 1e-3}),
         ("AdamW", {}), ("AdamW", {"weight_decay": 0.3, "betas": (0.8, 0.99)})]
TOTAL = 50


def schedules(torch, optimizer):
    """name -> (our array, PyTorch's scheduler) for a rate of 0.05."""
    lr, of = 0.05, torch.optim.lr_scheduler
    optim = md.optim
    return {
        "constant": (np.full(TOTAL, lr), lambda: of.LambdaLR(optimizer, lambda t: 1)),
        "step": (optim.step_decay(lr, TOTAL, range(15, TOTAL, 15), 0.3),
                 lambda: of.StepLR(optimizer, 15, 0.3)),
        "multistep": (optim.step_decay(lr, TOTAL, [10, 13, 40]),
                      lambda: of.MultiStepLR(optimizer, [10, 13, 40])),
        "cosine": (optim.cosine(lr, TOTAL, floor=0.01),
                   lambda: of.CosineAnnealingLR(optimizer, TOTAL, eta_min=0.01)),
        "warm-up": (optim.warmup([lr] * TOTAL, 8, start=1 / 3),
                    lambda: of.LinearLR(optimizer, 1 / 3, total_iters=8)),
        "warm-up, cosine": (optim.warmup(optim.cosine(lr, TOTAL), 8, start=0.1),
                            lambda: of.ChainedScheduler([
                                of.LinearLR(optimizer, 0.1, total_iters=8),
                                of.CosineAnnealingLR(optimizer, TOTAL)])),
    }


def pair(torch, dtype):
    """A layer of ours and two leaves of PyTorch's with its values."""
    model = md.nn.Linear(6, 4).init(0).astype(dtype)
    return model, [torch.nn.Parameter(torch.from_numpy(w.data.copy())) for w in model.parameters()]


@dtypes
@pytest.mark.parametrize("schedule", ["constant", "step", "multistep", "cosine", "warm-up",
                                      "warm-up, cosine"])
@pytest.mark.parametrize("name, rule", RULES, ids=str)
def test_50_steps_under_every_schedule(torch, rng, dtype, name, rule, schedule):
    model, leaves = pair(torch, dtype)
    theirs = getattr(torch.optim, name)(leaves, lr=0.05, **rule)
    rates, scheduler = schedules(torch, theirs)[schedule]
    ours, scheduler = getattr(md.optim, name)(lr=0.05, **rule), scheduler()
    for rate in rates:
        assert theirs.param_groups[0]["lr"] == pytest.approx(rate, rel=1e-12)
        ours.lr = float(rate)
        for w, leaf in zip(model.parameters(), leaves, strict=True):
            w.grad = rng.standard_normal(w.shape).astype(dtype)
            leaf.grad = torch.from_numpy(w.grad.copy())
        ours.step(model)
        theirs.step()
        scheduler.step()
    for w, leaf in zip(model.parameters(), leaves, strict=True):
        assert_close(w.data, leaf, CLOSE[dtype])


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_the_defaults_are_those_of_torch(torch, name):
    model, leaves = pair(torch, "float32")
    theirs = getattr(torch.optim, name)(leaves).defaults
    ours = getattr(md.optim, name)(**({"lr": theirs["lr"]} if name == "SGD" else {}))
    for key, value in vars(ours).items():
        if key in theirs:
            assert value == theirs[key]
    if name != "SGD":
        assert (ours.beta1, ours.beta2) == theirs["betas"]


def test_a_skipped_parameter_is_counted_as_torch_counts_it(torch, rng):
    model, leaves = pair(torch, "float64")
    ours, theirs = md.optim.Adam(0.05), torch.optim.Adam(leaves, 0.05)
    for t in range(6):
        model.bias.requires_grad = t % 3 == 0
        for w, leaf in zip(model.parameters(), leaves, strict=True):
            g = rng.standard_normal(w.shape)
            w.grad, leaf.grad = (g, torch.from_numpy(g.copy())) if w.requires_grad else (None, None)
        ours.step(model)
        theirs.step()
    for path, w, leaf in zip(("weight", "bias"), model.parameters(), leaves, strict=True):
        assert_close(w.data, leaf, 1e-9)
        assert int(ours.state_dict()[f"step.{path}"]) == theirs.state[leaf]["step"].item()
        for slot, theirs_name in (("mean", "exp_avg"), ("square", "exp_avg_sq")):
            assert_close(ours.state_dict()[f"{slot}.{path}"], theirs.state[leaf][theirs_name], 1e-9)


def test_huge_and_tiny_gradients(torch):
    """Within float32: 1e18 squared is finite; PyTorch and we agree, and nothing is nan."""
    model, leaves = pair(torch, "float32")
    ours, theirs = md.optim.Adam(0.05), torch.optim.Adam(leaves, 0.05)
    for size in (1e18, 1e-25, 0.0, 1e10):
        for w, leaf in zip(model.parameters(), leaves, strict=True):
            w.grad = np.full(w.shape, size, "float32")
            leaf.grad = torch.from_numpy(w.grad.copy())
        ours.step(model)
        theirs.step()
    for w, leaf in zip(model.parameters(), leaves, strict=True):
        assert math.isfinite(abs(w.data).max())
        assert_close(w.data, leaf, 1e-5)


@pytest.mark.parametrize("limit", [0.5, 2.0, 100.0])
def test_max_norm_is_renorm(torch, rng, limit):
    """Which divides by the length plus 1e-7: the same to six digits."""
    w = rng.standard_normal((30, 4, 3, 3)).astype("float32")
    assert_close(md.max_norm(w, limit), torch.renorm(torch.from_numpy(w), 2, 0, limit), 1e-6)
