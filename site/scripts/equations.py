"""The page of all equations: formula, paper and place, who computes it, and which test shows it."""

import itertools
import re

from scripts import bibliography, links

from minidrop import catalog

PAGE = "tables/equations.md"


def pages():
    """{"tables/equations.md": Markdown}."""
    return {PAGE: "\n".join(page(links.stated()))}


def page(techniques):
    """The lines of the page."""
    count = sum(len(t.equations) for t in techniques)
    tied = sum(bool(e.lines) for t in techniques for e in t.equations)
    yield "# All equations\n"
    yield (f"{count} equations of {len(techniques)} files, as the docstrings state them: {tied} "
           "with the line that computes each, the others with the test that proves them. "
           "`minidrop equations` prints the same, `minidrop show dropout` one file.\n")
    yield '<div class="filtered" data-label="Show equations with" markdown>\n'
    for place, there in itertools.groupby(techniques, lambda t: catalog.place_of(t.path)):
        name = catalog.PLACES[place] if place < len(catalog.PLACES) else "around them"
        yield f'<div class="group" markdown>\n\n## {name.capitalize()}\n'
        for technique in there:
            yield from group(technique)
        yield "</div>\n"
    yield "</div>\n"


def group(technique):
    """The equations of one file, under a heading."""
    yield '<div class="group" markdown>\n'
    yield f"### {links.technique(technique.name, PAGE)} {{#{technique.name}}}\n"
    for equation in technique.equations:
        yield from entry(technique, equation)
    yield "</div>\n"


def entry(technique, equation):
    """One equation; ValueError where no line computes it and no test shows it."""
    if not equation.lines and not equation.tests:
        raise ValueError(f"equation ({equation.tag}) of {technique.path.name} is computed by no "
                         "line and shown by no test")
    yield f'<div class="entry" id="{links.box(equation.tag)}" markdown>\n'
    yield f"**{capital(equation.title)}** {sources(equation.place)}\n"
    yield f"$$ {equation.latex} \\tag{{{equation.tag}}} $$\n"
    said = [f"computed in {lines(equation)}"] if equation.lines else []
    said += [f"shown by {tests(equation)}"] if equation.tests else []
    said.append(links.technique(technique.name, PAGE, "beside its code", equation.tag))
    yield f"{'; '.join(said)}\n{{.ties}}\n"
    yield "</div>\n"


def lines(equation):
    """Who computes it, each a link to the very line."""
    return ", ".join(links.line(one.path, one.number, f"`{one.function or one.path.stem}`", PAGE)
                     for one in equation.lines)


def tests(equation):
    """The tests that show it."""
    return ", ".join(links.line(test.path, test.number, f"`test_{test.name}`", PAGE)
                     for test in equation.tests)


def sources(place):
    """Where it stands: the citation leads to the references, a tag to its equation.

    >>> sources("From (adam.1) to (adam.4)")
    'From [(adam.1)](#eq-adam-1) to [(adam.4)](#eq-adam-4)'
    """
    def tag(match):
        return f"[{match[0]}](#{links.box(match[1])})"

    return bibliography.linked(re.sub(r"\(([a-z_]+\.\d+)\)", tag, place), PAGE)


def capital(text):
    """A text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
