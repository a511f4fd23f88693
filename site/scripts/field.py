"""Write the page of the field from the matrix that comes with the package.

    minidrop verify --field --json minidrop/verify/field.json
    python site/scripts/field.py
"""

import sys
from collections import Counter
from pathlib import Path

from minidrop.verify.field import matrix, matrix_text
from minidrop.verify.field.libraries import LIBRARIES

sys.path.insert(0, str(Path(__file__).parents[1]))   # where it is run alone
from scripts import links

PAGE = Path(__file__).parents[1] / "pages" / "field.md"
SIGNS = {"holds": "✓", "variant": "≈", "fails": "✗", "unclear": "?"}


def pages():
    """{"field.md": Markdown}."""
    return {PAGE.name: text()}


def table(whole):
    """The matrix as a table in Markdown: a row for each technique, a column for each library."""
    libraries = whole["libraries"]
    numbers = {id(cell): number for number, cell in matrix_text.noted(whole)}
    heads = [f"{LIBRARIES[one][0]} {(libraries[one] or '').partition('+')[0]}".strip()
             for one in libraries]
    yield f"| technique | {' | '.join(heads)} |"
    yield f"|---{'|---' * len(heads)}|"
    for technique in matrix_text.techniques(whole):
        row = [verdict(matrix_text.cells(whole, technique, library), numbers)
               or matrix_text.without(whole, library) for library in libraries]
        yield f"| {links.technique(technique, PAGE.name, f'`{technique}`')} | {' | '.join(row)} |"


def verdict(cells, numbers):
    """What stands in a field of the table: a sign and a word, and the number of a note.

    >>> verdict([{"word": "holds"}, {"word": "holds"}], {})
    '✓ holds (2)'
    """
    words = Counter(named(matrix_text.SHORT[cell["word"]]) + (
        f" [{numbers[id(cell)]}](#{numbers[id(cell)]})" if id(cell) in numbers else "")
        for cell in cells)
    return "<br>".join(word + (f" ({count})" if count > 1 else "") for word, count in words.items())


def named(word):
    """A word of the matrix behind its sign."""
    return f"{SIGNS[word]} {word}"


def page(whole):
    """The whole page."""
    legend = "; ".join(part if part.partition(":")[0] not in SIGNS else
                       f"{SIGNS[part.partition(':')[0]]} {part}"
                       for part in matrix_text.LEGEND.split("; "))
    yield "---\nhide: [toc]\n---\n"
    yield "# What the field computes\n"
    yield ("`minidrop verify --field` holds every implementation below against the equations of "
           "its technique, as a\nblack box, in a process of its own. This page is written from the "
           "matrix of a real run, which comes with\nthe package: "
           "`minidrop verify --field --show` prints it, `minidrop verify --field` runs it anew.\n")
    yield f"{legend}. A number in brackets counts implementations alike.\n"
    yield '<div class="filtered matrix" data-label="Show rows and notes with" markdown>\n'
    yield from table(whole)
    yield f"\n{matrix_text.foot(whole)}\n"
    yield "## What differs\n"
    for number, cell in matrix_text.noted(whole):
        about = links.technique(cell["technique"], PAGE.name, cell["technique"])
        yield f'<div class="entry" id="{number}" markdown>\n'
        yield (f"**{number}. `{cell['implementation']}`** ({about}). "
               f"{matrix_text.sentence(cell)}\n")
        yield "</div>\n"
    yield "</div>\n"


def text():
    """The page for the matrix that is stored."""
    return "\n".join(page(matrix.stored())).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
