"""NumPy's functions called with device arrays: CuPy takes such calls over, and so do we."""

import functools

import numpy as np

from .array import SCALARS
from .facts import FACTS
from .methods import ndarray
from .modules import cupy, special

COMPARISONS = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}


def array_ufunc(self, ufunc, method, *inputs, **kwargs):
    """np.exp(x) is cupy.exp(x); a NumPy array beside x gets as far as CuPy's refusal of it."""
    name = ufunc.__name__
    module = next((m for m in (cupy, special) if name in FACTS[m.__name__]), None)
    if module is None or not all(
            type(x) in SCALARS or isinstance(x, (ndarray, np.ndarray, np.generic)) for x in inputs):
        return NotImplemented
    function = getattr(module, name)
    if method != "__call__":
        function = getattr(function, method, None)
    if name in COMPARISONS:
        inputs = [x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
    if "out" in kwargs:
        if len(kwargs["out"]) != 1:
            raise ValueError("The 'out' parameter must have exactly one array value")
        kwargs["out"] = kwargs["out"][0]
    return NotImplemented if function is None else function(*inputs, **kwargs)


def array_function(self, function, types, args, kwargs):
    """np.sum(x) is cupy.sum(x), wherever CuPy has a function of that name and place."""
    path = [*function.__module__.split(".")[1:], function.__name__]
    try:
        found = functools.reduce(getattr, path, cupy)
    except AttributeError:
        return NotImplemented
    if found is function or not all(issubclass(t, (ndarray, np.ndarray)) for t in types):
        return NotImplemented
    return found(*args, **kwargs)


ndarray.__array_ufunc__ = array_ufunc
ndarray.__array_function__ = array_function
