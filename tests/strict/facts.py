"""CuPy as `record.py` found it, and calls held against that record.

The installed NumPy is never asked what CuPy takes.  A recorded parameter list is compiled into an
empty function, so Python checks a call, with its own messages, in a tenth of a microsecond.
"""

import functools
import inspect
import json
import pathlib

VERSION = "14.2.0"
FACTS = json.loads(pathlib.Path(__file__).with_name(f"cupy_{VERSION}.json").read_text())


@functools.cache
def checker(owner, name):
    """An empty function with the parameters that CuPy's has."""
    parameters = FACTS[owner][name].partition("(")[2][:-1]
    scope = {}
    exec(f"def {name}({parameters}): pass", scope)
    return scope[name]


def names(owner, name):
    """The names of CuPy's parameters, in order, as far as they can be given by position."""
    given = inspect.signature(checker(owner, name)).parameters.values()
    return [p.name for p in given if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


class Absent:
    """Something CuPy has and the stand-in has not: found when looked up, refused when called."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self._name}.{name}")

    def __call__(self, *args, **kwargs):
        text = "needs CuPy itself: the stand-in has no code for it."
        raise NotImplementedError(f"{self._name} {text}")

    def __repr__(self):
        return f"<{self._name}, absent from the strict stand-in>"
