"""How a report reads: equation by equation, in lines of at most 100 columns, with colours."""

import textwrap

from rich.text import Text

from .. import catalog, terminal

WIDTH, MARGIN = 100, 17
STYLES = {"holds": "green", "fails": "bold red", "cannot be seen": "dim", "of another form": "dim"}
MARKS = {"holds": "✓", "fails": "✗", "cannot be seen": "–"}


def whole(report):
    """All lines of a report, as rich's Text."""
    yield from _head(report)
    yield Text()
    shown: dict = {}
    for tag, word, findings in report.equations():
        yield _equation(report, tag, word)
        if not findings:
            yield from _wrapped(report.unseen.get(tag, "belongs to another form: see --form"),
                                "dim", MARGIN)
        for finding in findings:
            if finding in shown:
                yield from _wrapped(f"{MARKS[finding.word]} {finding.claim}: see {shown[finding]}",
                                    "dim", MARGIN)
            else:
                shown[finding] = f"({tag})"
                yield from _finding(finding)
        yield Text()
    if report.manners:
        yield Text(f"{'':{MARGIN}}beside the equations", "bold")
        for finding in report.manners:
            yield from _finding(finding)
        yield Text()
    yield from _foot(report)


def brief(report):
    """The lines that matter where a test fails: what fails, and what it is instead."""
    yield from _head(report)
    shown: set = set()
    for tag, word, findings in report.equations():
        failures = [one for one in findings if one.word == "fails" and one not in shown]
        if failures:
            shown |= {*failures}
            yield Text()
            yield _equation(report, tag, word)
            for finding in failures:
                yield from _finding(finding)
    for finding in report.manners:
        if finding.word == "fails":
            yield Text()
            yield from _finding(finding)
    yield Text()
    yield from _foot(report)


def _head(report):
    yield Text.assemble((report.technique, "bold"), "  ", (report.subject, "bold"))
    for name, value in report.options.items():
        yield Text(f"{'':{len(report.technique)}}  held against the form {name} = {value}", "dim")


def _equation(report, tag, word):
    latex = next(one.latex for one in catalog.technique(report.technique).equations
                 if one.tag == tag)
    line = Text(f"{word:{MARGIN}}", STYLES[word])
    line.append(f"({tag})  ", "dim")
    space = len(line.plain)
    first, *rest = textwrap.wrap(terminal.formula(latex), WIDTH - space) or [""]
    line.append("\n".join([first, *(" " * space + more for more in rest)]), "bold")
    return line


def _finding(finding):
    aside = {"holds": finding.input, "cannot be seen": finding.found}.get(finding.word, "")
    mark, style = MARKS[finding.word], STYLES[finding.word]
    wide = len(mark) + 1 + len(finding.claim) + 2
    if finding.word == "fails":
        yield from _wrapped(f"{mark} {finding.claim}", style, MARGIN)
        for label in ("input", "found", "due"):
            yield from _labelled(label, getattr(finding, label))
    elif MARGIN + wide + len(aside) <= WIDTH or wide < 50:
        lines = textwrap.wrap(aside, WIDTH - MARGIN - wide) or [""]
        yield Text.assemble(" " * MARGIN, (mark, style), f" {finding.claim}  ", (lines[0], "dim"))
        yield from (Text(" " * (MARGIN + wide) + line, "dim") for line in lines[1:])
    else:
        yield Text.assemble(" " * MARGIN, (mark, style), f" {finding.claim}")
        yield from _wrapped(aside, "dim", MARGIN + 2)


def _labelled(label, text):
    lines = textwrap.wrap(text, WIDTH - MARGIN - 11) or ["nothing"]
    for i, line in enumerate(lines):
        yield Text.assemble(" " * (MARGIN + 4), ("" if i else label).ljust(7), line)


def _foot(report):
    yield Text(report.verdict, STYLES["holds" if report.holds else "fails" if report.failures
                                      else "cannot be seen"])
    for hint in (*report.hints, *report.remarks):
        yield from _wrapped(hint, "", 0)
    words = [word for _, word, _ in report.equations()]
    counts = [f"{words.count(word)} {'hold' if word == 'holds' and words.count(word) > 1 else word}"
              for word in STYLES if word in words]
    yield from _wrapped(f"equations: {', '.join(counts)}; checks that drew at random fail a right "
                        f"implementation with a probability below {_above(report.alarm)} in all",
                        "dim", 0)
    if report.versions:
        versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
        yield from _wrapped(versions, "dim", 0)


def _above(alarm):
    """The bound with one digit, rounded up."""
    exponent = 0
    while alarm and alarm < 1:
        alarm, exponent = alarm * 10, exponent - 1
    return f"{-(-round(alarm, 9) // 1):.0f}e{exponent:+03d}" if alarm else "1e-09"


def _wrapped(text, style, indent):
    for line in textwrap.wrap(text, WIDTH - indent) or [""]:
        yield Text(" " * indent + line, style)
