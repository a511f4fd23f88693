"""The page of every public name: its signature, what it is in one line, where it is explained."""

import importlib
import inspect
import re
from pathlib import Path

from scripts import links

import minidrop
from minidrop import catalog

PAGE = "tables/api.md"
PACKAGES = ("nn", "optim", "models", "data", "functional", "check", "noise")


def pages():
    """{"tables/api.md": Markdown}."""
    return {PAGE: "\n".join(page())}


def page():
    """The lines of the page."""
    yield "# Every public name\n"
    yield ("`import minidrop as md`; then `md.dropout`, `md.nn.Linear` and so on. One line each, "
           "with a link to the page or to the line that tells more.\n")
    yield '<div class="filtered" data-label="Show names with" markdown>\n'
    for title, names in groups():
        yield f'<div class="group" markdown>\n\n## {title}\n'
        yield "| name | what it is |\n|---|---|"
        for name in names:
            yield f"| {linked(name)} | {summary(name)} |"
        yield "\n</div>\n"
    yield "</div>\n"


def groups():
    """[(heading, names)]: the techniques by place, the rest, the packages, the modules."""
    places, rest, modules = {}, [], []
    for name in sorted(public(minidrop), key=str.lower):
        found = getattr(minidrop, name)
        if inspect.ismodule(found):
            modules.append(name)
        elif (place := catalog.place_of(file_of(found))) < len(catalog.PLACES):
            places.setdefault(place, []).append(name)
        else:
            rest.append(name)
    for place, names in sorted(places.items()):
        yield catalog.PLACES[place].capitalize(), names
    yield "Around them", rest
    for package in PACKAGES:
        inner = importlib.import_module(f"minidrop.{package}")
        names = [f"{package}.{name}" for name in public(inner) if not hasattr(minidrop, name)]
        if names:
            yield f"minidrop.{package}", sorted(names, key=str.lower)
    yield "Modules", modules


def public(module):
    """The names that a module offers: its `__all__`, or what it defines itself."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if not name.startswith("__")]
    return [name for name, found in vars(module).items() if name[0] != "_"
            and (inspect.isfunction(found) or inspect.isclass(found))
            and found.__module__ == module.__name__]


def found_at(name):
    """The object that a dotted name below `minidrop` means."""
    found = minidrop
    for part in name.split("."):
        found = getattr(found, part)
    return found


def unwrapped(found):
    """The function or class itself: of a primitive its forward formula."""
    return getattr(found, "forward", found) if not inspect.isclass(found) else found


def file_of(found):
    """The file that defines an object."""
    return Path(inspect.getsourcefile(inspect.unwrap(unwrapped(found)))).resolve()


def linked(name):
    """The name with its signature, as a link to its technique's page, or to its line."""
    found = found_at(name)
    if isinstance(found, dict):                   # a table, told by the package that it lies in
        return links.line(file_of(found_at(name.rpartition(".")[0])), None, f"`{name}`", PAGE)
    text, path = f"`{name}{signature(found)}`", file_of(found)
    if inspect.ismodule(found):
        return links.line(path, None, text, PAGE)
    if links.techniques().get(path.stem) == path:
        return links.technique(path.stem, PAGE, text)
    return links.line(path, inspect.getsourcelines(inspect.unwrap(unwrapped(found)))[1], text, PAGE)


def signature(found):
    """How it is called, without annotations and with defaults; "" for what is not called."""
    if inspect.ismodule(found):
        return ""
    try:
        told = inspect.signature(unwrapped(found))
    except ValueError:                            # of a class that is made by no `__init__` of ours
        return ""
    bare = [one.replace(annotation=one.empty) for one in told.parameters.values()]
    return str(inspect.Signature(bare)).replace("|", "\\|")


def summary(name):
    """The first sentence of its docstring; ValueError where there is none."""
    found = found_at(name)
    if isinstance(found, dict):
        return f"A table of {', '.join(f'`{key}`' for key in found)}."
    text = inspect.getdoc(unwrapped(found))
    if not text:
        raise ValueError(f"minidrop.{name} has no docstring")
    first = re.sub(r"\s+", " ", text.partition("\n\n")[0])
    return first.replace("|", "\\|").replace("<", "&lt;")
