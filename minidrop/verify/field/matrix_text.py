"""How the matrix of the field reads: a table, and a note for every cell that does not hold."""

import textwrap

from rich.table import Table
from rich.text import Text

from ..report import FAILS, HOLDS
from ..text import STYLES, WIDTH, bound
from .libraries import LIBRARIES, NOT_VERIFIED, VARIANT

SHORT = {HOLDS: "holds", VARIANT: "variant", FAILS: "fails", NOT_VERIFIED: "unclear"}
COLOURS = STYLES | {VARIANT: "yellow", NOT_VERIFIED: "dim"}
LEGEND = ("holds: every equation that can be seen from outside; variant: every one, of a form that "
          "has a name; fails: an equation, or a rule of conduct; unclear: no answer that could be "
          "judged; -: nothing of the library is tried here; absent: it is not installed")


def techniques(matrix):
    """The techniques that have a cell, in order."""
    return list(dict.fromkeys(cell["technique"] for cell in matrix["cells"]))


def cells(matrix, technique, library):
    """The cells of a technique in a library."""
    return [cell for cell in matrix["cells"]
            if (cell["technique"], cell["library"]) == (technique, library)]


def noted(matrix):
    """The cells that have a note, with its number, in the order of the table."""
    return list(enumerate([cell for cell in matrix["cells"] if cell["word"] != HOLDS], 1))


def without(matrix, library):
    """What stands where a library has no cell of a technique."""
    return "-" if matrix["libraries"][library] else "absent"


def sentence(cell):
    """What a cell is instead, with the first thing that shows it, and the numbers.

    >>> sentence({"word": "holds"})
    'Every equation that can be seen holds.'
    """
    if cell["word"] == HOLDS:
        return "Every equation that can be seen holds."
    if cell["word"] == NOT_VERIFIED:
        return f"It cannot be verified: {cell['reason']}." + (
            _shown(cell["failures"][0]) if cell.get("failures") else "")
    parts = []
    if cell["variant"]:
        left = f", which does not explain {'; '.join(cell['unexplained'])}" \
            if cell["unexplained"] else ""
        parts.append(f"It is another form: {cell['variant']}{left}.")
    failing = cell["failures"]
    if cell["unexplained"]:                       # what has no name comes first
        failing = sorted(failing, key=lambda one: one["claim"] not in cell["unexplained"])
    parts.append(_shown(failing[0]).strip())
    which = [*cell["broken"], *(one["check"] for one in failing if not one["tags"])]
    form = ", ".join(f"{name} = {value}" for name, value in cell["held against"].items())
    parts.append(f"Against {form or 'the equations'}: {', '.join(which)}.")
    return " ".join(parts)


def _shown(finding):
    """The input that shows a failure, with what was found beside what is due."""
    tags = f" ({', '.join(finding['tags'])})" if finding["tags"] else ""
    return (f" Due is: {finding['claim'][0].lower()}{finding['claim'][1:]}{tags}; with "
            f"{finding['input']} it gives {finding['found'].rstrip('.')}, and due is "
            f"{finding['due']}.")


def rendered(matrix):
    """The table, for rich."""
    numbers = {id(cell): number for number, cell in noted(matrix)}
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for library in LIBRARIES:
        version = (matrix["libraries"][library] or "absent").partition("+")[0]
        table.add_column(Text.assemble(LIBRARIES[library][0], "\n", (version, "dim")), no_wrap=True)
    for technique in techniques(matrix):
        row = [Text(technique)]
        for library in LIBRARIES:
            there = cells(matrix, technique, library)
            lines = [Text(f"{SHORT[cell['word']]} {numbers.get(id(cell), '')}".rstrip(),
                          COLOURS[cell["word"]]) for cell in there]
            row.append(Text("\n").join(lines) if lines else Text(without(matrix, library), "dim"))
        table.add_row(*row)
    return table


def notes(matrix, width=WIDTH):
    """The notes, as lines of text: what differs in each cell that does not hold."""
    for number, cell in noted(matrix):
        head = f"{number:2d}  "
        yield Text.assemble((head, "dim"), (cell["implementation"], "bold"),
                            (f"  {cell['technique']}", "dim"))
        for line in textwrap.wrap(sentence(cell), min(width, WIDTH) - len(head)):
            yield Text(" " * len(head) + line)


def lines(matrix, width=WIDTH):
    """Table, legend and notes, for rich's console, one after the other."""
    yield rendered(matrix)
    yield Text()
    for line in textwrap.wrap(LEGEND, min(width, WIDTH)):
        yield Text(line, "dim")
    if noted(matrix):
        yield Text()
        yield from notes(matrix, width)
    yield Text()
    yield Text("\n".join(textwrap.wrap(foot(matrix), min(width, WIDTH))), "dim")


def foot(matrix):
    """What the matrix comes from, in a sentence or two."""
    alarm = sum(cell.get("alarm", 0.0) for cell in matrix["cells"])
    keras = f"; Keras computes with {matrix['keras on']}" if matrix["keras on"] else ""
    part = "" if matrix["finished"] else " The run was interrupted: this is a part."
    ours = matrix["libraries"]["minidrop"]
    return (f"{len(matrix['cells'])} implementations, each in a process of its own, by minidrop "
            f"{ours}{keras}. A right implementation is failed anywhere in here with a probability "
            f"below {bound(alarm)}.{part}")
