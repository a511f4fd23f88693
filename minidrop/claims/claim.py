"""What a claim is: a sentence of a paper, an experiment, and a rule fixed before the run."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

MEANING = {"held": "all parts of the claim were seen",
           "not held": "a part of what its rule asks for was seen, and another was not, or "
                       "even its opposite",
           "not seen at this scale": "its rule found neither it nor its opposite",
           "refuted": "the opposite of a part at least was seen, and no part"}
WORDS = (*MEANING,)
_PAPER = re.compile(r"[A-Z][\w-]+(?: et al\.|,? & [A-Z][\w-]+)? (?:19|20)\d\d\b")


class Verdict(NamedTuple):
    """What came out: one of WORDS, the numbers in a sentence, and the lines that say why."""

    word: str
    headline: str               # also what the claim costs, where that was measured
    lines: tuple


@dataclass(frozen=True)
class Claim:
    """A claim, in our words, and how it is tried.

    `run(arm, seed, settings, progress)` trains one network of one arm and returns what is measured,
    as JSON can hold it.  `judge(results, settings)` gives the `Verdict` of {arm: [result of each
    seed]}, by `rule`; where arms are compared, by the 95 % interval of their paired differences
    over the seeds, so that one seed shows nothing.  `draw(results, settings)` makes a figure.
    What a run executes is fingerprinted (`fingerprint`), so that a record is of the code of now.
    ValueError where the rule does not say for each of WORDS what it needs.
    """

    name: str
    techniques: tuple           # those it is about, or compares: their pages list it
    sentence: str
    source: str                 # paper, section, figure or table
    known: str                  # the numbers that it gives, and how sure we are of them
    protocol: str               # data, split, model, optimizer, epochs
    measure: str
    rule: dict                  # {word: what it needs}, for all of WORDS, fixed before the run
    arms: tuple                 # the recipes that are compared
    scales: dict                # {"quick": settings, "standard": settings}; "seeds" is one of them
    takes: dict                 # {scale: how long all of its runs took us}
    run: Callable
    judge: Callable
    draw: Callable
    before: str = ""            # an earlier run and its fault, which led to this protocol and seeds
    effect: str = "not known to us well enough to be printed"     # `known`, in a few words
    runs_of: str = ""           # the claim whose runs it judges by its own rule; else its own

    @property
    def kept_as(self):
        """The name under which its runs are kept: its own, or that of the claim they are of."""
        return self.runs_of or self.name

    @property
    def paper(self):
        """Whose claim it is: the authors and the year that `source` names first."""
        found = _PAPER.search(self.source)
        return found[0] if found else "No paper"

    def __post_init__(self):
        if (*self.rule,) != WORDS:
            raise ValueError(f"rule must say what each of {', '.join(WORDS)} needs, got "
                             f"{', '.join(self.rule) or 'none'}")


def by_paper(claims):
    """{paper: [Claim]} in the order of the years; those of no paper come last."""
    found: dict = {}
    for claim in claims:
        found.setdefault(claim.paper, []).append(claim)
    return dict(sorted(found.items(), key=lambda one: one[0][-4:]))
