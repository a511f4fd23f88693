"""What stochastic weight averaging is held to: the mean of weights, and the learning rates.

what="mean": f(w), the mean of the weights w (n, ...); "rates": f(lr, swa_lr, total, start), one
rate for each step, or f(t, ...), that of step t.
"""

import numpy as np

from ..checks.formulas import (
    Formula,
    agrees,
    differs,
    inputs,
    manners,
    numbered,
)
from ..checks.rates import Rates, follows
from ..technique import Technique, fails, held, of_form, shown, states


def mean(w, *, options):
    """The mean, and its known variants, written out."""
    if options["weighs"] == "all alike":
        return w.sum(0) / len(w)
    average = w[0]
    for one in w[1:]:
        average = (average + one) / 2
    return average


def _cases(options):
    for shape in ((1, 1), (2, 1), (2, 2), (3, 2), (4, 2, 3), (7, 3)):
        yield (1 + numbered(shape) / 4,), {}


def _moments(options):
    return (((np.eye(n),), {}) for n in (1, 2, 3, 5))


MEAN = Formula(mean, _cases)


@states("swa.1")
def one_more(box):
    """The mean takes the weights of one more moment in."""
    for x in inputs(MEAN, box):
        w, n = x.arrays[0], len(x.arrays[0]) - 1
        if n == 0:
            continue
        before = np.asarray(box.train(w[:n], like=None).y, "float64")
        found = box.train(w, like=None).y
        due = (before * n + w[n]) / (n + 1) if box.options["weighs"] == "all alike" else \
            (before + w[n]) / 2
        if wrong := differs(found, due, x.dtype):
            return fails(f"{x.text}: its mean without the last was {shown(before)}", *wrong)
    return held(f"up to {x.text}")


def rates(*, options, total, start, lr, swa_lr):
    """The rate of each step, written out."""
    part = np.arange(total) / start
    r = np.clip((part - 0.5) / 0.4, 0, 1)
    if options["falls by"] == "a cosine":
        r = (1 - np.cos(np.pi * r)) / 2
    elif options["falls by"] == "a cosine of all":
        r = (1 - np.cos(np.pi * np.minimum(part, 1))) / 2
    elif options["falls by"] == "a line of all":
        r = np.minimum(part, 1)
    return (1 - r) * lr + r * swa_lr


def _runs(options):
    for total, start in ((10, 10), (12, 10), (8, 5), (40, 20)):
        yield {"total": total, "start": start, "lr": 0.1, "swa_lr": 0.02}


RATES = Rates(rates, _runs)
NETWORK = "about the outputs of a network near the mean, not about the mean"

TECHNIQUE = Technique(
    "swa", arrays=("w",), parameters=("t", "lr", "swa_lr", "total", "start"),
    checks=(
        *of_form("mean", one_more,
                 agrees(MEAN, ("swa.2",), "Every moment weighs the same", "shares",
                        cases=_moments),
                 agrees(MEAN, ("swa.2",), "The mean of the weights", "output", after=("shares",)),
                 *manners(MEAN)),
        *of_form("rates", follows(
            RATES, ("swa.4",), "The rate falls in a line from 0.5 of the way to 0.9", "rates"))),
    options={"what": ("mean", "rates"), "weighs": ("all alike", "the newest one half"),
             "falls by": ("a line", "a cosine", "a cosine of all", "a line of all")},
    variants={"a running mean whose weights forget: the newest weigh one half":
              {"weighs": "the newest one half"},
              "a cosine in place of the line": {"falls by": "a cosine"},
              "a cosine from the first step on (PyTorch's SWALR)": {"falls by": "a cosine of all"},
              "a line from the first step on": {"falls by": "a line of all"}},
    unseen={"swa.3": NETWORK}, layers=False)
