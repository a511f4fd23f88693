"""What a claim is: a sentence of a paper, an experiment, and a rule fixed before the run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

WORDS = ("held", "not held", "not seen at this scale")


class Verdict(NamedTuple):
    """What came out: one of WORDS, and the lines that say why."""

    word: str
    lines: tuple


@dataclass(frozen=True)
class Claim:
    """A claim, in our words, and how it is tried.

    `run(arm, seed, settings, progress)` trains one network of one arm and returns what is measured,
    as JSON can hold it.  `judge(results, settings)` gives the `Verdict` of {arm: [result of each
    seed]}, by `rule`.  `draw(results, settings)` makes a figure.
    """

    name: str
    sentence: str
    source: str                 # paper, section, figure or table
    known: str                  # the numbers that it gives, and how sure we are of them
    protocol: str               # data, split, model, optimizer, epochs
    measure: str
    rule: str                   # what counts as held, fixed before the run
    refuted: str                # what would refute it
    arms: tuple                 # the recipes that are compared
    scales: dict                # {"quick": settings, "standard": settings}; "seeds" is one of them
    run: Callable
    judge: Callable
    draw: Callable
