"""What a technique is to a verifier: how it is called, its checks, forms and known variants."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..files import short
from ..scalars import shown as given_as
from .clock import WALL
from .report import FAILS, HOLDS, UNSEEN, Finding

ENOUGH = 3                                        # so many checks without an end, and no more


class Technique(NamedTuple):
    """What there is to hold an implementation against.

    `options` are its forms: {"scaling": ("inverted", "paper")}, the first is what is meant unless
    another is asked for.  `variants` name deviations that are known, each as a change of options.
    """

    name: str                                     # as `minidrop equations` has it
    arrays: tuple[str, ...]                       # roles of the arrays that go in
    parameters: tuple[str, ...]                   # roles of the numbers
    checks: tuple[Any, ...]
    options: Mapping[str, tuple] = {}
    variants: Mapping[str, Mapping[str, Any]] = {}
    unseen: Mapping[str, str] = {}                # tag: why no outsider can see it
    layers: bool = True                           # may be made as a layer; else a function always

    def checks_for(self, options):
        """The checks that are made in the form of these options."""
        return [check for check in self.checks if check.applies(options)]

    def form(self, given):
        """The options as given, and the first of each that is not; ValueError for others."""
        for name, value in given.items():
            if name not in self.options:
                raise ValueError(f"{self.name} has no option {short(repr(name))}; there are "
                                 f"{', '.join(self.options) or 'none'}")
            if value not in self.options[name]:
                raise ValueError(f"{name} must be one of "
                                 f"{', '.join(map(str, self.options[name]))}, got "
                                 f"{given_as(value)}")
        return {name: values[0] for name, values in self.options.items()} | dict(given)


class Outcome(NamedTuple):
    """What a check returns."""

    word: str
    input: str
    found: str = ""
    due: str = ""


def held(tried):
    """Everything that was tried is as due."""
    return Outcome(HOLDS, tried)


def fails(input, found, due):
    """`input` shows that `found` stands where `due` should."""
    return Outcome(FAILS, input, found, due)


def overdue(last, waited, seconds, wall=False):
    """Time is over, after the input `last` has waited so long: hanging, or many slow answers.

    Seconds of computing, or for `wall` those of the wall clock, which are WALL times as many.
    """
    limit, kind = (WALL * seconds, "by the wall clock") if wall else (seconds, "of computing")
    if waited < limit / 2:
        return Outcome(UNSEEN, "", f"its answers come too slowly for {limit:g} s {kind}")
    return fails(last, f"no answer in {waited:.3g} s {kind}", "an array")


def not_tried(check, options):
    """The Finding of a check that comes after too many without an end."""
    reason = f"not tried, since {ENOUGH} checks before it had no end"
    return check.finding(Outcome(UNSEEN, "", reason), options)


def states(*tags):
    """A check of the equations `tags`: what it returns becomes a Finding with its name and claim.

    Its claim is the first line of its docstring.  `tags` may be one function of the options, which
    gives the tags of the form that is held against.  Its `applies` says for which options it is
    made at all.
    """
    def decorate(check):
        def finding(outcome, options):
            which = tags[0](options) if tags and callable(tags[0]) else tags
            claim = check.__doc__.splitlines()[0].strip().rstrip(".")
            return Finding(check.called, tuple(which), claim, *outcome)

        check.called, check.finding = check.__name__.strip("_").replace("_", " "), finding
        check.applies = lambda options: True
        return check

    return decorate


def of_form(what, *checks, option="what"):
    """`checks`, to be made where the option is `what`: a page may hold several functions."""
    for check in checks:
        check.applies = lambda options: options[option] == what
    return checks


def shown(array, most=8):
    """An array as a reader wants it: up to `most` numbers, no 0 with a sign, else its shape.

    >>> shown(np.array([[1.0, 0.25], [-0.0, -2.0]]))
    '[[1, 0.25], [0, -2]]'
    """
    array = np.asarray(array)
    if array.size > most:
        return f"{array.dtype} of shape {array.shape}"
    text = np.array2string(array, separator=", ", formatter={"float": "{:z.6g}".format,
                                                              "bool": "{:d}".format})
    return " ".join(text.split())


def call(*arrays, names="xyzuvw", **parameters):
    """How an input is named in a finding: "x = [[1, 2]], p = 0.5"; `names` are those of the arrays.

    >>> call(np.array([1.0, 2.0]), p=0.5)
    'x = [1, 2], p = 0.5'
    """
    named = [f"{name} = {shown(array)}" for name, array in zip(names, arrays, strict=False)]
    named += [f"{name} = {value:.6g}" if isinstance(value, float) else f"{name} = {value}"
              for name, value in parameters.items()]
    return ", ".join(named)
