"""What was found: findings, one a check, and the report that orders them by equations."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import catalog, terminal

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


@dataclass
class Report:
    """What `check` returns: is every equation kept, and where not, what was found instead.

    `holds` is True where no check failed; `variant` names what the implementation is instead, if
    that is known; `alarm` bounds the probability that a right one is failed.
    """

    technique: str
    subject: str                                  # the implementation, and what it was taken for
    findings: list[Finding]
    unseen: Mapping[str, str] = field(default_factory=dict)   # tag: why no outsider can see it
    options: Mapping[str, Any] = field(default_factory=dict)  # the form it was held against
    variant: str = ""
    alarm: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def holds(self):
        """No check failed, and at least one could be made."""
        words = [finding.word for finding in self.findings]
        return HOLDS in words and FAILS not in words

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
        for equation in catalog.technique(self.technique).equations:
            about = [finding for finding in self.findings if equation.tag in finding.tags]
            words = {finding.word for finding in about}
            word = next((word for word in (FAILS, HOLDS, UNSEEN) if word in words),
                        UNSEEN if equation.tag in self.unseen else OTHER)
            yield equation.tag, word, about

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
        which = ", ".join(self.broken) or "manners: " + ", ".join(
            finding.check for finding in self.failures)
        known = f"; a known variant: {self.variant}" if self.variant else ""
        return f"fails {which}{known}"

    def json(self):
        """The report as a dict of what JSON can hold."""
        return {
            "technique": self.technique, "subject": self.subject, "options": dict(self.options),
            "verdict": self.verdict, "holds": self.holds, "variant": self.variant,
            "alarm": self.alarm, "versions": dict(self.versions),
            "equations": {tag: word for tag, word, _ in self.equations()},
            "findings": [finding._asdict() | {"tags": list(finding.tags)}
                         for finding in self.findings]}

    def __str__(self):
        """Equation by equation, as a reader sees it in a terminal."""
        equations = {one.tag: one for one in catalog.technique(self.technique).equations}
        lines = [f"{self.technique}: {self.subject}"]
        lines += [f"held against {name} = {value}" for name, value in self.options.items()]
        for tag, word, findings in self.equations():
            lines += ["", f"({tag})  {word}   {terminal.formula(equations[tag].latex)}"]
            if not findings and tag in self.unseen:
                lines.append(f"    {self.unseen[tag]}")
            lines += [line for finding in findings for line in _lines(finding)]
        lines += ["", "beside the equations"]
        lines += [line for finding in self.manners for line in _lines(finding)]
        lines += ["", f"verdict: {self.verdict}",
                  f"a right implementation is failed with a probability below {self.alarm:.1g}"]
        return "\n".join(lines)

    def write(self, path):
        """Write `json()` to the file `path`."""
        path.write_text(json.dumps(self.json(), indent=2) + "\n", encoding="utf-8")


def _lines(finding):
    yield f"    {finding.word}: {finding.claim}" + (
        f" ({finding.input})" if finding.word == HOLDS else
        f" ({finding.found})" if finding.word == UNSEEN else "")
    if finding.word == FAILS:
        yield from (f"        {label:5s} {value}" for label, value in
                    (("input", finding.input), ("found", finding.found), ("due", finding.due)))
