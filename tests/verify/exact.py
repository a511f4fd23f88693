"""What does not draw, beside minidrop: the same numbers to 1e-5, at a few inputs."""

import numpy as np

import minidrop as md
from tests.verify.against import flat, form, ramp
from tests.verify.calls import call

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(1, 2, (3, 4, 2, 5))
CELLS = np.arange(24).reshape(3, 2, 4) % 5 < 2
PLANES = RNG.normal(size=(4, 3, 2, 2))
WEIGHT, BIAS = RNG.uniform(0.5, 2, 4), RNG.normal(size=4)
TRAIN, SHAPES = {"training": True}, ((5, 3, 4), (6, 4))


def norm_arguments(**more):
    return {"x": IMAGES, "weight": WEIGHT, "bias": BIAS, "eps": 1e-2, **more}


def running(training):
    return norm_arguments(running_mean=np.arange(4.0), running_var=np.arange(1.0, 5.0),
                          training=training, momentum=0.3)


def batch_norm(v):
    x, rest = v["x"], (v["weight"], v["bias"], v["eps"])
    mean, var = v["running_mean"], v["running_var"]
    if not v["training"]:
        return md.batch_norm(x, mean, var, *rest), mean, var
    k = v["momentum"]
    return (md.batch_norm(x, None, None, *rest), (1 - k) * mean + k * x.mean((0, 2, 3)),
            (1 - k) * var + k * x.var((0, 2, 3), ddof=1))


def adam(v):
    net = md.nn.Linear(len(v["w"]), 1, bias=False).init(0)
    net.weight.data = v["w"][None].copy()
    optimizer, seen = md.optim.Adam(v["lr"], (v["beta1"], v["beta2"]), v["eps"]), []
    for g in v["gradients"]:
        net.weight.grad = g[None]
        optimizer.step(net)
        seen.append(net.weight.data[0].copy())
    return np.stack(seen)


def ema(v):
    average, seen = np.zeros_like(v["weights"][0]), []
    for t, w in enumerate(v["weights"], start=1):
        first = v["kind"] == "first" and t == 1
        average = w if first else md.ema(average, w, v["decay"])
        corrected = v["kind"] != "first"
        seen.append(md.ema_corrected(average, v["decay"], t) if corrected else average)
    return np.stack(seen)


def swa(v):
    mean = np.zeros_like(v["weights"][0])
    for n, w in enumerate(v["weights"]):
        mean = md.swa(mean, w, n)
    return mean


def l0(v):
    if v.get("training", True):
        return md.hard_concrete(v["u"], v["log_alpha"])
    return md.hard_concrete_expect(v["log_alpha"])


def variational(v):
    variance = (v["x"] * v["x"]) @ np.exp(v["log_sigma2"])
    return md.local_reparameterisation(v["x"] @ v["theta"], variance, v["noise"])


WEIGHTS = [RNG.normal(size=(3, 8)), np.ones((2, 4)), PLANES, RNG.normal(size=(2, 100))]
CASES = {
    "attentive_cutmix": (
        lambda v: md.attentive_cutmix(v["x"], v["y"], v["cells"], v["order"]),
        [{"x": RNG.normal(size=(3, 2, 4, 8)), "y": np.eye(3), "cells": CELLS,
          "order": np.array([1, 2, 0])}]),
    "pruning": (lambda v: md.magnitude_mask(v["w"], v["sparsity"], v["unit"]),
                [{"w": w, "sparsity": s, "unit": unit} for w in WEIGHTS
                 for s in (0.0, 0.29, 0.5, 0.7, 1.0) for unit in (False, True)]),
    "max_norm": (lambda v: md.max_norm(v["w"], v["limit"]),
                 [{"w": w, "limit": limit} for w in WEIGHTS for limit in (0.5, 1.5, 3.0)]),
    "l0": (l0, [{"log_alpha": np.linspace(-3, 3, 13), "u": np.linspace(0.05, 0.95, 13) ** 2,
                 "training": training} for training in (True, False)]),
    "variational": (variational, [{
        "x": RNG.normal(size=(3, 4)), "theta": RNG.normal(size=(4, 2)),
        "log_sigma2": RNG.normal(size=(4, 2)), "noise": RNG.normal(size=(3, 2))}]),
    "batch_norm": (batch_norm, [running(True), running(False)]),
    "layer_norm": (lambda v: md.layer_norm(v["x"], v["weight"].shape, v["weight"], v["bias"],
                                           v["eps"]),
                   [{"x": RNG.normal(1, 2, (5, *SHAPES[0])), "weight": ramp(*shape),
                     "bias": np.ones(shape), "eps": 1e-2}
                    for shape in (SHAPES[0], SHAPES[0][1:], SHAPES[0][2:])]),
    "instance_norm": (lambda v: md.instance_norm(v["x"], v["weight"], v["bias"], v["eps"]),
                      [norm_arguments()]),
    "group_norm": (lambda v: md.group_norm(v["x"], v["groups"], v["weight"], v["bias"], v["eps"]),
                   [norm_arguments(groups=groups) for groups in (1, 2, 4)]),
    "adam": (adam, [{"w": np.array([1.0, -2.0, 0.5]), "gradients": list(RNG.normal(size=(5, 3))),
                     "lr": 0.1, "beta1": 0.8, "beta2": 0.9, "eps": 1e-2}]),
    "snapshot": (lambda v: md.cyclic_cosine(v["t"], v["total"], v["cycles"], v["lr0"]),
                 [{"t": t, "total": total, "cycles": cycles, "lr0": 0.1}
                  for total, cycles in ((20, 6), (12, 3)) for t in range(1, total + 1)]),
    "early_late": (lambda v: getattr(md, v["when"])(v["p"], v["cutoff"], v["total"]),
                   [{"p": 0.1, "cutoff": cutoff, "total": 7} for cutoff in (0, 1, 4, 7)]),
    "ema": (ema, [{"weights": RNG.normal(size=(n, 3)), "decay": 0.8} for n in (1, 6)]),
    "swa": (swa, [{"weights": RNG.normal(size=(n, 3))} for n in (1, 5)]),
}


def difference(entry):
    """What is wrong with an implementation that does not draw; None for nothing."""
    due_of, cases = CASES[entry.technique]
    for values in cases:
        if not values.get("training", True) and not takes_the_mode(entry.impl):
            continue
        due = due_of(dict(values, **entry.options))
        found = call(entry.impl, values, np.random.default_rng(0))
        if not np.isscalar(due):
            reason = form(found, due)
            if reason:
                return reason
        gap = np.abs(flat(found) - flat(due)).max(initial=0)
        if gap > 1e-5:
            return f"{gap:.2g} apart"
    return None


def takes_the_mode(impl):
    code = getattr(impl, "__code__", None)
    return code is not None and "training" in code.co_varnames[:code.co_argcount]
