"""A strict stand-in for CuPy: the test-suite runs as on a GPU, without one.

    from tests import strict

    cupy = strict.install()    # from now on `import cupy` and sys.modules["cupy"] find it
    strict.uninstall()

It computes with NumPy and refuses what CuPy refuses: names and keywords that CuPy has not (held
against a record of CuPy 14.2.0, `record.py`), NumPy arrays among device arrays, and conversions
that nobody asked for.  Kernels in CUDA C run too, where there is a C++ compiler (`kernels.py`).  So
it finds the code that would fail on a GPU, and cannot find what only a GPU shows: speed, rounding,
memory, and what threads do to each other when they truly run at once.

Stricter than CuPy, on purpose: NumPy arrays as indices and as values of x[i] = v, indices out of
range, and repeated indices in x[i] = v are errors here, where CuPy copies, wraps around, or lets
the threads race.
"""

import sys

from . import dispatch  # noqa: F401  (it lets NumPy hand its calls over)
from .modules import MODULES, cupy, cupyx

__all__ = ["cupy", "cupyx", "install", "uninstall"]
_before = {}


def install():
    """Put the stand-in where `import cupy` looks first.  Returns it."""
    for module in MODULES:
        if sys.modules.get(module.__name__) is not module:
            _before[module.__name__] = sys.modules.get(module.__name__)
            sys.modules[module.__name__] = module
    return cupy


def uninstall():
    """Put back what was there before, be it nothing or the true CuPy."""
    for name, module in _before.items():
        if module is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = module
    _before.clear()
