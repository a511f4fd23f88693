"""The checks of schedules: one number for each step of a run, all in an array or one by one.

An implementation that takes t, a step from 0, gives the number of that step; another one gives an
array (total,) or a list.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .box import Unseen
from .formulas import states_as, unless
from .technique import fails, held, shown

CLOSE = 2e-5                                      # of the largest number that is due


class Rates(NamedTuple):
    """What is due at each step, and the runs that show it."""

    due: Callable                                 # (options=, total=, **numbers) -> array (total,)
    cases: Callable                               # options -> dicts of numbers, total among them


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
            found, text = answers(box, numbers)
            due = rates.due(options=box.options, **numbers)
            if found.shape != due.shape:
                return fails(text, f"an array of the shape {found.shape}", f"the shape {due.shape}")
            which = range(len(due)) if steps is None else steps(options=box.options, **numbers)
            for t in which:
                seen += 1
                if not abs(found[t] - due[t]) <= CLOSE * np.abs(due).max() + 1e-9:
                    return fails(f"{text}: t = {t}, of {shown(found, 12)}", f"{found[t]:.6g}",
                                 f"{due[t]:.6g}, of {shown(due, 12)}")
        return held(f"{seen} steps, up to {text}")

    return check


def answers(box, numbers):
    """(the numbers of all steps in float64, how the call is named)."""
    given = {role: value for role, value in numbers.items()
             if box.takes(role) or role == "p" and box.takes("keep")}
    left = {role for role in numbers if role not in given and numbers[role] not in (0, None)}
    if missing := left - {"total", "steps"}:
        raise Unseen(f"it takes no {', '.join(sorted(missing))}")
    text = ", ".join(f"{role} = {value:g}" for role, value in numbers.items() if value is not None)
    given = {role: value for role, value in given.items() if value is not None}
    if box.takes("t"):
        found = [np.asarray(box.train(like=None, t=t, **given).y, "float64").reshape(-1)
                 for t in range(numbers["total"])]
        if any(one.size != 1 for one in found):
            return np.asarray(found[0]), text
        return np.array([one[0] for one in found]), text
    return np.asarray(box.train(like=None, **given).y, "float64"), text
