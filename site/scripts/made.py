"""Links to what other makers make, and pictures."""

import importlib
import os
from pathlib import Path

SCRIPTS, PAGES = Path(__file__).parent, Path(__file__).parents[1] / "pages"
BY = {"lessons": "lessons", "exercises": "exercises", "tables/claims.md": "claims"}


def to(target, text, page):
    """A link from `page` to `target`, both below site/pages; the text alone if nobody makes it."""
    path = target.partition("#")[0]
    maker = BY.get(path, BY.get(path.partition("/")[0]))
    there = (SCRIPTS / f"{maker}.py").is_file() if maker else (PAGES / path).is_file()
    return f"[{text}]({os.path.relpath(target, os.path.dirname(page))})" if there else text


def picture(name, page):
    """The picture of a technique, once there is one."""
    if (SCRIPTS / "pictures.py").is_file():
        alt = importlib.import_module("scripts.pictures").alt(name)
        there = os.path.relpath(f"pictures/{name}.svg", os.path.dirname(page))
        yield f"![{alt}]({there})"


def drawings(name, page):
    """The network drawings of a technique under a heading, if it has any."""
    for k, (path, alt) in enumerate(importlib.import_module("scripts.pictures").more(name)):
        yield from [] if k else ["## As a network"]
        yield f"![{alt}]({os.path.relpath(path, os.path.dirname(page))})"
