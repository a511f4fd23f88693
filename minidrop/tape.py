"""Reverse-mode differentiation from one table: a primitive is a forward formula and its adjoints.

Whenever a primitive meets a Tensor that needs a gradient, its result gets a node of the graph.
Walking the nodes from the youngest to the oldest and asking each for its adjoints is the chain
rule:

    x_bar = sum over the uses of x of  adjoint(g, y, *args),     g = y_bar = d loss / d y
"""

import contextlib
import itertools
import threading
from typing import Any

from .arguments import describe, flag, floating
from .nodes import Node, reading, walk
from .operators import REGISTRY, Operators, data_of, registered
from .xp import array_module, asarray


class _Recording(threading.local):
    on = True


_recording = _Recording()


class Tensor(Operators):
    """An array that remembers how it was made, where a gradient is wanted.

    `data` is the array (NumPy or CuPy), `grad` an array of its shape or None.  Python floats and
    lists of them become float32; arrays keep their dtype.  The graph holds arrays, not copies: one
    that is changed in place between a result and its gradient changes the gradient.  TypeError for
    what holds no numbers, and for integers that ask for a gradient.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ("data", "grad", "requires_grad", "node", "__weakref__")

    def __init__(self, data, requires_grad=False):
        data = asarray(data.data if isinstance(data, Tensor) else data)
        if getattr(data.dtype, "kind", "O") not in "biuf":
            raise TypeError(f"data must hold real numbers, got {data.dtype}")
        if requires_grad is not True and requires_grad is not False:
            raise TypeError(f"requires_grad must be True or False, got {describe(requires_grad)}")
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(f"requires_grad needs floats, got {data.dtype}")
        self.data: Any = data
        self.grad, self.requires_grad, self.node = None, requires_grad, None

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)

    def backward(self, g=None):
        """Add d(self)/d(leaf) to the `.grad` of every leaf; the graph is used up.

        `g` is the cotangent, of self's shape; it may be left out where self has one element.
        """
        given = {id(data_of(g))}
        for leaf, gradient in _backward(self, g, None, create_graph=False, free=True):
            if gradient.shape != leaf.data.shape:
                raise ValueError(f"an adjoint gave a gradient of shape {gradient.shape} for a leaf "
                                 f"of shape {leaf.shape}; sum it over the axes that were broadcast")
            if leaf.grad is not None:
                gradient = leaf.grad + gradient
            gradient = _own(gradient, given)
            if gradient.dtype != leaf.data.dtype:
                gradient = gradient.astype(leaf.data.dtype)
            leaf.grad = gradient if gradient.ndim else asarray(gradient)

    def __repr__(self):
        return f"Tensor({self.data!r}{', requires_grad=True' if self.requires_grad else ''})"

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise TypeError("a Tensor that needs a gradient does not become an array by itself; "
                            "use its .data")
        return self.data.__array__(dtype, copy=copy)

    def __dlpack__(self, **asked):
        if self.requires_grad:
            raise TypeError("a Tensor that needs a gradient is not handed over by itself; use its "
                            ".data")
        if any(stride < 0 for stride in self.data.strides):      # others read that as an overflow
            raise BufferError("a Tensor whose memory runs backwards is not handed over; copy it "
                              "first: x.data.copy()")
        return self.data.__dlpack__(**asked)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()


def _tensor(array, node):
    """The Tensor that holds `array` and was made as `node` says, or by nothing that matters."""
    result = Tensor.__new__(Tensor)
    result.data, result.grad, result.node = array, None, node
    result.requires_grad = node is not None
    return result


class Primitive:
    """A forward formula on arrays and, per argument, an adjoint (g, y, *args, **params).

    Plain arrays give a plain array.  An adjoint reads what it names: an argument called `_x` there,
    or a result called `_y`, is an `Outline`.  `keeps` says that the forward returns (y, kept) and
    that the adjoints take `kept` as a further parameter; such an adjoint, or one that is not made
    of primitives, has no second order of its own (`twice` is False).  It may name a `twin`: the
    same function of the same arguments composed of other primitives, through which the tape then
    goes.  Where the gradients share much of their work, `joint` (wanted, g, y, *args, **params)
    makes those of the arguments numbered in `wanted` at once, {number: gradient}, for the first
    order.  A result that one sweep makes again may be forgotten until another adjoint reads it:
    `again` (*args, **params) gives a function that makes it, or None where it is to be kept.
    """

    twin = joint = again = None
    unread: Any = ()                              # numbers of the arguments that no adjoint reads
    reads_result = True

    def __init__(self, forward, twice=True, keeps=False):
        self.name, self.forward, self.adjoints = forward.__name__.rstrip("_"), forward, ()
        self.twice, self.keeps, self.__doc__ = twice, keeps, forward.__doc__
        known = REGISTRY.get(self.name)           # a notebook may run its own cell again
        if known and known.forward.__module__ != forward.__module__:
            raise ValueError(f"there is a primitive {self.name!r} already; take another name")
        REGISTRY[self.name] = self

    def __repr__(self):
        return f"<primitive {self.name}>"

    def __reduce__(self):
        return registered, (self.forward.__module__, self.name)

    def vjps(self, *adjoints, twin=None, joint=None, again=None):
        """State the adjoints, one per argument, in order; None for an argument without one."""
        self.adjoints, self.twin, self.joint, self.again = adjoints, twin, joint, again
        read = [reading(adjoint) for adjoint in adjoints if adjoint]
        read += [reading(joint, first=1)] if joint else []
        columns = itertools.zip_longest(*(names for names, _ in read), fillvalue=False)
        self.reads_result, *reads = [any(column) for column in columns] or [True]
        everything = twin or any(more for _, more in read)
        self.unread = [] if everything else [i for i, reads_it in enumerate(reads) if not reads_it]

    def adjoint(self, i):
        """The adjoint of argument `i`; ValueError where there is none, never a missing gradient."""
        adjoint = self.adjoints[i] if i < len(self.adjoints) else None
        if adjoint is None:
            raise ValueError(f"{self.name} has no gradient with respect to its argument {i}")
        return adjoint

    def __call__(self, *args, **params):
        arrays, parents, tensor, needed = [], [], False, False
        for arg in args:
            parent = None
            if isinstance(arg, Tensor):
                tensor = True
                if arg.requires_grad:
                    parent, needed = arg.node or arg, True
                arg = arg.data
            arrays.append(arg)
            parents.append(parent)
        y = self.forward(*arrays, **params)
        if self.keeps:
            y, params["kept"] = y
        if not tensor:
            return y
        y = y if y.ndim else array_module(y).asarray(y)
        if needed and _recording.on:
            return _tensor(y, Node(self, parents, arrays, y, params))
        return _tensor(y, None)


def primitive(forward=None, **options):
    """Register a forward formula: `@primitive`, or `@primitive(twice=False, keeps=True)`."""
    return Primitive(forward) if forward else lambda forward: Primitive(forward, **options)


def grad(y, xs, create_graph=False, g=None):
    """The gradient of `y` (contracted with the cotangent `g`) with respect to the Tensors `xs`.

    One Tensor gives one gradient, a list or tuple gives a list.  The graph is kept.  With
    `create_graph` the gradients are Tensors that can be differentiated again, otherwise arrays.
    An x that `y` does not depend on has gradient zero.

    >>> x = Tensor([2.0], requires_grad=True)
    >>> first = grad((x ** 3).sum(), x, create_graph=True)
    >>> first.data, grad(first.sum(), x)
    (array([12.], dtype=float32), array([12.], dtype=float32))
    """
    flag(create_graph, "create_graph")
    one = not isinstance(xs, tuple | list)
    wanted = [xs] if one else list(xs)
    for i, x in enumerate(wanted):
        if not isinstance(x, Tensor) or not x.requires_grad:
            name = "xs" if one else f"xs[{i}]"
            raise ValueError(f"{name} must be a Tensor that needs a gradient, got {describe(x)}")
    with contextlib.nullcontext() if create_graph else no_grad():
        vertices = [x.node or x for x in wanted]
        found = dict(_backward(y, g, set(vertices), create_graph, free=False))
        gradients = [found[v] if v in found else _zero(x, create_graph)
                     for v, x in zip(vertices, wanted, strict=True)]
    if not create_graph:
        given = {id(data_of(g))}
        gradients = [asarray(_own(gradient, given)) for gradient in gradients]
    return gradients[0] if one else gradients


@contextlib.contextmanager
def no_grad():
    """Within this block results remember nothing, so nothing in it can be differentiated.

    >>> x = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     y = 2 * x
    >>> y.requires_grad
    False
    """
    before, _recording.on = _recording.on, False
    try:
        yield
    finally:
        _recording.on = before


def _backward(y, g, wanted, create_graph, free):
    """Yield (vertex, gradient) for the leaves that y was made from, or for the `wanted`."""
    if not isinstance(y, Tensor) or not y.requires_grad:
        raise ValueError("y depends on nothing that needs a gradient (was it made under no_grad, "
                         "or from plain arrays?)")
    return walk(y.node or y, _seed(y, g, create_graph), wanted, create_graph, free, _tensor)


def _own(gradient, given):
    """The gradient, copied where it is a view or where somebody holds it already (`given`: ids)."""
    if id(gradient) in given or gradient.base is not None:
        gradient = gradient.copy()
    given.add(id(gradient))
    return gradient


def _zero(x, create_graph):
    zero = array_module(x.data).zeros_like(x.data)
    return Tensor(zero) if create_graph else zero


def _seed(y, g, create_graph):
    if g is None:
        if y.size != 1:
            raise ValueError(f"y has shape {y.shape}: a gradient needs a y with one element, or a "
                             "cotangent g of y's shape")
        g = array_module(y.data).ones(y.shape, y.dtype)
    elif getattr(g, "shape", None) != y.shape:
        raise ValueError(f"g must have y's shape {y.shape}, got {describe(g)}")
    else:
        floating(g, "g")
    array_module(y.data, data_of(g))              # refuses a mixture
    return (g if isinstance(g, Tensor) else Tensor(g)) if create_graph else data_of(g)
