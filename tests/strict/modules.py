"""The modules `cupy` and `cupyx`: recorded names are made when asked for, others refused."""

import contextlib
import importlib
import importlib.machinery
import inspect
import sys
import types
from types import SimpleNamespace

import numpy as np

from .array import holds_array, operand, unwrap, wrap
from .device import Device, Event, OutOfMemoryError, available, get_elapsed_time, pool, runtime
from .facts import FACTS, VERSION, Absent, checker, names
from .kernels import RawKernel
from .methods import ndarray
from .ufuncs import ufunc

SIZES = {"shape", "newshape", "N", "M", "n"}  # parameters that are integers: a 0-d array is none
ON_DEVICE = {"allclose", "array_equal", "array_equiv", "count_nonzero"}  # NumPy gives Python values


def function(owner, name, numpys, arrays_only):
    """NumPy's function behind CuPy's parameters."""
    check, order = checker(owner, name), names(owner, name)
    sizes = {i for i, parameter in enumerate(order) if parameter in SIZES or name == "arange"}
    shared = same_places(order, numpys)

    def call(*args, **kwargs):
        check(*args, **kwargs)
        if arrays_only and args and not holds_array(args[0]):
            raise TypeError(f"'{order[0]}' must be a cupy.ndarray object, not {type(args[0])}.")
        if any(holds_array(args[i]) for i in sizes if i < len(args)) or (
                sizes and any(holds_array(kwargs[n]) for n in SIZES & kwargs.keys())):
            raise TypeError("'ndarray' object cannot be interpreted as an integer")
        if len(args) > shared:
            kwargs |= zip(order[shared:], args[shared:], strict=False)
            args = args[:shared]
        result = numpys(*map(unwrap, args), **{k: unwrap(v) for k, v in kwargs.items()})
        if kwargs.get("out") is not None:
            return kwargs["out"]
        if name in ON_DEVICE:
            result = np.asarray(result)
        return wrap(result, args[0] if args and type(args[0]) is ndarray else None)

    call.__name__, call.__module__ = name, owner
    return call


def same_places(order, numpys):
    """How many arguments may go to NumPy by position: argmax has `dtype` where NumPy has `out`."""
    try:
        theirs = list(inspect.signature(numpys).parameters)
    except (TypeError, ValueError):
        return sys.maxsize
    pairs = enumerate(zip(order, theirs, strict=False))
    moved = (i for i, (a, b) in pairs if a != b and (a in theirs or b in order))
    return next(moved, sys.maxsize)


class Module(types.ModuleType):
    """`home` is the module whose functions do the work; without a record, every name is absent."""

    def __init__(self, name, home=None, **given):
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)
        self._home = home
        vars(self).update(given)

    def __getattr__(self, name):
        owner = self.__name__
        if name.startswith("__") or name not in FACTS.get(owner, {name: ""}):
            raise AttributeError(f"module {owner!r} has no attribute {name!r}")
        value = self._make(owner, name, FACTS.get(owner, {}).get(name, "object"))
        setattr(self, name, value)
        return value

    def _make(self, owner, name, described):
        kind, *counts = described.partition("(")[0].split()
        homes = (importlib.import_module(self._home), np.exceptions) if self._home else ()
        found = next((getattr(home, name) for home in homes if hasattr(home, name)), None)
        if kind == "numpy" and found is not None:
            return found
        if kind == "ufunc" and found is not None:
            return ufunc(name, found, *map(int, counts))
        if kind.endswith("function") and found is not None:
            return function(owner, name, found, kind == "array-function")
        return Absent(f"{owner}.{name}")

    def __dir__(self):
        return sorted({*vars(self), *FACTS.get(self.__name__, ())})


# --- what NumPy has no counterpart for, or does otherwise ---------------------------------------


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """The one way in for NumPy arrays, which are always copied: they lie in other memory."""
    source = obj if type(obj) is ndarray else None
    if holds_array(obj):
        obj = unwrap(obj)
    elif isinstance(obj, np.ndarray):
        copy = True
    return wrap(np.array(obj, dtype, copy=copy, order=order, ndmin=ndmin), source)


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    return array(a, dtype, copy, order or "K")


class _Capsule:
    """An array of the stand-in as NumPy sees it, which refuses a GPU's."""

    def __init__(self, x):
        self.__dlpack__ = lambda **asked: x.__dlpack__(max_version=asked.get("max_version"))

    def __dlpack_device__(self):
        return 1, 0


def from_dlpack(array, *, device=None, copy=None):
    return wrap(np.from_dlpack(_Capsule(array)))


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get(stream, order, out) if type(a) is ndarray else np.asarray(a, order=order)


def get_array_module(*args):
    return cupy if any(type(a) is ndarray for a in args) else np


def where(condition, x=None, y=None):
    if type(condition) is not ndarray:
        raise TypeError(f"'condition' must be a cupy.ndarray object, not {type(condition)}.")
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    return condition.nonzero() if x is None else wrap(np.where(*map(operand, (condition, x, y))))


def sort(a, axis=-1, kind=None):
    a = a.flatten() if axis is None else a.copy()
    a.sort(-1 if axis is None else axis, kind)
    return a


def argsort(a, axis=-1, kind=None):
    return a.argsort(axis, kind)


@contextlib.contextmanager
def errstate(*, divide=None, over=None, under=None, invalid=None, linalg=None):
    if any(setting is not None for setting in (divide, over, under, invalid)):
        raise NotImplementedError("cupyx.errstate sets `linalg` only: a GPU reports nothing else")
    yield


class Grid:
    """mgrid, ogrid, r_ and c_: NumPy's, with device arrays in the brackets and out of them."""

    def __init__(self, numpys):
        self._numpys = numpys

    def __getitem__(self, key):
        return wrap(self._numpys[unwrap(key)])


cuda = Module(
    "cupy.cuda", is_available=available, Device=Device, Event=Event,
    get_elapsed_time=get_elapsed_time,
    Stream=SimpleNamespace(null=Device()), get_current_stream=Device,
    runtime=runtime, memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    nvrtc=SimpleNamespace(getVersion=lambda: (12, 9)), cublas=SimpleNamespace())
ndarray.device = property(lambda self: Device())
linalg = Module("cupy.linalg", "numpy.linalg")
stride_tricks = Module("cupy.lib.stride_tricks", "numpy.lib.stride_tricks")
lib = Module("cupy.lib", stride_tricks=stride_tricks)
random = Module("cupy.random")
cupy = Module(
    "cupy", "numpy", __version__=f"{VERSION} (strict stand-in)", ndarray=ndarray, ufunc=ufunc,
    linalg=linalg, lib=lib, cuda=cuda, random=random, is_available=available,
    array=array, asarray=asarray, asanyarray=asarray, asnumpy=asnumpy, where=where,
    from_dlpack=from_dlpack, get_array_module=get_array_module, RawKernel=RawKernel,
    get_default_memory_pool=lambda: pool, sort=sort, argsort=argsort,
    **{name: Grid(getattr(np, name)) for name in ("mgrid", "ogrid", "r_", "c_")})
special = Module("cupyx.scipy.special", "scipy.special")
scipy = Module("cupyx.scipy", special=special)
cupyx = Module(
    "cupyx", errstate=errstate, scipy=scipy, scatter_add=ndarray.scatter_add,
    scatter_max=ndarray.scatter_max, scatter_min=ndarray.scatter_min)
MODULES = (cupy, linalg, lib, stride_tricks, cuda, random, cupyx, scipy, special)
