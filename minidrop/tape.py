"""Reverse-mode differentiation from one table: a primitive is a forward formula and its adjoints.

Whenever a primitive meets a Tensor that needs a gradient, its result remembers the primitive, the
arguments and the parameters (a node of the graph).  Walking the nodes from the youngest to the
oldest and asking each for its adjoints is the chain rule:

    x_bar = sum over the uses of x of  adjoint(g, y, *args),     g = y_bar = d loss / d y

The age of a Tensor is a counter, and sorting by age is a topological order: a result is always
younger than its arguments.
"""

import contextlib
import itertools
import operator
import threading

from .arguments import describe
from .xp import array_module, asarray

REGISTRY = {}                                     # name -> Primitive: all the calculus there is
USED = ("used",)                                  # the node of a Tensor whose graph is used up

_next_age = itertools.count(1).__next__           # leaves have age 0
_age = operator.attrgetter("age")


class _Recording(threading.local):
    on = True


_recording = _Recording()


class Tensor:
    """An array that remembers how it was made, where a gradient is wanted.

    `data` is the array (NumPy or CuPy), `grad` an array of its shape or None.  Python floats and
    lists of them become float32; arrays keep their dtype.  TypeError for what holds no numbers, and
    for integers that ask for a gradient.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ("data", "grad", "requires_grad", "node", "age", "__weakref__")
    __array_ufunc__ = None                        # array * Tensor asks the Tensor
    __hash__ = object.__hash__

    def __init__(self, data, requires_grad=False):
        data = asarray(data.data if isinstance(data, Tensor) else data)
        if data.dtype.kind not in "biuf":
            raise TypeError(f"data must hold real numbers, got {data.dtype}")
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(f"requires_grad needs floats, got {data.dtype}")
        self.data, self.grad, self.requires_grad = data, None, requires_grad
        self.node, self.age = None, 0

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    T = property(lambda self: REGISTRY["transpose"](self))

    def backward(self, g=None):
        """Add d(self)/d(leaf) to the `.grad` of every leaf; the graph is used up.

        `g` is the cotangent, of self's shape; it may be left out where self has one element.
        """
        given = set()                             # gradients that somebody holds already
        for leaf, gradient in _walk(self, g, None, create_graph=False, free=True):
            if leaf.grad is not None:
                gradient = leaf.grad + gradient
            elif id(gradient) in given or gradient is g or gradient.base is not None:
                gradient = gradient.copy()        # a view or a shared array must not be handed out
            given.add(id(gradient))
            leaf.grad = asarray(gradient.astype(leaf.dtype, copy=False))

    def __repr__(self):
        return f"Tensor({self.data!r}{', requires_grad=True' if self.requires_grad else ''})"

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise TypeError("a Tensor that needs a gradient does not become an array by itself; "
                            "use its .data")
        return self.data.__array__(dtype) if dtype else self.data.__array__()

    def __len__(self): return len(self.data)
    def __iter__(self): return (self[i] for i in range(len(self.data)))
    def __float__(self): return float(self.data)
    def __int__(self): return int(self.data)
    def __bool__(self): return bool(self.data)
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

    def reshape(self, *shape):
        return REGISTRY["reshape"](self, shape=shape[0] if isinstance(shape[0], tuple) else shape)

    def transpose(self, *axes):
        if len(axes) == 1 and not hasattr(axes[0], "__index__"):
            axes = axes[0]
        return REGISTRY["transpose"](self, axes=axes or None)

    def swapaxes(self, first, second):
        axes = list(range(self.ndim))
        axes[first], axes[second] = axes[second], axes[first]
        return REGISTRY["transpose"](self, axes=tuple(axes))

    def ravel(self): return self.reshape(-1)
    def astype(self, dtype): return REGISTRY["astype"](self, dtype=dtype)


def data_of(x):
    """The array of a Tensor; anything else as it is."""
    return x.data if isinstance(x, Tensor) else x


class Primitive:
    """A forward formula on arrays and, per argument, an adjoint (g, y, *args, **params).

    Plain arrays give a plain array.  `keeps` says that the forward returns (y, kept) and that the
    adjoints take `kept` as a further parameter; such an adjoint, or one that is not made of
    primitives, has no second order (`twice` is False).
    """

    def __init__(self, forward, twice=True, keeps=False):
        self.name, self.forward, self.adjoints = forward.__name__.rstrip("_"), forward, ()
        self.twice, self.keeps, self.__doc__ = twice, keeps, forward.__doc__
        REGISTRY[self.name] = self

    def __repr__(self):
        return f"<primitive {self.name}>"

    def vjps(self, *adjoints):
        """State the adjoints, one per argument, in order; None for an argument without one."""
        self.adjoints = adjoints

    def adjoint(self, i):
        """The adjoint of argument `i`; ValueError where there is none, never a missing gradient."""
        adjoint = self.adjoints[i] if i < len(self.adjoints) else None
        if adjoint is None:
            raise ValueError(f"{self.name} has no gradient with respect to its argument {i}")
        return adjoint

    def __call__(self, *args, **params):
        arrays, tensor, needed = [], False, False
        for arg in args:
            if isinstance(arg, Tensor):
                tensor = True
                needed = needed or arg.requires_grad
                arg = arg.data
            arrays.append(arg)
        y = self.forward(*arrays, **params)
        if self.keeps:
            y, params["kept"] = y
        if not tensor:
            return y
        result = Tensor.__new__(Tensor)
        result.data = y if y.ndim else array_module(y).asarray(y)
        result.grad, result.node, result.age = None, None, 0
        result.requires_grad = needed and _recording.on
        if result.requires_grad:
            result.node, result.age = (self, args, arrays, params), _next_age()
        return result


def primitive(forward=None, **options):
    """Register a forward formula: `@primitive`, or `@primitive(twice=False, keeps=True)`."""
    return Primitive(forward) if forward else lambda forward: Primitive(forward, **options)


def grad(y, xs, g=None, create_graph=False):
    """The gradient of `y` (contracted with the cotangent `g`) with respect to the Tensors `xs`.

    One Tensor gives one gradient, a list or tuple gives a list.  The graph is kept.  With
    `create_graph` the gradients are Tensors that can be differentiated again, otherwise arrays.
    An x that `y` does not depend on has gradient zero.

    >>> x = Tensor([2.0], requires_grad=True)
    >>> first = grad((x ** 3).sum(), x, create_graph=True)
    >>> first.data, grad(first.sum(), x)
    (array([12.], dtype=float32), array([12.], dtype=float32))
    """
    wanted = [xs] if isinstance(xs, Tensor) else list(xs)
    for i, x in enumerate(wanted):
        if not isinstance(x, Tensor) or not x.requires_grad:
            raise ValueError(f"xs[{i}] must be a Tensor that needs a gradient, got {describe(x)}")
    with contextlib.nullcontext() if create_graph else no_grad():
        found = dict(_walk(y, g, set(wanted), create_graph, free=False))
        gradients = [found[x] if x in found else _zero(x, create_graph) for x in wanted]
    return gradients[0] if isinstance(xs, Tensor) else gradients


@contextlib.contextmanager
def no_grad():
    """Within this block results remember nothing, so nothing in it can be differentiated."""
    before, _recording.on = _recording.on, False
    try:
        yield
    finally:
        _recording.on = before


def _walk(y, g, wanted, create_graph, free):
    """Yield (tensor, gradient) for the leaves, or for the `wanted`, from the youngest on."""
    order = _by_age(y)
    useful = None if wanted is None else _between(wanted, order)
    cotangents = {y: _seed(y, g, create_graph)}
    while order:
        t = order.pop()
        g = cotangents.pop(t, None)
        if g is None:
            continue
        if t in wanted if wanted is not None else t.node is None:
            yield t, g
        if t.node is None:
            continue
        primitive, args, arrays, params = t.node
        value = t.data
        if create_graph:
            if not primitive.twice:
                raise ValueError(f"{primitive.name} has no second derivative; use the composite of "
                                 "primitives that it fuses")
            arrays, value = args, t
        if free:
            t.node = USED
        for i, arg in enumerate(args):
            if isinstance(arg, Tensor) and arg.requires_grad and (useful is None or arg in useful):
                part = primitive.adjoint(i)(g, value, *arrays, **params)
                cotangents[arg] = cotangents[arg] + part if arg in cotangents else part


def _by_age(y):
    """Everything y was made from that needs a gradient, the oldest first."""
    if not isinstance(y, Tensor) or not y.requires_grad:
        raise ValueError("y depends on nothing that needs a gradient (was it made under no_grad, "
                         "or from plain arrays?)")
    found, stack = {y}, [y]
    while stack:
        node = stack.pop().node
        if node is USED:
            raise ValueError("a part of this graph was used up by an earlier backward(); add the "
                             "losses before it, or use minidrop.grad, which keeps the graph")
        for arg in node[1] if node else ():
            if isinstance(arg, Tensor) and arg.requires_grad and arg not in found:
                found.add(arg)
                stack.append(arg)
    return sorted(found, key=_age)


def _between(wanted, order):
    """The part of `order` that a wanted Tensor went into."""
    useful = wanted.intersection(order)
    for t in order:
        if t.node and any(isinstance(arg, Tensor) and arg in useful for arg in t.node[1]):
            useful.add(t)
    return useful


def _zero(x, create_graph):
    zero = array_module(x.data).zeros_like(x.data)
    return Tensor(zero) if create_graph else zero


def _seed(y, g, create_graph):
    if g is None:
        if y.size != 1:
            raise ValueError(f"y has shape {y.shape}: a gradient needs a y with one element, or a "
                             "cotangent g of y's shape")
        g = array_module(y.data).ones_like(y.data)
    if getattr(g, "shape", None) != y.shape:
        raise ValueError(f"g must have y's shape {y.shape}, got {describe(g)}")
    return (g if isinstance(g, Tensor) else Tensor(g)) if create_graph else data_of(g)
