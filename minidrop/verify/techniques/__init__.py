"""The techniques that implementations can be held against: one file each."""

import difflib
import importlib
import pkgutil

from ...files import short

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def technique_named(name):
    """The Technique called `name`; ValueError where there is none, with the nearest that is."""
    if name not in NAMES:
        near = difflib.get_close_matches(str(name), NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
        raise ValueError(f"technique {short(repr(name))} cannot be verified; {hint}")
    return importlib.import_module(f".{name}", __package__).TECHNIQUE
