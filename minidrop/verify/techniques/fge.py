"""What fast geometric ensembling is held to: rates, the steps of collection, and the mean.

what="rates": f(alpha1, alpha2, total, cycle), one rate for each step, or f(t, cycle, alpha1,
alpha2), that of step t from 0; "steps": after which steps networks are collected, f(total, cycle);
"mean": of the members' probabilities (m, N, K), f(probs).
"""

import numpy as np

from ..checks.formulas import Formula, agrees, manners
from ..checks.rates import Rates, follows
from ..technique import Technique, of_form

RUNS = (2, 2), (4, 4), (10, 8), (6, 2), (20, 8)


def rates(*, options, total, cycle, alpha1, alpha2):
    """The rate of each step, written out."""
    u = (np.arange(total) + options["t is from"]) % cycle / cycle
    share = {"falls and rises": abs(1 - 2 * u), "rises and falls": 1 - abs(1 - 2 * u),
             "falls": 1 - u, "cosine": (1 + np.cos(2 * np.pi * u)) / 2}[options["a cycle"]]
    return share * alpha1 + (1 - share) * alpha2


def _runs(options):
    return [{"total": total, "cycle": cycle, "alpha1": 0.05, "alpha2": 0.01}
            for total, cycle in RUNS]


def _first_steps(options, total, cycle, **numbers):
    return range(0, total, cycle)


def _steps(options, total, cycle):
    first = cycle // 2 if options["collects"] == "in the middle" else cycle
    return np.arange(first, total + 1, cycle)


RATES = Rates(rates, _runs)
STEPS = Formula(lambda *, options, **n: _steps(options, **n),
                lambda options: [((), {"total": total, "cycle": c}) for total, c in RUNS])


def _members(options):
    yield (np.array([[[0.9, 0.1]], [[0.4, 0.6]]]),), {}
    yield (np.array([[[0.8, 0.2], [0.3, 0.7]], [[0.1, 0.9], [0.2, 0.8]], [[0.3, 0.7], [0.6, 0.4]]]),
           ), {}


MEAN = Formula(lambda probs, *, options: probs.sum(0) / (
    len(probs) if options["members are"] == "averaged" else 1), _members)

TECHNIQUE = Technique(
    "fge", arrays=("probs",), parameters=("t", "total", "cycle", "alpha1", "alpha2"),
    checks=(
        *of_form("rates",
                 follows(RATES, ("fge.1",), "A cycle of c steps begins at the largest rate, and "
                         "then again", "cycles", _first_steps),
                 follows(RATES, ("fge.2",), "The rate falls to the middle of a cycle and rises "
                         "again", "rates", after=("cycles",))),
        *of_form("steps", agrees(STEPS, ("fge.3",), "A network is collected in the middle of every "
                                 "cycle", "steps")),
        *of_form("mean", agrees(MEAN, ("fge.4",), "The mean of the members' probabilities", "mean"),
                 *manners(MEAN))),
    options={"what": ("rates", "steps", "mean"),
             "a cycle": ("falls and rises", "rises and falls", "falls", "cosine"),
             "t is from": (0, 1), "collects": ("in the middle", "at the end"),
             "members are": ("averaged", "added")},
    variants={"a cycle begins at the smallest rate": {"a cycle": "rises and falls"},
              "the rate falls all through a cycle": {"a cycle": "falls"},
              "a cosine in place of two lines": {"a cycle": "cosine"},
              "one step ahead, as by counting from 1": {"t is from": 1},
              "networks are collected at the end of a cycle": {"collects": "at the end"},
              "the outputs are added, not averaged (the official code)": {"members are": "added"}},
    layers=False)
