"""What an entry of the gallery says of its implementation, and how the entries are collected.

    right, wrong = Shelf(Right), Shelf(Wrong)

    @wrong("dropout", "dropout.2", museum=14)
    def scaled_to_keep_the_square(x, p, training, rng):
        \"""(dropout.2): kept units are divided by the root of q.\"""

An entry's name is that of its function or class, in words, and unique within its technique.
"""

import os
import re
from typing import NamedTuple

SEEDS = int(os.environ.get("MINIDROP_SEEDS", "2"))       # 200 in .ci/long


class Right(NamedTuple):
    """An implementation that must never be failed."""

    name: str
    technique: str
    impl: object
    options: dict                                 # the form to hold it against


class Wrong(NamedTuple):
    """An implementation that must be failed, at one of the equations of `tags` at least.

    Where no equation is broken but a rule of conduct, `manner` names it: "dtype", "shape", "type",
    "input" (overwritten), "finite" (what is infinite is hidden), "crash", "hang", "prints",
    "refuses" (something that is allowed).
    """

    name: str
    technique: str
    impl: object
    options: dict
    tags: tuple
    museum: int | None                            # the number in tests/faults.py
    manner: str | None


class Shelf(list):
    """Entries of one kind, in the order in which they are put there: a decorator that does it."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def __call__(self, technique, *tags, name=None, options=None, museum=None, manner=None):
        about = (tags, museum, manner) if self.kind is Wrong else ()

        def put(impl):
            self.append(self.kind(name or words(impl), technique, impl, options or {}, *about))
            return impl

        return put


def words(impl):
    """The name of a function (under_scores) or a class (CamelCase) in words."""
    if not isinstance(impl, type):
        return impl.__name__.replace("_", " ")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", impl.__name__).lower()
