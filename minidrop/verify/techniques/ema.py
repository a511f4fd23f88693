"""What an exponential moving average is held to: f(w, decay), the averages after each of w.

kind="corrected" starts at zero and divides by 1 - decay^t, "first" starts at the first weights,
"uncorrected" starts at zero and does not divide.
"""

import numpy as np

from ..box import Unseen
from ..checks.formulas import Formula, agrees, differs, inputs, manners, numbered, unless
from ..technique import Technique, fails, held, of_form, shown, states

DECAYS = 0.75, 0.25


def averages(w, *, options, decay):
    """The average after each of the weights, written out."""
    if options["decay is of"] == "the new":
        decay = 1 - decay
    found, average = [], 0 * w[0]
    for t, one in enumerate(w, 1):
        first = options["kind"] == "first" and t == 1
        average = one if first else decay * average + (1 - decay) * one
        found.append(average / (1 - decay**t) if options["kind"] == "corrected" else average)
    return np.stack(found)


def _cases(options):
    for shape in ((1, 1), (2, 1), (2, 2), (3, 2), (4, 2, 3)):
        for decay in DECAYS:
            yield (1 + numbered(shape) / 4,), {"decay": decay}


def _moments(options):
    for n in (2, 3, 5):
        for decay in DECAYS:
            yield (np.eye(n),), {"decay": decay}


def _constant(options):
    for n in (1, 2, 4):
        for decay in DECAYS:
            yield (np.full((n, 1), 2.0),), {"decay": decay}


FORMULA = Formula(averages, _cases)


def _whole(options):
    return {"corrected": ("ema.3",), "first": ("ema.4",), "uncorrected": ("ema.2",)}[
        options["kind"]]


@states(lambda options: ("ema.1", "ema.4" if options["kind"] == "first" else "ema.2"))
def shares(box):
    """Each step leaves a share mu of what was there: of w_i there is (1 - mu) mu^(t - i)."""
    for x in inputs(FORMULA, box, _moments(box.options)):
        found = np.asarray(box.train(*x.arrays, like=0, **x.numbers).y, "float64")
        due = averages(x.arrays[0].astype("float64"), options=box.options, **x.known)
        sums = found.sum(1, keepdims=True)
        alike = found * due.sum(1, keepdims=True) / np.where(sums, sums, 1)
        if differs(alike, due, "float32"):
            t = int(np.argmax(np.abs(alike - due).max(1)))
            return fails(f"{x.text}: what the weights are in average {t + 1}, up to a factor",
                         shown(alike[t]), shown(due[t]))
    return held(f"up to {x.text}, up to a factor of the step")


@states("ema.5")
def long_memory(box):
    """As mu comes near to 1 it is the plain mean."""
    unless(box, "shares", "together", "output")
    if box.options["decay is of"] == "the new":
        raise Unseen("the form has another limit")
    cases = [(arrays, {"decay": 1 - 1e-4}) for arrays, _ in _cases(box.options)][::len(DECAYS)]
    for x in inputs(FORMULA, box, cases):
        w = x.arrays[0].astype("float64")
        due = w.cumsum(0) / np.arange(1, len(w) + 1).reshape(-1, *[1] * (w.ndim - 1))
        if wrong := differs(box.train(*x.arrays, like=0, **x.numbers).y, due, x.dtype, 2e-3):
            return fails(x.text, *wrong)
    return held(f"up to {x.text}, to 0.002")


TECHNIQUE = Technique(
    "ema", arrays=("w",), parameters=("decay",),
    checks=(
        shares,
        agrees(FORMULA, _whole, "What all weigh together: constant weights show it", "together",
               cases=_constant),
        agrees(FORMULA, _whole, "The average after each step", "output",
               after=("shares", "together")),
        *of_form("corrected", long_memory, option="kind"), *manners(FORMULA)),
    options={"kind": ("corrected", "first", "uncorrected"), "decay is of": ("the old", "the new")},
    variants={"starts at the first weights (PyTorch)": {"kind": "first"},
              "without correction": {"kind": "uncorrected"},
              "starts at zero, and is corrected": {"kind": "corrected"},
              "the decay is the share of the new weights": {"decay is of": "the new"}},
    layers=False)
