"""From the place of an implementation, "package.module:callable" or "file.py:callable", to it."""

import ast
import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any


class Broken(Exception):
    """The module is there, and importing it raises something; its message says what."""


def place(text):
    """(module or file, attribute path) of a place as text; ValueError where it is not one.

    >>> place("ours.layers:Block.drop")
    ('ours.layers', 'Block.drop')
    """
    home, colon, path = str(text).rpartition(":")
    if str(text).removesuffix(":").endswith(".py"):
        raise ValueError(_which(Path(str(text).removesuffix(":"))))
    if not colon or not home or not all(part.isidentifier() for part in path.split(".")):
        raise ValueError("an implementation is given as package.module:callable or "
                         f"path/to/file.py:callable, got {text!r}"
                         + ("" if colon or "." not in str(text) else
                            f"; did you mean {':'.join(str(text).rsplit('.', 1))}?"))
    if home.endswith(".py"):
        if not Path(home).is_file():
            folder = Path(home).parent
            near = difflib.get_close_matches(Path(home).name, [one.name for one in
                                                               folder.glob("*.py")], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"there is no file {home}{hint}")
    elif not all(part.isidentifier() for part in home.split(".")):
        raise ValueError(f"{home!r} is neither a module nor a file that ends in .py")
    return home, path


def _which(path):
    """Which callables of a file can be named, told from its text alone: nothing of it is run."""
    if not path.is_file():
        return f"there is no file {path}; an implementation is given as path/to/file.py:callable"
    try:
        body = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError):
        body = []
    names = [one.name for one in body if isinstance(one, ast.FunctionDef | ast.ClassDef)
             and not one.name.startswith("_")]
    return (f"say which callable of {path} is meant, as {path}:{names[0]}; there is "
            f"{', '.join(names[:12])}" if names else f"say which callable of {path} is meant, as "
            f"{path}:NAME; its text defines none at its outermost level")


def found_at(text):
    """What lies at a place.  ValueError where nothing does, Broken where importing raises."""
    home, path = place(text)
    module = _file(Path(home)) if home.endswith(".py") else _module(home)
    value, walked = module, home
    for name in path.split("."):
        try:
            value, walked = getattr(value, name), f"{walked}:{name}"
        except AttributeError:
            there = [one for one in vars(value) if not one.startswith("_")
                     and callable(getattr(value, one))] if hasattr(value, "__dict__") else []
            near = difflib.get_close_matches(name, there, n=1)
            hint = f"did you mean {near[0]}?" if near else \
                f"there is {', '.join(there[:12]) or 'nothing that can be called'}"
            raise ValueError(f"{walked} has no {name}; {hint}") from None
    return value


def _module(name):
    try:
        return _imported(lambda: importlib.import_module(name))
    except ModuleNotFoundError as error:
        missing = error.name or name
        if missing == name or name.startswith(f"{missing}."):
            above = f" in {name.rpartition('.')[0]}" if "." in name and missing == name else ""
            raise ValueError(f"there is no module {missing}{above} where Python looks: here, and "
                             "where packages are installed") from None
        raise ValueError(f"{name} needs {missing}, which is not installed") from None


def _file(path):
    """A file as a module: within its package where it lies in one, else beside its neighbours."""
    path = path.resolve()
    top, parts = path.parent, [path.stem]
    while (top / "__init__.py").is_file():
        parts.insert(0, top.name)
        top = top.parent
    sys.path.append(str(top))
    if len(parts) > 1:
        sys.path.insert(0, sys.path.pop())
        return _module(".".join(parts))
    name = path.stem if path.stem.isidentifier() and not _known(path) else f"given_{path.stem}"
    spec: Any = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        _imported(lambda: spec.loader.exec_module(module))
    except ModuleNotFoundError as error:
        raise ValueError(f"{path.name} needs {error.name}, which is not installed") from None
    return module


def _known(path):
    """Is there another module of the name of this file?"""
    spec = importlib.util.find_spec(path.stem)
    return path.stem in sys.modules or spec is not None and spec.origin != str(path)


def _imported(load):
    """What `load` returns; Broken with one line for what the imported code raises."""
    try:
        return load()
    except ModuleNotFoundError:
        raise
    except BaseException as error:                # SystemExit too: it is not ours
        raise Broken(error) from error
