"""`cupy.ufunc`: fewer keywords than NumPy's, and few of its methods."""

import numpy as np

from .array import ndarray, operand, unwrap, wrap
from .facts import FACTS, checker

KEYWORDS = frozenset(FACTS["ufunc"]["keywords"].split())
AT = FACTS["ufunc.at"]
REDUCES = {"reduce": ("add", "multiply"), "accumulate": ("add", "multiply"), "reduceat": ("add",)}


def integers(index):
    """Whether an index holds integer arrays, which are the ones that use atomic operations."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [np.asarray(part) for part in parts if isinstance(part, (np.ndarray, list))]
    return any(a.dtype.kind in "iu" for a in arrays)


class ufunc:
    def __init__(self, name, function, nin, nout):
        self.name, self.__name__ = f"cupy_{name}", name
        self.nin, self.nout, self.nargs = nin, nout, nin + nout
        self._f = function
        self._layout = {"order": "C"} if isinstance(function, np.ufunc) else {}

    def __call__(self, *args, **kwargs):
        if not kwargs.keys() <= KEYWORDS:
            raise TypeError(f"Wrong arguments {kwargs}")
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(f"Wrong number of arguments for {self.name!r}: {len(args)}, neither "
                            f"{self.nin} nor {self.nargs} (with outputs).")
        out = args[self.nin:] or kwargs.pop("out", None)
        if out is None:
            return wrap(self._f(*map(operand, args), **kwargs, **self._layout))
        out = out if isinstance(out, tuple) else (out,)
        if not all(o is None or type(o) is ndarray for o in out):
            raise TypeError("Output arguments type must be cupy.ndarray")
        opened = tuple(None if o is None else o._a for o in out)
        made = self._f(*map(operand, args[:self.nin]), out=opened, **kwargs)
        made = made if self.nout > 1 else (made,)
        given = tuple(wrap(m) if o is None else o for o, m in zip(out, made, strict=True))
        return given if self.nout > 1 else given[0]

    def at(self, a, indices, b=None):
        name = self.__name__
        if name not in AT:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        index = unwrap(indices)
        if integers(index) and a.dtype.name not in AT[name].split():
            raise TypeError(f"cupy.{name}.at only supports {AT[name]} as data type, not {a.dtype}")
        self._f.at(unwrap(a), index, unwrap(b))

    def outer(self, A, B, **kwargs):
        return self(wrap(operand(A)[(..., *[None] * B.ndim)]), B, **kwargs)

    def _reduction(self, method, array, *args, **kwargs):
        checker("ufunc", method)(self, array, *args, **kwargs)
        if self.__name__ not in REDUCES[method]:
            raise NotImplementedError(f"`{self.name}.{method}` is not supported yet")
        kwargs = {k: unwrap(v) for k, v in kwargs.items()}
        return wrap(getattr(self._f, method)(unwrap(array), *map(unwrap, args), **kwargs))

    def reduce(self, array, *args, **kwargs):
        return self._reduction("reduce", array, *args, **kwargs)

    def accumulate(self, array, *args, **kwargs):
        return self._reduction("accumulate", array, *args, **kwargs)

    def reduceat(self, array, *args, **kwargs):
        return self._reduction("reduceat", array, *args, **kwargs)

    def __repr__(self):
        return f"<ufunc '{self.name}'>"
