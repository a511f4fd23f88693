"""Write the page of the field from the matrix that comes with the package.

    minidrop verify --field --json minidrop/verify/field.json
    python site/scripts/field.py
"""

from pathlib import Path

from minidrop.verify.field import matrix, matrix_text
from minidrop.verify.field.libraries import LIBRARIES

PAGE = Path(__file__).parents[1] / "pages" / "field.md"


def table(whole):
    """The matrix as a table in Markdown."""
    libraries = whole["libraries"]
    numbers = {id(cell): number for number, cell in matrix_text.noted(whole)}
    heads = [f"{LIBRARIES[one][0]} {libraries[one] or ''}".strip() for one in libraries]
    yield f"| technique | {' | '.join(heads)} |"
    yield f"|---{'|---' * len(heads)}|"
    for technique in matrix_text.techniques(whole):
        row = []
        for library in libraries:
            words = [matrix_text.SHORT[cell["word"]] + (
                f" [{numbers[id(cell)]}](#{numbers[id(cell)]})" if id(cell) in numbers else "")
                for cell in matrix_text.cells(whole, technique, library)]
            row.append("<br>".join(words) or matrix_text.without(whole, library))
        yield f"| {technique} | {' | '.join(row)} |"


def page(whole):
    """The whole page."""
    yield "# What the field computes\n"
    yield ("`minidrop verify --field` holds every implementation below against the equations of "
           "its technique, as a\nblack box, in a process of its own. This page is written from the "
           "matrix of a real run, which comes with\nthe package: "
           "`minidrop verify --field --show` prints it, `minidrop verify --field` runs it anew.\n")
    yield from table(whole)
    yield f"\n{matrix_text.LEGEND}.\n\n{matrix_text.foot(whole)}\n"
    yield "## What differs\n"
    for number, cell in matrix_text.noted(whole):
        yield (f"<a id=\"{number}\"></a>{number}. **`{cell['implementation']}`** "
               f"({cell['technique']}). {matrix_text.sentence(cell)}\n")


def text():
    """The page for the matrix that is stored."""
    return "\n".join(page(matrix.stored())).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
