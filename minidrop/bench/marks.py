"""Marks behind ratios that should not be trusted, since other blocks gave others."""

WIDE = 1.25                 # what `spread` is at most on a quiet machine
MARK = "?"


def wide(record, name):
    """Whether other blocks gave another ratio `name` of a record, or of a rival in it."""
    return record.get("spread", {}).get(name, 1) > WIDE


def marked(text, mark):
    """The text of a number behind which there is a mark, or a blank.

    >>> marked("1.250", True), marked("1.250", False)
    ('1.250?', '1.250 ')
    """
    return text + (MARK if mark else " ")


def doubts(lines, why=f"the quartiles of a ratio's blocks are over {WIDE - 1:.0%} apart"):
    """What a mark in the lines of a table says, as a line; none where there is none."""
    return [f"{MARK:9} the machine was not quiet: {why}"] * any(MARK in line for line in lines)
