"""What makes a program wait for a GPU: a value, or a size, that the host asks for."""

import contextlib
import functools
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from .methods import ndarray
from .modules import cupy

VALUES = ("get", "item", "tolist", "tobytes", "nonzero", "__float__", "__int__", "__bool__",
          "__complex__", "__format__", "__repr__", "__str__", "__reduce__", "__array__")
SIZES = ("nonzero", "flatnonzero", "argwhere", "unique", "bincount", "compress", "extract")
PACKAGE = Path(__file__).parents[2] / "minidrop"


def place():
    """The line of minidrop that asked."""
    frame = sys._getframe(2)
    while frame and PACKAGE not in Path(frame.f_code.co_filename).parents:
        frame = frame.f_back
    if frame is None:
        return "elsewhere"
    return f"{Path(frame.f_code.co_filename).relative_to(PACKAGE).as_posix()}:{frame.f_lineno}"


def masks(key):
    """Whether an index holds a mask, whose result has a size that only the GPU knows."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(type(part) is ndarray and part.dtype == bool and part.ndim for part in parts)


@contextlib.contextmanager
def waits():
    """Count them within: {what and where: how often}."""
    found: Counter = Counter()

    def counting(name, function):
        @functools.wraps(function)
        def asked(*args, **named):
            found[f"{name} in {place()}"] += 1
            return function(*args, **named)
        return asked

    def indexed(function):
        @functools.wraps(function)
        def asked(self, key, *value):
            if masks(key) and not (value and np.ndim(getattr(value[0], "_a", value[0])) == 0):
                found[f"a mask as index in {place()}"] += 1
            return function(self, key, *value)
        return asked

    methods = {name: counting(name, getattr(ndarray, name)) for name in VALUES}
    methods |= {name: indexed(getattr(ndarray, name)) for name in ("__getitem__", "__setitem__")}
    functions = {name: counting(name, getattr(cupy, name)) for name in SIZES}
    before = {name: getattr(ndarray, name) for name in methods}, {
        name: getattr(cupy, name) for name in functions}
    try:
        for owner, new in ((ndarray, methods), (cupy, functions)):
            for name, function in new.items():
                setattr(owner, name, function)
        yield found
    finally:
        for owner, old in zip((ndarray, cupy), before, strict=True):
            for name, function in old.items():
                setattr(owner, name, function)
