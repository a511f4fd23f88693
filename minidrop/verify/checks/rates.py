"""The checks of schedules: one number for each step of a run, all in an array or one by one.

An implementation that takes t, a step from 0, gives the number of that step; another one gives an
array (total,) or a list.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..box import Unseen
from ..technique import fails, held, shown
from .formulas import states_as, unless

CLOSE = 2e-5                                      # of the largest number that is due


class Rates(NamedTuple):
    """What is due at each step, and the runs that show it."""

    due: Callable                                 # (options=, total=, **numbers) -> array (total,)
    cases: Callable                               # options -> dicts of numbers, total among them
    output: int = 0                               # where there are several arrays
    optional: tuple[str, ...] = ("total",)        # what it need not take


def follows(rates, tags, claim, name, steps=None, after=(), cases=None):
    """A check: the numbers of the steps are those of the equation.

    `steps(total, options, **numbers)` says which steps are looked at, by default all; `cases` are
    other runs than those of `rates`.
    """
    @states_as(tags, name, claim)
    def check(box):
        unless(box, *after)
        text, seen = "", 0
        for numbers in (cases or rates.cases)(box.options):
            total = numbers["total"]
            if numbers.get("steps", total) != total and not box.takes("steps"):
                continue
            found, text = answers(box, numbers, rates.output, rates.optional)
            due = rates.due(options=box.options, **numbers)
            if found.shape != due.shape:
                return fails(text, f"an array of the shape {found.shape}", f"the shape {due.shape}")
            which = range(len(due)) if steps is None else steps(options=box.options, **numbers)
            for t in which:
                seen += 1
                if not abs(found[t] - due[t]) <= CLOSE * np.abs(due).max() + 1e-9:
                    return fails(f"{text}: t = {t}, of {shown(found, 12)}", f"{found[t]:.6g}",
                                 f"{due[t]:.6g}, of {shown(due, 12)}")
        if not seen:
            raise Unseen("it takes no steps")
        return held(f"{seen} steps, up to {text}")

    return check


def answers(box, numbers, output=0, optional=("total",)):
    """(the numbers of all steps in float64, how the call is named)."""
    given = {role: value for role, value in numbers.items()
             if (box.takes(role) or role == "p" and box.takes("keep"))}
    left = {role for role, value in numbers.items() if value and role not in given}
    if missing := left - set(optional):
        raise Unseen(f"it takes no {', '.join(sorted(missing))}")
    text = ", ".join(f"{role} = {value:g}" for role, value in numbers.items()
                     if role in given or role == "total")
    if not box.takes("t"):
        return np.asarray(box.train(like=None, **given).outputs[output], "float64"), text
    found = [np.asarray(box.train(like=None, t=t, **given).outputs[output], "float64").reshape(-1)
             for t in range(numbers["total"])]
    if other := [one for one in found if one.size != 1]:
        return other[0], text
    return np.concatenate(found), text
