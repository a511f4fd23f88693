"""NumPy's operators and method names, each of which looks its primitive up in the registry by name.

So the tape stays below the primitives: `a + b` asks for "add" when it is called.
"""

import importlib
from typing import Any

from .arguments import describe, flag, shown

REGISTRY: dict[str, Any] = {}                     # name -> Primitive: all the calculus there is


class Operators:
    """What a Tensor can do; `self.data` is its array."""

    __slots__ = ()
    data: Any
    node: Any
    ndim: Any
    requires_grad: bool
    __array_ufunc__ = None                        # array * Tensor asks the Tensor
    __hash__ = object.__hash__

    T = property(lambda self: REGISTRY["transpose"](self))

    def __len__(self): return len(self.data)
    def __iter__(self): return (self[i] for i in range(len(self.data)))
    def __float__(self): return float(self.data)
    def __int__(self): return int(self.data)
    def __bool__(self): return bool(self.data)
    def __format__(self, spec): return format(self.data.item(), spec) if spec else str(self)
    def item(self): return self.data.item()

    def __add__(self, other): return REGISTRY["add"](self, other)
    def __radd__(self, other): return REGISTRY["add"](other, self)
    def __sub__(self, other): return REGISTRY["sub"](self, other)
    def __rsub__(self, other): return REGISTRY["sub"](other, self)
    def __mul__(self, other): return REGISTRY["mul"](self, other)
    def __rmul__(self, other): return REGISTRY["mul"](other, self)
    def __truediv__(self, other): return REGISTRY["div"](self, other)
    def __rtruediv__(self, other): return REGISTRY["div"](other, self)
    def __pow__(self, other): return REGISTRY["pow"](self, other)
    def __rpow__(self, other): return REGISTRY["pow"](other, self)
    def __matmul__(self, other): return _product(self, other, self, other)
    def __rmatmul__(self, other): return _product(other, self, self, other)
    def __neg__(self): return REGISTRY["neg"](self)
    def __abs__(self): return REGISTRY["abs"](self)
    def __getitem__(self, index): return REGISTRY["getitem"](self, index=index)

    # Comparisons are arrays of booleans: a step has no gradient.
    def __eq__(self, other): return self.data == data_of(other)
    def __ne__(self, other): return self.data != data_of(other)
    def __lt__(self, other): return self.data < data_of(other)
    def __le__(self, other): return self.data <= data_of(other)
    def __gt__(self, other): return self.data > data_of(other)
    def __ge__(self, other): return self.data >= data_of(other)

    def sum(self, axis=None, keepdims=False):
        return _reduced("sum", self, axis, keepdims)

    def mean(self, axis=None, keepdims=False):
        return _reduced("mean", self, axis, keepdims)

    def max(self, axis=None, keepdims=False):
        return _reduced("max", self, axis, keepdims)

    def min(self, axis=None, keepdims=False):
        if self.data.dtype.kind == "f":
            return -_reduced("max", -self, axis, keepdims)
        kind: Any = type(self)                    # ~ turns the order of numbers that have no minus
        return kind(~_reduced("max", kind(~self.data), axis, keepdims).data)

    def var(self, axis=None, keepdims=False):
        deviation = self - self.mean(axis, keepdims=True)
        return (deviation * deviation).mean(axis, keepdims)

    def std(self, axis=None, keepdims=False):
        return REGISTRY["sqrt"](self.var(axis, keepdims))

    def argmax(self, axis=None):
        try:
            return self.data.argmax(axis)         # an index has no gradient
        except WRONG:
            raise ValueError(_no_axis(self, axis)) from None

    def reshape(self, *shape):
        sizes = shape[0] if shape and isinstance(shape[0], tuple | list) else shape
        try:
            return REGISTRY["reshape"](self, shape=tuple(sizes))
        except WRONG:
            raise ValueError(f"shape must be whole numbers for {self.data.size} entries, one of "
                             f"them -1 at most, got {shown(sizes)}") from None

    def squeeze(self):
        return self.reshape(tuple(n for n in self.data.shape if n != 1))

    def transpose(self, *axes):
        if len(axes) == 1 and not hasattr(axes[0], "__index__"):
            axes = axes[0]
        try:
            return REGISTRY["transpose"](self, axes=axes or None)
        except WRONG:
            raise ValueError(f"axes must be those of shape {self.data.shape} in another order, got "
                             f"{shown(axes)}") from None

    def swapaxes(self, first, second):
        axes = list(range(self.ndim))
        try:
            axes[first], axes[second] = axes[second], axes[first]
        except WRONG:
            raise ValueError(f"first and second must be axes of shape {self.data.shape}, got "
                             f"{shown(first)} and {shown(second)}") from None
        return REGISTRY["transpose"](self, axes=tuple(axes))

    def ravel(self): return self.reshape(-1)

    def astype(self, dtype):
        try:
            result = None if dtype is None else REGISTRY["astype"](self, dtype=dtype)
        except WRONG:
            result = None
        if result is None or result.data.dtype.kind not in "biuf":
            raise TypeError(f"dtype must be one of real numbers, got {shown(dtype)}")
        if self.requires_grad and result.data.dtype.kind != "f":
            raise TypeError(f"dtype must be floating where a gradient is needed, got {dtype!r}")
        return result


WRONG = (TypeError, ValueError, IndexError, OverflowError, DeprecationWarning)


def _reduced(name, x, axis, keepdims):
    if keepdims is not False:
        flag(keepdims, "keepdims")
    try:
        return REGISTRY[name](x, axis=axis, keepdims=keepdims)
    except WRONG:
        raise ValueError(_no_axis(x, axis)) from None


def _no_axis(x, axis):
    return (f"axis must be None, or one axis or several of shape {x.data.shape} along which there "
            f"are entries, got {shown(axis)}")


def _product(a, b, own, other):
    """a @ b, of which one is a Tensor's own and the other what it meets."""
    try:
        return REGISTRY["matmul"](a, b)
    except (AttributeError, TypeError, ValueError):
        shape = getattr(other, "shape", None)
        if not shape or getattr(own, "shape", None) is None or not own.shape or (
                (a.shape[-1] if shape else 0) != b.shape[-min(2, len(b.shape))]):
            raise ValueError("other must be an array or Tensor whose matrices fit those of shape "
                             f"{own.shape}, got {describe(other)}") from None
        raise


def registered(module, name):
    """The primitive `name`, which `module` registers: how pickle finds it again."""
    importlib.import_module(module)
    return REGISTRY[name]


def data_of(x):
    """The array of a Tensor; anything else as it is."""
    return x.data if isinstance(x, Operators) else x
