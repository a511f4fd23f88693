"""What early and late dropout are held to: f(p, cutoff, total), one rate for each iteration.

A function f(p, cutoff, total, t) or f(p, cutoff, t) of one iteration, from 0, will do as well.
"""

import numpy as np

from ..box import Unseen
from ..checks.formulas import unless
from ..checks.rates import Rates, answers, follows
from ..technique import Technique, fails, held, shown, states

ENDS = "in the last early step", "at the cutoff"


def rates(*, options, p, cutoff, total):
    """The rate of each iteration, written out."""
    late = options["when"] == "late"
    n = total - cutoff if late else cutoff
    if options["cutoff is"] == "before its time":
        n = max(n - 1, 0)
    elif options["cutoff is"] == "before it, too":
        n = max(n - 1, 0) if late else min(n + 1, total)
    elif options["cutoff is"] == "from the end":
        n = total - n
    t = np.arange(total)
    fall = 1 - t / (max(n - 1, 1) if options["reaches 0"] == ENDS[0] else max(n, 1))
    found = np.where(t < n, p * (fall if options["kind"] == "linear" else 1), 0.0)
    return found[::-1] if late else found


def _cases(options):
    for total, cutoff in ((1, 1), (2, 1), (3, 2), (6, 4), (7, 3), (5, 5), (5, 0)):
        yield {"p": 0.1, "cutoff": cutoff, "total": total}


RATES = Rates(rates, _cases)


def _tags(options):
    early, line = options["when"] == "early", options["kind"] == "linear"
    return (f"early_late.{(2 if line else 1) if early else (4 if line else 3)}",)


def _both(options):
    return (*_tags(options), *(["early_late.4"] if _tags(options) == ("early_late.3",) else []))


@states("early_late.5")
def share(box):
    """A rate p is p times the schedule of the rate 1."""
    text = ""
    for numbers in _cases(box.options):
        one, text = answers(box, {**numbers, "p": 1.0})
        for p in (0.5, 0.25):
            found, text = answers(box, {**numbers, "p": p})
            if found.shape != one.shape or not np.allclose(found, p * one, rtol=1e-5, atol=1e-9):
                return fails(text, shown(found, 12), f"{p:g} times {shown(one, 12)}")
    return held(f"up to {text}")


@states()
def ends(box):
    """At the cutoff 0 and at the cutoff total there is one part alone."""
    unless(box, "before the cutoff", "from the cutoff on")
    if box.options["cutoff is"] != "the first of the later":
        raise Unseen("the form has other parts")
    return follows(RATES, (), "", "", cases=lambda options: [
        {"p": 0.1, "cutoff": cutoff, "total": 4} for cutoff in (0, 4)])(box)


TECHNIQUE = Technique(
    "early_late", arrays=(), parameters=("t", "p", "cutoff", "total"),
    checks=(
        follows(RATES, _tags, "Before the cutoff: all early dropout, and no late one",
                "before the cutoff", lambda options, p, cutoff, total: range(cutoff)),
        follows(RATES, _both, "From the cutoff on: all late dropout, and no early one",
                "from the cutoff on", lambda options, p, cutoff, total: range(cutoff, total)),
        share, ends),
    options={"when": ("early", "late"), "kind": ("constant", "linear"),
             "cutoff is": ("the first of the later", "before it, too", "before its time",
                           "from the end"),
             "reaches 0": ENDS},
    variants={"it is late dropout": {"when": "late"}, "it is early dropout": {"when": "early"},
              "the rate is linear in time": {"kind": "linear"},
              "the rate is constant": {"kind": "constant"},
              "the cutoff is early too": {"cutoff is": "before it, too"},
              "one iteration too few, as by counting from 1": {"cutoff is": "before its time"},
              "the cutoff is counted from the end": {"cutoff is": "from the end"},
              "the linear fall reaches 0 one step later": {"reaches 0": ENDS[1]}},
    layers=False)
