"""Calls of NumPy functions and of layers, their arguments found by their names."""

import inspect

import numpy as np

import minidrop as md

NAMES = {"inputs": "x", "rate": "p", "train": "training"}
LAYERS: dict = {}


def call(impl, values, rng):
    """What the implementation gives, its arguments found by their names."""
    if isinstance(impl, type):
        return layer(impl, values, rng)
    names = [NAMES.get(name, name) for name in inspect.signature(impl).parameters]
    given = dict(values, rng=rng)
    if "keep_prob" in names:
        given["keep_prob"] = 1 - values["p"]
    if "seed" in names:
        given["seed"] = int(rng.integers(2**31))
    if "mask" in names:
        given["mask"] = rng.random(values["x"].shape) >= values["p"]
        y, due = impl(given["x"], given["mask"], given["p"]), given["mask"]
        assert ((y != 0) == due).all() or values["p"] == 1, "another mask than that given"
    if "noise" in names and "theta" not in names:
        given["noise"] = rng.normal(1, (values["p"] / (1 - values["p"])) ** 0.5,
                                    values["x"].shape).astype("float32")
    real = inspect.signature(impl).parameters
    return impl(**{name: given[NAMES.get(name, name)] for name in real
                   if NAMES.get(name, name) in given})


def layer(kind, values, rng):
    """The same for a class; one layer of it serves all the calls with the same settings."""
    if kind in (md.Mixup, md.CutMix):
        classes = values["y"].shape[1]
        return kind(alpha=values["alpha"], classes=classes)(
            int(rng.integers(2**31)), values["x"], values["y"])
    if kind is md.Cutout:
        seed = int(rng.integers(2**31))
        return kind(values["length"])(seed, values["x"], np.zeros(len(values["x"]), int))[0]
    key = kind, values["p"], values.get("block")
    if key not in LAYERS:
        rates = [values["p"], *([values["block"]] if "block" in values else [])]
        if kind is md.StochasticDepth:
            LAYERS[key] = kind(md.nn.Identity(), values["p"], skip=Zero()).init(0)
        else:
            LAYERS[key] = kind(*rates).init(0) if hasattr(kind, "init") else kind(*rates)
    made = LAYERS[key]
    if hasattr(made, "train"):
        return (made.train() if values["training"] else made.eval())(values["x"])
    return made.forward(values["x"], values["training"])


class Zero(md.nn.Module):
    """A skip that gives nothing."""

    def forward(self, x):
        return x * 0
