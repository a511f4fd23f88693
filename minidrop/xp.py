"""NumPy or CuPy: the array decides.  The calls that differ, and the only file that imports CuPy."""

import contextlib
import functools
import importlib
import os
import sys

import numpy

from .gpu import missing, missing_libraries
from .workers import Team, share, sharing

BACKENDS = ("numpy", "cupy")


def array_module(*arrays):
    """The module the arrays belong to; TypeError when NumPy and CuPy arrays are mixed.

    >>> array_module(numpy.ones(3)).__name__
    'numpy'
    """
    cupy = sys.modules.get("cupy")                # nobody can hold a CuPy array before importing it
    if cupy is None:
        return numpy
    on_device = [isinstance(a, cupy.ndarray) for a in arrays if getattr(a, "ndim", 0)]
    if any(on_device):
        if not all(on_device):
            raise TypeError("NumPy and CuPy arrays cannot be mixed; move one: model.to('cupy') or "
                            "cupy.asarray(x)")
        return cupy
    return cupy if any(isinstance(a, cupy.ndarray) for a in arrays) else numpy


def backend_module(name):
    """The array module called `name`; ValueError where it is unknown or cannot run."""
    if not isinstance(name, str) or name not in BACKENDS:
        given = repr(name) if isinstance(name, str) else type(name).__name__
        raise ValueError(f"backend must be one of 'numpy', 'cupy', got {given}")
    if name == "numpy":
        return numpy
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        there = "does not start" if getattr(error, "name", "cupy") != "cupy" else "is not installed"
        raise ValueError(f"backend 'cupy' needs the package CuPy, which {there}: "
                         "pip install 'minidrop[gpu]'") from None
    if not cupy.cuda.is_available():
        raise ValueError(f"backend 'cupy' needs {missing(cupy)}")
    _libraries(cupy)
    return cupy


@functools.cache
def _libraries(cupy):
    """Load what the first kernel and product need: CuPy would, in the midst of a run."""
    if lacking := missing_libraries(cupy):
        raise ValueError(f"backend 'cupy' needs {lacking}")


_asked: list = []           # the names given to `using`, of which the last one counts


@contextlib.contextmanager
def using(backend):
    """Within, runs of `fit` that name no backend compute on this one; None changes nothing."""
    if backend is not None:
        backend_module(backend)
    _asked.append(backend)
    try:
        yield
    finally:
        _asked.pop()


def asked(backend=None):
    """The backend that a run is asked to compute on, or None where nobody asked.

    That is `backend`, or the one of `using`, or MINIDROP_BACKEND, whatever is there first.
    ValueError where it is unknown or cannot run.
    """
    if backend is None:
        backend = next(filter(None, reversed(_asked)), os.environ.get("MINIDROP_BACKEND") or None)
        if backend is not None and backend not in BACKENDS:
            raise ValueError(f"MINIDROP_BACKEND must be one of 'numpy', 'cupy', got {backend!r}")
    if backend is not None:
        backend_module(backend)
    return backend


def backend_of(array):
    """'numpy' or 'cupy'."""
    return array_module(array).__name__


def on_host(array):
    """Whether `array` is NumPy's, so that threads and cache-sized passes pay."""
    return array_module(array) is numpy


def to_backend(array, name):
    """`array` on the backend called `name`: itself if it is there already."""
    if backend_of(array) == name:
        return array
    return array.get() if name == "numpy" else backend_module(name).asarray(array)


def asarray(value, like=None):
    """`value` as an array beside `like` (NumPy's by default); Python floats become float32."""
    if hasattr(value, "dtype"):
        return value if value.ndim else array_module(value).asarray(value)
    array = array_module(like).asarray(value)
    if array.dtype != numpy.float64:
        return array
    try:
        with numpy.errstate(over="raise"):
            return array.astype(numpy.float32)
    except FloatingPointError:
        raise ValueError("data must be numbers of float32, at most 3.4e38") from None


def host(array):
    """`array` as a NumPy array, for printing, plotting and saving."""
    return to_backend(array, "numpy")


def floats(numbers):
    """Floats and arrays () as floats; what is on a GPU comes in one piece."""
    there = [number for number in numbers if not isinstance(number, float)]
    come = iter(host(array_module(*there).stack(there)).tolist() if there else [])
    return [float(n) if isinstance(n, float) else next(come) for n in numbers]


def memory_order(array):
    """The axes of `array`, those first whose entries lie farthest apart in memory."""
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))


def inverse(order):
    """The order that undoes one: x.transpose(order).transpose(inverse(order)) is x."""
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def scatter_add(out, index, values):
    """out[index] += values, adding where an index occurs twice."""
    array_module(out).add.at(out, index, values)


def erf(x):
    """The error function entry by entry, from SciPy or, beside CuPy arrays, CuPy's copy of it."""
    try:
        special = importlib.import_module(f"{'' if on_host(x) else 'cupyx.'}scipy.special")
    except ImportError:
        raise ValueError("the error function needs the package SciPy, which is not installed: "
                         "pip install scipy, or take approximate='tanh' for GELU") from None
    return special.erf(x)


def kernel(source, name):
    """The kernel `name` of some CUDA C, which CuPy compiles when it is first launched."""
    return _kernel(sys.modules["cupy"], source, name)


@functools.cache
def _kernel(cupy, source, name):
    return cupy.RawKernel(source, name)


# --- many cores under NumPy, which releases the GIL; a GPU gets everything in one piece ----------

CHUNK = 1 << 17             # elements in a pass: 512 kB of float32 stay in a core's L2, yet threads
#                             seldom wait for the interpreter's lock
LEAST = 1 << 18             # elements that each thread must have, to pay for its start
ALIGN = 1 << 10             # a cut falls on a multiple of so many elements, or on a row
DEVICE_CHUNK = 1 << 24      # elements in a pass on a GPU, where a pass only bounds the memory


@functools.cache
def threads():
    """Cores this process may use, or MINIDROP_THREADS, which is read once.

    Results are the same bits for every number.  ValueError where it is no number.
    """
    asked = os.environ.get("MINIDROP_THREADS")
    if asked:
        if not asked.isdecimal() or not int(asked):
            raise ValueError("MINIDROP_THREADS must be a whole number of at least 1, got "
                             f"{asked!r}")
        return int(asked)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@functools.cache
def _team():
    return Team(threads() - 1)


if hasattr(os, "register_at_fork"):                # a forked child has the team but not its threads
    os.register_at_fork(after_in_child=_team.cache_clear)


def par(part, n, each=1):
    """part(lo, hi) over range(n) on all cores where that pays; an item is `each` elements.

    The results must not depend on how the range is cut.
    """
    workers = 1 if sharing() else min(threads(), n * each // LEAST)
    if workers < 2:
        part(0, n)
        return
    align = max(1, ALIGN // max(1, each))
    step = max(1, -(-n // (workers * align))) * align
    cuts = [(lo, min(lo + step, n)) for lo in range(0, n, step)]
    share(part, cuts, _team())


def chunks(lo, hi, each=1, size=CHUNK):
    """Slices that cut range(lo, hi) into passes of `size`, by default what fits a core's cache."""
    step = max(1, size // max(1, each))
    return [slice(i, min(i + step, hi)) for i in range(lo, hi, step)]


def pieces(n, each=1, size=CHUNK):
    """Slices that cut range(n) into 1, 2, 4, 8, ... equal parts of at most `size`: by shape alone.

    What is found for a piece as a whole is then the same bits on any number of threads.

    >>> pieces(10, each=4, size=16)
    [slice(0, 2, None), slice(2, 5, None), slice(5, 7, None), slice(7, 10, None)]
    """
    count = min(n, 1 << (len(chunks(0, n, each, size)) - 1).bit_length())
    return [slice(n * i // count, n * (i + 1) // count) for i in range(count)]
