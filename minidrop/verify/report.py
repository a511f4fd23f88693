"""What was found: findings, one a check, and the report that orders them by equations."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .. import catalog
from ..files import put
from . import text

HOLDS, FAILS, UNSEEN, OTHER = "holds", "fails", "cannot be seen", "of another form"


class Finding(NamedTuple):
    """The result of one check."""

    check: str                                    # its name, as "rate"
    tags: tuple[str, ...]                         # equations that it is about; () for manners
    claim: str                                    # what is due, in a sentence
    word: str                                     # HOLDS, FAILS or UNSEEN
    input: str = ""                               # the smallest that shows it, or what was tried
    found: str = ""                               # beside what was due; or why it cannot be seen
    due: str = ""


@dataclass(repr=False)
class Report:
    """What `check` returns: is every equation kept, and where not, what was found instead.

    `holds` is True where no check failed; `variant` names what the implementation is instead, if
    that is known, and `form` how to ask for that; `alarm` bounds the probability that a right one
    is failed.  Iterating gives the findings, `print` the whole text.

    >>> Report("dropout", "f", [Finding("values", ("dropout.2",), "is scaled", "fails")])
    <Report: dropout f: fails dropout.2>
    """

    technique: str
    subject: str                                  # the implementation, and what it was taken for
    findings: list[Finding]
    unseen: Mapping[str, str] = field(default_factory=dict)   # tag: why no outsider can see it
    options: Mapping[str, Any] = field(default_factory=dict)  # the form it was held against
    variant: str = ""
    form: Mapping[str, Any] = field(default_factory=dict)     # the options of the variant
    alarm: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()                   # no faults, and worth knowing
    understood: Mapping[str, str] = field(default_factory=dict)     # argument: what it is for

    @property
    def holds(self):
        """No check failed, and at least one equation could be seen."""
        return not self.failures and any(finding.word == HOLDS and finding.tags
                                         for finding in self.findings)

    @property
    def failures(self):
        """The findings that failed."""
        return [finding for finding in self.findings if finding.word == FAILS]

    @property
    def broken(self):
        """The tags of the equations that failed, in order."""
        return [tag for tag, word, _ in self.equations() if word == FAILS]

    def equations(self):
        """(tag, word, findings) of each equation of the technique, in order."""
        for tag in catalog.formulas(self.technique):
            about = [finding for finding in self.findings if tag in finding.tags]
            words = {finding.word for finding in about}
            word = next((word for word in (FAILS, HOLDS, UNSEEN) if word in words),
                        UNSEEN if tag in self.unseen else OTHER)
            yield tag, word, about

    @property
    def manners(self):
        """The findings that are about no equation: dtype, what is overwritten, what is printed."""
        return [finding for finding in self.findings if not finding.tags]

    @property
    def verdict(self):
        """One sentence."""
        if self.holds:
            return "every equation that can be seen holds"
        if not self.failures:
            return "nothing can be seen from outside"
        beside = [finding.check for finding in self.failures if not finding.tags]
        if "answer" in beside:
            return "gives no answer"
        which = [*self.broken, *beside]
        known = f"; a known variant: {self.variant}" if self.variant else ""
        return f"fails {', '.join(which)}{known}"

    @property
    def hints(self):
        """What to try next, in sentences."""
        if not self.form:
            return []
        words = [f"--rate {value}" if name == "rate" else f"--form {name}={value}"
                 for name, value in self.form.items()]
        return [f"if that is what is wanted, hold it against that: {' '.join(words)}"]

    def json(self):
        """The report as a dict of what JSON can hold."""
        return {
            "technique": self.technique, "subject": self.subject, "options": dict(self.options),
            "verdict": self.verdict, "holds": self.holds, "variant": self.variant,
            "form": dict(self.form), "alarm": self.alarm, "versions": dict(self.versions),
            "remarks": list(self.remarks), "understood": dict(self.understood),
            "equations": {tag: word for tag, word, _ in self.equations()},
            "findings": [finding._asdict() | {"tags": list(finding.tags)}
                         for finding in self.findings]}

    def __iter__(self):
        return iter(self.findings)

    def __repr__(self):
        return f"<Report: {self.technique} {self.subject}: {self.verdict}>"

    def __str__(self):
        """Equation by equation, as a reader sees it in a terminal."""
        return text.plain(text.Lines(self).whole())

    def __rich_console__(self, console, options):
        yield from text.Lines(self, options.max_width).whole()

    @property
    def brief(self):
        """What fails, and what it is instead, as text."""
        return text.plain(text.Lines(self).brief())

    def write(self, path):
        """Write `json()` to the file `path`, whole or not at all."""
        put(Path(path), (json.dumps(self.json(), indent=2) + "\n").encode())
