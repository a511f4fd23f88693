"""Checks of values that lie on a GPU: looked at later, since to look at once is to wait for it."""

import sys
import threading
from typing import Any

MOST = 256                  # checks that are kept at a time


class _Open(threading.local):
    kept: Any = None          # [(ok, error), ...] where somebody waits


_open = _Open()


def must(ok, error):
    """Raise error() unless `ok`, a bool or an array () of one, is true.

    At once on the host, and on a GPU outside of `Doubts`; within, when the doubts are settled.

    >>> must(True, lambda: ValueError("x must be right"))
    """
    if _open.kept is None or not hasattr(ok, "get"):
        if not bool(ok):
            raise error()
        return
    _open.kept.append((ok, error))
    if len(_open.kept) >= MOST:
        settle()


def settle():
    """Look at all that is kept, if anything, in one transfer, and raise the first error."""
    if kept := _open.kept:
        _open.kept = []
        right = sys.modules["cupy"].stack([ok for ok, _ in kept]).tolist()
        if not all(right):
            raise kept[right.index(False)][1]()


class Doubts:
    """Within it checks of values on a GPU wait; they are settled where it ends, or an error comes,
    and where MOST of them have come together, since each keeps the arrays that its error tells of.

    `unless(loss)` ends those of a single step without waiting: the loss, or nan where a check has
    failed.  Within another `Doubts` that one keeps them.
    """

    def __enter__(self):
        self.outer = _open.kept is None
        if self.outer:
            _open.kept = []
        return self

    def __exit__(self, kind, error, trace):
        if not self.outer:
            return
        try:
            if kind is None or issubclass(kind, Exception):      # a doubt may be its cause
                settle()
        finally:
            _open.kept = None

    def unless(self, loss):
        """`loss`, an array (), or nan where a check of this step has failed."""
        if not self.outer or not _open.kept:
            return loss
        kept, _open.kept = _open.kept, []
        cupy = sys.modules["cupy"]
        return cupy.where(cupy.stack([ok for ok, _ in kept]).all(), loss, float("nan"))
