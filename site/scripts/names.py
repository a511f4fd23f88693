"""The page of names elsewhere: what other libraries call a technique, and what their rate means.

The names that are verified are those of `minidrop.verify.field`; site/data/names.toml adds what no
code knows: the argument, what it means, and names that are not verified.
"""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from scripts import field, links

from minidrop import catalog
from minidrop.elsewhere import ELSEWHERE
from minidrop.verify.field import matrix, matrix_text
from minidrop.verify.field.libraries import LIBRARIES
from minidrop.verify.field.table import TABLE

PAGE, DATA = "tables/names.md", Path(__file__).parents[1] / "data" / "names.toml"


class Name(NamedTuple):
    """What a library calls a technique, with the argument that is its rate, and its meaning."""

    technique: str
    library: str
    name: str
    argument: str
    meaning: str


def pages():
    """{"tables/names.md": Markdown}."""
    return {PAGE: "\n".join(page(names()))}


def names(data=DATA):
    """Every `Name`; ValueError for a technique, a library or a verified name that is not known."""
    told, found = tomllib.loads(data.read_text(encoding="utf-8")), []
    for technique, rows in told.items():
        if technique not in links.techniques():
            raise ValueError(f"{data.name} names a technique {technique}, which is not in the "
                             "catalog")
        for name, (argument, meaning) in rows.items():
            library = name.partition(".")[0]
            if library not in LIBRARIES:
                raise ValueError(f"{data.name} names {name}, of a library that the field lacks")
            found.append(Name(technique, library, name, argument, meaning))
    known = {(one.technique, one.name) for one in found}
    for technique, name in verified():
        if (technique, name) not in known:
            raise ValueError(f"{data.name} does not tell the argument of {name} ({technique}), "
                             "which the field verifies")
    return found


def verified():
    """(technique, name) of everything of others that the field verifies."""
    return [(technique, base(entry.title)) for technique, libraries in TABLE.items()
            for library, entries in libraries.items() if library != "minidrop" for entry in entries]


def base(title):
    """A title of the field without what it is called with."""
    return title.partition("(")[0]


def page(rows):
    """The lines of the page."""
    here = {one.technique for one in rows}
    yield "---\nhide: [toc]\n---\n"
    yield "# Names elsewhere\n"
    yield ("What other libraries call our techniques. Here `p` always **drops**; the column *its "
           "setting* says what the number means there. Verdicts are those of [the field]"
           f"({links.address('field.md', PAGE)}); a name without one was not verified.\n")
    yield '<div class="filtered names" data-label="Show names with" markdown>\n'
    for technique in links.stated():
        also = sorted(word for word, (_, file) in ELSEWHERE.items() if file == technique.name)
        if technique.name in here or also:
            yield from group(technique, [r for r in rows if r.technique == technique.name], also)
    yield "</div>\n"


def group(technique, rows, also):
    """The names of one technique."""
    classes = ", ".join(f"`{name}`" for name in catalog.functions(technique))
    yield '<div class="group" markdown>\n'
    yield f"## {links.technique(technique.name, PAGE)} {{#{technique.name}}}\n"
    yield f"Here: {classes}." + (f" Also looked for as {', '.join(also)}." if also else "") + "\n"
    if rows:
        yield "| elsewhere | its setting | what that means | verdict |\n|---|---|---|---|"
        for row in rows:
            yield (f"| `{row.name}` | `{row.argument}` | {row.meaning} | "
                   f"{verdicts(row) or 'not verified'} |")
        yield ""
    for sentence in differences(technique, {LIBRARIES[row.library][0] for row in rows}):
        yield f"- {sentence}"
    yield "\n</div>\n"


def verdicts(row):
    """What the field says of a name, with the numbers of its notes there."""
    whole = matrix.stored()
    numbers = {id(cell): number for number, cell in matrix_text.noted(whole)}
    cells = [cell for cell in matrix_text.cells(whole, row.technique, row.library)
             if base(cell["implementation"]) == row.name]
    text = field.verdict(cells, numbers)
    return text.replace("](#", f"]({links.address('field.md', PAGE)}#")


def differences(technique, libraries):
    """The sentences of "Differs" that speak of these libraries, without their tests."""
    for sentence in re.split(r"^- ", technique.sections.get("Differs", ""), flags=re.M)[1:]:
        bare = re.sub(r"\s*\[test_[^\]]*\]", "", sentence.strip())
        if any(re.search(rf"\b{re.escape(name)}\b", bare) for name in libraries):
            yield bare
