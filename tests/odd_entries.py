"""Arrays of floats with one odd entry, and what is right of them.

    nan        a refusal, or nan in every number of the result that depends on the entry
    inf, -inf  a refusal, or for each number nan, inf or the limit: what +-1e30 gives
    3e38       a refusal, nan, inf, or what float64 gives, also where NumPy says that it overflowed
    1e300      a refusal, or any numbers: it is in float64, and nothing is wider
    -1, 0, 2   a refusal, or no nan; a refusal alone where OUTSIDE says that they cannot be

What comes of inf and of 3e38 is of the kinds and shapes of the clean call, or of what is due.  That
-1 is taken as 1, or 1e300 as 1, is not seen here: the right result is known to the techniques'
own tests.

What NumPy says of inf or an overflow is right beside nan and inf.  What it says of the last row is
a fault: those are numbers like others.
"""

import re
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np

NAN, MOST, LEAST, WIDE, ANY, PLAIN = "nan", "inf", "-inf", "wide", "any", "plain"
OUTSIDE = (                                       # of what argument, which entries, and why
    ("*.probs", "-1|2", "probabilities"), ("hard_concrete.u", "-1|0|2", "between 0 and 1"),
    ("batch_norm known.var", "-1", "variances"), ("*.variance", "-1", "variances"),
    ("*soft_targets rows.y", "-1|0|2", "shares of classes"),
    ("*cross_entropy rows.target", "-1|0|2", "shares of classes"),
)


SQUARES = ("BatchNorm().x", "InstanceNorm().x", "batch_norm.x", "normalise.x")    # the page says so


class Odd(NamedTuple):
    """The rule of an odd entry, and a function that makes the same with another entry and dtype."""

    rule: str
    other: Any


def odd(a, within=lambda a: a):
    """(what it is, `a` with one odd entry, what is due) for an array of floats within a value."""
    own, middle = a.dtype, a.size // 2
    for what, entry, kind, rule, at in (
            ("a nan", np.nan, own, NAN, middle), ("a nan first", np.nan, own, NAN, 0),
            ("an inf", np.inf, own, MOST, middle), ("a -inf", -np.inf, own, LEAST, middle),
            ("3e38 within", 3e38, "float32", WIDE, middle),
            ("1e300 within", 1e300, "float64", ANY, middle),
            *((f"{n} within", n, own, PLAIN, middle) for n in (-1, 0, 2))):
        def other(entry, kind=kind, at=at):
            found = a.astype(kind)
            found.reshape(-1)[at] = entry
            return within(found)

        yield what, other(entry), Odd(rule, other)


def cannot_be(place, what):
    """Whether this argument cannot hold such an entry, so that it has to be refused."""
    return any(fnmatchcase(place, where) and re.fullmatch(f"({entries}) within", what)
               for where, entries, _ in OUTSIDE)


def squares(place, told):
    """Whether a norm says that its squares overflow: then it gives 0 for what it divides."""
    return place in SQUARES and "overflow" in told


def fault(came, told, due, right, outcome):
    """What is wrong with what came of an odd entry, and was told of it by NumPy, "" for nothing.

    `right` came of the clean call, and `outcome(thing)` of others, None for a refusal.
    """
    if due.rule == PLAIN and told:
        return f"warned: {told}"
    whole, right_whole = came, right
    came, right = numbers(came), numbers(right)
    if due.rule == NAN:
        tried = [numbers(made) for entry in (-1000, 1000, 0.3, 0.9)
                 if (made := outcome(due.other(entry)))]
        wrong = {name: changes(one, tried, name) & ~is_nan(came.get(name), one)
                 for name, one in right.items()}
        return _said(came, wrong, "tells nothing of the nan, and depends on the entry")
    if due.rule in (MOST, LEAST):
        limit = outcome(due.other(1e30 if due.rule == MOST else -1e30))
        return of_another_form(whole, right_whole, limit) or _said(
            came, others_than(came, limit), "is not the limit")
    if due.rule == WIDE:
        wide = outcome(due.other(3e38, "float64"))
        return of_another_form(whole, right_whole, wide) or _said(
            came, others_than(came, wide), "is not what it is in float64")
    if due.rule == PLAIN and any(is_nan(one, one).any() for one in came.values()):
        return "nan" * (not any(is_nan(one, one).any() for one in right.values()))
    return ""


def of_another_form(came, *right):
    """A sentence where an outcome has the kinds and shapes of none of those that are right."""
    forms = [form(one) for one in right if one is not None]
    return "" if form(came) in forms else f"it is {came!r:.100}, of another kind or shape"


def form(came):
    """An outcome without its numbers and words: shapes, kinds and names."""
    if isinstance(came, dict):
        return {name: form(part) for name, part in came.items()}
    if isinstance(came, list):
        return [*map(form, came)]
    known = isinstance(came, np.ndarray | np.generic | int | float)
    return (np.shape(came), np.asarray(came).dtype.kind) if known else type(came)


def _said(came, wrong, says):
    return "; ".join(f"{name or 'it'} is {came.get(name)!r:.100}, which {says}"
                     for name, those in wrong.items() if np.any(those))[:400]


def numbers(came, name=""):
    """{where: array} of all the numbers in an outcome."""
    if isinstance(came, dict | list):
        items = came.items() if isinstance(came, dict) else enumerate(came)
        return {k: v for key, part in items for k, v in numbers(part, f"{name}/{key}").items()}
    known = isinstance(came, np.ndarray | np.generic | int | float)
    return {name: np.asarray(came)} if known and np.asarray(came).dtype.kind in "biuf" else {}


def changes(one, others, name):
    """Where an array is another in one of `others`; where shapes change, everywhere."""
    found = np.zeros(one.shape, bool)
    for other in others:
        same = name in other and other[name].shape == one.shape
        found |= (other[name] != one) if same else True
    return found


def is_nan(came, one):
    """Where `came`, due in the shape of `one`, is nan."""
    if came is None or came.shape != one.shape or came.dtype.kind != "f":
        return np.zeros(one.shape, bool)
    return np.isnan(came)


def others_than(came, due):
    """Where finite numbers are others than those due; everything is right where none are due."""
    due, found = numbers(due) if due else {}, {}
    for name, one in came.items():
        if name in due and due[name].shape == one.shape:
            a, b = one.astype(float), due[name].astype(float)
            scale = min(1.0, np.max(abs(b), where=np.isfinite(b), initial=1e-20))
            with np.errstate(all="ignore"):
                found[name] = np.isfinite(a) & ~np.isclose(a, b, 0.02, 0.02 * scale)
    return found
