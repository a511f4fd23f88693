"""Judges: how the answers of a submission are held against what is due.

A judge is called as `judge(task, call, inputs)`.  `call(arguments, times=1)` gives the list of what
the submission returned, or raises Fault.  It returns a Verdict.
"""

from typing import Any, NamedTuple

import numpy as np

from ..verify.chance import Chance
from .values import another_shape, realised

ONE_WAY = ("rng", "shared", "apart", "beside")     # laws that say by themselves what is wrong


class Fault(Exception):
    """A submission did not answer: the message is one sentence for the student.

    `kind` is a word: unwritten, missing, raised, late, memory, output, refused, died, shape.
    """

    def __init__(self, kind, said):
        super().__init__(said)
        self.kind, self.said = kind, said


class Failure(NamedTuple):
    """The smallest input that fails: what came, and what is due (None where nothing came)."""

    arguments: dict
    got: Any
    due: Any
    said: str
    hint: str = ""
    kind: str = "wrong"
    law: str = ""
    tolerance: tuple = (1e-6, 1e-9)


class Verdict(NamedTuple):
    """Is a task right?  Of `tried` inputs `right` ones were; `failure` is the first that fails.

    `remarks` are sentences on what is no mistake; `loops` says that it goes entry by entry.
    """

    tried: int
    right: int
    failure: Failure | None
    remarks: tuple = ()
    loops: bool = False


def same(relative=1e-6, absolute=1e-9):
    """A judge: the same numbers and shapes as the key's, whatever their type.

    Booleans and the numbers 0 and 1 are the same, and so are tuples, lists and arrays of arrays.
    What comes in float32 is held to what seven digits can say: 1e-5, and 1e-6 near 0.
    """
    def judge(task, call, inputs):
        first, right, everything = None, 0, []
        for arguments in inputs:
            due = task.key(*realised(arguments).values())
            try:
                got = call(arguments)[0]
            except Fault as fault:
                failure = Failure(arguments, None, due, fault.said, task.hint, fault.kind)
                return Verdict(len(inputs), right, first or failure)
            said = difference(got, due, relative, absolute)
            everything.append((arguments, got))
            right += not said
            if said and first is None:
                first = Failure(arguments, got, due, said, task.hint,
                                tolerance=(relative, absolute))
        if first is not None:
            first = first._replace(hint=_mistake(task, everything, relative, absolute) or task.hint)
        return Verdict(len(inputs), right, first)
    return judge


def _mistake(task, everything, relative, absolute):
    """The reason of the known mistake that gives just these answers, if one does."""
    for reason, function in task.wrongs.items():
        with np.errstate(all="ignore"):
            try:
                answers = [function(*realised(arguments).values()) for arguments, _ in everything]
                if not any(difference(got, answer, relative, absolute) for (_, got), answer in
                           zip(everything, answers, strict=True)):
                    return reason
            except Exception:                     # a mistake may raise: it is one
                continue
    return ""


def difference(got, due, relative=1e-6, absolute=1e-9):
    """In which way `got` is not `due`: a sentence, empty where they are the same."""
    if isinstance(due, tuple | list):
        if isinstance(got, np.ndarray) and got.ndim:
            got = list(got)                       # several results in one array
        if not isinstance(got, tuple | list) or len(got) != len(due):
            many = f"{len(got)}" if isinstance(got, tuple | list) else "one thing"
            return f"{len(due)} results are due, in this order, and {many} came"
        for i, (one, other) in enumerate(zip(got, due, strict=True)):
            if said := difference(one, other, relative, absolute):
                return f"result {i + 1} of {len(due)}: {said}"
        return ""
    try:
        single = np.asarray(got).dtype == np.float32
        got = np.asarray(np.asarray(got) * 1.0, float) + 0.0      # no text, and no -0
        due = np.asarray(due, float) + 0.0
    except (TypeError, ValueError):
        return f"an array of numbers is due, and {type(got).__name__} came"
    if single:                                    # computed with seven digits
        relative, absolute = max(relative, 1e-5), max(absolute, 1e-6)
    if got.shape != due.shape:
        return another_shape(got.shape, due.shape)
    wrong = ~np.isclose(got, due, relative, absolute, equal_nan=True)
    if not wrong.any():
        return ""
    if got.ndim == 0:
        return f"{due:.7g} is due, and {got:.7g} came"
    where = tuple(map(int, np.argwhere(wrong)[0]))
    return (f"{int(wrong.sum())} of {wrong.size} entries differ; at {list(where)} "
            f"{due[where]:.7g} is due, and {got[where]:.7g} came")


def drawn(*laws, draws=2000):
    """A judge for a task that draws: each law holds for `draws` calls, with streams of their own.

    A law is called as `law(values, chance, **arguments)`, where values has the draws as its first
    axis, and returns "" or a sentence.  A right answer is failed with a probability of at most
    1e-9 for each comparison, and `draws` may come in any order and of any kind of number.
    """
    def judge(task, call, inputs):
        for count, arguments in enumerate(inputs):
            try:
                answers = call(arguments, draws)
            except Fault as fault:
                return Verdict(len(inputs), count, Failure(arguments, None, None, fault.said,
                                                           task.hint, fault.kind))
            try:
                values = np.stack([np.asarray(one) * 1.0 for one in answers]).astype(float)
            except (TypeError, ValueError, IndexError):          # IndexError: of 64 axes
                return Verdict(len(inputs), count, Failure(
                    arguments, answers[0], None, "each call has to return an array of numbers, of "
                    "one shape", task.hint, "shape"))
            chance = Chance()
            for one in laws:
                if said := one(values, chance, **arguments):
                    hint = _broken(task, one.__name__, arguments, values)
                    return Verdict(len(inputs), count, Failure(
                        arguments, values[0], None, said, hint, "law", one.__name__))
            again = call(arguments, 1)[0]         # the same stream from the start
            if said := difference(again, values[0]):
                return Verdict(len(inputs), count, Failure(
                    arguments, again, values[0], "with the same rng it draws something else: draw "
                    "from the rng that is given, and from nothing else",
                    _broken(task, "rng", arguments, values), "law", "rng"))
        return Verdict(len(inputs), len(inputs), None)
    return judge


def _broken(task, law, arguments, values):
    """The reason of the known mistake that breaks a law and draws the same, or alike; of a law that
    is broken in one way, the only reason there is; else the hint."""
    reasons = [reason for reason, breaks in task.laws.items() if breaks == law]
    same = [reason for reason in reasons
            if _draws(task.wrongs[reason], arguments, values[:100])]
    same = same or [reason for reason in reasons if _alike(task.wrongs[reason], arguments, values)]
    same = same or [reason for reason in reasons if law in ONE_WAY]
    return same[0] if len(same) == 1 else task.hint


def _draws(function, arguments, values):
    """Does a function draw these values, call by call?"""
    try:
        return not any(difference(function(*realised(arguments, i).values()), one)
                       for i, one in enumerate(values))
    except Exception:                             # a mistake may raise: it is one
        return False


def _alike(function, arguments, values, deviations=5):
    """Does a function draw with the same means, and the same means of products: of the first entry
    with each one, and of each entry with that of the call before?"""
    def features(draws):
        flat = draws.reshape(len(draws), -1)
        return np.hstack([flat, flat[:, :1] * flat, flat * np.roll(flat, 1, 0)])

    try:
        one = features(values)
        other = features(np.stack([np.asarray(function(*realised(arguments, i).values()), float)
                                   for i in range(len(values))]))
    except Exception:                             # a mistake may raise, or have another shape
        return False
    margin = deviations * np.sqrt((one.var(0) + other.var(0)) / len(one)) + 1e-9
    return bool((abs(one.mean(0) - other.mean(0)) <= margin).all())


def law(name):
    """Decorator: give a law its name, by which a task's mistakes say what they break."""
    def keep(function):
        function.__name__ = name
        return function
    return keep


def only(*allowed, shape):
    """The law `values`: nothing but the numbers `allowed`, in the shape `shape(**arguments)`."""
    @law("values")
    def holds(values, chance, **arguments):
        due = tuple(shape(**arguments))
        if values.shape[1:] != due:
            return another_shape(values.shape[1:], due)
        others = np.setdiff1d(values, allowed)
        if others.size:
            return (f"only {', '.join(f'{one:g}' for one in allowed)} are due, and "
                    f"{others[0]:.6g} came")
        return ""
    return holds


def rate(p):
    """The law `rate`: each entry is 0 with probability `p(**arguments)`."""
    @law("rate")
    def holds(values, chance, **arguments):
        due, dropped = p(**arguments), (values == 0).sum(0)
        agrees = np.asarray(chance.rate(dropped, len(values), due))
        if agrees.all():
            return ""
        where = tuple(map(int, np.argwhere(~agrees)[0]))
        rates = np.broadcast_to(due, dropped.shape)
        return (f"the entry {list(where)} is dropped in {dropped[where]} of {len(values)} draws, "
                f"and {rates[where] * len(values):.6g} are due, about")
    return holds


def shared(axes, p):
    """The law `shared`: along `axes` all entries are alike, and along the others they are not.

    Two entries that are independent differ with the probability 2 p (1 - p), `p(**arguments)`.
    """
    @law("shared")
    def holds(values, chance, **arguments):
        for axis in range(1, values.ndim):
            if values.shape[axis] < 2:
                continue
            one, other = np.take(values, 0, axis), np.take(values, 1, axis)
            if axis - 1 in axes:
                if (one != other).any():
                    return f"along axis {axis - 1} all entries are to be the same, and they differ"
            elif said := _apart(one, other, chance, p(**arguments), f"neighbours along axis "
                                f"{axis - 1}"):
                return said
        return ""
    return holds


def independent(p):
    """The law `independent`: the first entry, all others, and calls do not depend on each other.

    `p(**arguments)` is the rate of zeros, a number or an array with one for each entry.
    """
    @law("independent")
    def holds(values, chance, **arguments):
        rate = np.broadcast_to(p(**arguments), values.shape[1:])
        for axis in range(1, values.ndim):
            if values.shape[axis] > 1 and (said := _apart(
                    np.take(values, 0, axis), np.take(values, 1, axis), chance,
                    np.take(rate, 0, axis - 1), f"neighbours along axis {axis - 1}",
                    np.take(rate, 1, axis - 1))):
                return said
        zeros, r = (values == 0).reshape(len(values), -1), rate.reshape(-1)
        differ, due = (zeros[:, :1] != zeros).sum(0)[1:], (r[:1] * (1 - r) + r * (1 - r[:1]))[1:]
        agrees = chance.rate(differ, len(values), due)
        if not np.all(agrees):
            i = int(np.argmin(agrees))
            where = list(map(int, np.unravel_index(i + 1, rate.shape)))
            return (f"the first entry and that at {where} differ in {differ[i]} of {len(values)} "
                    f"draws, and {due[i] * len(values):.6g} are due, about, where each is drawn "
                    "for itself")
        half = len(values) // 2 * 2
        return _apart(values[:half:2], values[1:half:2], chance, rate, "two calls in a row")
    return holds


def _apart(one, other, chance, rate, what, others=None):
    """Do two independent sets of draws differ as often as they should?  One entry of each call."""
    p = np.ravel(rate)[0]
    q = p if others is None else np.ravel(others)[0]
    one, other = one.reshape(len(one), -1)[:, 0], other.reshape(len(other), -1)[:, 0]
    differ = int(((one == 0) != (other == 0)).sum())
    due = p * (1 - q) + q * (1 - p)
    if chance.rate(differ, len(one), due):
        return ""
    return (f"{what} differ in {differ} of {len(one)} draws, and {due * len(one):.6g} are due, "
            "about, where each is drawn for itself")
