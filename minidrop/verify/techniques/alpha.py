"""What alpha dropout is held to: (alpha.1) to (alpha.6), entry by entry or map by map."""

import math

import numpy as np

from ..box import Unseen
from ..checks.masks import Law, checks, tied
from ..checks.reading import RATES, close, distinct, dropped_in, independent
from ..technique import Technique, fails, held

LOWEST = -1.7580993408473766                      # -lambda alpha of SELU
AFFINE = {                                        # (a, b) for what a dropped entry becomes
    "keeps mean and variance": lambda p, low: (
        a := 1 / math.sqrt((1 - p) * (1 + p * low**2)), -a * p * low),
    "none": lambda p, low: (1.0, 0.0),
    "keeps the variance alone": lambda p, low: (1 / math.sqrt((1 - p) * (1 + p * low**2)), 0.0),
    "1 / q": lambda p, low: (1 / (1 - p), 0.0),
}
LOW = {"SELU's lowest value": LOWEST, "0": 0.0, "lambda alpha, without the sign": -LOWEST,
       "-alpha": -1.6732632423543772}


def constants(p, options):
    """(a, b, what a dropped entry becomes before the two); at p = 1 all becomes 0."""
    low = LOW[options["low"]]
    return (0.0, 0.0, low) if p == 1 else (*AFFINE[options["affine"]](p, low), low)


def _kept(x, p, options):
    a, b, _ = constants(p, options)
    return (x * a + b).astype(np.float32)


def _dropped(x, p, options):
    a, b, low = constants(p, options)
    return np.full_like(x, a * low + b)


def _units(shape, options):
    return (*shape[:2], *[1] * len(shape[2:])) if options["feature"] else shape


def _counting(options):
    if options["feature"]:
        return ((1, 2, 2, 1), 200), ((10, 8, 3, 2), 100), ((300, 200, 2, 2), 2)
    return ((1, 2), 200), ((5, 3, 2, 3), 50), ((10, 10), 100), ((300, 300), 2)


def _shapes(options):
    few = ((1, 1), (1, 2), (2, 3))
    return tuple((*shape, 1, 1) for shape in few) + ((2, 3, 4, 5),) if options["feature"] else (
        *few, (2, 3, 4, 5))


def _given(options):
    return ((2, 2, 3, 2),) if options["feature"] else ((2, 2),)


def line(law, box):
    """What is kept lies on a line a x + b, and what is dropped on it at SELU's lowest value."""
    shape, low = _shapes(box.options)[-1], LOW[box.options["low"]]
    tried = 0
    for p in box.choices("p", *RATES):
        for _ in range(4):
            x = distinct(box.random, shape)
            y = box.train(x, p=p).y
            dead = dropped_in(y, np.inf)
            if (~dead).sum() < 3 or not dead.any() or np.ptp(x[~dead]) < 0.1:
                continue                          # too few or too near; else, in float32, the line
                                                  # at `low` is known to 1e-4, and nothing is chance
            a, b = np.polyfit(x[~dead].astype(float), y[~dead].astype(float), 1)
            if not np.allclose(y[~dead], a * x[~dead] + b, atol=1e-4):
                return fails(f"random {shape}, p = {p:g}", "what is kept lies on no line",
                             "a x + b")
            if abs(y[dead][0] - (a * low + b)) > 1e-3:
                return fails(f"random {shape}, p = {p:g}",
                             f"y = {a:.5g} x + {b:.5g} if kept, {y[dead][0]:.5g} if dropped",
                             f"{a * low + b:.5g}, which is that line at {low:.6g}")
            tried += 1
    if not tried:
        raise Unseen("no call shows a line and what is dropped")
    return held(f"{tried} calls on random {shape}")


def stretch(law, box):
    """The stretch a and the shift b are those that keep mean 0 and variance 1."""
    x = np.ones(_shapes(box.options)[1], np.float32)
    for p in (rates := box.choices("p", *RATES, 0.1, 0.05)):
        kept, dropped = (rule(x, p, box.options) for rule in (law.kept, law.dropped))
        for _ in range(8):
            y = box.train(x, p=p).y
            fine = close(y, kept) | close(y, dropped)
            if not fine.all():
                return fails(f"an entry of 1, p = {p:g}", f"{y.flat[np.argmin(fine)]:.6g}",
                             f"{kept.flat[0]:.6g} if kept, {dropped.flat[0]:.6g} if dropped")
    return held(f"entries of 1 at {len(rates)} rates, 8 calls each")


def standard(law, box):
    """Input of mean 0 and variance 1 comes out with mean 0 and variance 1."""
    independent(box)
    shape = (300, 300, 1, 1) if box.options["feature"] else (300, 300)
    x = np.clip(box.random.normal(size=shape), -3, 3)
    x = ((x - x.mean()) / x.std()).astype(np.float32)
    for p in box.choices("p", 0.2, 0.5, 0.75):
        y = box.train(x, p=p).y.astype(float)
        a, b, low = constants(p, box.options)
        mean, square = a * p * low + b, (1 - p) * (a**2 + b**2) + p * (a * low + b) ** 2
        values = np.stack([rule(x, p, box.options) for rule in (law.kept, law.dropped)])
        for found, due, least, most, what in (
                (y, mean, values.min(), values.max(), "mean"),
                (y**2, square, 0.0, (values**2).max(), "mean square")):
            if not box.chance.mean(np.clip(found, least, most), due, least, most):
                return fails(f"standardised {shape}, p = {p:g}", f"a {what} of {found.mean():.4f}",
                             f"{due:.4g}")
    return held(f"standardised {shape}, three rates")


LAW = Law(_kept, _dropped, lambda x, p, options: x, _units, _shapes, _counting, _given)

TECHNIQUE = Technique(
    "alpha", arrays=("x",), parameters=("p",),
    checks=(*tied(LAW, ("alpha.2",), line), *tied(LAW, ("alpha.4",), stretch),
            *checks(LAW, evaluation=("alpha.5",), ends=("alpha.1",), values=(), rate=("alpha.1",),
                    units=("alpha.1",), gradient=("alpha.2",), last=("alpha.6",)),
            *tied(LAW, ("alpha.3", "alpha.5"), standard)),
    options={"feature": (False, True), "low": tuple(LOW), "affine": tuple(AFFINE)},
    variants={
        "the rate given is a keep probability": {"rate": "keep"},
        "each map as a whole (feature alpha dropout)": {"feature": True},
        "each entry by itself": {"feature": False},
        "drops to 0": {"low": "0"},
        "plain dropout": {"low": "0", "affine": "1 / q"},
        "neither stretched nor shifted": {"affine": "none"},
        "stretched, but not shifted": {"affine": "keeps the variance alone"},
        "drops to lambda alpha, without the sign": {"low": "lambda alpha, without the sign"},
        "drops to -alpha, without lambda": {"low": "-alpha"},
    })
