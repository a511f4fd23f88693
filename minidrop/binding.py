"""Schedules: an array with one value per step, bound to the attributes that a pattern names."""

import contextlib
import math
from numbers import Real

from .arguments import describe, iterable, matching


class scaled:
    """A schedule that multiplies the value each matched attribute started with.

    >>> scaled([0.0, 0.5, 1.0]).values
    [0.0, 0.5, 1.0]
    """

    def __init__(self, values):
        self.values = iterable(values, "values", "an array of factors")


class Binding:
    """The numbers that schedules steer in one run: `set(t)` before step t, `restore()` after it.

    A pattern such as "drop*.p" is compared with the paths of the model's numbers, whole or from a
    dot on, and with "lr".  ValueError for a pattern that matches nothing, for two that match the
    same number, for an array of another length than `steps`, and for the rate of a layer that
    weighs by it in evaluation (scaling "paper"), if the run ends with less than half or more than
    twice the rate that the layer has before and after it.
    """

    def __init__(self, model, optimizer, schedules, steps):
        if not isinstance(schedules, dict | None):
            raise TypeError(f"schedules must map patterns to arrays, got {describe(schedules)}")
        self.bound: dict[str, tuple] = {}
        slots = _slots(model, optimizer)
        for pattern, schedule in (schedules or {}).items():
            values = _numbers(pattern, schedule, steps)
            paths = _named(pattern, slots, model)
            twice = [path for path in paths if path in self.bound]
            if twice:
                raise ValueError(f"{twice[0]} is matched by two schedules, the second is "
                                 f"{pattern!r}")
            for path in paths:
                owner, name = slots[path]
                start = getattr(owner, name)
                factor = start if isinstance(schedule, scaled) else 1.0
                rates = [factor * v for v in values]                       # Eq. (early_late.5)
                self.bound[path] = owner, name, start, rates
                _check_end(path, *self.bound[path])

    def __repr__(self):
        return f"Binding({describe(list(self.bound))})"

    def digest(self):
        """A short name for what is bound to which values, for checkpoints."""
        import hashlib  # here, so that importing minidrop stays cheap

        text = repr([(path, values) for path, (*_, values) in self.bound.items()])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def set(self, t):
        """Give every bound attribute its value of step t, counted from 0."""
        for owner, name, _, values in self.bound.values():
            setattr(owner, name, values[t])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.restore()

    def restore(self):
        """Give every bound attribute the value it had before the run."""
        for owner, name, start, _ in self.bound.values():
            setattr(owner, name, start)


def _check_end(path, owner, name, start, values):
    """ValueError where a layer would weigh in evaluation by a rate that the run did not end with.

    A rate that is nearly there, as after a ramp, is another matter than one of twice the size.
    """
    low, high = sorted((start, values[-1]))
    if name == "p" and getattr(owner, "scaling", None) == "paper" and high > 2 * low:
        cure = ("give it scaling='inverted'" if "scaling" in vars(owner) else
                f"let it begin with {values[-1]:g}")
        raise ValueError(f"schedules: {path} ends at {values[-1]:g}, and after the run the layer "
                         f"would weigh in evaluation by {start:g} again, as it did before; {cure}")


def _named(pattern, slots, model):
    """The paths of `slots` that a pattern names; ValueError for none, or for places still empty."""
    with contextlib.suppress(ValueError):
        return matching(pattern, slots)
    without = [f"{path}.p" for path, m in model.named_modules() if not hasattr(m, "p")]
    try:
        path = matching(pattern, without)[0].removesuffix(".p")
    except ValueError:
        return matching(pattern, slots, "schedules:", "number")   # refuses: it says what there is
    raise ValueError(f"schedules: {path} has no rate; put a layer with one there first, as "
                     "minidrop.models.place and drop_paths do")


def _slots(model, optimizer):
    """{path: (owner, name)} of every number that a schedule may steer."""
    slots = {(f"{path}.{name}" if path else name): (m, name)
             for path, m in model.named_modules() for name, value in vars(m).items()
             if isinstance(value, Real) and not isinstance(value, bool) and name[0] != "_"}
    return slots | {"lr": (optimizer, "lr")}


def _numbers(pattern, schedule, steps):
    """The values of a schedule as Python floats, one for each step."""
    if not isinstance(pattern, str):
        raise TypeError(f"a pattern of schedules must be a string, got {describe(pattern)}")
    values = schedule.values if isinstance(schedule, scaled) else schedule
    iterable(values, f"schedules[{pattern!r}]", "an array of numbers")
    try:
        values = [float(v) for v in values]
    except (TypeError, ValueError):
        raise TypeError(f"schedules[{pattern!r}] must be an array of numbers, got "
                        f"{describe(values)}") from None
    if not all(map(math.isfinite, values)):
        raise ValueError(f"schedules[{pattern!r}] must hold finite numbers")
    if len(values) != steps:
        raise ValueError(f"schedules[{pattern!r}] must hold one value for each of the "
                         f"{steps} steps (epochs x batches), got {len(values)}")
    return values
