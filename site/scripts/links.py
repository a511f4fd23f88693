"""Links between generated pages, told by what they lead to."""

import functools
import os
from pathlib import Path

from minidrop import catalog

ROOT = catalog.PACKAGE.parent


def to(target, text, page):
    """`text` as a link from `page` to the page `target` (both below site/pages, with an anchor)."""
    return f"[{text}]({address(target, page)})"


def address(target, page):
    """The way from `page` to `target`, both below site/pages."""
    return os.path.relpath(target, os.path.dirname(page))


def line(path, number, text, page):
    """`text` as a link to a line of a file of the project, or to the file if `number` is None."""
    from scripts import source  # which links to techniques by this file

    if source.name_of(path) not in source.names():
        return text                               # what is no Python has no page
    return f"[{text}]({source.link(path, number, page)})"


def technique(name, page, text=None, tag=None):
    """A link to the page of a technique, or to the box of one of its equations."""
    behind = f"#{box(tag)}" if tag else ""
    return to(f"techniques/{name}.md{behind}", text or title(name), page)


def box(tag):
    """The id of an equation's box.

    >>> box("stochastic_depth.2")
    'eq-stochastic_depth-2'
    """
    return f"eq-{tag.replace('.', '-')}"


@functools.cache
def stated():
    """Everything that states equations, read once."""
    return catalog.techniques()


def title(name):
    """What a technique is called in prose: the beginning of its summary."""
    return _summaries()[name].partition(":")[0]


_summaries = functools.cache(catalog.summaries)


def place(path, page):
    """Where a file of the project is read on the site: (kind, link), for lists of places."""
    name = Path(os.path.abspath(ROOT / path)).relative_to(ROOT).as_posix()
    stem = Path(name).stem
    if name.startswith("lessons/exercises/"):
        return "exercises", to(f"exercises/{stem}.md", stem, page)
    if name.startswith("lessons/"):
        number, _, short = stem.partition("_")
        return "lessons", to(f"lessons/{short}.md", f"{int(number)} {short}", page)
    if name.startswith("site/pages/"):
        target = name.removeprefix("site/pages/")
        return "pages", to(target, heading(ROOT / name), page)
    if name.startswith("site/data/"):
        return "pages", to(f"tables/{stem}.md", stem, page)
    if name.startswith("minidrop/claims/"):
        return "claims", to(f"tables/claims.md#{stem.replace('_', '-')}", stem, page)
    if stem in techniques() and techniques()[stem] == ROOT / name:
        return "techniques", technique(stem, page)
    return "code", line(name, None, f"`{name}`", page)


@functools.cache
def techniques():
    """{name: file} of everything that states equations."""
    return {t.name: t.path for t in stated()}


def heading(path):
    """The first heading of a page."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line[2:] for line in lines if line.startswith("# ")), path.stem)
