"""What ramps are held to: one number for each step, of three kinds.

what="linear": f(start, end, total, steps), or f(end, total) from 0; "targeted": f(gamma, alpha,
total, steps), two arrays, or a function of one of them, f(gamma, total, steps); "gradual":
f(start, end, total, steps, first).  Without `steps` a ramp arrives in the step behind the last.  A
function of one step t, from 0, will do as well.
"""

import numpy as np

from ..checks.rates import Rates, follows
from ..technique import Technique, of_form

STEPS = "total", "steps"                           # without them it arrives behind the last


def progress(total, steps, first, options):
    """0 up to step `first`, 1 in step `steps`."""
    n = steps - first
    return np.clip((np.arange(total) - first) / (n - (options["arrives"] == "a step earlier") or 1),
                   0, 1)


def linear(*, options, total, start, end, steps):
    """From start to end in a straight line."""
    r = progress(total, steps, 0, options)
    return (1 - r) * start + r * end


def gammas(*, options, total, gamma, alpha, steps):
    """The share of candidates: 0.95 of it in the first half."""
    r = progress(total, steps, 0, options)
    if options["halves"] == "alike":
        return gamma * r
    return gamma * (0.95 * np.minimum(1, 2 * r) + 0.05 * np.maximum(0, 2 * r - 1))


def alphas(*, options, total, gamma, alpha, steps):
    """The rate of candidates, in a straight line."""
    return alpha * progress(total, steps, 0, options)


def gradual(*, options, total, start, end, steps, first):
    """From start to end, fast at first."""
    r = progress(total, steps, first, options)
    power = {"3": 3, "1": 1, "2": 2}[options["power"]]
    return end + (start - end) * (1 - r)**power


def _of_dropblock(options):
    for total in (2, 4, 10):
        yield {"start": 0.0, "end": 0.1, "total": total, "steps": total}


def _linear(options):
    for start, end, total, steps in ((0.0, 0.1, 5, 2), (0.5, 0.1, 6, 4), (0.2, 0.8, 8, 8)):
        yield {"start": start, "end": end, "total": total, "steps": steps}


def _halves(options):
    for total, steps in ((4, 4), (5, 4), (9, 6), (8, 8)):
        yield {"gamma": 0.5, "alpha": 0.25, "total": total, "steps": steps}


def _gradual(options):
    for start, end, total, steps, first in (
            (0.0, 0.8, 4, 4, 0), (0.0, 0.8, 6, 4, 0), (0.25, 0.75, 8, 7, 2)):
        yield {"start": start, "end": end, "total": total, "steps": steps, "first": first}


GROWS = "It grows from 0 and would arrive in the step behind the last"
GAMMA = "0.95 of gamma in the first half, the rest in the second"

TECHNIQUE = Technique(
    "ramps", arrays=(),
    parameters=("t", "start", "end", "total", "steps", "first", "gamma", "alpha"),
    checks=(
        *of_form("linear",
                 follows(Rates(linear, _of_dropblock, 0, STEPS), ("ramps.1",), GROWS, "from 0"),
                 follows(Rates(linear, _linear, 0, STEPS), ("ramps.2",),
                         "A line between two values, and then the second", "line")),
        *of_form("targeted",
                 follows(Rates(gammas, _halves, 0, (*STEPS, "alpha")), ("ramps.3",), GAMMA,
                         "gamma"),
                 follows(Rates(alphas, _halves, -1, (*STEPS, "gamma")), ("ramps.4",),
                         "alpha grows in a straight line", "alpha")),
        *of_form("gradual",
                 follows(Rates(gradual, _gradual, 0, STEPS), ("ramps.5",),
                         "The share rises by the third power of what is left", "gradual"))),
    options={"what": ("linear", "targeted", "gradual"),
             "arrives": ("in step n", "a step earlier"), "halves": ("0.95 and 0.05", "alike"),
             "power": ("3", "1", "2")},
    variants={"arrives a step earlier, in the last one (miguelvr's linspace)":
              {"arrives": "a step earlier"},
              "gamma grows in a straight line": {"halves": "alike"},
              "the share grows in a straight line": {"power": "1"},
              "the second power of what is left": {"power": "2"}},
    layers=False)
