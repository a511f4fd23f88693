"""NumPy's operators and method names, each of which looks its primitive up in the registry by name.

So the tape stays below the primitives: `a + b` asks for "add" when it is called.
"""

import importlib
from typing import Any

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
    def __matmul__(self, other): return REGISTRY["matmul"](self, other)
    def __rmatmul__(self, other): return REGISTRY["matmul"](other, self)
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
        return REGISTRY["sum"](self, axis=axis, keepdims=keepdims)

    def mean(self, axis=None, keepdims=False):
        return REGISTRY["mean"](self, axis=axis, keepdims=keepdims)

    def max(self, axis=None, keepdims=False):
        return REGISTRY["max"](self, axis=axis, keepdims=keepdims)

    def min(self, axis=None, keepdims=False):
        return -REGISTRY["max"](-self, axis=axis, keepdims=keepdims)

    def var(self, axis=None, keepdims=False):
        deviation = self - self.mean(axis, keepdims=True)
        return (deviation * deviation).mean(axis, keepdims)

    def std(self, axis=None, keepdims=False):
        return REGISTRY["sqrt"](self.var(axis, keepdims))

    def argmax(self, axis=None):
        return self.data.argmax(axis)             # an index has no gradient

    def reshape(self, *shape):
        sizes = shape[0] if isinstance(shape[0], tuple | list) else shape
        return REGISTRY["reshape"](self, shape=tuple(sizes))

    def squeeze(self):
        return self.reshape(tuple(n for n in self.data.shape if n != 1))

    def transpose(self, *axes):
        if len(axes) == 1 and not hasattr(axes[0], "__index__"):
            axes = axes[0]
        return REGISTRY["transpose"](self, axes=axes or None)

    def swapaxes(self, first, second):
        axes = list(range(self.ndim))
        axes[first], axes[second] = axes[second], axes[first]
        return REGISTRY["transpose"](self, axes=tuple(axes))

    def ravel(self): return self.reshape(-1)

    def astype(self, dtype):
        result = REGISTRY["astype"](self, dtype=dtype)
        if self.requires_grad and result.data.dtype.kind != "f":
            raise TypeError(f"dtype must be floating where a gradient is needed, got {dtype!r}")
        return result


def registered(module, name):
    """The primitive `name`, which `module` registers: how pickle finds it again."""
    importlib.import_module(module)
    return REGISTRY[name]


def data_of(x):
    """The array of a Tensor; anything else as it is."""
    return x.data if isinstance(x, Operators) else x
