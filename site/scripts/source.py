"""The source as pages of the site, where every line has an address, such as `#L12`.

`link(path, line, page)` is how the other makers point to a line of the package or of the tests.
"""

import functools
import os
from pathlib import Path

from scripts import highlight
from scripts.prose import techniques

from minidrop import catalog

ROOT = catalog.PACKAGE.parent
FOLDERS = ("minidrop", "tests")


def link(path, line, page):
    """The address of a line of a file (of the file, where `line` is None) for the page `page`.

    ValueError for a file that has no page, and for a line that the file has not.
    """
    name = name_of(path)
    if name not in names():
        raise ValueError(f"{page} points to {name}, which is no file of the package or the tests")
    if line is not None and not 1 <= line <= length(name):
        raise ValueError(f"{page} points to line {line} of {name}, which has {length(name)}")
    there = os.path.relpath(page_of(name), os.path.dirname(page))
    return there if line is None else f"{there}#L{line}"


@functools.cache
def names():
    """The files that are pages, by their paths from the top of the project on."""
    return sorted(name_of(path) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def name_of(path):
    """A file's path from the top of the project on, as text."""
    return Path(os.path.abspath(ROOT / path)).relative_to(ROOT).as_posix()


def page_of(name):
    """The page that shows a file.

    >>> page_of("minidrop/units/dropout.py")
    'source/minidrop/units/dropout.md'
    """
    return f"source/{name.removesuffix('.py')}.md"


@functools.cache
def text_of(name):
    """The text of a file, without empty lines at its end."""
    return (ROOT / name).read_text(encoding="utf-8").rstrip("\n")


@functools.cache
def length(name):
    """How many lines a file has."""
    return text_of(name).count("\n") + 1


def pages():
    """{page: Markdown} of all files."""
    stating = {name_of(t.path): t for t in techniques()}
    return {page_of(name): page(name, stating.get(name)) for name in names()}


def page(name, technique=None):
    """The page of a file; `technique` is what it states, if it does."""
    about = ""
    if technique:
        there = os.path.relpath(f"techniques/{technique.name}.md", os.path.dirname(page_of(name)))
        about = f"Its equations, explained: [{technique.summary.partition(':')[0]}]({there})\n\n"
    lines = "\n".join(f'<span class="line" id="L{number}">{line}</span>'
                      for number, line in enumerate(highlight.lines(text_of(name)), 1))
    return (f"---\ntitle: {name}\nhide: [navigation, toc]\nsearch: {{exclude: true}}\n---\n\n"
            f"# `{name}` {{.source-name}}\n\n{about}"
            f'<div class="highlight source"><pre><code>{lines}</code></pre></div>\n')
