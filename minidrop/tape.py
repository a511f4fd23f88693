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
from typing import Any

from .arguments import describe
from .operators import REGISTRY, Operators, data_of, registered
from .xp import array_module, asarray

USED = ("used",)                                  # the node of a Tensor whose graph is used up

_next_age = itertools.count(1).__next__           # leaves have age 0
_age = operator.attrgetter("age")


class _Recording(threading.local):
    on = True


_recording = _Recording()


class Tensor(Operators):
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

    def __init__(self, data, requires_grad=False):
        data = asarray(data.data if isinstance(data, Tensor) else data)
        if getattr(data.dtype, "kind", "O") not in "biuf":
            raise TypeError(f"data must hold real numbers, got {data.dtype}")
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(f"requires_grad needs floats, got {data.dtype}")
        self.data: Any = data
        self.grad, self.requires_grad = None, requires_grad
        self.node, self.age = None, 0

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)

    def backward(self, g=None):
        """Add d(self)/d(leaf) to the `.grad` of every leaf; the graph is used up.

        `g` is the cotangent, of self's shape; it may be left out where self has one element.
        """
        given = {id(data_of(g))}
        for leaf, gradient in _walk(self, g, None, create_graph=False, free=True):
            if gradient.shape != leaf.shape:
                raise ValueError(f"an adjoint gave a gradient of shape {gradient.shape} for a leaf "
                                 f"of shape {leaf.shape}; sum it over the axes that were broadcast")
            if leaf.grad is not None:
                gradient = leaf.grad + gradient
            leaf.grad = asarray(_own(gradient, given).astype(leaf.dtype, copy=False))

    def __repr__(self):
        return f"Tensor({self.data!r}{', requires_grad=True' if self.requires_grad else ''})"

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise TypeError("a Tensor that needs a gradient does not become an array by itself; "
                            "use its .data")
        return self.data.__array__(dtype, copy=copy)


class Primitive:
    """A forward formula on arrays and, per argument, an adjoint (g, y, *args, **params).

    Plain arrays give a plain array.  `keeps` says that the forward returns (y, kept) and that the
    adjoints take `kept` as a further parameter; such an adjoint, or one that is not made of
    primitives, has no second order of its own (`twice` is False).  It may name a `twin`: the same
    function of the same arguments composed of other primitives, through which the tape then goes.
    Where the gradients share much of their work, `joint` (wanted, g, y, *args, **params) makes
    those of the arguments numbered in `wanted` at once, {number: gradient}, for the first order.
    """

    twin = joint = None

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

    def vjps(self, *adjoints, twin=None, joint=None):
        """State the adjoints, one per argument, in order; None for an argument without one."""
        self.adjoints, self.twin, self.joint = adjoints, twin, joint

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
    one = not isinstance(xs, tuple | list)
    wanted = [xs] if one else list(xs)
    for i, x in enumerate(wanted):
        if not isinstance(x, Tensor) or not x.requires_grad:
            name = "xs" if one else f"xs[{i}]"
            raise ValueError(f"{name} must be a Tensor that needs a gradient, got {describe(x)}")
    with contextlib.nullcontext() if create_graph else no_grad():
        found = dict(_walk(y, g, set(wanted), create_graph, free=False))
        gradients = [found[x] if x in found else _zero(x, create_graph) for x in wanted]
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


def _walk(y, g, wanted, create_graph, free, ends=()):
    """Yield (tensor, gradient) for the leaves, or for the `wanted`, from the youngest on."""
    order = _by_age(y, ends)
    useful = None if wanted is None else _between(wanted, order)
    cotangents = {y: _seed(y, g, create_graph)}
    while order:
        t = order.pop()
        g = cotangents.pop(t, None)
        if g is None:
            continue
        if t in wanted if wanted is not None else t.node is None:
            yield t, g
        if t.node is None or t in ends:
            continue
        primitive, args, arrays, params = t.node
        value = t.data
        if create_graph:
            if primitive.twin:
                for arg, part in _through_twin(t, g, useful):
                    cotangents[arg] = cotangents[arg] + part if arg in cotangents else part
                continue
            if not primitive.twice:
                raise ValueError(f"{primitive.name} has no second derivative; use the composite of "
                                 "primitives that it fuses")
            arrays, value = args, t
        if free:
            t.node = USED
        wanted_here = [i for i, arg in enumerate(args) if isinstance(arg, Tensor)
                       and arg.requires_grad and (useful is None or arg in useful)]
        joint = None if create_graph else primitive.joint
        parts = joint(wanted_here, g, value, *arrays, **params) if joint else {}
        for i in wanted_here:
            arg = args[i]
            part = parts[i] if joint else primitive.adjoint(i)(g, value, *arrays, **params)
            cotangents[arg] = cotangents[arg] + part if arg in cotangents else part


def _through_twin(t, g, useful):
    """(argument, its part of the gradient) by way of the composite that t's primitive names."""
    primitive, args, _, params = t.node
    y = primitive.twin(*args, **{name: v for name, v in params.items() if name != "kept"})
    inputs = {arg for arg in args if isinstance(arg, Tensor) and arg.requires_grad}
    wanted = inputs if useful is None else inputs & useful
    return list(_walk(y, g, wanted, create_graph=True, free=False, ends=inputs))


def _by_age(y, ends=()):
    """Everything y was made from that needs a gradient, the oldest first, no further than `ends`.
    """
    if not isinstance(y, Tensor) or not y.requires_grad:
        raise ValueError("y depends on nothing that needs a gradient (was it made under no_grad, "
                         "or from plain arrays?)")
    found, stack = {y}, [y]
    while stack:
        t = stack.pop()
        node = None if t in ends else t.node
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
        g = array_module(y.data).ones_like(y.data)
    if getattr(g, "shape", None) != y.shape:
        raise ValueError(f"g must have y's shape {y.shape}, got {describe(g)}")
    array_module(y.data, data_of(g))              # refuses a mixture
    return (g if isinstance(g, Tensor) else Tensor(g)) if create_graph else data_of(g)
