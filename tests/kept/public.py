"""The public names and their arguments as text, and what a change of them would break."""

import ast
import dataclasses
import functools
import inspect
import itertools
import re
import textwrap
from pathlib import Path

import click

import minidrop as md
from minidrop.cli import main
from minidrop.tape import Primitive

FILE = Path(__file__).with_name("names.txt")
SPACES = {"minidrop": md, "minidrop.data": md.data, "minidrop.functional": md.functional,
          "minidrop.models": md.models, "minidrop.nn": md.nn, "minidrop.optim": md.optim}


def taken(thing, without=0):
    """The arguments of what can be called, as text: `(x, p=0.5, *, seed=0)`, `without` the first.

    Those of a primitive are its formula's.
    """
    try:
        signature = inspect.signature(thing.forward if isinstance(thing, Primitive) else thing)
    except (TypeError, ValueError):               # a module, or a value
        return ""
    words, last = [], None
    for one in [*signature.parameters.values()][without:]:
        if one.kind is one.KEYWORD_ONLY and last not in (one.KEYWORD_ONLY, one.VAR_POSITIONAL):
            words.append("*")
        star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        default = "" if one.default is one.empty else f"={written(one.default)}"
        words.append(f"{star}{one.name}{default}")
        last = one.kind
    return f"({', '.join(words)})"


def written(default):
    """A default as text: the name of a function, what Python prints of a number."""
    if isinstance(default, tuple):
        return f"({','.join(map(written, default))})"
    return default.__name__ if callable(default) else repr(default)


def names():
    """A line for each public name of the package, and for each command with its options."""
    places = {f"{space}.{name}": getattr(module, name) for space, module in SPACES.items()
              for name in (dir(module) if module is md else module.__all__)}
    classes = {thing: place for place, thing in reversed(places.items()) if isinstance(thing, type)}
    return sorted([*(f"{place}{taken(thing)}" for place, thing in places.items()),
                   *(f"{place}.{line}" for thing, place in classes.items()
                     for line in members(thing, classes)), *commands(main, "minidrop")])


def members(owner, classes):
    """A line for each public method or attribute of a class that no other public class gave it."""
    for name in {*dir(owner)}.union(*map(attributes, owner.__mro__)):
        home = next((base for base in owner.__mro__ if name in {*vars(base), *attributes(base)}),
                    object)
        ours = home is owner or home not in classes and home.__module__.startswith("minidrop")
        if name[0] != "_" and ours:
            method = vars(home).get(name)
            yield name + (taken(method, 1) if inspect.isfunction(method) else "")


@functools.cache
def attributes(owner):
    """The names that a class of minidrop sets in its objects where they are made."""
    if dataclasses.is_dataclass(owner):
        return {field.name for field in dataclasses.fields(owner)}
    init = vars(owner).get("__init__")
    if not inspect.isfunction(init) or not init.__module__.startswith("minidrop"):
        return set()
    nodes = ast.walk(ast.parse(textwrap.dedent(inspect.getsource(init))))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"}


def commands(command, path):
    """A line for a command of the command line and each below it.

    First its arguments in order, in brackets those that may be left out; then its options, each
    with what it is where it is left out, if that is something.
    """
    words, options = [], []
    for one in command.params:
        if one.param_type_name == "argument":
            words.append(one.name.upper() if one.required else f"[{one.name.upper()}]")
        else:
            default = one.get_default(click.Context(command))
            told = default is not False and isinstance(default, str | int | float | Path)
            options += [one.opts[0] + f"={default}" * told, *one.opts[1:], *one.secondary_opts]
    yield " ".join(["$", path, *words, *sorted(options)])
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")


def broken(old, new):
    """What calls that were right under the lines `old` would meet under the lines `new`."""
    there = dict(map(split, new))
    for name, before in map(split, old):
        if name not in there:
            yield f"{name} is gone"
        elif name.startswith("$"):
            yield from (f"{name} {what}" for what in missed(before.split(), there[name].split()))
        else:
            yield from (f"{name}: {what}" for what in refused(before, there[name]))


def split(line):
    """(name, what it takes) of a line.

    >>> split("minidrop.relu(x)"), split("$ minidrop data list [NAME] --all")
    (('minidrop.relu', '(x)'), ('$ minidrop data list', '[NAME] --all'))
    """
    if line.startswith("$"):
        words = line.split()
        path = [word for word in words if re.fullmatch(r"\$|[a-z][a-z_-]*", word)]
        return " ".join(path), " ".join(words[len(path):])
    name, bracket, rest = line.partition("(")
    return name, bracket + rest


def missed(before, now):
    """What a command took under the words `before`, and does not under the words `now`."""
    old, new = ([word for word in words if word[0] != "-"] for words in (before, now))
    for i, (was, given) in enumerate(itertools.zip_longest(old, new), 1):
        if was and (given or "").strip("[]") != was.strip("[]"):
            yield f"takes no {was.strip('[]')} in place {i}"
        elif given and given[0] != "[" and was != given:
            yield f"needs {given}"
    there = dict(word.split("=") if "=" in word else (word, "nothing") for word in now)
    for option, _, default in (word.partition("=") for word in before if word[0] == "-"):
        if option not in there:
            yield f"takes no {option}"
        elif there[option] != (default or "nothing"):
            yield (f"has {there[option]} where {option} is left out, and had "
                   f"{default or 'nothing'}")


def refused(before, now):
    """What was taken under `before`, and is not under `now`: texts such as "(x, p=0.5)"."""
    old, new = arguments(before), arguments(now)
    free = any(name.startswith("**") for name in new)
    place = {name: i for i, name in enumerate(placed(new))}
    known = {name.strip("*") for name in new}
    for i, name in enumerate(placed(old)):
        if place.get(name) != i:
            yield f"{name} is no longer in place {i + 1}"
    for name, default in old.items():
        if name.strip("*") not in known and not free:
            yield f"{name}{'' if default is None else '='} is not taken"
        elif default is not None and new.get(name) is None and not free:
            yield f"{name} has no default"
        elif default and new.get(name) not in (default, None):
            yield f"{name} is {new[name]} where it is left out, and was {default}"
    for name, default in new.items():
        if name not in old and default is None and name[0] != "*":
            yield f"{name} has to be given"


def arguments(text):
    """{name with its stars: its default as text, or None} of a text such as "(x, p=0.5)"."""
    words = [word.partition("=") for word in text[1:-1].split(", ") if word]
    return {name: default if equals else None for name, equals, default in words}


def placed(names):
    """Those of some arguments that may be given by their place."""
    return list(itertools.takewhile(lambda name: name[0] != "*", names))
