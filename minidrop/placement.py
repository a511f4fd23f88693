"""Where a run computes: what it needs is moved there before its steps, and back after them."""

import contextlib
from collections import Counter

from .nn import Module, Parameter
from .noise import Stream
from .xp import asked, backend_of, to_backend

runs: Counter = Counter()   # how many there were on each backend, in this process


def home(net):
    """The backend on which the values of a network are; "numpy" of one without values."""
    for _, thing in net.walk():
        names = ("data",) if isinstance(thing, Parameter) else (*thing.buffers, "rng")
        for value in (getattr(thing, name, None) for name in names):
            if isinstance(value, Stream):
                return value.backend
            if hasattr(value, "dtype"):
                return backend_of(value)
    return "numpy"


def chosen(net, backend=None):
    """The backend of a run of `net`: the one that is asked for, or else where the network is."""
    return asked(backend) or home(net)


def beside(pair, backend):
    """The arrays of a pair (x, y) on `backend`: the same arrays, where they are there already."""
    return tuple(to_backend(part, backend) for part in pair)


@contextlib.contextmanager
def placed(backend, net, *things):
    """Within, `net` and `things` are on `backend`; afterwards, whatever happened, where `net` was.

    Moved are things that have `to`, and of others the networks that they hold.
    """
    before = [(mover, home(mover if isinstance(mover, Module) else net))
              for mover in (net, *(mover for thing in things for mover in _movers(thing)))]
    try:
        for mover, _ in before:
            mover.to(backend)
        runs[backend] += 1
        yield
    finally:
        for mover, there in before:
            mover.to(there)


def _movers(thing):
    if hasattr(thing, "to"):
        return [thing]
    return [part for part in getattr(thing, "__dict__", {}).values() if isinstance(part, Module)]
