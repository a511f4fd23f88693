"""One page for each technique, made of its docstring, its code and what is tied to both."""

import functools
import itertools
import json
import re

from scripts import beside, docstrings, glossary, links, pictures, source, ties, widgets
from scripts.prose import linked, techniques

import minidrop as md
from minidrop import catalog, lesson
from minidrop.claims import CLAIMS
from minidrop.grade import exercise_named, exercise_names
from minidrop.verify.field import matrix, matrix_text
from minidrop.verify.field.libraries import LIBRARIES

FACTS = ("Paper", "Papers", "Source", "Where", "Symbols", "Memory")
NAMED = re.compile(r"\s*\[(test_\w+(?:,\s*test_\w+)*)\]")
PAPER = re.compile(r'(?<=\d")([^".]*)\.\s+(?=[A-Z])(?!Official)')
AROUND = "Around them"


def pages():
    """{page: Markdown} of all techniques, and of their list."""
    ties.checked()
    found = {page_of(t): page(t) for t in techniques()}
    return found | {"techniques/index.md": index()}


def page_of(technique):
    """Where the page of a technique lies, below site/pages."""
    return f"techniques/{technique.name}.md"


def title(technique):
    """What a technique is called: the beginning of its summary."""
    return technique.summary.partition(":")[0].rstrip(".")


def what(technique):
    """What it does: the rest of its summary, as a sentence."""
    rest = technique.summary.partition(": ")[2]
    return rest[:1].upper() + rest[1:]


def placed(technique):
    """Whether it lies in one of the folders that are places: a lesson and an exercise are due."""
    return catalog.place_of(technique.path) < len(catalog.PLACES)


def page(t):
    """The page of a technique."""
    here = page_of(t)
    if hidden := [name for name in catalog.functions(t) if placed(t) and not hasattr(md, name)]:
        raise ValueError(f"minidrop does not offer {hidden[0]} of {source.name_of(t.path)}")
    parts = [f"---\ntitle: {title(t)}\nhide: [toc]\nsearch: {{boost: 4}}\n"
             f"tags: {json.dumps(terms(t))}\n"
             f"description: \"{what(t) or title(t)}\"\n---",
             f"# {title(t)}", *near(t, here), linked(what(t), here), picture(t, here),
             *facts(t, here), *equations(t, here),
             *(linked(remark, here) for remark in t.remarks),
             *drawings(t, here)]
    if "Without noise" in t.sections:
        parts += ["## Without noise", linked(t.sections["Without noise"], here)]
    parts += [*tried(t, here), *differs(t, here), *field(t, here), *course(t, here)]
    parts.append("## Functions and classes")
    for node in docstrings.public(t):
        parts += docstrings.entry(node, t, here, lambda text: linked(text, here))
    return "\n\n".join(parts) + "\n"


def terms(t):
    """The terms of the glossary that lead to a technique: search finds it by them."""
    return [term["name"] for term in glossary.terms_of(glossary.read())
            if f"technique {t.name}" in term["see"]]


def picture(t, here):
    """The picture of a technique."""
    return f"![{pictures.alt(t.name)}]({links.address(f'pictures/{t.name}.svg', here)})"


def near(t, here):
    """A line of links below the title: lessons, exercise, widget, claims."""
    found = [links.to(f"lessons/{name}.md", f"lesson {lesson.ORDER.index(name) + 1}", here)
             for name in lessons(t)]
    if exercise(t.name):
        found.append(links.to(f"exercises/{t.name}.md", "exercise", here))
    if t.name in widgets.SHOWN:
        found.append("[widget](#try-it)")
    if claims(t):
        found.append("[claims](#in-the-course)")
    if found:
        yield f'<div class="lesson-head" markdown>\n\n{" · ".join(found)}\n\n</div>'


def drawings(t, here):
    """The drawings of networks that belong to a technique, if there are any."""
    more = pictures.more(t.name)
    return ["## As a network"] * bool(more) + [
        f"![{alt}]({links.address(path, here)})" for path, alt in more]


def facts(t, here):
    """Where it acts, its papers and its symbols, as a list of definitions."""
    yield '<div class="facts" markdown>'
    for label in FACTS:
        if body := t.sections.get(label):
            items = PAPER.sub(r"\1.\n", body).split("\n") if label == "Papers" else [body]
            told = "\n".join(f":   {linked(item, here)}\n" for item in items)
            yield f"{label}\n\n{told}"
    yield "</div>"


def equations(t, here):
    """Every equation beside the lines that compute it, or the test that shows it."""
    if idle := [e.tag for e in t.equations if not (e.lines or e.tests)]:
        raise ValueError(f"no line computes ({idle[0]}) and no test shows it")
    tags = beside.marked(t)
    yield "## Equations and code"
    yield '<div class="eq-rows" markdown>'
    for stated, functions in beside.rows(t):
        boxes = "\n".join(beside.box(t, e, here) for e in stated)
        panels = [beside.panel(piece, tags[piece.path], here) for piece in functions]
        if not panels:
            test = stated[0].tests[0]
            panels = [beside.panel(beside.piece_around(test.path, test.number), {}, here,
                                   "shown by ")]
        yield (f'<div class="eq-row" markdown>\n<div class="eq-left" markdown>\n\n{boxes}\n</div>\n'
               f'<div class="eq-right" markdown>\n\n{"".join(panels)}\n</div>\n</div>')
    yield "</div>"


def differs(t, here):
    """Where others do it otherwise, each sentence with the tests that show it."""
    sentences = t.sections.get("Differs", "")
    if not sentences:
        return
    yield "## Where it differs"
    places, items = test_places(), []
    for sentence in sentences.split("\n"):
        names = [name for group in NAMED.findall(sentence) for name in re.findall(r"\w+", group)]
        if not names:
            raise ValueError(f"no test shows what {t.name} says: {sentence}")
        links = []
        for name in names:
            test = places.get(name.removeprefix("test_"))
            if not test:
                raise ValueError(f"{t.name} differs by {name}, a test that does not exist")
            links.append(f"[{beside.plainly(test.name)}]"
                         f"({source.link(test.path, test.number, here)})")
        items.append(f"- {linked(NAMED.sub('', sentence)[2:], here)} "
                     f"<span class=\"shown\">shown by {', '.join(links)}</span>")
    yield "\n".join(items)


@functools.cache
def test_places():
    """{name: Test} of all tests."""
    return catalog.test_places(source.ROOT / "tests")


def field(t, here):
    """What other libraries compute, from the matrix of the field."""
    whole = matrix.stored()
    numbers = {id(cell): number for number, cell in matrix_text.noted(whole)}
    cells = [cell for cell in whole["cells"]
             if cell["technique"] == t.name and cell["library"] != "minidrop"]
    if not cells:
        return
    yield "## In other libraries"
    rows = ["| library | called | verdict |", "|---|---|---|"]
    for cell in cells:
        library, number = cell["library"], numbers.get(id(cell))
        note = f" ([note {number}](../field.md#{number}))" if number else ""
        version = (whole["libraries"][library] or "").partition("+")[0]
        rows.append(f"| {LIBRARIES[library][0]} {version} | `{cell['implementation']}` "
                    f"| {matrix_text.SHORT[cell['word']]}{note} |")
    yield "\n".join(rows)


@functools.cache
def exercise(name):
    """The exercise of a technique, None where it has none."""
    return exercise_named(name) if name in exercise_names() else None


def lessons(t):
    """The names of the lessons that state its equations, and of the one its exercise belongs to."""
    prefix = t.equations[0].tag.rpartition(".")[0]
    found = [name for name in lesson.written()
             if rf"\tag{{{prefix}." in lesson.path_of(name).read_text(encoding="utf-8")]
    if exercise(t.name):
        found.append(exercise(t.name).lesson)
    return [name for name in lesson.written() if name in found]


def tried(t, here):
    """Its widget, for those that have one."""
    if widget := widgets.embed(t.name):
        yield "## Try it"
        yield widget
        yield links.to(widgets.place(t.name), "All widgets, with questions to try", here)


def course(t, here):
    """Where the course has it: lessons, exercise, claims."""
    taught, tasks = lessons(t), exercise(t.name)
    if placed(t) and not taught:
        raise ValueError(f"no lesson is about {t.name}: none has its equations or its exercise")
    if placed(t) and not tasks:
        raise ValueError(f"{t.name} has no exercise, lessons/exercises/{t.name}.py")
    items = [links.to(f"lessons/{name}.md", f"Lesson {lesson.ORDER.index(name) + 1}: "
                     f"{lesson.title(name)}", here) for name in taught]
    if tasks:
        items.append(links.to(f"exercises/{t.name}.md", f"Exercise: {tasks.title}",
                             here))
    items += [links.to(f"tables/claims.md#{claim.name}", f"Claim: {claim.sentence}", here)
              for claim in claims(t)]
    if items:
        yield "## In the course"
        yield "\n".join(f"- {item}" for item in items)


def claims(t):
    """The claims that name the technique."""
    return [claim for claim in CLAIMS.values() if t.name in claim.techniques]


def index():
    """All techniques, by the place where they act."""
    parts = ["# Techniques", "One file each, with its equations, their lines and their tests."]
    for place, there in itertools.groupby(techniques(), lambda t: placed(t) and t.path.parent):
        parts.append(f"## {place.name.capitalize() if place else AROUND}")
        if place:
            told = catalog.docstring(place / "__init__.py").partition("\n")[0]
            parts.append(told.partition(":")[0] + ".")
        cards = "\n".join(map(card, there))
        parts.append(f'<div class="cards" markdown>\n{cards}\n</div>')
    return "\n\n".join(parts) + "\n"


def card(t):
    """A technique in the list: its picture, its name and what it does."""
    here = "techniques/index.md"
    return (f'<div class="card" markdown>\n\n{picture(t, here)}\n\n**[{title(t)}]({t.name}.md)**'
            f"\n\n{linked(what(t), here)}\n\n</div>\n")
