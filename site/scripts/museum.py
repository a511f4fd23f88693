"""tables/museum.md: faults of published implementations, run when the page is made.

Each exhibit of site/data/museum.toml is a few lines of our own that have the fault; what they print
stands below them.  tests/test_museum.py holds that the named equations are what they break.
"""

import contextlib
import functools
import io
import itertools
import json
import re
import tomllib
from pathlib import Path

import numpy as np
from scripts import links

import minidrop as md
from minidrop import catalog, lesson

PAGE = "tables/museum.md"
DATA = Path(__file__).parents[1] / "data" / "museum.toml"
FIELD = catalog.PACKAGE / "verify" / "field.json"

HEAD = """\
# A museum of faults

Dropout is two lines, and has gone wrong in many ways. Each exhibit below was found in a published
implementation: in its code, or in a thread about it, where the link leads. The lines are ours, the
shortest we could find that have the fault, and what they print was computed when this page was
made; `np` is NumPy and `md` minidrop.

Nobody is blamed. These are projects that people use and learn from, many of the faults were found
by their own users, and several are mended; what is told here was read in November 2026, in the
versions and threads named. They are shown for what they teach: {count} ways of looking right.

"""


def pages():
    """{path: Markdown} of the museum."""
    return {PAGE: page(read(), catalog.techniques())}


def read():
    """The rooms, as they are typed."""
    return tomllib.loads(DATA.read_text(encoding="utf-8"))["room"]


def exhibits(rooms):
    """All exhibits of the rooms; ValueError where two have one number."""
    found = [exhibit for room in rooms for exhibit in room["exhibit"]]
    numbers = sorted(exhibit["number"] for exhibit in found)
    if numbers != [*range(1, len(found) + 1)]:
        raise ValueError(f"the exhibits of the museum must be numbered 1 to {len(found)}, got "
                         f"{', '.join(map(str, numbers))}")
    return found


def page(rooms, techniques):
    """The page; ValueError, in one sentence, for what does not run or leads nowhere."""
    tags = {equation.tag: t.name for t in techniques for equation in t.equations}
    tests, cells = catalog.test_places(catalog.PACKAGE.parent / "tests"), field_cells()
    parts = [HEAD.format(count=len(exhibits(rooms)))]
    if "museum" in lesson.written():
        number = lesson.ORDER.index("museum") + 1
        there = links.to("lessons/museum.md", f"Lesson {number}", PAGE)
        parts.append(f"{there} asks six of them nine questions.\n\n")
    place = itertools.count(1)
    for room in rooms:
        parts.append(f"## {room['name']}\n\n")
        parts += [shown(next(place), exhibit, tags, tests, cells) for exhibit in room["exhibit"]]
    return "".join(parts).rstrip() + "\n"


def shown(place, exhibit, tags, tests, cells):
    """One exhibit as Markdown, at its place on the page."""
    broken = ", ".join(equation(tag, tags, exhibit["number"]) for tag in exhibit["breaks"])
    return (f"### {place}. {exhibit['name']} {{ #exhibit-{place} }}\n\n"
            f"**{exhibit['where']}** ([read there]({exhibit['link']})). {exhibit['story']}\n\n"
            f"```python\n{exhibit['code'].strip()}\n```\n\n"
            f"``` {{ .text .lesson-output .no-copy }}\n{output(exhibit)}```\n\n"
            f"**It looked right:** {exhibit['seems']}"
            f"{'  **It breaks:** ' + broken + '.' if broken else ''}\n\n"
            f"**It is noticed** {noticed(exhibit, tests, cells)} "
            f"**It is prevented:** {exhibit['rule']}\n\n")


def equation(tag, tags, number):
    """A link to an equation; ValueError where there is none."""
    if tag not in tags:
        raise ValueError(f"exhibit {number} breaks ({tag}), which nobody states")
    return links.technique(tags[tag], PAGE, f"({tag})", tag)


def noticed(exhibit, tests, cells):
    """Who notices it: the black box, the matrix of the field, the tests."""
    ways = []
    if "verify" in exhibit:
        technique = exhibit["verify"]["technique"]
        ways.append(f"by `minidrop verify {technique}`, which [fails](../verify.md) these lines")
    if "field" in exhibit:
        ways.append(in_the_field(exhibit, cells))
    for name in exhibit["tests"]:
        if name.removeprefix("test_") not in tests:
            raise ValueError(f"exhibit {exhibit['number']} names the test {name}, which is nowhere")
    named = [tests[name.removeprefix("test_")] for name in exhibit["tests"]]
    ways.append("by " + " and ".join(links.line(test.path, test.number, f"`test_{test.name}`", PAGE)
                                     for test in named))
    return ", ".join(ways[:-1]) + (", and " if ways[1:] else "") + ways[-1] + "."


def in_the_field(exhibit, cells):
    """What the matrix of the field says of the implementation; ValueError where it holds."""
    cell = cells.get(exhibit["field"])
    if cell is None or cell["word"] == "holds":
        raise ValueError(f"exhibit {exhibit['number']} names {exhibit['field']}, of which the "
                         f"matrix of the field says {cell['word'] if cell else 'nothing'}")
    word = f"is a variant ({cell['variant']})" if cell["word"] == "variant" else "fails"
    return f"in [the field](../field.md), where `{exhibit['field']}` {word}"


def field_cells():
    """{implementation: its cell} of the matrix of the field."""
    return {cell["implementation"]: cell
            for cell in json.loads(FIELD.read_text(encoding="utf-8"))["cells"]}


def output(exhibit):
    """What the lines of an exhibit print."""
    return run(exhibit["number"], exhibit["code"])[1]


def names_of(exhibit):
    """The names that the lines of an exhibit define."""
    return run(exhibit["number"], exhibit["code"])[0]


@functools.cache
def run(number, code):
    """Run the lines of an exhibit: ({name: object}, what they print)."""
    names = {"np": np, "md": md, "__name__": f"exhibit {number}"}
    printed, state = io.StringIO(), np.random.get_state()            # noqa: NPY002
    try:
        np.random.seed(0)                         # noqa: NPY002
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"exhibit {number}", "exec"), names)
    except Exception as error:
        raise ValueError(f"exhibit {number} cannot be run: {type(error).__name__}: "
                         f"{error}") from error
    finally:
        np.random.set_state(state)                # noqa: NPY002
    if not re.search(r"\d", printed.getvalue()):
        raise ValueError(f"exhibit {number} prints no number")
    return names, printed.getvalue()
