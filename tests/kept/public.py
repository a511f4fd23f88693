"""The public names and their arguments as text, and what a change of them would break."""

import inspect
import re
from pathlib import Path

import minidrop as md
from minidrop.cli import main

FILE = Path(__file__).with_name("names.txt")
SPACES = {"minidrop": md, "minidrop.data": md.data, "minidrop.functional": md.functional,
          "minidrop.models": md.models, "minidrop.nn": md.nn, "minidrop.optim": md.optim}


def taken(thing):
    """The arguments of what can be called, as text: `(x, p=, *, seed=)`, "=" for a default."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):               # a module, a primitive without a signature
        return ""
    words, last = [], None
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and last not in (one.KEYWORD_ONLY, one.VAR_POSITIONAL):
            words.append("*")
        star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        words.append(f"{star}{one.name}{'' if one.default is one.empty else '='}")
        last = one.kind
    return f"({', '.join(words)})"


def names():
    """A line for each public name of the package, and for each command with its options."""
    found = [f"{space}.{name}{taken(getattr(module, name))}" for space, module in SPACES.items()
             for name in (dir(module) if module is md else module.__all__)]
    return sorted([*found, *commands(main, "minidrop")])


def commands(command, path):
    """A line for a command of the command line and each below it: its arguments and options."""
    words = sorted(word for one in command.params for word in (
        one.opts + one.secondary_opts if one.param_type_name == "option" else [one.name.upper()]))
    yield f"$ {path} {' '.join(words)}".strip()
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")


def broken(old, new):
    """What calls that were right under the lines `old` would meet under the lines `new`."""
    there = dict(map(split, new))
    for name, before in map(split, old):
        if name not in there:
            yield f"{name} is gone"
        elif name.startswith("$"):
            yield from (f"{name} takes no {word}" for word in set(before.split())
                        - set(there[name].split()))
        else:
            yield from (f"{name}: {what}" for what in refused(before, there[name]))


def split(line):
    """(name, what it takes) of a line.

    >>> split("minidrop.relu(x)"), split("$ minidrop data list --all")
    (('minidrop.relu', '(x)'), ('$ minidrop data list', '--all'))
    """
    if line.startswith("$"):
        words = line.split()
        path = [word for word in words if re.fullmatch(r"\$|[a-z][a-z_-]*", word)]
        return " ".join(path), " ".join(words[len(path):])
    name, bracket, rest = line.partition("(")
    return name, bracket + rest


def refused(before, now):
    """What was taken under `before`, and is not under `now`: texts such as "(x, p=)"."""
    old, new = (text.strip("()").split(", ") if text.strip("()") else [] for text in (before, now))
    free = any(word.startswith("**") for word in new)
    by_place = {name.rstrip("="): i for i, name in enumerate(placed(new))}
    defaults = {word.rstrip("=") for word in new if word.endswith("=")}
    known = {word.strip("*=") for word in new}
    for i, word in enumerate(placed(old)):
        if by_place.get(word.rstrip("=")) != i:
            yield f"{word.rstrip('=')} is no longer in place {i + 1}"
    for word in old:
        if word.strip("*=") not in known and not free:
            yield f"{word} is not taken"
        elif word.endswith("=") and word.rstrip("=") not in defaults and not free:
            yield f"{word.rstrip('=')} has no default"
    for word in new:
        if word not in old and not word.endswith("=") and word[0] != "*" and f"{word}=" not in old:
            yield f"{word} has to be given"


def placed(words):
    """Those of some arguments that may be given by their place."""
    return words[:next((i for i, word in enumerate(words) if word[0] == "*"), len(words))]
