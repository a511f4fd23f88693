"""How a report reads: equation by equation, in lines of at most 100 columns, with colours."""

import math
import textwrap

from rich.text import Text

from .. import catalog, terminal

WIDTH, MARGIN, LABEL = 100, 17, 7
STYLES = {"holds": "green", "fails": "bold red", "cannot be seen": "dim", "of another form": "dim"}
MARKS = {"holds": "✓", "fails": "✗", "cannot be seen": "–"}


class Lines:
    """The lines of one report, as rich's Text, for a terminal of some width."""

    def __init__(self, report, width=WIDTH):
        self.report, self.width = report, max(60, min(width, WIDTH))
        self.seen: dict = {}                      # finding: the equation at which it was shown
        self.column = min(54, 2 + max([len(one.claim) for one in report.findings], default=0))

    def whole(self):
        """Everything."""
        yield from self._head()
        if answer := [one for one in self.report.manners if one.check == "answer"]:
            yield Text()
            yield from self._findings(answer)
        yield Text()
        for tag, word, findings in self.report.equations():
            yield from self._equation(tag, word)
            if tag in self.report.unseen:
                yield from self._wrapped(self.report.unseen[tag], "dim", MARGIN)
            yield from self._findings(findings, tag)
        if beside := [one for one in self.report.manners if not answer or one.word == "holds"]:
            yield Text()
            yield Text(f"{'':{MARGIN}}beside the equations", "bold")
            yield from self._findings(beside)
        yield Text()
        yield from self._foot()

    def brief(self):
        """What fails, and what it is instead."""
        yield from self._head()
        for tag, word, findings in self.report.equations():
            failures = [one for one in findings if one.word == "fails" and one not in self.seen]
            if failures:
                yield Text()
                yield from self._equation(tag, word)
                yield from self._findings(failures, tag)
        if beside := [one for one in self.report.manners if one.word == "fails"]:
            yield Text()
            yield from self._findings(beside)
        yield Text()
        yield from self._foot()

    def _head(self):
        report = self.report
        yield Text(f"{report.technique}: {report.subject}", "bold")
        if report.understood:
            roles = ", ".join(f"{name}: {role}" for name, role in report.understood.items())
            yield from self._wrapped(f"understood as {roles}", "dim", 0)
        if report.options:
            form = ", ".join(f"{name} = {value}" for name, value in report.options.items())
            yield from self._wrapped(f"held against the form {form}", "dim", 0)

    def _equation(self, tag, word):
        latex = catalog.formulas(self.report.technique)[tag]
        space = MARGIN + len(f"({tag})  ")
        first, *rest = textwrap.wrap(terminal.formula(latex), self.width - space) or [""]
        bold = "bold" if word in ("holds", "fails") else "dim"
        yield Text.assemble((f"{word:{MARGIN}}", STYLES[word]), (f"({tag})  ", "dim"),
                            (first, bold))
        yield from (Text(" " * space + more, bold) for more in rest)

    def _findings(self, findings, tag=""):
        """One after the other; one line where nothing of an equation can be seen for one reason."""
        reasons = {one.found for one in findings if one.word == "cannot be seen"}
        if len(reasons) == 1 and all(one.word == "cannot be seen" for one in findings):
            yield from self._wrapped(f"– {reasons.pop()}", "dim", MARGIN)
            return
        for finding in findings:
            if finding in self.seen:
                yield from self._aside(finding, f"see ({self.seen[finding]})")
            else:
                yield from self._finding(finding)
            self.seen.setdefault(finding, tag)

    def _finding(self, finding):
        if finding.word != "fails":
            yield from self._aside(finding, finding.input or finding.found)
            return
        yield from self._wrapped(f"{MARKS['fails']} {finding.claim}", STYLES["fails"], MARGIN)
        for label in ("input", "found", "due"):
            value = getattr(finding, label)
            lines = textwrap.wrap(value, self.width - MARGIN - LABEL - 4) or ["nothing"]
            for i, line in enumerate(lines):
                yield Text.assemble(" " * (MARGIN + 4), ("" if i else label).ljust(LABEL), line)

    def _aside(self, finding, aside):
        """A line with its claim at the left, and more in a column at the right where it fits."""
        mark, style = MARKS[finding.word], STYLES[finding.word]
        claim = "" if finding.word == "holds" else "dim"
        room = self.width - MARGIN - 2 - self.column
        if len(finding.claim) + 2 <= self.column and len(aside) <= room:
            yield Text.assemble(" " * MARGIN, (f"{mark} ", style),
                                (finding.claim.ljust(self.column), claim), (aside, "dim"))
        else:
            lines = textwrap.wrap(finding.claim, self.width - MARGIN - 2)
            yield Text.assemble(" " * MARGIN, (f"{mark} ", style), (lines[0], claim))
            yield from (Text(" " * (MARGIN + 2) + line, claim) for line in lines[1:])
            yield from self._wrapped(aside, "dim", MARGIN + 4)

    def _foot(self):
        report = self.report
        word = "holds" if report.holds else "fails" if report.failures else "cannot be seen"
        yield from self._wrapped(report.verdict, STYLES[word], 0)
        for hint in (*report.hints, *report.remarks):
            yield from self._wrapped(hint, "", 0)
        words = [word for _, word, _ in report.equations()]
        counts = ", ".join(f"{words.count(word)} {_plural(word, words.count(word))}"
                           for word in STYLES if word in words)
        yield from self._wrapped(f"equations: {counts}", "dim", 0)
        if "of another form" in words:
            yield from self._wrapped("of another form: the equation belongs to a form that was not "
                                     "asked for (--form)", "dim", 0)
        if report.alarm:
            yield from self._wrapped("a right implementation is failed with a probability below "
                                     f"{bound(report.alarm)}", "dim", 0)
        if report.versions:
            yield from self._wrapped(", ".join(f"{name} {version}" for name, version
                                               in report.versions.items()), "dim", 0)

    def _wrapped(self, text, style, indent):
        for line in textwrap.wrap(text, self.width - indent) or [""]:
            yield Text.assemble(" " * indent, (line, style))


def _plural(word, count):
    return {"holds": "hold", "fails": "fail"}.get(word, word) if count > 1 else word


def bound(probability):
    """A probability with one digit, rounded up.

    >>> bound(2.1e-08), bound(3e-08)
    ('3e-08', '3e-08')
    """
    digits, power = f"{probability:.6e}".split("e")
    digit = math.ceil(float(digits))
    return f"{digit}e{int(power):03d}" if digit < 10 else f"1e{int(power) + 1:03d}"


def plain(lines):
    """Lines of Text as one text without colours."""
    return "\n".join(line.plain.rstrip() for line in lines)
