"""The names of `cupy.ndarray` that do as NumPy's, added from the record, and the operators."""

import operator
import warnings
from types import SimpleNamespace

import numpy as np

from .array import SCALARS, ndarray, operand, unsupported, unwrap, wrap
from .facts import FACTS, Absent, checker

VIEWS = {"T", "mT", "real", "imag"}
SCATTERS = {"scatter_add": np.add, "scatter_max": np.maximum, "scatter_min": np.minimum}


def attribute(name):
    if name in VIEWS:
        return property(lambda self: wrap(getattr(self._a, name), self))
    if hasattr(np.ndarray, name):
        return property(operator.attrgetter(f"_a.{name}"))
    return property(lambda self: Absent(f"cupy.ndarray.{name}")())


def method(name):
    check = checker("ndarray", name)
    function = getattr(np.ndarray, name, None) or Absent(f"cupy.ndarray.{name}")

    def call(self, *args, **kwargs):
        check(self, *args, **kwargs)
        result = function(self._a, *map(unwrap, args), **{k: unwrap(v) for k, v in kwargs.items()})
        out = kwargs.get("out")
        return wrap(result, self) if out is None else out

    return call


# Sorting is stable in CuPy whatever was asked, and only this may be asked.
def check_kind(kind):
    if kind not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")


def sort(self, axis=-1, kind=None):
    check_kind(kind)
    self._a.sort(axis, kind="stable")


def argsort(self, axis=-1, kind=None):
    check_kind(kind)
    return wrap(self._a.argsort(axis, kind="stable"))


def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
    if casting is not None or subok is not None:
        raise TypeError("casting and subok are not supported yet")
    return wrap(self._a.astype(dtype, order, copy=copy), self)


def fill(self, value):
    self[...] = value


def reshape(self, *shape, order="C", copy=None):
    """Sizes are not opened: a device array has no __index__, so NumPy refuses it as one."""
    keywords = {} if copy is None else {"copy": copy}  # NumPy 2.0 has no `copy` here
    return wrap(self._a.reshape(*shape, order=order, **keywords), self)


def scatter(name):
    def call(self, slices, value):
        warnings.warn(f"`ndarray.{name}` is deprecated, use a ufunc's `at`", DeprecationWarning, 2)
        SCATTERS[name].at(self, slices, value)

    return call


def memory(self):
    return SimpleNamespace(ptr=self._a.ctypes.data, device=self.device)


def defers(other):
    """Whether `other` asks for the operation: a Tensor does, with `__array_ufunc__ = None`."""
    if hasattr(other, "__array_ufunc__"):
        return other.__array_ufunc__ is None
    return getattr(other, "__array_priority__", 0) > ndarray.__array_priority__


def binary(ufunc):
    """x op y, y op x and x op= y; a result is C-contiguous, whatever its arguments are."""

    def other_side(y):
        if type(y) is ndarray:
            return y._a
        if type(y) in SCALARS or isinstance(y, np.generic):
            return y
        if defers(y):
            return NotImplemented
        raise unsupported(y)

    def forward(self, y):
        if (y := other_side(y)) is NotImplemented:
            return y
        return wrap(ufunc(self._a, y, order="C"))

    def backward(self, y):
        if (y := other_side(y)) is NotImplemented:
            return y
        return wrap(ufunc(y, self._a, order="C"))

    def in_place(self, y):
        ufunc(self._a, operand(y), out=self._a)
        return self

    return forward, backward, in_place


def equality(compare, unequal):
    """`==` and `!=`: any object may stand on the other side, and is then never equal."""

    def call(self, y):
        if y is None or type(y).__eq__ is object.__eq__:
            return wrap(np.full(self._a.shape, unequal))
        return compare(self, y)

    return call


def unpack(compare):
    """Comparisons alone take a 0-d NumPy array, by its value."""

    def call(self, y):
        return compare(self, y.item() if isinstance(y, np.ndarray) and y.ndim == 0 else y)

    return call


BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide,
    "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power, "lshift": np.left_shift,
    "rshift": np.right_shift, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "matmul": np.matmul, "divmod": np.divmod,
}
COMPARE = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def complete(cls):
    special = {"sort": sort, "argsort": argsort, "astype": astype, "fill": fill, "reshape": reshape,
               "data": property(memory)}
    special |= {name: scatter(name) for name in SCATTERS}
    for name, kind in FACTS["ndarray"].items():
        if name not in vars(cls):
            made = special.get(name) or (attribute if kind == "attribute" else method)(name)
            setattr(cls, name, made)
    for name, ufunc in BINARY.items():
        forward, backward, in_place = binary(ufunc)
        setattr(cls, f"__{name}__", forward)
        setattr(cls, f"__r{name}__", backward)
        if name not in ("matmul", "divmod"):  # CuPy has no `@=` of its own: it makes a new array
            setattr(cls, f"__i{name}__", in_place)
    for name, ufunc in COMPARE.items():
        setattr(cls, f"__{name}__", unpack(binary(ufunc)[0]))
    cls.__eq__ = equality(unpack(binary(np.equal)[0]), False)
    cls.__ne__ = equality(unpack(binary(np.not_equal)[0]), True)
    for name, ufunc in UNARY.items():
        setattr(cls, f"__{name}__", lambda self, ufunc=ufunc: wrap(ufunc(self._a, order="C")))


complete(ndarray)
